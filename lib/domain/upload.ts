/**
 * What an upload is: its states, its members in each, and what follows from that alone. Pure. The transitions
 * are in lifecycle.ts, attempts.ts and endings.ts; the ledger stores the record.
 */
import * as z from 'zod';

/**
 * The newest version of the records that we read. A change that an older version must not touch raises it: a new
 * state, or a new meaning of a member. A member that is only added does not: older versions keep it. A record gets the
 * oldest version that knows all of it (`schemaOf`).
 */
export const RECORD_SCHEMA = 2;

/** A project's id in IPD: https://support.huaweicloud.com/api-projectman/CreateIpdProjectIssueAttachment.html */
export const PROJECT_ID = /^[A-Za-z0-9]{32}$/;

const time = z.iso.datetime();

/** An object of which we know these members. Others, which a newer version has added, are kept. */
export function open<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape> {
  return z.looseObject(shape);
}

const errorEntry = open({
  code: z.string(),
  message: z.string(),
  /** The remote's own words, redacted and cut. */
  detail: z.string().optional(),
  at: time,
});

/** IPD may have a copy whose id we do not know. */
const doubt = open({
  /** The last moment at which a byte of it can have been sent. */
  since: time,
  /** How often the work item's list was read since then and did not show the file. */
  absences: z.int(),
  /** IPD reported success without an id: it surely has the file, and we never send it again. */
  accepted: z.boolean(),
});

/** What an operator did, and why. */
const operatorAction = open({ at: time, by: z.string(), reason: z.string() });

/** How an upload came, where it was not by `POST /v1/uploads` or Uppy. */
const source = z.discriminatedUnion('kind', [
  /** By IPD's own upload route. */
  open({ kind: z.literal('attach') }),
  /** By an object under `ingest/` of the staging bucket. */
  open({
    kind: z.literal('drop'),
    key: z.string(),
    etag: z.string(),
    /** When the object was put: the same bytes, put again, are another offer of the same upload. */
    offer: z.string(),
  }),
  /** By a message that names an object of another bucket. */
  open({
    kind: z.literal('request'),
    requestId: z.string(),
    bucket: z.string(),
    key: z.string(),
    versionId: z.string().optional(),
    etag: z.string(),
    /** The id of the message: the same request, sent again, is another offer of the same upload. */
    offer: z.string(),
  }),
]);

const notificationTypes = ['UploadDelivered', 'UploadFailed', 'UploadExpired', 'UploadRemoved'] as const;

/** Why an upload ends in a link to our copy of the file, and not in an attachment. */
const linkReasons = ['too_large', 'work_item_full'] as const;

