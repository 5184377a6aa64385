/**
 * The one error class that callers get, and its three sources: problem documents of our functions, the
 * API gateway's `{message}`, and the XML of storage. What storage says is explained at
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import { isObject } from './predicates.ts';

type Fault = {
  code: string;
  /** The HTTP status; 0 when there was no answer. */
  status: number;
  /** Whether the same call may succeed later; the client has then already tried several times. */
  retryable: boolean;
  detail: string;
  traceId?: string | undefined;
  /** What is wrong with which field of the request. */
  errors?: { pointer: string; detail: string }[];
  retryAfterMs?: number | undefined;
};

/** Why a call failed: branch on `code`, show `detail`. */
export class UploadError extends Error {
  override readonly name = 'UploadError';
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly detail: string;
  readonly traceId: string | undefined;
  readonly errors: { pointer: string; detail: string }[];
  readonly retryAfterMs: number | undefined;

  constructor(fault: Fault, cause?: unknown) {
    super(fault.detail, cause === undefined ? undefined : { cause });
    this.code = fault.code;
    this.status = fault.status;
    this.retryable = fault.retryable;
    this.detail = fault.detail;
    this.traceId = fault.traceId;
    this.errors = fault.errors ?? [];
    this.retryAfterMs = fault.retryAfterMs;
  }
}

/** An answer of any of the three sources. */
export type Answer = { status: number; text: string; retryAfter: string | null };

const GATEWAY_CODES: Record<number, string> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  413: 'request_too_large',
  429: 'rate_limited',
};

const STORAGE_CODES: Record<string, string> = {
  AccessDenied: 'url_refused',
  // The signer's own session ended before the URL did.
  ExpiredToken: 'url_expired',
  // The parts' multipart upload has ended or was cleared away: the API knows which.
  NoSuchUpload: 'url_expired',
  SignatureDoesNotMatch: 'url_altered',
  PreconditionFailed: 'already_stored',
  BadDigest: 'checksum_mismatch',
  XAmzContentChecksumMismatch: 'checksum_mismatch',
  XAmzContentSHA256Mismatch: 'checksum_mismatch',
  EntityTooLarge: 'size_mismatch',
};

/** Storage answers these with a 4xx status although another attempt may well succeed. */
const PASSING = new Set([
  'RequestTimeout',
  'IncompleteBody',
  'ConditionalRequestConflict',
  'OperationAborted',
]);

/** Reads a refusal of the API: a problem document, or the gateway's own `{message}`. */
export function apiError(answer: Answer): UploadError {
  const { status } = answer;
  const body = parseJson(answer.text);
  const problem = isObject(body) ? body : {};
  return new UploadError({
    status,
    code:
      text(problem['code']) ?? GATEWAY_CODES[status] ?? (status >= 500 ? 'unavailable' : `http_${status}`),
    retryable: typeof problem['retryable'] === 'boolean' ? problem['retryable'] : isPassing(status),
    detail:
      text(problem['detail']) ??
      text(problem['title']) ??
      text(problem['message']) ??
      `The API answered ${status}`,
    traceId: text(problem['traceId']),
    errors: places(problem['errors']),
    retryAfterMs: retryAfterMs(answer),
  });
}

/** Reads a refusal of storage. `url_expired` and `url_refused` are cured by fresh URLs. */
export function storageError(answer: Answer): UploadError {
  const { status } = answer;
  const name = element(answer.text, 'Code') ?? (status === 412 ? 'PreconditionFailed' : '');
  const message = element(answer.text, 'Message');
  const code = message === 'Request has expired' ? 'url_expired' : (STORAGE_CODES[name] ?? 'storage_refused');
  return new UploadError({
    status,
    code,
    retryable: isPassing(status) || PASSING.has(name) || needsFreshUrl(code),
    detail: `Storage answered ${status}${name && ` ${name}`}${message ? `: ${message}` : ''}`,
    retryAfterMs: retryAfterMs(answer),
  });
}

/** No answer came: the network, the host, or the connection broke. */
export function networkError(target: string, cause: unknown): UploadError {
  return new UploadError(
    { code: 'network', status: 0, retryable: true, detail: `No answer from ${target}` },
    cause,
  );
}

/** An answer with a success status that does not have the form of this API. */
export function unexpectedAnswer(detail = 'The answer is not that of an upload API'): UploadError {
  return new UploadError({ code: 'unexpected_answer', status: 0, retryable: false, detail });
}

export function needsFreshUrl(code: string): boolean {
  return code === 'url_expired' || code === 'url_refused';
}

/** Only seconds are read: a date would be measured with the device's clock, which may be wrong. */
export function retryAfterMs({ retryAfter }: Pick<Answer, 'retryAfter'>): number | undefined {
  return retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : undefined;
}

export function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}

function isPassing(status: number): boolean {
  return status >= 500 || status === 429 || status === 408;
}

function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function places(value: unknown): { pointer: string; detail: string }[] {
  return Array.isArray(value)
    ? value.filter(isObject).map((place) => ({
        pointer: text(place['pointer']) ?? '',
        detail: text(place['detail']) ?? '',
      }))
    : [];
}
