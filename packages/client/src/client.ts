/**
 * The client of the upload API for browsers, React Native and Node: create, send to storage, follow
 * until IPD has the file. It needs fetch and no package, and keeps no state: after a restart the same
 * `upload` call, or `resume` with what `list` shows, goes on where the earlier run stopped.
 */
import { apiError, networkError, parseJson, retryAfterMs, unexpectedAnswer, UploadError } from './errors.ts';
import type { Answer } from './errors.ts';
import { fingerprint, randomKey } from './fingerprint.ts';
import { isFinal, isLimits, isUpload, isUploadPage } from './predicates.ts';
import { DEFAULT_TIMING, pause, retry as repeat } from './retry.ts';
import type { Timing } from './retry.ts';
import { stage } from './staging.ts';
import type { Limits, NewUpload, Upload, UploadPage } from './types.ts';

export { UploadError } from './errors.ts';
export type * from './types.ts';

export type ClientOptions = {
  apiUrl: string;
  /** The user's JWT, or where to get it: asked before every call, so it may be renewed under way. */
  token: string | (() => Promise<string>);
  fetch?: typeof globalThis.fetch;
  timing?: Partial<Timing>;
  /** How many parts of a file are on the way at the same time; 3 if not given. */
  partsAtOnce?: number;
};

/** The staging leg ends when storage has the file, the delivery leg when IPD has it. */
export type Progress = { leg: 'staging' | 'delivery'; bytes: number; total: number };

export type Watch = {
  /** Ends the client's work with the signal's reason; the upload itself goes on unless `cancel` is called. */
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Every change that the server reports, the first directly after creation. */
  onStatus?: ((upload: Upload) => void) | undefined;
};

/** The same key with the same file continues the same upload, also after a restart. */
export type Creation = { idempotencyKey?: string | undefined; signal?: AbortSignal | undefined };

/** In Node `file` comes from `openAsBlob`, in a browser it is a File: it is never held in memory as a whole. */
type Source = { file: Blob & { lastModified?: number } };

export type UploadRequest = Omit<NewUpload, 'size'> & Creation & Watch & Source;

/** `sha256` is compared with the one declared at creation, if both are there. */
export type ResumeRequest = Watch & Source & { sha256?: string | undefined };