const base = {
  id: z.string(),
  /** Absent in the oldest records. */
  schema: z.int().optional(),
  /** What a newer version keeps in the record and we do not know. */
  others: z.record(z.string(), z.unknown()).optional(),
  /** Counts every change; the ETag of the HTTP answer. */
  version: z.int(),
  owner: z.string(),
  source: source.optional(),
  /** The owner's name, for people: IPD shows the bridge's account. */
  uploadedBy: z.string().optional(),
  projectId: z.string(),
  issueId: z.string(),
  /** As the user's device gave it; for people. */
  filename: z.string(),
  /** What IPD gets. */
  sentName: z.string(),
  contentType: z.string(),
  /** In bytes; 0 as long as `maxSize` stands. */
  size: z.int(),
  /**
   * Set if the client declared no size: the file may have at most this many bytes, and storage tells its size on arrival.
   */
  maxSize: z.int().optional(),
  /** Of a file whose size is not declared: a larger one, in bytes, ends in a link. */
  mostAttached: z.int().optional(),
  asLink: z.enum(linkReasons).optional(),
  /** It was to end in a link before it was offered again: storage may still have the copy for that. */
  mayHaveLinkedFile: z.boolean().optional(),
  /** Counts the secrets of the link's URL, 1 if absent: another generation makes the URLs before it worthless. */
  linkGeneration: z.int().optional(),
  /** When the comment on its delivery was begun: it is tried once. */
  commentedAt: time.optional(),
  /** Hex, as the client declared it. */
  sha256: z.string().optional(),
  createdAt: time,
  updatedAt: time,
  /** The id of the HTTP call that created it: joins all log lines about the upload. */
  correlationId: z.string().optional(),
  /** S3's multipart upload that stages the file. Without `partSize` the client chooses the part sizes. */
  multipart: open({ uploadId: z.string(), partSize: z.int().optional() }).optional(),
  /** The Uppy session that made it, as a hash of its ticket. */
  session: z.string().optional(),
  /** Until when the file may be staged. */
  uploadDeadline: time,
  /** When the sweep handles this upload; absent when nothing is left to be done. */
  dueAt: time.optional(),
  /** How often storage was asked for a file that has not arrived yet. */
  stagingChecks: z.int(),
  /** Deliveries begun: a queue message carries the number of the one it asks for. */
  attempts: z.int(),
  /** Attempts that count against the retry schedule. */
  failedAttempts: z.int(),
  bytesSent: z.int(),
  /** The last thing that went wrong; cleared by success and by a retry. */
  lastError: errorEntry.optional(),
  etag: z.string().optional(),
  stagedAt: time.optional(),
  /** When the file was first seen in storage: a retry renews `stagedAt`, not the age of the file. */
  storedAt: time.optional(),
  /** After this moment a retryable failure ends the upload. Time in which the upload could not be tried extends it. */
  retryUntil: time.optional(),
  /** From when on the upload may be tried. The time from then to its next attempt does not count against the retry window. */
  readyAt: time.optional(),
  /** How often in a row IPD has asked for fewer requests. */
  throttles: z.int().optional(),
  /** Attachments of equal or unknown size that the work item had before anything was sent; never renewed. */
  baseline: z.array(z.string()).optional(),
  /** True where IPD gave no list when the baseline was made, which may be how it lists nothing. */
  isBaselineNull: z.boolean().optional(),
  /** Attachments that came later and have other bytes, or belong to another upload. */
  mismatches: z.array(z.string()).optional(),
  doubt: doubt.optional(),
  /** It was sent again after a doubt, so a first copy may still show up. */
  resent: z.boolean().optional(),
  /** Hex SHA-256 of a file that was sent again: it identifies a second copy once the staged file is gone. */
  sentSha256: z.string().optional(),
  /** An attachment that is our file and is being claimed. */
  candidate: z.string().optional(),
  /** Further copies in IPD, for a person to remove. */
  duplicates: z.array(z.string()).optional(),
  /** Its last changes of state, the oldest first; creation is not among them. */
  history: z
    .array(
      open({
        at: time,
        status: z.string(),
        attempt: z.int().optional(),
        code: z.string().optional(),
        by: z.string().optional(),
        reason: z.string().optional(),
      }),
    )
    .optional(),
  /** The operator who last retried it in its owner's place, and why. */
  redrive: operatorAction.optional(),
  /** The operator who cancelled it in its owner's place, and why. */
  cancellation: operatorAction.optional(),
  /** The operator who erased personal data from it, and why. */
  erasure: operatorAction.optional(),
  /** The notification of its end, until subscribers have got it. */
  notification: open({
    type: z.enum(notificationTypes),
    at: time,
    /** The end is announced once more, since the same file was offered again. */
    replayed: z.boolean().optional(),
  }).optional(),
};

const stored = { etag: z.string(), stagedAt: time, retryUntil: time };
const lease = open({ token: z.string(), until: time });

/** The check of what IPD has of an upload that has ended. */
const recheck = {
  /** When it is due. */
  recheckAt: time.optional(),
  /** Held during the check. */
  recheckLease: lease.optional(),
};

