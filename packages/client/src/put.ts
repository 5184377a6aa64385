/**
 * Sends a file, or a part of one, to storage and counts the bytes. Browsers and React Native count by
 * XMLHttpRequest, since their fetch shows no upload progress; Node streams through fetch, which keeps a
 * given Content-Length (storage refuses chunked bodies). Does not interpret storage's answers.
 */
import { networkError, UploadError } from './errors.ts';
import type { Answer } from './errors.ts';
import { isObject } from './predicates.ts';

type PutRequest = {
  method: string;
  url: string;
  headers: Record<string, string>;
  file: Blob;
  signal: AbortSignal | undefined;
  onBytes: (bytes: number) => void;
};

/** The part of https://xhr.spec.whatwg.org that is used here; Node has none of it. */
type Target = { addEventListener(type: string, listener: (event: { loaded: number }) => void): void };
type Xhr = Target & {
  upload: Target;
  status: number;
  responseText: string;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  send(body: Blob): void;
  abort(): void;
};
declare const XMLHttpRequest: (new () => Xhr) | undefined;

/** The platform sets these headers itself; a browser does not let a page set them. */
const PLATFORM_HEADERS = new Set(['host', 'content-length']);

/** Sends the file once; resolves with storage's answer, or refusal; rejects with `network` or `file_unreadable`. */
export async function putFile(request: PutRequest, fetch: typeof globalThis.fetch): Promise<Answer> {
  const headers = Object.entries(request.headers).filter(
    ([name]) => !PLATFORM_HEADERS.has(name.toLowerCase()),
  );
  let open = true;
  // Chunks that were read ahead may still arrive here after the request has ended.
  const onBytes = (bytes: number) => {
    if (open) request.onBytes(bytes);
  };
  try {
    return typeof XMLHttpRequest === 'undefined'
      ? await putByFetch({ ...request, onBytes }, headers, fetch)
      : await putByXhr({ ...request, onBytes }, headers, new XMLHttpRequest());
  } catch (error) {
    const unreadable = [error, isObject(error) ? error['cause'] : undefined].find(isUnreadable);
    if (unreadable === undefined) throw networkError('storage', error);
    throw new UploadError(
      {
        code: 'file_unreadable',
        status: 0,
        retryable: false,
        detail: 'The file cannot be read, or has changed',
      },
      unreadable,
    );
  } finally {
    open = false;
  }
}

async function putByFetch(
  { method, url, file, signal, onBytes }: PutRequest,
  headers: [string, string][],
  fetch: typeof globalThis.fetch,
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: [...headers, ['content-length', String(file.size)]],
    body: counted(file, onBytes),
    duplex: 'half',
    signal: signal ?? null,
  });
  return {
    status: response.status,
    text: await response.text(),
    retryAfter: response.headers.get('retry-after'),
  };
}

function counted(file: Blob, onBytes: PutRequest['onBytes']): ReadableStream<Uint8Array> {
  let bytes = 0;
  return file.stream().pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        onBytes(bytes);
        controller.enqueue(chunk);
      },
    }),
  );
}

function putByXhr(
  { method, url, file, signal, onBytes }: PutRequest,
  headers: [string, string][],
  xhr: Xhr,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const abort = () => xhr.abort();
    xhr.open(method, url);
    for (const [name, value] of headers) xhr.setRequestHeader(name, value);
    xhr.upload.addEventListener('progress', ({ loaded }) => onBytes(loaded));
    // Retry-After is not among the headers that a bucket shows to pages.
    xhr.addEventListener('load', () =>
      resolve({ status: xhr.status, text: xhr.responseText, retryAfter: null }),
    );
    xhr.addEventListener('error', () => reject(new Error('The connection broke')));
    xhr.addEventListener('abort', () => reject(new Error('The request was aborted')));
    xhr.addEventListener('loadend', () => signal?.removeEventListener('abort', abort));
    signal?.addEventListener('abort', abort);
    xhr.send(file);
  });
}

function isUnreadable(error: unknown): boolean {
  return isObject(error) && error['name'] === 'NotReadableError';
}
