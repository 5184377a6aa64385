/**
 * The client of the upload API for browsers, React Native and Node: create, send to storage, follow
 * until IPD has the file. It needs fetch and no package, and keeps no state: after a restart the same
 * `upload` call, or `resume` with what `list` shows, goes on where the earlier run stopped.
 */
import { apiError, noAnswer, noApi, parseJson, readSeconds, UploadError } from './errors.ts';
import type { Answer } from './errors.ts';
import { fingerprint, randomKey } from './fingerprint.ts';
import type { Fetch, FileBody, Signal } from './platform.ts';
import { isFinal, isLimits, isUpload, isUploadPage } from './predicates.ts';
import { putFile } from './put.ts';
import type { Put } from './put.ts';
import { createPatience, DEFAULT_TIMING, pause, retry as repeat, unlessStalled } from './retry.ts';
import type { Patience, Paused, Timing } from './retry.ts';
import { stage } from './staging.ts';
import type { Limits, NewUpload, Upload, UploadPage } from './types.ts';

export { UploadError } from './errors.ts';
export type { Paused } from './retry.ts';
export type * from './types.ts';

export type ClientOptions = {
  apiUrl: string;
  /**
   * The user's JWT, or where to get it: asked before every call, so it may be renewed under way, and once more with the
   * token that the API has refused. The device's clock may be wrong, so believe the API.
   */
  token: string | ((refused?: string) => Promise<string>);
  /**
   * The language of the texts for people, as in Accept-Language, such as `zh-CN`. Browsers and iOS send their own; Node
   * and Android send none, and get English.
   */
  language?: string | undefined;
  fetch?: Fetch | undefined;
  /** How a file goes to storage, where the platform has a way of its own. */
  put?: Put | undefined;
  timing?: Partial<Timing> | undefined;
  /**
   * How long an upload waits for an answer before it rejects. If not given: until the upload's deadline for the file to
   * arrive, without an end before and after that.
   */
  patienceMs?: number | undefined;
  /** How many parts of a file are on the way at the same time; 3 if not given. */
  partsAtOnce?: number | undefined;
};

/** The staging leg ends when storage has the file, the delivery leg when IPD has it. */
export type Progress = { leg: 'staging' | 'delivery'; bytes: number; total: number };

export type Watch = {
  /** Ends the client's work with the signal's reason; the upload itself goes on unless `cancel` is called. */
  signal?: Signal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Every change that the server reports, the first directly after creation. */
  onStatus?: ((upload: Upload) => void) | undefined;
  /** Says why nothing goes on at the moment, and with undefined that it goes on. An upload waits by itself. */
  onPaused?: ((paused: Paused | undefined) => void) | undefined;
};

/** The same key with the same file continues the same upload, also after a restart. */
export type Creation = { idempotencyKey?: string | undefined; signal?: Signal | undefined };

/** In Node `file` comes from `openAsBlob`, in a browser it is a File: it is never held in memory as a whole. */
type Source = { file: FileBody & { readonly lastModified?: number } };

export type UploadRequest = Omit<NewUpload, 'size'> &
  Creation &
  Watch &
  Source & {
    /** Attaches the file once more if it is attached already; only on a person's wish. */
    again?: boolean | undefined;
  };

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
  signal?: Signal | undefined;
};

type Reply = Answer & { body: unknown; etag: string | null };

type Act = (id: string, signal?: Signal) => Promise<Upload>;

export type Client = ReturnType<typeof createClient>;