export const uploadSchema = z.discriminatedUnion('status', [
  z.object({ ...base, status: z.literal('awaiting_upload') }),
  z.object({ ...base, ...stored, status: z.literal('staged') }),
  z.object({ ...base, ...stored, status: z.literal('delivering'), lease, sendingAt: time.optional() }),
  z.object({ ...base, ...stored, status: z.literal('waiting') }),
  z.object({ ...base, ...stored, status: z.literal('unconfirmed'), doubt }),
  z.object({
    ...base,
    status: z.literal('delivered'),
    attachmentId: z.string().nullable(),
    /** Why there is no id. */
    reason: z.string().optional(),
    /** The external link of the work item, in an attachment's place. */
    link: open({ id: z.string(), expiresAt: time }).optional(),
    deliveredAt: time,
    /** Storage has removed the staged file. One that comes later is removed on its event. */
    isFileRemoved: z.boolean().optional(),
    ...recheck,
  }),
  z.object({
    ...base,
    ...recheck,
    status: z.literal('removed'),
    removal: open({
      at: time,
      by: z.enum(['owner', 'operator', 'expiry']),
      /** When the links were first deleted in IPD. */
      linksDeletedAt: time.optional(),
    }),
    /** Storage has removed the linked file. */
    isLinkedFileRemoved: z.boolean().optional(),
  }),
  z.object({ ...base, status: z.literal('failed'), lastError: errorEntry, keepUntil: time }),
  z.object({ ...base, status: z.literal('expired') }),
  z.object({ ...base, status: z.literal('cancelled') }),
]);

export type Upload = z.infer<typeof uploadSchema>;
export type In<Status extends Upload['status']> = Extract<Upload, { status: Status }>;
export type Delivering = In<'delivering'>;
export type Lease = z.infer<typeof lease>;
export type Source = z.infer<typeof source>;
export type Ingested = Exclude<Source, { kind: 'attach' }>;
export type Doubt = z.infer<typeof doubt>;
export type LinkReason = (typeof linkReasons)[number];
export type Notification = NonNullable<Upload['notification']>;

/** Where IPD keeps attachments. */
export type WorkItem = Pick<Upload, 'projectId' | 'issueId'>;

export type NewUpload = Pick<
  Upload,
  | 'id'
  | 'owner'
  | 'source'
  | 'uploadedBy'
  | 'projectId'
  | 'issueId'
  | 'filename'
  | 'sentName'
  | 'contentType'
  | 'size'
  | 'maxSize'
  | 'mostAttached'
  | 'asLink'
  | 'sha256'
  | 'multipart'
  | 'session'
  | 'correlationId'
>;

/** What storage says of the staged object. `copiedFrom`: the ETag of the version that it is a copy of. */
export type StagedObject = { etag: string; size: number; copiedFrom?: string | undefined };

/** Lengths of time that an operator may set, in milliseconds. */
export type Policy = {
  uploadDeadlineMs: number;
  retryWindowMs: number;
  failedRetentionMs: number;
  /** IPD keeps or drops a request within this time of its last byte. */
  commitWindowMs: number;
  /** How long a linked file is kept. */
  linkedFileMs: number;
};

/** What a transition needs to compute due times. */
export type Moment = { now: number; policy: Policy };

export const stagingKey = (id: string): string => `staging/${id}`;
export const linkedKey = (id: string): string => `linked/${id}`;

/** The version that a record needs: what an older version would damage is kept from it. */
export function schemaOf({ asLink, mostAttached }: Pick<Upload, 'asLink' | 'mostAttached'>): number {
  return asLink === undefined && mostAttached === undefined ? 1 : RECORD_SCHEMA;
}

const UPLOAD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** No other text is used as a key: the ledger's keys have a maximum length. */
export function isUploadId(text: string): boolean {
  return UPLOAD_ID.test(text);
}

/** The upload id in this text, also in capitals; undefined for a text that is none. */
export function readUploadId(text: string): string | undefined {
  const id = text.toLowerCase();
  return isUploadId(id) ? id : undefined;
}

/** The upload whose staged file has this key; undefined for any other key. */
export function uploadIdOf(key: string): string | undefined {
  const id = key.startsWith(stagingKey('')) ? key.slice(stagingKey('').length) : '';
  return isUploadId(id) ? id : undefined;
}

/** Owners that are no users: no token's `sub` may be one of them. */
const RESERVED_OWNER = /^(?:ingest|erased)#/;

/** True of an owner that the bridge itself gives to uploads. */
export function isReservedOwner(owner: string): boolean {
  return RESERVED_OWNER.test(owner);
}

/** Who owns what producers offer for a project. */
export const ingestOwner = (projectId: string): string => `ingest#${projectId}`;

