/**
 * The one error class that callers get, and its three sources: problem documents of our functions, the
 * API gateway's `{message}`, and the XML of storage. What storage says is explained at
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import type { Silence } from './no-answer.ts';
import { surroundings } from './platform.ts';
import { isObject } from './predicates.ts';

/** What is not given is 0, false or empty. */
type Fault = Partial<
  Pick<UploadError, 'status' | 'retryable' | 'userMessage' | 'traceId' | 'errors' | 'retryAfterMs'>
> &
  Pick<UploadError, 'code' | 'detail'>;

/** Why a call failed: branch on `code`, show `userMessage`, or where there is none your own words for the code. */
export class UploadError extends Error {
  override readonly name = 'UploadError';
  declare readonly code: string;
  /** The HTTP status; 0 when there was no answer. */
  declare readonly status: number;
  /** Whether the same call may succeed later; the client has then already tried several times. */
  declare readonly retryable: boolean;
  /** What was wrong, in English, for developers; the same as `message`. */
  declare readonly detail: string;
  /** What the API says to the person who sends the file, in their language; undefined where the API said nothing. */
  declare readonly userMessage: string | undefined;
  declare readonly traceId: string | undefined;
  /** What is wrong with which field of the request. */
  declare readonly errors: { pointer: string; detail: string }[];
  declare readonly retryAfterMs: number | undefined;

  constructor(fault: Fault, cause?: unknown) {
    super(fault.detail, { cause });
    Object.assign(this, { status: 0, retryable: false, errors: [] }, fault);
  }
}

/** An answer of any of the three sources. */
export type Answer = { status: number; text: string; retryAfterMs: number | undefined };

const GATEWAY_CODES: Record<number, string> = {
  401: 'unauthorized',
  403: 'forbidden',
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
  BadDigest: 'checksum_mismatch',
  XAmzContentChecksumMismatch: 'checksum_mismatch',
  XAmzContentSHA256Mismatch: 'checksum_mismatch',
  EntityTooLarge: 'size_mismatch',
};

/** Storage answers these with status 400 although another attempt may well succeed. */
const PASSING = new Set(['RequestTimeout', 'IncompleteBody']);

/** Reads a refusal of the API at this address: a problem document, or the gateway's own `{message}`. */
export function apiError({ status, text, retryAfterMs }: Answer, base: string): UploadError {
  const body = parseJson(text);
  const problem = isObject(body) ? body : {};
  const code = words(problem['code']);
  // Our own 404 has a code.
  if (!code && (status === 404 || status === 405)) return noApi(base, status);
  return new UploadError({
    status,
    code: code ?? GATEWAY_CODES[status] ?? (status >= 500 ? 'unavailable' : `http_${status}`),
    retryable: typeof problem['retryable'] === 'boolean' ? problem['retryable'] : isOutage(status),
    detail: words(problem['detail']) ?? words(problem['message']) ?? `The API answered ${status}`,
    userMessage: words(problem['userMessage']),
    traceId: words(problem['traceId']),
    errors: places(problem['errors']),
    retryAfterMs,
  });
}

/** Reads a refusal of storage. `url_expired` and `url_refused` are cured by fresh URLs. */
export function storageError({ status, text, retryAfterMs }: Answer): UploadError {
  const name = element(text, 'Code') ?? '';
  const message = element(text, 'Message');
  const stored = status === 412 ? 'already_stored' : 'storage_refused';
  const code = message === 'Request has expired' ? 'url_expired' : (STORAGE_CODES[name] ?? stored);
  return new UploadError({
    status,
    code,
    // 409: the same file arrives twice at this moment.
    retryable: isOutage(status) || status === 409 || PASSING.has(name) || needsFreshUrl(code),
    detail: `Storage answered ${status}${name && ` ${name}`}${message ? `: ${message}` : ''}`,
    retryAfterMs,
  });
}

/** No answer came: `network`, or in a page, if it can be found out, what has to be mended. */
export async function noAnswer(silence: Silence): Promise<UploadError> {
  const { target, cause } = silence;
  const network = { code: 'network', retryable: true, detail: `No answer from ${target}` };
  const page = surroundings();
  const explained = page.location && cause instanceof TypeError && import('./no-answer.ts');
  // Where the network is gone, the explanation may not load either.
  const reason =
    explained &&
    (await explained.then((found) => found.explainSilence(silence, page)).catch(() => undefined));
  return new UploadError(reason || network, cause);
}

/** Something answers at this address, but no upload API. */
export function noApi(base: string, status = 0): UploadError {
  return new UploadError({ code: 'invalid_api_url', status, detail: `There is no upload API at ${base}` });
}

/** Whether time is likely to cure it: no answer, or one that says so. */
export function isOutage(status: number): boolean {
  return status === 0 || status >= 500 || status === 429 || status === 408;
}

export function needsFreshUrl(code: string): boolean {
  return code === 'url_expired' || code === 'url_refused';
}

/** Reads Retry-After. Only seconds: a date would be measured with the device's clock, which may be wrong. */
export function readSeconds(retryAfter: string | null): number | undefined {
  return retryAfter && /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : undefined;
}

export function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}

function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
}

function words(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function places(value: unknown): UploadError['errors'] {
  return Array.isArray(value)
    ? value.filter(isObject).map(({ pointer, detail }) => ({
        pointer: words(pointer) ?? '',
        detail: words(detail) ?? '',
      }))
    : [];
}
