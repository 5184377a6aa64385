/**
 * Every error this product can name, as data: problems that a caller of the HTTP API meets, and
 * failures that an upload can end with. Knows nothing of HTTP frameworks, AWS or IPD's wire format.
 */

type Problem = { status: number; title: string; retryable: boolean };

/** What a call to our API can be refused with. `status` is the HTTP status, `retryable` whether the same call may succeed later. */
export const problems = {
  invalid_request: { status: 400, title: 'The request is not valid', retryable: false },
  invalid_json: { status: 400, title: 'The body is not JSON', retryable: false },
  invalid_form: { status: 400, title: 'The form is not what the upload route takes', retryable: false },
  ticket_invalid: {
    status: 401,
    title: 'The upload session is unknown or over: ask for a new one',
    retryable: false,
  },
  no_subject: { status: 401, title: 'The token names no user', retryable: false },
  project_forbidden: { status: 403, title: 'You may not upload to this project', retryable: false },
  ipd_forbidden: {
    status: 403,
    title: 'The bridge may not attach files to this work item',
    retryable: false,
  },
  not_found: { status: 404, title: 'There is nothing here', retryable: false },
  work_item_missing: { status: 422, title: 'The work item or its project does not exist', retryable: false },
  work_item_full: {
    status: 409,
    title: 'The work item holds as many attachments as it can',
    retryable: false,
  },
  upload_state_conflict: {
    status: 409,
    title: 'The upload is in a state that does not allow this',
    retryable: false,
  },
  upload_incomplete: { status: 409, title: 'Storage does not have the whole file', retryable: false },
  file_too_large: { status: 413, title: 'The file is larger than allowed', retryable: false },
  unsupported_media_type: { status: 415, title: 'The body has the wrong media type', retryable: false },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    retryable: false,
  },
  too_many_open_uploads: { status: 429, title: 'You have too many unfinished uploads', retryable: true },
  rate_limited: { status: 429, title: 'You begin uploads too fast', retryable: true },
  scan_refused: { status: 422, title: 'The scan for malware did not pass the file', retryable: false },
  delivery_failed: { status: 502, title: 'IPD did not take the file', retryable: false },
  internal: { status: 500, title: 'Something went wrong on our side', retryable: true },
  unavailable: { status: 503, title: 'A service we depend on does not answer', retryable: true },
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof problems;

/** Where in the request a problem lies: `pointer` is a JSON pointer into the body, or names a header or path parameter. */
export type ProblemPlace = { pointer: string; detail: string };

/** Why an upload failed for good, in words for the person who sent the file. */
export const failures = {
  size_mismatch: 'The stored file does not have the size that was agreed.',
  checksum_mismatch: 'The stored file does not have the declared SHA-256.',
  staged_file_missing: 'The stored file is gone; upload it again.',
  staged_file_changed: 'The stored file was replaced after it had been accepted; upload it again.',
  work_item_missing: 'The work item or its project does not exist in IPD.',
  work_item_full: 'The work item already holds as many attachments as IPD allows.',
  ipd_forbidden: 'IPD does not let the bridge account attach files to this work item.',
  too_large_for_ipd: 'The file is larger than the IPD gateway takes.',
  name_refused: 'IPD does not accept the file name.',
  ipd_refused: 'IPD refused the file.',
  outcome_unknown:
    'IPD may have the file, and the bridge cannot find out: check the work item before you send the file again.',
  retries_exhausted: 'The file could not be delivered to IPD for so long that we stopped trying.',
  scan_refused: 'The scan for malware did not pass the file; it was not sent to IPD.',
  scan_timed_out:
    'The scan for malware said nothing for so long that we stopped waiting; the file was not sent to IPD.',
  ingest_malformed:
    'The key, the metadata or the message of the producer has not the form that it must have.',
  ingest_project_closed: 'The project is not open for ingestion.',
  ingest_too_large: 'The file is larger than the bridge takes.',
  ingest_empty: 'The file is empty, and an empty file cannot be attached.',
  ingest_source_missing: 'The object is not there, or not any more; offer it again.',
  ingest_source_forbidden: 'The bridge may not read the object.',
  ingest_source_replaced:
    'The object was replaced before it was copied; the new one is an upload of its own.',
  ingest_request_reused: 'The requestId belongs to another request; take a new one.',
} as const satisfies Record<string, string>;

export type FailureCode = keyof typeof failures;

/** Why an attempt failed without ending the upload. The upload's status says what happens next. */
export const retryableFailures = {
  ipd_unavailable: 'IPD did not take the file; it is tried again.',
  ipd_throttled: 'IPD asks for fewer requests; it is tried again.',
  storage_unavailable: 'The stored file could not be read; it is tried again.',
  lease_lost: 'The delivery was interrupted before IPD had the file; it is tried again.',
  ipd_paused: 'IPD does not answer, or does not accept our credentials; all deliveries wait until it does.',
  work_item_busy: 'Another upload of the same size to this work item comes first.',
  answer_lost: 'IPD may have the file: its answer was lost. IPD is checked before anything is sent again.',
  id_missing: 'IPD has the file but did not say under which id; the bridge searches for it.',
  scan_pending: 'The file has not been scanned for malware yet; it is sent when it has.',
} as const satisfies Record<string, string>;

/** The same codes when no attempt follows: what kept the file from IPD to the end. */
const lastReasons = {
  ipd_unavailable: 'IPD did not take the file.',
  ipd_throttled: 'IPD asked for fewer requests.',
  storage_unavailable: 'The stored file could not be read.',
  lease_lost: 'The delivery was interrupted before IPD had the file.',
  ipd_paused: 'IPD did not answer, or did not accept our credentials, so all deliveries waited.',
  work_item_busy: 'Another upload of the same size to this work item came first.',
  answer_lost: 'IPD may have the file: its answer was lost.',
  id_missing: 'IPD has the file but did not say under which id.',
  scan_pending: 'The file had not been scanned for malware.',
} as const satisfies Record<RetryableFailureCode, string>;

/** What is remarkable about a success. */
export const remarks = {
  attachment_id_unknown:
    'IPD has the file but did not say under which id, and its list did not show it in time.',
} as const satisfies Record<string, string>;

export type RetryableFailureCode = keyof typeof retryableFailures;

export type ErrorCode = ProblemCode | FailureCode | RetryableFailureCode;

/** The one error that we throw: a code from one of the tables, a message saying what was tried and on what, and the places at fault. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly places: readonly ProblemPlace[];
  /** When the same call may succeed, if that is certain. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; places?: ProblemPlace[]; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.places = options.places ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** A request that is not valid: the first place at fault in words, and how many more there are. */
export function invalidRequest(places: ProblemPlace[]): AppError {
  const [first, ...more] = places.map(({ pointer, detail }) => `${pointer || 'the body'} ${detail}`);
  const rest = more.length > 0 ? `, and ${more.length} more: see errors` : '';
  return new AppError('invalid_request', `${first ?? 'the request is not valid'}${rest}`, { places });
}

export function isFailureCode(code: ErrorCode): code is FailureCode {
  return code in failures;
}

/** Why an upload whose last error has this code was given up, in words; without a code, it was never tried. */
export function lastReasonOf(code: string | undefined): string | undefined {
  if (code === undefined)
    return 'It waited for a free slot all the time: more uploads came than the rate limit lets through.';
  return Object.entries(lastReasons).find(([name]) => name === code)?.[1];
}

export function isRetryableFailureCode(code: ErrorCode): code is RetryableFailureCode {
  return code in retryableFailures;
}

export function isProblemCode(code: string): code is ProblemCode {
  return code in problems;
}
