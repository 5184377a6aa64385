/**
 * The resources of the HTTP API as they travel: what the server answers and what the client sends.
 * Generated from openapi.yaml by `npm run generate`.
 */

/** The way from the app to storage. */
export type Staging = SingleStaging | MultipartStaging;

/** A file on its way to a work item. */
export type Upload = {
  id: string;
  /**
   * Where the upload stands; `delivered`, `failed`, `expired`, `cancelled` and `removed` are final. `waiting`
   * is between two attempts, `unconfirmed` means that IPD may have the file and the bridge checks IPD,
   * `removed` that the file was delivered as a link, and link and file are gone since, or about to go. The
   * list is open: take an unknown status as not final.
   */
  status:
    | 'awaiting_upload'
    | 'staged'
    | 'delivering'
    | 'waiting'
    | 'unconfirmed'
    | 'delivered'
    | 'failed'
    | 'expired'
    | 'cancelled'
    | 'removed'
    | (string & {});
  /** The project's 32 letters and digits. */
  projectId: string;
  /**
   * The work item's id of 18 or 19 digits, not the short number that the console shows; a string, since it
   * has more digits than a number can carry.
   */
  issueId: string;
  /**
   * A bare name of 1 to 200 characters without a path, control characters or U+FFFD. It is kept in composed
   * form (NFC), and counted so; characters that reverse text, end a line or are not drawn, the joiners and
   * variation selectors of emoji among them, become a space.
   */
  filename: string;
  /** A media type such as image/png. */
  contentType: string;
  /** In bytes; null for a file that comes by Uppy and has not arrived yet. */
  size: number | null;
  /** As it was declared, in lower case. */
  sha256?: string;
  createdAt: string;
  updatedAt: string;
  /** Until when the file may arrive; then the upload expires. */
  uploadDeadline: string;
  staging: Staging;
  /** The way from storage to IPD. */
  delivery: {
    /**
     * As what IPD gets the file: an attachment, or an external link of the work item that leads to the
     * bridge's own copy. It is a link with `OVERSIZE=link` for a file above `maxAttachmentBytes`, and for a
     * work item that has as many attachments as IPD allows. Until the file is sent, `attachment` can still
     * become `link`: where its size is not declared, or the work item fills up.
     */
    endsAs: 'attachment' | 'link' | (string & {});
    attempts: number;
    /** Of the present attempt; written every few seconds. For a link, of the bridge's own copy. */
    bytesSent: number;
    /** When the bridge sends the file or checks IPD again, while the status is `waiting` or `unconfirmed`. */
    nextAttemptAt?: string;
  };
  /** What IPD has; null until the upload is delivered, and for one that ended as a link. */
  attachment: {
    /** IPD's id of the attachment; null when IPD has the file and does not say under which id. */
    id: string | null;
    /** Why there is no id; in the language of the answer. */
    reason?: string;
  } | null;
  /**
   * The external link that the work item has in the place of an attachment; null until the upload is
   * delivered, for one that ended as an attachment, and once it is removed.
   */
  link: {
    /** IPD's id of the link. */
    id: string;
    /**
     * Where the file is, `GET /v1/files/{id}/{secret}`. No token is needed, so it is as secret as the file.
     */
    url: string;
    /** When the bridge removes link and file. */
    expiresAt: string;
  } | null;
  /**
   * Why the upload failed, or the error of its last attempt since it was last retried; null when there is
   * none.
   */
  error: {
    /** The list is open. */
    code:
      | 'size_mismatch'
      | 'checksum_mismatch'
      | 'staged_file_missing'
      | 'staged_file_changed'
      | 'work_item_missing'
      | 'work_item_full'
      | 'ipd_forbidden'
      | 'link_forbidden'
      | 'too_large_for_ipd'
      | 'name_refused'
      | 'ipd_refused'
      | 'outcome_unknown'
      | 'retries_exhausted'
      | 'scan_refused'
      | 'scan_timed_out'
      | 'ingest_malformed'
      | 'ingest_project_closed'
      | 'ingest_too_large'
      | 'ingest_empty'
      | 'ingest_source_missing'
      | 'ingest_source_forbidden'
      | 'ingest_source_replaced'
      | 'ingest_request_reused'
      | 'ipd_unavailable'
      | 'ipd_throttled'
      | 'storage_unavailable'
      | 'lease_lost'
      | 'ipd_paused'
      | 'work_item_busy'
      | 'answer_lost'
      | 'id_missing'
      | 'scan_pending'
      | (string & {});
    /**
     * For the person who sent the file, in the language that `Accept-Language` asks for; in notifications in
     * English.
     */
    message: string;
    /** What IPD or storage said, or more about the cause; for developers. */
    detail?: string;
    /**
     * Whether `POST /v1/uploads/{id}/retry` can help. It cannot when the file is gone or is not the declared
     * one: then the same key begins a new upload.
     */
    retryable: boolean;
    at: string;
  } | null;
  /** Only with the status `removed`. */
  removal?: {
    at: string;
    /** The user who uploaded the file, an operator of the bridge, or `linkedFileDays` having passed. */
    by: 'owner' | 'operator' | 'expiry' | (string & {});
  };
  /**
   * Only in an answer of `POST /v1/uploads`, and only where the `Idempotency-Key` found an upload that was
   * delivered before this request: nothing was sent, and nothing will be sent under this key.
   */
  replayed?: true;
  /**
   * Beside `replayed`: IPD has the attachment no more; a person has deleted it. The bridge says so where the
   * work item's list is complete (fewer than 100 rows), was read just now, and names no copy of the file.
   * Without this member the attachment is there, or the bridge cannot tell: IPD gave no id or no list, its
   * list is at its limit, the delivery is not older than IPD's commit window, or the pre-flight is off, at
   * its rate, or failed. To attach the file again, send it under a new key.
   */
  attachmentGone?: true;
};