/** A client for one API and one user; its functions reject with an UploadError, or with the reason of their signal. */
export function createClient(options: ClientOptions) {
  const { apiUrl, token, fetch = globalThis.fetch, put = putFile, partsAtOnce = 3 } = options;
  const { patienceMs: limitMs, language } = options;
  const base = apiUrl.replace(/\/+$/, '');
  const timing: Timing = { ...DEFAULT_TIMING, ...options.timing };

  function create(
    about: NewUpload,
    { idempotencyKey = randomKey(), signal }: Creation = {},
    patience?: Patience,
  ): Promise<Upload> {
    const headers = { 'idempotency-key': idempotencyKey };
    return ask({ method: 'POST', path: PATH, headers, body: about, signal }, patience);
  }

  const act =
    (method: Call['method'], action = ''): Act =>
    (id, signal) =>
      ask({ method, path: pathOf(id) + action, signal });

  async function cancel(id: string, signal?: Signal): Promise<void> {
    await call({ method: 'DELETE', path: pathOf(id), signal });
  }

  /** One page of the user's own uploads, newest first, to `resume` or `follow`, also after a reinstall. */
  async function list(filter: ListFilter = {}, signal?: Signal): Promise<UploadPage> {
    const query = Object.entries(filter).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    );
    const { body } = await call({ method: 'GET', path: `${PATH}?${query.join('&')}`, signal });
    if (!isUploadPage(body)) throw noApi(base);
    return body;
  }

  /** What the API accepts, to be read before the user pays for data. */
  async function limits(signal?: Signal): Promise<Limits> {
    const { body } = await call({ method: 'GET', path: '/v1/limits', signal });
    if (!isLimits(body)) throw noApi(base);
    return body;
  }

  /**
   * Creates, sends the file to storage and follows: resolves with the final upload, which may be a failed one.
   * The same file for the same work item is the same upload: called again, also after a crash, it sends what
   * storage lacks; once delivered, it resolves with that upload and attaches nothing, unless it is to attach the file
   * `again`. The file is identified by its `sha256`, or else by its name, size and time of change; a Blob that has
   * neither hash nor time is another file with every call.
   */
  async function upload(request: UploadRequest): Promise<Upload> {
    const { file, idempotencyKey: given, again, signal, onProgress, onStatus, onPaused, ...rest } = request;
    const about = { ...rest, size: file.size };
    const patience = createPatience(limitMs, onPaused);
    const first = given ?? fingerprint(about, file.lastModified) ?? randomKey();
    let created = await create(about, { idempotencyKey: first, signal }, patience);
    if (again) {
      // Each key follows from the delivered upload before it: a call after a crash finds the upload that it had begun.
      while (created.status === 'delivered') {
        const idempotencyKey = `${first}-after-${created.id}`;
        created = await create(about, { idempotencyKey, signal }, patience);
      }
    }
    return carryOn(created, { file, signal, onProgress, onStatus }, patience);
  }

  /**
   * Goes on with an upload that `list` shows, as `upload` would. Rejects with `file_differs`, before anything
   * is sent, when the file has another size, or another `sha256`, than the one announced.
   */
  async function resume(id: string, { sha256, ...request }: ResumeRequest): Promise<Upload> {
    const { file, signal, onPaused } = request;
    const patience = createPatience(limitMs, onPaused);
    const found = await ask({ method: 'GET', path: pathOf(id), signal }, patience);
    const isSame = (found.sha256 ?? sha256) === (sha256 ?? found.sha256);
    if (found.size === file.size && isSame) return carryOn(found, request, patience);
    throw new UploadError({ code: 'file_differs', detail: 'Not the file of the upload' });
  }

  async function carryOn(found: Upload, watch: Watch & Source, patience: Patience): Promise<Upload> {
    const { status, uploadDeadline, updatedAt } = found;
    watch.onStatus?.(found);
    if (isFinal(found)) return found;
    if (status === 'awaiting_upload') {
      // A length of time by the server's clock: the device's own may be wrong.
      patience.endIn(Date.parse(uploadDeadline) - Date.parse(updatedAt));
      await sendFile(found, watch, patience);
      patience.endIn(Infinity);
    }
    return poll(found.id, watch, patience);
  }

  /** Sends what storage lacks. Resolves as well when nothing is awaited any more: `poll` reads why. */
  async function sendFile(
    found: Upload,
    { file, signal, onProgress }: Watch & Source,
    patience: Patience,
  ): Promise<void> {
    const path = pathOf(found.id);
    try {
      await stage(found, {
        file,
        partsAtOnce,
        timing,
        patience,
        signal,
        fetch,
        put,
        onBytes: (bytes) => onProgress?.({ leg: 'staging', bytes, total: file.size }),
        // Once only: the staging leg has its own attempts.
        sign: async (stop) => asUpload(await send({ method: 'POST', path: `${path}/urls`, signal: stop })),
        complete: () => ask({ method: 'POST', path: `${path}/complete`, signal }, patience),
      });
    } catch (error) {
      // The file has arrived meanwhile, or the upload has ended.
      if (!(error instanceof UploadError && error.code === 'upload_state_conflict')) throw error;
    }
  }

  /** Reads an upload, as often as the server asks, until it is final. */
  function follow(id: string, watch: Watch = {}): Promise<Upload> {
    return poll(id, watch, createPatience(limitMs, watch.onPaused));
  }

  async function poll(
    id: string,
    { signal, onProgress, onStatus }: Watch,
    patience: Patience,
  ): Promise<Upload> {
    let etag: string | null = null;
    for (;;) {
      const headers: Record<string, string> = etag === null ? {} : { 'if-none-match': etag };
      const reply = await call({ method: 'GET', path: pathOf(id), headers, signal }, patience);
      if (reply.status !== 304) {
        const current = asUpload(reply);
        etag = reply.etag;
        onStatus?.(current);
        onProgress?.({ leg: 'delivery', bytes: deliveredBytes(current), total: current.size ?? 0 });
        if (isFinal(current)) return current;
      }
      await pause(reply.retryAfterMs ?? timing.pollMs, signal);
    }
  }

  async function ask(request: Call, patience?: Patience): Promise<Upload> {
    return asUpload(await call(request, patience));
  }

  function asUpload({ body }: Reply): Upload {
    if (!isUpload(body)) throw noApi(base);
    return body;
  }

  function call(request: Call, patience?: Patience): Promise<Reply> {
    return repeat(() => send(request), timing, request.signal, patience);
  }

  /** One call, with a renewed token if the first is refused; every refusal is an UploadError. */
  async function send(request: Call): Promise<Reply> {
    const first = await askToken();
    let reply = await exchange(request, first);
    if (reply.status === 401 && token !== first) reply = await exchange(request, await askToken(first));
    if (reply.status >= 400) throw apiError(reply, base);
    return reply;
  }

  async function askToken(refused?: string): Promise<string> {
    if (typeof token === 'string') return token;
    try {
      return await token(refused);
    } catch (cause) {
      // It may need the network itself, and then fails as fetch does.
      if (!/fetch|network|load failed/i.test(String(cause))) throw cause;
      throw new UploadError({ code: 'network', retryable: true, detail: 'No answer for a token' }, cause);
    }
  }

  async function exchange({ method, path, headers, body, signal }: Call, jwt: string): Promise<Reply> {
    const authorization = `Bearer ${jwt}`;
    const sent = {
      ...headers,
      ...(language && { 'accept-language': language }),
      ...(body && { 'content-type': 'application/json' }),
      authorization,
    };
    // fetch fails on them as it does without a network.
    if (/[^ -~]/.test(Object.values(sent).join(''))) {
      throw new UploadError({ code: 'invalid_request', detail: 'A header is not ASCII' });
    }
    return unlessStalled(signal, timing.stallMs, async (stop) => {
      try {
        const init = { method, headers: sent, body: body ? JSON.stringify(body) : null, signal: stop };
        const response = await fetch(`${base}${path}`, init);
        const { status, headers: got } = response;
        const text = await response.text();
        const retryAfterMs = readSeconds(got.get('retry-after'));
        return { status, text, body: parseJson(text), etag: got.get('etag'), retryAfterMs };
      } catch (cause) {
        const init = { method: 'GET', headers: { authorization: 'Bearer' }, signal: stop };
        throw await noAnswer({ target: base, cause, url: `${base}/v1/limits`, init, fetch });
      }
    });
  }

  return {
    /** Registers a file and gets the URLs for it. Without a key every call makes another upload. */
    create: (about: NewUpload, creation?: Creation): Promise<Upload> => create(about, creation),
    status: act('GET'),
    /** Fresh URLs for what storage has not got yet. */
    urls: act('POST', '/urls'),
    /** Says that all was sent; rejects with `upload_incomplete`, whose `errors` name the parts, when storage lacks some. */
    complete: act('POST', '/complete'),
    /** Sends a failed upload to IPD again, from storage; `error.retryable` tells whether that can be. */
    retry: act('POST', '/retry'),
    cancel,
    list,
    limits,
    upload,
    resume,
    follow,
  };
}

const PATH = '/v1/uploads';

function deliveredBytes({ status, size, delivery }: Upload): number {
  return (status === 'delivered' && size) || delivery.bytesSent;
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}
