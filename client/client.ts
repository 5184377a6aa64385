/**
 * The client of the upload API for browsers, React Native and Node: create, send to storage, follow
 * until IPD has the file. It needs fetch and no package. It holds no state between calls: after a
 * restart, `follow(id)` or `upload` with the same idempotency key picks up where things stand.
 */
import {
  apiError,
  needsFreshUrl,
  networkError,
  parseJson,
  retryAfterMs,
  storageError,
  UploadError,
} from './errors.ts';
import type { Answer } from './errors.ts';
import { putFile } from './put.ts';
import { DEFAULT_PACE, pause, retry } from './retry.ts';
import type { Pace } from './retry.ts';
import { isFinal, isLimits, isUpload } from './types.ts';
import type { Limits, NewUpload, Progress, Upload } from './types.ts';

export { UploadError } from './errors.ts';
export type { Limits, NewUpload, Progress, Staging, Upload } from './types.ts';

export type ClientOptions = {
  apiUrl: string;
  /** The user's JWT, or where to get it: asked before every call, so it may be renewed under way. */
  token: string | (() => Promise<string>);
  fetch?: typeof globalThis.fetch;
  pace?: Partial<Pace>;
};

export type Watch = {
  /** Ends the client's work with the signal's reason; the upload itself goes on unless `cancel` is called. */
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Every change that the server tells of, the first right after creation. */
  onStatus?: ((upload: Upload) => void) | undefined;
};

/** The same key with the same file continues the same upload, also after a restart. */
export type Creation = { idempotencyKey?: string | undefined; signal?: AbortSignal | undefined };

/** In Node `file` comes from `openAsBlob`, in a browser it is a File: it is never held in memory as a whole. */
export type UploadRequest = Omit<NewUpload, 'size'> & Creation & Watch & { file: Blob };

type Call = {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: NewUpload;
  signal?: AbortSignal | undefined;
};

type Reply = Answer & { body: unknown; etag: string | null };

export type Client = ReturnType<typeof createClient>;