export type ListFilter = {
  /** Those that are not final. */
  state?: 'open' | undefined;
  projectId?: string | undefined;
  issueId?: string | undefined;
  /** Of one page: 1 to 100, 20 if not given. */
  limit?: number | undefined;
  /** The `nextCursor` of the page before. */
  cursor?: string | undefined;
};

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
export function createClient(options: ClientOptions) {
  const { apiUrl, token, fetch = globalThis.fetch, partsAtOnce = 3 } = options;
  const base = apiUrl.replace(/\/+$/, '');
  const timing: Timing = { ...DEFAULT_TIMING, ...options.timing };

  /** Registers a file and gets the URLs for it. Without a key every call makes another upload. */
  function create(
    about: NewUpload,
    { idempotencyKey = randomKey(), signal }: Creation = {},
  ): Promise<Upload> {
    const headers = { 'idempotency-key': idempotencyKey };
    return ask({ method: 'POST', path: PATH, headers, body: about, signal });
  }

  function status(id: string, signal?: AbortSignal): Promise<Upload> {
    return ask({ method: 'GET', path: pathOf(id), signal });
  }

  /** Fresh URLs for what storage has not got yet. */
  function urls(id: string, signal?: AbortSignal): Promise<Upload> {
    return ask({ method: 'POST', path: `${pathOf(id)}/urls`, signal });
  }

  /** Says that all was sent; rejects with `upload_incomplete`, whose `errors` name the parts, when storage lacks some. */
  function complete(id: string, signal?: AbortSignal): Promise<Upload> {
    return ask({ method: 'POST', path: `${pathOf(id)}/complete`, signal });
  }

  /** Sends a failed upload to IPD again, from storage; `error.retryable` tells whether that can be. */
  function retry(id: string, signal?: AbortSignal): Promise<Upload> {
    return ask({ method: 'POST', path: `${pathOf(id)}/retry`, signal });
  }

  async function cancel(id: string, signal?: AbortSignal): Promise<void> {
    await call({ method: 'DELETE', path: pathOf(id), signal });
  }

  /** One page of the user's own uploads, newest first, to `resume` or `follow`, also after a reinstall. */
  async function list(filter: ListFilter = {}, signal?: AbortSignal): Promise<UploadPage> {
    const query = Object.entries(filter).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    );
    const { body } = await call({ method: 'GET', path: `${PATH}?${query.join('&')}`, signal });
    if (!isUploadPage(body)) throw unexpectedAnswer();
    return body;
  }

  /** What the API accepts, to be read before the user pays for data. */
  async function limits(signal?: AbortSignal): Promise<Limits> {
    const { body } = await call({ method: 'GET', path: '/v1/limits', signal });
    if (!isLimits(body)) throw unexpectedAnswer();
    return body;
  }

  /**
   * Creates, sends the file to storage and follows: resolves with the final upload, which may be a failed one.
   * The same file for the same work item is the same upload: called again, also after a crash, it sends what
   * storage lacks; once delivered, it resolves with that upload and attaches nothing. To attach the file once
   * more on purpose, give an `idempotencyKey` of your own. The file is identified by its `sha256`, or else by its
   * name, size and time of change; a Blob that has neither hash nor time is another file with every call.
   */
  async function upload(request: UploadRequest): Promise<Upload> {
    const { file, idempotencyKey, signal, onProgress, onStatus, ...rest } = request;
    const about = { ...rest, size: file.size };
    const key = idempotencyKey ?? fingerprint(about, file.lastModified);
    const created = await create(about, { idempotencyKey: key, signal });
    return carryOn(created, { file, signal, onProgress, onStatus });
  }

  /**
   * Goes on with an upload that `list` shows, as `upload` would. Rejects with `file_differs`, before anything
   * is sent, when the file has another size, or another `sha256`, than the one announced.
   */
  async function resume(id: string, { sha256, ...request }: ResumeRequest): Promise<Upload> {
    const found = await status(id, request.signal);
    const isSame = (found.sha256 ?? sha256) === (sha256 ?? found.sha256);
    if (found.size === request.file.size && isSame) return carryOn(found, request);
    const detail = 'This is not the file that the upload was created for';
    throw new UploadError({ code: 'file_differs', status: 0, retryable: false, detail });
  }

  async function carryOn(found: Upload, { file, ...watch }: Watch & Source): Promise<Upload> {
    watch.onStatus?.(found);
    if (found.status === 'awaiting_upload') await sendFile(found, { file, ...watch });
    return follow(found.id, watch);
  }

  /** Sends what storage lacks. Resolves as well when nothing is awaited any more: `follow` reads why. */
  async function sendFile(found: Upload, { file, signal, onProgress }: Watch & Source): Promise<void> {
    const { id } = found;
    const onBytes = (bytes: number) => onProgress?.({ leg: 'staging', bytes, total: file.size });
    // Once only: the staging leg has its own attempts.
    const sign = async (stop: AbortSignal | undefined) =>
      asUpload(await send({ method: 'POST', path: `${pathOf(id)}/urls`, signal: stop }));
    try {
      await stage(found, {
        file,
        partsAtOnce,
        timing,
        signal,
        fetch,
        onBytes,
        sign,
        complete: () => complete(id, signal),
      });
    } catch (error) {
      // The file has arrived meanwhile, or the upload has ended.
      if (!(error instanceof UploadError && error.code === 'upload_state_conflict')) throw error;
    }
  }

  /** Reads an upload, as often as the server asks, until it is final. */
  async function follow(id: string, { signal, onProgress, onStatus }: Watch = {}): Promise<Upload> {
    let etag: string | null = null;
    for (;;) {
      const headers: Record<string, string> = etag === null ? {} : { 'if-none-match': etag };
      const reply = await call({ method: 'GET', path: pathOf(id), headers, signal });
      if (reply.status !== 304) {
        const current = asUpload(reply);
        etag = reply.etag;
        onStatus?.(current);
        onProgress?.({ leg: 'delivery', bytes: deliveredBytes(current), total: current.size ?? 0 });
        if (isFinal(current)) return current;
      }
      await pause(retryAfterMs(reply) ?? timing.pollMs, signal);
    }
  }

  async function ask(request: Call): Promise<Upload> {
    return asUpload(await call(request));
  }

  function call(request: Call): Promise<Reply> {
    return repeat(() => send(request), { timing, signal: request.signal });
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

  return { create, status, urls, complete, retry, cancel, list, limits, upload, resume, follow };
}

const PATH = '/v1/uploads';

function asUpload({ body }: Reply): Upload {
  if (!isUpload(body)) throw unexpectedAnswer();
  return body;
}

function deliveredBytes({ status, size, delivery }: Upload): number {
  return (status === 'delivered' && size) || delivery.bytesSent;
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}