/**
 * The file goes in one request. `method`, `url` and `headers` are in answers of create and `urls` only, as
 * long as the file is awaited. Storage takes it once and exactly as declared.
 */
export type SingleStaging = {
  mode: 'single';
  /** What storage has of the file. */
  bytesStored: number;
  method?: 'PUT' | (string & {});
  url?: string;
  /** Send these, nothing else. A browser sets `content-length` itself. */
  headers?: {
    [k: string]: string;
  };
  /** The life of the URL; `urls` gives a fresh one. */
  expiresInSeconds?: number;
};

/** The file goes in parts, in any order and several at once. `complete` after the last one. */
export type MultipartStaging = {
  mode: 'multipart';
  /** What storage has of the file, all parts together. */
  bytesStored: number;
  /** The length of every part but the last; absent for a file that comes by Uppy. */
  partSize?: number;
  /**
   * In answers of create and `urls` only, as long as the file is awaited: exactly the parts that storage has
   * not got yet. When it is empty, everything is stored: call `complete`.
   */
  parts?: PartRequest[];
  /** The life of the URLs; `urls` gives fresh ones. */
  expiresInSeconds?: number;
};

/** One part of the file, and the request that stores it. */
export type PartRequest = {
  number: number;
  /** Where the part begins in the file. */
  offset: number;
  length: number;
  method: 'PUT' | (string & {});
  url: string;
  /** Send these, nothing else. A browser sets `content-length` itself. */
  headers: {
    [k: string]: string;
  };
};

/** A file that is to be attached to a work item. */
export type NewUpload = {
  /** The project's 32 letters and digits. */
  projectId: string;
  /**
   * The work item's id of 18 or 19 digits, not the short number that the console shows; a string, since it
   * has more digits than a number can carry.
   */
  issueId: string;
  /**
   * A bare name of 1 to 200 characters without a path, control characters or U+FFFD. It is kept in composed
   * form (NFC), and counted so; characters that reverse text, end a line or are not drawn, the joiners and
   * variation selectors of emoji among them, become a space.
   */
  filename: string;
  /**
   * The media type of the file in storage, parameters included; IPD gets the type without them. Not
   * `multipart/*` or `message/*`, which IPD could read as several files: send `application/octet-stream` for
   * these.
   */
  contentType: string;
  /** In bytes. The largest is `maxFileBytes` of `GET /v1/limits`. */
  size: number;
  /** Of the whole file, in hex. When it is declared, a file with other bytes is never attached. */
  sha256?: string;
  /**
   * How the file goes to storage; `auto`, the default, takes parts for what is larger than
   * `multipartThresholdBytes`.
   */
  mode?: 'auto' | 'single' | 'multipart';
};