/** Where the file of an ingested upload comes from; undefined for an upload that a user began. */
export function ingestedFrom({ source: from }: Pick<Upload, 'source'>): Ingested | undefined {
  return from === undefined || from.kind === 'attach' ? undefined : from;
}

/** True while a queue message may begin the next attempt. */
export function isReady(upload: Upload): upload is In<'staged' | 'waiting' | 'unconfirmed'> {
  return upload.status === 'staged' || upload.status === 'waiting' || upload.status === 'unconfirmed';
}

/** True when only a late arrival, a late answer or a user's retry can change the state. */
export function isFinal({ status }: { status: string }): boolean {
  return ['delivered', 'failed', 'expired', 'cancelled', 'removed'].includes(status);
}

/** True when no transition will need the staged file again. */
export function isUnwanted(upload: Upload): boolean {
  if (upload.status === 'failed') return upload.dueAt === undefined;
  return ['delivered', 'cancelled', 'removed'].includes(upload.status);
}

/** True of an upload whose link can be taken back: it has one, or may have one and nothing is under way. */
export function mayBeRemoved(upload: Upload): boolean {
  if (upload.asLink === undefined || upload.status === 'delivering') return false;
  return upload.status === 'delivered' || upload.doubt !== undefined;
}

/** True when the staged file need not be removed any more, though another one may still come. */
export function isFileRemoved(upload: Upload): boolean {
  return upload.status === 'delivered' && upload.isFileRemoved === true;
}

/** True of an end without a link for which storage may have a linked file all the same. */
export function mayLeaveLinkedFile(upload: Upload): boolean {
  if (upload.asLink === undefined && upload.mayHaveLinkedFile !== true) return false;
  if (upload.status === 'delivered') return upload.link === undefined && !isFileRemoved(upload);
  return isFinal(upload) && upload.status !== 'removed';
}

/** With these codes a retry is useless: the same file would fail again, or it is gone. */
const NOT_RETRYABLE = new Set([
  'scan_refused',
  'staged_file_missing',
  'staged_file_changed',
  'size_mismatch',
  'checksum_mismatch',
]);

/** True when its delivery is under way or done: another retry has nothing to ask for. */
export function needsNoRetry({ status }: Upload): boolean {
  return status === 'delivered' || (status !== 'awaiting_upload' && !isFinal({ status }));
}

/** True when its owner may have it tried again: its file was accepted and has not been removed since. */
export function mayBeRetried(upload: Upload): upload is In<'failed'> {
  if (upload.status !== 'failed' || isUnwanted(upload)) return false;
  return upload.etag !== undefined && !NOT_RETRYABLE.has(upload.lastError.code);
}

/** True once IPD may have a copy: from then on the upload cannot be cancelled. */
export function mayBeInIpd(upload: Upload): boolean {
  return (
    upload.doubt !== undefined ||
    upload.candidate !== undefined ||
    upload.status === 'delivered' ||
    upload.status === 'removed' ||
    (upload.status === 'delivering' && upload.sendingAt !== undefined)
  );
}

/**
 * True while no other upload of the same size may use the work item: their copies could not be distinguished. A
 * delivered upload needs this only during the check for a second copy, which claims every equal file without an
 * owner.
 */
export function occupiesWorkItem(upload: Upload, now: number): boolean {
  // Links are distinguished by their URLs.
  if (upload.asLink !== undefined) return false;
  if (upload.status === 'delivered') return isLive(upload.recheckLease, now);
  return !isFinal(upload) && (upload.status === 'delivering' || mayBeInIpd(upload));
}

/** True for the delivery that has the lease. */
export function isLeaseHolder(upload: Upload | undefined, token: string | undefined): upload is Delivering {
  return upload?.status === 'delivering' && upload.lease.token === token;
}

/** True while a lease keeps others out. */
export function isLive(current: Lease | undefined, now: number): boolean {
  return current !== undefined && now < Date.parse(current.until);
}

/** A moment as records keep it. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** What every log line about an upload says of it. */
export function fieldsOf({ id, correlationId, attempts }: Upload) {
  return { uploadId: id, correlationId, attempt: attempts };
}
