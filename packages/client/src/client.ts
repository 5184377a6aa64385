/**
 * The client of the upload API for browsers, React Native and Node: create, send to storage, follow
 * until IPD has the file. It needs fetch and no package, and keeps no state: after a restart the same
 * `upload` call, or `resume` with what `list` shows, goes on where the earlier run stopped.
 */
import { apiError, network, noApi, parseJson, readAnswer, UploadError } from './errors.ts';
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

/** In Node `file` comes from `openLocalFile`, in a browser it is a File: it is never held in memory as a whole. */
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

type Call = Run & {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: Record<string, string>;
  body?: NewUpload;
};

/** What the calls of one upload have in common; one without patience gives up after a few attempts. */
type Run = { signal?: Signal | undefined; patience?: Patience | undefined };

/** An upload that is carried to its end. */
type Carried = Watch & Source & { patience: Patience };

type Guard<T> = (value: unknown) => value is T;

export type Client = ReturnType<typeof createClient>;

/** A client for one API and one user; its functions reject with an UploadError, or with the reason of their signal. */
export function createClient(options: ClientOptions) {
  const { apiUrl, token, fetch = globalThis.fetch, put = putFile, partsAtOnce = 3 } = options;
  const { patienceMs, language } = options;
  const base = apiUrl.replace(/\/+$/, '');
  const timing: Timing = { ...DEFAULT_TIMING, ...options.timing };

  function create(about: NewUpload, key: string, { signal, patience }: Run): Promise<Upload> {
    const headers = { 'idempotency-key': key };
    return ask({ method: 'POST', path: PATH, headers, body: about, signal, patience }, isUpload);
  }

  /** A call of one upload, and its answer. */
  const act =
    (method: Call['method'], action?: string) =>
    (id: string, signal?: Signal): Promise<Upload> =>
      ask(callOf(method, id, { signal }, action), isUpload);

  /** One page of the user's own uploads, newest first, to `resume` or `follow`, also after a reinstall. */
  async function list(filter: ListFilter = {}, signal?: Signal): Promise<UploadPage> {
    const query = Object.entries(filter).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    );
    return ask({ method: 'GET', path: `${PATH}?${query.join('&')}`, signal }, isUploadPage);
  }

  /** What the API accepts, and what ends as a link, to be read before the user pays for data. */
  async function limits(signal?: Signal): Promise<Limits> {
    return ask({ method: 'GET', path: '/v1/limits', signal }, isLimits);
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
    const patience = createPatience(patienceMs, onPaused);
    const carried = { file, signal, patience, onProgress, onStatus };
    const first = given ?? fingerprint(about, file.lastModified) ?? randomKey();
    let created = await create(about, first, carried);
    // Each key follows from the delivered upload before it: a call after a crash finds the upload that it had begun.
    if (again) {
      while (created.status === 'delivered') {
        created = await create(about, `${first}-after-${created.id}`, carried);
      }
    }
    return carryOn(created, carried);
  }

  /**
   * Goes on with an upload that `list` shows, as `upload` would. Rejects with `file_differs`, before anything
   * is sent, when the file has another size, or another `sha256`, than the one announced.
   */
  async function resume(id: string, request: ResumeRequest): Promise<Upload> {
    const carried = { ...request, patience: createPatience(patienceMs, request.onPaused) };
    const found = await ask(callOf('GET', id, carried), isUpload);
    const { file, sha256 = found.sha256 } = request;
    if (found.size === file.size && sha256 === (found.sha256 ?? sha256)) return carryOn(found, carried);
    throw new UploadError({ code: 'file_differs', detail: 'The upload was created for another file' });
  }

  async function carryOn(found: Upload, carried: Carried): Promise<Upload> {
    const { id, status, uploadDeadline, updatedAt } = found;
    const { file, patience, onProgress, onStatus } = carried;
    onStatus?.(found);
    if (isFinal(found)) return found;
    if (status === 'awaiting_upload') {
      // A length of time by the server's clock: the device's own may be wrong.
      patience.endIn(Date.parse(uploadDeadline) - Date.parse(updatedAt));
      await stage(found, {
        ...carried,
        partsAtOnce,
        timing,
        fetch,
        put,
        onBytes: (bytes) => onProgress?.({ leg: 'staging', bytes, total: file.size }),
        // Once only: the staging leg has its own attempts.
        sign: async (signal) => read(await send(callOf('POST', id, { signal }, '/urls')), isUpload),
        complete: () => ask(callOf('POST', id, carried, '/complete'), isUpload),
      }).catch((error: unknown) => {
        // The file has arrived meanwhile, or the upload has ended: `poll` reads which.
        if (!(error instanceof UploadError && error.code === 'upload_state_conflict')) throw error;
      });
      patience.endIn(Infinity);
    }
    return poll(id, carried);
  }

  /** Reads an upload, as often as the server asks, until it is final. */
  function follow(id: string, watch: Watch = {}): Promise<Upload> {
    return poll(id, { ...watch, patience: createPatience(patienceMs, watch.onPaused) });
  }

  async function poll(id: string, watch: Watch & Run): Promise<Upload> {
    let etag: string | null | undefined;
    for (;;) {
      const headers: Record<string, string> = etag ? { 'if-none-match': etag } : {};
      const reply = await call({ ...callOf('GET', id, watch), headers });
      if (reply.status !== 304) {
        const current = read(reply, isUpload);
        const { status, size, delivery } = current;
        etag = reply.etag;
        watch.onStatus?.(current);
        const bytes = (status === 'delivered' && size) || delivery.bytesSent;
        watch.onProgress?.({ leg: 'delivery', bytes, total: size ?? 0 });
        if (isFinal(current)) return current;
      }
      await pause(reply.retryAfterMs ?? timing.pollMs, watch.signal);
    }
  }

  async function ask<T>(request: Call, isExpected: Guard<T>): Promise<T> {
    return read(await call(request), isExpected);
  }

  function read<T>({ text }: Answer, isExpected: Guard<T>): T {
    const body = parseJson(text);
    if (isExpected(body)) return body;
    throw noApi(base);
  }

  function call(request: Call): Promise<Answer> {
    return repeat(() => send(request), timing, request.signal, request.patience);
  }

  /** One call, with a renewed token if the first is refused; every refusal is an UploadError. */
  async function send(request: Call): Promise<Answer> {
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
      throw network('the token source', cause);
    }
  }

  async function exchange({ method, path, headers, body, signal }: Call, jwt: string): Promise<Answer> {
    const type = body && { 'content-type': 'application/json' };
    const asked = language && { 'accept-language': language };
    const sent = { ...headers, ...type, ...asked, authorization: `Bearer ${jwt}` };
    const request = { method, url: base + path, headers: sent, body: JSON.stringify(body) };
    return unlessStalled(signal, timing.stallMs, { target: base, request, fetch }, async (stop) =>
      readAnswer(await fetch(request.url, { ...request, signal: stop })),
    );
  }

  return {
    /** Registers a file and gets the URLs for it. Without a key every call makes another upload. */
    create: (about: NewUpload, { idempotencyKey = randomKey(), signal }: Creation = {}): Promise<Upload> =>
      create(about, idempotencyKey, { signal }),
    status: act('GET'),
    /** Fresh URLs for what storage has not got yet. */
    urls: act('POST', '/urls'),
    /** Says that all was sent; rejects with `upload_incomplete`, whose `errors` name the parts, when storage lacks some. */
    complete: act('POST', '/complete'),
    /**
     * Sends a failed upload to IPD again, from storage; `error.retryable` tells whether that can be. Asked twice, it
     * resolves with the present state.
     */
    retry: act('POST', '/retry'),
    /** Cancels an upload as long as IPD cannot have the file; removes a linked file, also after its delivery. */
    cancel: act('DELETE'),
    list,
    limits,
    upload,
    resume,
    follow,
  };
}

const PATH = '/v1/uploads';

function callOf(method: Call['method'], id: string, { signal, patience }: Run, action = ''): Call {
  return { method, path: `${PATH}/${encodeURIComponent(id)}${action}`, signal, patience };
}