/** One page of a list, the newest first. */
export type UploadPage = {
  uploads: Upload[];
  /** For the next page; null on the last. */
  nextCursor: string | null;
};

/** What to know before data is spent. */
export type Limits = {
  /** The largest file that is taken at all. */
  maxFileBytes: number;
  /**
   * The largest file that becomes an attachment; with `oversize` `refuse` it is `maxFileBytes`. A delivery to
   * IPD may take five minutes: a file of 50 MiB needs 200 kB/s from the bridge to IPD, or it is tried again
   * until the retry window ends.
   */
  maxAttachmentBytes: number;
  /** Whether a file above `maxAttachmentBytes` is refused, or ends as a link. */
  oversize: 'refuse' | 'link' | (string & {});
  /** Only with `oversize` `link`. How many days after its delivery a linked file is removed. */
  linkedFileDays?: number;
  /** The usual length of a part; a very large file has longer ones. */
  partSizeBytes: number;
  /** A file that is larger than this goes in parts. */
  multipartThresholdBytes: number;
  /** How long a staging URL lives. */
  stagingUrlTtlSeconds: number;
  /** How long a file may take to arrive. */
  uploadDeadlineSeconds: number;
  /** How many unfinished uploads a user may have. */
  maxOpenUploads: number;
  /**
   * How many uploads a user may begin in a minute, refused ones included; and how many calls a user may make
   * that lead on to IPD: uploads, openings of an Uppy session and retries.
   */
  uploadsPerMinute: number;
  /** Whether files go on to IPD at the moment; uploads are taken all the same. */
  breaker: {
    state: 'closed' | 'open' | 'half_open' | (string & {});
    retryAfterSeconds?: number;
  };
};

/**
 * Why a call was refused (RFC 9457). Branch on `code`, show `userMessage`. `title` and `userMessage` are in
 * the language that `Accept-Language` asks for.
 */
export type Problem = {
  type: string;
  title: string;
  /** The HTTP status again. */
  status: number;
  /** What was wrong with this call, in English, for developers. */
  detail: string;
  /** What an app may show as it is, to the person who sends the file. */
  userMessage: string;
  /** The same as `userMessage`; Uppy 5 shows it. */
  message: string;
  /** The path that was called, without the ticket. */
  instance: string;
  /** The list is open. */
  code:
    | 'invalid_request'
    | 'invalid_json'
    | 'invalid_form'
    | 'ticket_invalid'
    | 'no_subject'
    | 'project_forbidden'
    | 'ipd_forbidden'
    | 'not_found'
    | 'work_item_missing'
    | 'work_item_full'
    | 'upload_state_conflict'
    | 'upload_incomplete'
    | 'file_too_large'
    | 'unsupported_media_type'
    | 'idempotency_key_reused'
    | 'too_many_open_uploads'
    | 'rate_limited'
    | 'scan_refused'
    | 'delivery_failed'
    | 'internal'
    | 'unavailable'
    | (string & {});
  /** Whether the same call may succeed later. */
  retryable: boolean;
  /** The logs have more under this id. */
  traceId: string;
  /** Every place at fault, but no more than the first hundred. */
  errors?: {
    /**
     * A JSON pointer into the body; or `header:`, `path:`, `query:`, `form:` or `part:` and a name; or
     * `file`, the staged file as a whole. On IPD's own route the work item is `path:project_id` and
     * `path:issue_id`, the file `form:attachment`, its name and type `form:filename` and `form:contentType`.
     */
    pointer: string;
    detail: string;
  }[];
};
