/**
 * The one error class that callers get, and its three sources: problem documents of our functions, the
 * API gateway's `{message}`, and the XML of storage. What storage says is explained at
 * https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import type { Silence } from './no-answer.ts';
import { surroundings } from './platform.ts';
import type { Fetch } from './platform.ts';
import { isProblem } from './predicates.ts';

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
export type Answer = {
  status: number;
  text: string;
  retryAfterMs?: number | undefined;
  etag?: string | null;
};

const GATEWAY_CODES: Record<number, string> = {
  401: 'unauthorized',
  403: 'forbidden',
  413: 'request_too_large',
  429: 'rate_limited',
};

/** What storage says, by words of its answer; the first that are there count. */
const STORAGE_CODES: Record<string, RegExp> = {
  // The URL, or the signer's own session, which may end before it; or the parts' multipart upload has ended or was
  // cleared away, and the API knows which.
  url_expired: /expired|NoSuchUpload/i,
  url_refused: /AccessDenied/,
  url_altered: /Signature/,
  checksum_mismatch: /BadDigest|Mismatch</,
  size_mismatch: /TooLarge/,
};

/** Cured by fresh URLs, or by another attempt although the status says otherwise. */
const CURABLE = /expired|NoSuchUpload|AccessDenied|RequestTimeout|IncompleteBody/i;

/** Reads a refusal of the API at this address: a problem document, or the gateway's own `{message}`. */
export function apiError({ status, text, retryAfterMs }: Answer, base: string): UploadError {
  const body = parseJson(text);
  if (isProblem(body)) return new UploadError({ ...body, status, retryAfterMs });
  // Our own 404 is a problem document.
  if (status === 404 || status === 405) return noApi(base, status);
  return new UploadError({
    status,
    code: GATEWAY_CODES[status] ?? (status >= 500 ? 'unavailable' : `http_${status}`),
    retryable: isOutage(status),
    detail: /"message":"([^"]+)/.exec(text)?.[1] ?? `The API answered ${status}`,
    retryAfterMs,
  });
}

/** Reads a refusal of storage; undefined where storage has the bytes. */
export function storageError({ status, text, retryAfterMs }: Answer): UploadError | undefined {
  // 412: an earlier attempt has stored them, whose answer was lost.
  if (status < 300 || status === 412) return undefined;
  const code = Object.entries(STORAGE_CODES).find(([, words]) => words.test(text))?.[0] ?? 'storage_refused';
  const [, name, message] = /<Code>(.*)<.*<Message>(.*)<.Message/s.exec(text) ?? [];
  return new UploadError({
    status,
    code,
    // 409: the same file arrives twice at this moment.
    retryable: isOutage(status) || status === 409 || CURABLE.test(text),
    detail: `Storage answered ${status}${name ? ` ${name}: ${message}` : ''}`,
    retryAfterMs,
  });
}

/** No answer came: `file_unreadable`, what else has to be mended if that can be found out, or `network`. */
export async function noAnswer(silence: Silence): Promise<UploadError> {
  const { target, request, cause } = silence;
  await request.file?.slice(0, 1).arrayBuffer?.().catch(unreadable);
  const page = surroundings();
  const reason =
    !silence.signal.aborted &&
    // Where the network is gone, the explanation may not load either.
    (await import('./no-answer.ts').then((it) => it.explainSilence(silence, page)).catch(() => undefined));
  return reason ? new UploadError(reason, cause) : network(target, cause);
}

function unreadable(cause: unknown): never {
  throw new UploadError({ code: 'file_unreadable', detail: 'The file is gone or has changed' }, cause);
}

/** Time may cure it. */
export function network(target: string, cause: unknown): UploadError {
  return new UploadError({ code: 'network', retryable: true, detail: `No answer from ${target}` }, cause);
}

/** Something answers at this address, but no upload API. */
export function noApi(base: string, status = 0): UploadError {
  return new UploadError({ code: 'invalid_api_url', status, detail: `There is no upload API at ${base}` });
}

/** Whether time is likely to cure it: no answer, or one that says so. */
export function isOutage(status: number): boolean {
  return status === 0 || status >= 500 || status === 429 || status === 408;
}

/** As the platform's fetch has it. */
export async function readAnswer(response: Awaited<ReturnType<Fetch>>): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  // No number where it is a date, which would be measured with the device's clock: that may be wrong.
  const ms = Number(headers.get('retry-after') ?? NaN) * 1000;
  return { status, text, retryAfterMs: ms >= 0 ? ms : undefined, etag: headers.get('etag') };
}

export function parseJson(source: string): unknown {
  try {
    return JSON.parse(source);
  } catch {
    return undefined;
  }
}
