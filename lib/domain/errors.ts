/**
 * Every error this product can name, as data: problems that a caller of the HTTP API meets, and
 * failures that an upload can end with. Knows nothing of HTTP frameworks, AWS or IPD's wire format;
 * what people read about an error is in lib/texts.
 */

type Problem = { status: number; retryable: boolean };

/** What a call to our API can be refused with. `status` is the HTTP status, `retryable` whether the same call may succeed later. */
export const problems = {
  invalid_request: { status: 400, retryable: false },
  invalid_json: { status: 400, retryable: false },
  invalid_form: { status: 400, retryable: false },
  ticket_invalid: { status: 401, retryable: false },
  no_subject: { status: 401, retryable: false },
  project_forbidden: { status: 403, retryable: false },
  ipd_forbidden: { status: 403, retryable: false },
  not_found: { status: 404, retryable: false },
  work_item_missing: { status: 422, retryable: false },
  work_item_full: { status: 409, retryable: false },
  upload_state_conflict: { status: 409, retryable: false },
  upload_incomplete: { status: 409, retryable: false },
  file_too_large: { status: 413, retryable: false },
  unsupported_media_type: { status: 415, retryable: false },
  idempotency_key_reused: { status: 422, retryable: false },
  too_many_open_uploads: { status: 429, retryable: true },
  rate_limited: { status: 429, retryable: true },
  scan_refused: { status: 422, retryable: false },
  delivery_failed: { status: 502, retryable: false },
  internal: { status: 500, retryable: true },
  unavailable: { status: 503, retryable: true },
} as const satisfies Record<string, Problem>;

export type ProblemCode = keyof typeof problems;

/** Where in the request a problem lies: `pointer` is a JSON pointer into the body, or names a header or path parameter. */
export type ProblemPlace = { pointer: string; detail: string };

/** Why an upload failed for good. */
export const failureCodes = [
  'size_mismatch',
  'checksum_mismatch',
  'staged_file_missing',
  'staged_file_changed',
  'work_item_missing',
  'work_item_full',
  'ipd_forbidden',
  'link_forbidden',
  'too_large_for_ipd',
  'name_refused',
  'ipd_refused',
  'outcome_unknown',
  'retries_exhausted',
  'scan_refused',
  'scan_timed_out',
  'ingest_malformed',
  'ingest_project_closed',
  'ingest_too_large',
  'ingest_empty',
  'ingest_source_missing',
  'ingest_source_forbidden',
  'ingest_source_replaced',
  'ingest_request_reused',
] as const;

export type FailureCode = (typeof failureCodes)[number];

/** Why an attempt failed without ending the upload. The upload's status says what happens next. */
export const retryableFailureCodes = [
  'ipd_unavailable',
  'ipd_throttled',
  'storage_unavailable',
  'lease_lost',
  'ipd_paused',
  'work_item_busy',
  'answer_lost',
  'id_missing',
  'scan_pending',
] as const;

/** The same codes when no attempt follows: what kept the file from IPD to the end. For developers, as all details are. */
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
export type RemarkCode = 'attachment_id_unknown';

export type RetryableFailureCode = (typeof retryableFailureCodes)[number];

const FAILURES = new Set<string>(failureCodes);
const RETRYABLE = new Set<string>(retryableFailureCodes);

export type ErrorCode = ProblemCode | FailureCode | RetryableFailureCode;

/** The one error that we throw: a code from one of the tables, a message saying what was tried and on what, and the places at fault. */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly places: readonly ProblemPlace[];
  /** When the same call may succeed, if that is certain. */
  readonly retryAfterSeconds: number | undefined;
  /** The code of the failed upload, where that is the reason. */
  readonly failure: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; places?: ProblemPlace[]; retryAfterSeconds?: number; failure?: string } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.places = options.places ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.failure = options.failure;
  }
}

/** A request that is not valid: the first place at fault in words, and how many more there are. */
export function invalidRequest(places: ProblemPlace[]): AppError {
  const [first, ...more] = places.map(({ pointer, detail }) => `${pointer || 'the body'} ${detail}`);
  const rest = more.length > 0 ? `, and ${more.length} more: see errors` : '';
  return new AppError('invalid_request', `${first ?? 'the request is not valid'}${rest}`, { places });
}

export function isFailureCode(code: ErrorCode): code is FailureCode {
  return FAILURES.has(code);
}

/** Why an upload whose last error has this code was given up, in words; without a code, it was never tried. */
export function lastReasonOf(code: string | undefined): string | undefined {
  if (code === undefined)
    return 'It waited for a free slot all the time: more uploads came than the rate limit lets through.';
  return Object.entries(lastReasons).find(([name]) => name === code)?.[1];
}

export function isRetryableFailureCode(code: ErrorCode): code is RetryableFailureCode {
  return RETRYABLE.has(code);
}

export function isProblemCode(code: string): code is ProblemCode {
  return code in problems;
}