/** A client for one API and one user; its functions reject with an UploadError, or with the reason of their signal. */
export function createClient({ apiUrl, token, fetch = globalThis.fetch, ...options }: ClientOptions) {
  const base = apiUrl.replace(/\/+$/, '');
  const pace: Pace = { ...DEFAULT_PACE, ...options.pace };

  /** Registers a file and gets the URL for it. */
  async function create(
    about: NewUpload,
    { idempotencyKey = randomKey(), signal }: Creation = {},
  ): Promise<Upload> {
    const headers = { 'idempotency-key': idempotencyKey };
    return asUpload(await call({ method: 'POST', path: '/v1/uploads', headers, body: about, signal }));
  }

  async function status(id: string, signal?: AbortSignal): Promise<Upload> {
    return asUpload(await call({ method: 'GET', path: pathOf(id), signal }));
  }

  /** Fresh URLs for what storage has not got yet. */
  async function urls(id: string, signal?: AbortSignal): Promise<Upload> {
    return asUpload(await call({ method: 'POST', path: `${pathOf(id)}/urls`, signal }));
  }

  async function cancel(id: string, signal?: AbortSignal): Promise<void> {
    await call({ method: 'DELETE', path: pathOf(id), signal });
  }

  /** What the API accepts, to be read before the user pays for data. */
  async function limits(signal?: AbortSignal): Promise<Limits> {
    const { body } = await call({ method: 'GET', path: '/v1/limits', signal });
    if (!isLimits(body)) throw unexpected('The answer is not that of an upload API');
    return body;
  }

  /** Creates, sends the file to storage and follows: resolves with the final upload, which may be a failed one. */
  async function upload({
    file,
    idempotencyKey,
    signal,
    onProgress,
    onStatus,
    ...about
  }: UploadRequest): Promise<Upload> {
    const created = await create({ ...about, size: file.size }, { idempotencyKey, signal });
    onStatus?.(created);
    if (created.status === 'awaiting_upload') await stage(created, { file, signal, onProgress });
    return follow(created.id, { signal, onProgress, onStatus });
  }

  /** Looks at an upload, as often as the server asks, until it is final. */
  async function follow(id: string, { signal, onProgress, onStatus }: Watch = {}): Promise<Upload> {
    let etag: string | null = null;
    for (;;) {
      const headers: Record<string, string> = etag === null ? {} : { 'if-none-match': etag };
      const reply = await call({ method: 'GET', path: pathOf(id), headers, signal });
      if (reply.status !== 304) {
        const current = asUpload(reply);
        etag = reply.etag;
        onStatus?.(current);
        onProgress?.({ leg: 'delivery', bytes: deliveredBytes(current), total: current.size });
        if (isFinal(current)) return current;
      }
      await pause(retryAfterMs(reply) ?? pace.pollMs, signal);
    }
  }

  async function stage(created: Upload, { file, signal, onProgress }: Watch & { file: Blob }): Promise<void> {
    let { staging } = created;
    let fresh = staging.url !== undefined;

    const attempt = async () => {
      if (!fresh)
        ({ staging } = asUpload(await send({ method: 'POST', path: `${pathOf(created.id)}/urls`, signal })));
      if (staging.mode !== 'single') throw unexpected(`Uploads of mode ${staging.mode} are not supported`);
      const { method = 'PUT', url, headers = {} } = staging;
      if (url === undefined) return;

      const onBytes = (bytes: number) => onProgress?.({ leg: 'staging', bytes, total: file.size });
      onBytes(0);
      const answer = await putFile({ method, url, headers, file, signal, onBytes }, fetch);
      if (answer.status < 300) return onBytes(file.size);
      const error = storageError(answer);
      fresh = !needsFreshUrl(error.code);
      throw error;
    };

    try {
      await retry(attempt, { pace, signal });
    } catch (error) {
      // An earlier attempt arrived although its answer was lost: the server knows what became of it.
      if (!(error instanceof UploadError && HAS_ARRIVED.has(error.code))) throw error;
    }
  }

  function call(request: Call): Promise<Reply> {
    return retry(() => send(request), { pace, signal: request.signal });
  }

  /** One request, one answer; every refusal is an UploadError. */
  async function send({ method, path, headers, body, signal }: Call): Promise<Reply> {
    const authorization = `Bearer ${typeof token === 'string' ? token : await token()}`;
    const type = body && { 'content-type': 'application/json' };
    const reply = await exchange(path, {
      method,
      headers: { ...headers, ...type, authorization },
      body: body ? JSON.stringify(body) : null,
      signal: signal ?? null,
    });
    if (reply.status >= 400) throw apiError(reply);
    return reply;
  }

  async function exchange(path: string, init: RequestInit): Promise<Reply> {
    try {
      const response = await fetch(`${base}${path}`, init);
      const { status: code, headers } = response;
      const text = await response.text();
      const [etag, retryAfter] = [headers.get('etag'), headers.get('retry-after')];
      return { status: code, text, body: parseJson(text), etag, retryAfter };
    } catch (error) {
      throw networkError(base, error);
    }
  }

  return { create, status, urls, cancel, limits, upload, follow };
}

const HAS_ARRIVED = new Set(['already_stored', 'upload_state_conflict']);

function asUpload({ body }: Reply): Upload {
  if (!isUpload(body)) throw unexpected('The answer is not that of an upload API');
  return body;
}

function unexpected(detail: string): UploadError {
  return new UploadError({ code: 'unexpected_answer', status: 0, retryable: false, detail });
}

function deliveredBytes({ status, size, delivery }: Upload): number {
  return status === 'delivered' ? size : delivery.bytesSent;
}

function pathOf(id: string): string {
  return `/v1/uploads/${encodeURIComponent(id)}`;
}

// Not crypto.randomUUID: pages without TLS and React Native have none, and the key is no secret.
function randomKey(): string {
  return Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join('');
}
