/**
 * CodeArts Req's API: attachments here, links and comments in files of their own. One private function sends every
 * request and says what its answer means; errors are data (`Verdict`), so the caller decides what happens next.
 * Holds the credentials; never retries by itself, but for one fresh token on a call without effects.
 */
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import {
  ACCESS_KEY_BODY_LIMIT,
  createTokenSource,
  EMPTY_PAYLOAD,
  sha256,
  signRequest,
  UNSIGNED_PAYLOAD,
} from './auth.ts';
import type { AccessKey, Authorization, IamUser } from './auth.ts';
import type { FencedCall, JsonCall } from './calls.ts';
import { createComments } from './comments.ts';
import { classify } from './errors.ts';
import type { Failure, Verdict } from './errors.ts';
import { frameFile, frameOverhead } from './form.ts';
import { createLinks } from './links.ts';
import { describeFailure, isUnconnected, readText } from './wire.ts';
import type { Sink, Source } from '../runtime/stream.ts';
import type { WorkItem } from '../domain/upload.ts';
import type { Send, WireAnswer } from './wire.ts';
import { MINUTE_MS } from '../domain/units.ts';

export type Credentials = { accessKey?: AccessKey | undefined; user?: IamUser | undefined };

export type IpdOptions = {
  endpoint: string;
  iamEndpoint: string;
  region: string;
  auth: 'auto' | 'aksk' | 'token';
  credentials: Credentials;
  send: Send;
  clock: Clock;
};

/** An attachment as the list shows it; `size` in bytes, undefined where that cannot be read; `name` for people only. */
export type Attachment = { id: string; size: number | undefined; name: string };

/** A work item's attachments. `isGiven` is false for a success that gave no list at all, not even an empty one. */
export type Listing = { kind: 'listed'; attachments: Attachment[]; isGiven: boolean };

export type UploadRequest = WorkItem & {
  filename: string;
  contentType: string;
  size: number;
  /** The file's bytes, exactly `size` of them. */
  file: Source;
  /** Called after the file's last byte; only when it resolves is the closing boundary sent. */
  fence: () => Promise<void>;
  signal: AbortSignal;
};

/**
 * IPD has the file. `attachmentId` is null if IPD did not name exactly one id. `statedSize`: the size in bytes that
 * IPD states for that id, where it can be read. `requestId`: IPD's id of the exchange.
 */
export type Stored = {
  kind: 'stored';
  attachmentId: string | null;
  statedSize: number | undefined;
  requestId: string | undefined;
};

/** The list of a work item holds at most 100 elements and has no paging. */
export const LIST_LIMIT = 100;

const IDLE_MS = MINUTE_MS;

const FIELD = 'attachment';

/** Documented as a number, seen as a string; anything else counts as absent. */
const size = z
  .union([z.int().nonnegative(), z.string().regex(/^\d+$/).transform(Number)])
  .optional()
  .catch(undefined);
const name = z.string().nullish();
/** Ids are longer than a JavaScript number can carry: a number here has lost digits already, so only strings count. */
const listAnswer = z.object({
  result: z
    .array(
      z.object({
        id: z.string(),
        file_size: size,
        filesize: size,
        file_name: name,
        store_filename: name,
        title: name,
      }),
    )
    .nullish(),
});
const uploadAnswer = z.object({
  result: z.tuple([z.object({ id: z.string().min(1), filesize: size, file_size: size })]),
});

type Call = {
  method: JsonCall['method'];
  path: string;
  body?: Body;
  signal: AbortSignal;
};

/** `payload`: as `signRequest` takes it. */
type Body = { contentType: string; length: number; content: Source | Uint8Array; payload: string };

type Reply = { kind: 'reply'; answer: WireAnswer; authorization: Record<string, string> };

export type IpdClient = ReturnType<typeof createIpdClient>;

/** A client of one region's IPD service. Throws at once when the credentials do not fit the way of authentication. */
export function createIpdClient(options: IpdOptions) {
  const { endpoint, credentials, send, clock } = options;
  const accessKey = options.auth === 'token' ? undefined : credentials.accessKey;
  const user = options.auth === 'aksk' ? undefined : credentials.user;
  const tokens = user && createTokenSource({ ...options, user });
  const names = [
    credentials.accessKey?.accessKey,
    credentials.user?.username,
    credentials.user?.domain,
  ].filter((word) => word !== undefined);
  if (accessKey === undefined && tokens === undefined) {
    throw new Error(`IPD_CREDENTIALS: nothing in them fits IPD_AUTH=${options.auth}`);
  }

  /** The largest file that our credentials can send: an access key's limit includes the form frame. */
  function largestFile(part: { filename: string; contentType: string }): number {
    if (tokens !== undefined) return Number.POSITIVE_INFINITY;
    return ACCESS_KEY_BODY_LIMIT - frameOverhead({ field: FIELD, ...part });
  }

  /**
   * The work item's attachments, at most `LIST_LIMIT` of them.
   * https://support.huaweicloud.com/api-projectman/ShowIpdAttachmentByWorkItemId.html
   */
  async function list(item: WorkItem, signal: AbortSignal): Promise<Listing | Failure> {
    const path = `/v1/ipdprojectservice/projects/${item.projectId}/attachments?issue_id=${item.issueId}`;
    const verdict = await withFreshToken(() => ask({ method: 'GET', path, signal }));
    if (verdict.kind !== 'success') return verdict;
    const parsed = listAnswer.safeParse(verdict.body);
    if (!parsed.success) return { kind: 'unconfirmed', detail: 'the list of attachments cannot be read' };
    const { result } = parsed.data;
    const attachments = (result ?? []).map((row) => ({
      id: row.id,
      size: row.file_size ?? row.filesize,
      name: row.file_name ?? row.store_filename ?? row.title ?? '',
    }));
    return { kind: 'listed', attachments, isGiven: Array.isArray(result) };
  }

  /**
   * Sends one file. Throws what `file` or `fence` throws; returns every other failure.
   * https://support.huaweicloud.com/api-projectman/CreateIpdProjectIssueAttachment.html
   */
  async function upload(request: UploadRequest): Promise<Stored | Failure> {
    const { file, fence, signal } = request;
    const { head, tail, contentType, contentLength } = frameFile({ ...request, field: FIELD });
    const body = heldBody({
      first: async (sink, exchange) => {
        await sink(head);
        await file(sink, exchange);
      },
      last: tail,
      fence,
    });
    const verdict = await ask({
      method: 'POST',
      path: `/v1/ipdprojectservice/projects/${request.projectId}/issues/${request.issueId}/attachments/upload`,
      // A file is not read before it is sent, so it cannot be signed.
      body: { contentType, length: contentLength, content: body.source, payload: UNSIGNED_PAYLOAD },
      signal,
    });
    return storedOf(asWritten(verdict, { isComplete: await body.end() }));
  }

  /**
   * An attachment's bytes, which the caller reads or closes. `isPage`: the body is a web page or JSON. An attachment
   * may be one, but so may an error text of a proxy or of IPD.
   * https://support.huaweicloud.com/intl/zh-cn/api-projectman/DownloadIpdIssueAttachment.html
   */
  async function download(
    attachment: { projectId: string; id: string },
    signal: AbortSignal,
  ): Promise<{ kind: 'file'; isPage: boolean; body: AsyncIterable<Uint8Array> } | Failure> {
    const path = `/v1/ipdprojectservice/projects/${attachment.projectId}/attachments/download/${attachment.id}`;
    return withFreshToken(async () => {
      const reply = await deliver({ method: 'GET', path, signal });
      if (reply.kind !== 'reply') return reply;
      const { status, headers, body } = reply.answer;
      const isPage = /^(?:text\/html|application\/json)\b/i.test(headers['content-type'] ?? '');
      if (status === 200) return { kind: 'file' as const, isPage, body };
      const verdict = await interpret(reply);
      if (verdict.kind === 'success') {
        return { kind: 'unconfirmed' as const, detail: 'no file in the answer' };
      }
      // An attachment that was deleted may answer so for ever, and must not keep a check from its end.
      const isGone = status === 404 && verdict.kind === 'unconfirmed';
      return isGone
        ? { kind: 'refused' as const, code: 'ipd_refused' as const, detail: verdict.detail }
        : verdict;
    });
  }

  /** A call with a JSON body, or with none, which changes nothing. */
  async function read(call: JsonCall): Promise<Verdict> {
    return withFreshToken(() => ask(framed(call)));
  }

  /** A call with a JSON body, or with none, which changes something. */
  async function write(call: JsonCall): Promise<Verdict> {
    return asWritten(await ask(framed(call)), { isComplete: true });
  }

  /** The same; its body waits for the fence. Throws what `fence` throws before the exchange is over. */
  async function writeBehindFence({ content, fence, ...call }: FencedCall): Promise<Verdict> {
    const json = jsonBody(content);
    const held = heldBody({ last: json.content, fence });
    const verdict = await ask({ ...call, body: { ...json, content: held.source } });
    return asWritten(verdict, { isComplete: await held.end() });
  }

  /** Repeats a call without effects once when its token was dead. */
  async function withFreshToken<T extends { kind: string }>(call: () => Promise<T>): Promise<T> {
    const first = await call();
    return first.kind === 'token_dead' ? call() : first;
  }

  async function ask(call: Call): Promise<Verdict> {
    const reply = await deliver(call);
    return reply.kind === 'reply' ? interpret(reply) : reply;
  }

  /** Authenticates and sends: the only place that sends requests. */
  async function deliver(call: Call): Promise<Reply | Failure> {
    const url = new URL(call.path, endpoint);
    const authorization = await authorize(call, url);
    if (authorization.kind !== 'authorized') return authorization;
    try {
      const answer = await send({
        method: call.method,
        url,
        headers: { accept: 'application/json', ...headersOf(call.body), ...authorization.headers },
        ...(call.body && { body: call.body.content }),
        signal: call.signal,
        idleMs: IDLE_MS,
      });
      return { kind: 'reply', answer, authorization: authorization.headers };
    } catch (error) {
      const detail = describeFailure(error);
      return isUnconnected(error)
        ? { kind: 'unavailable', detail, isOutage: true }
        : { kind: 'unconfirmed', detail };
    }
  }

  async function interpret({ answer, authorization }: Reply): Promise<Verdict> {
    try {
      const verdict = classify({ ...answer, text: await readText(answer.body) }, names);
      if (verdict.kind === 'token_dead') tokens?.drop(authorization);
      return verdict;
    } catch (error) {
      return { kind: 'unconfirmed', detail: `HTTP ${answer.status}, then ${describeFailure(error)}` };
    }
  }

  /** `auto` signs what an access key may sign and takes a token for the rest. */
  async function authorize(call: Call, url: URL): Promise<Authorization> {
    const fits = (call.body?.length ?? 0) <= ACCESS_KEY_BODY_LIMIT;
    if (accessKey !== undefined && (fits || tokens === undefined)) {
      const { method, body } = call;
      const payload = body?.payload ?? EMPTY_PAYLOAD;
      const headers = signRequest({ method, url, payload }, accessKey, clock.now());
      return { kind: 'authorized', headers };
    }
    if (tokens !== undefined) return tokens.authorize(call.signal);
    throw new Error('no credentials');
  }

  const asking = { read, write, writeBehindFence };
  return { list, upload, download, largestFile, ...createLinks(asking), ...createComments(asking) };
}

function framed({ content, ...call }: JsonCall): Call {
  return content === undefined ? call : { ...call, body: jsonBody(content) };
}

function jsonBody(json: Record<string, string>) {
  const content = Buffer.from(JSON.stringify(json));
  return { contentType: 'application/json', length: content.length, content, payload: sha256(content) };
}

function headersOf(body: Body | undefined): Record<string, string> {
  return body === undefined
    ? {}
    : { 'content-type': body.contentType, 'content-length': String(body.length) };
}

/** A body whose `last` bytes, without which the request is not complete, wait for the fence. */
function heldBody({ first, last, fence }: { first?: Source; last: Uint8Array; fence: () => Promise<void> }) {
  let isComplete = false;
  let interruption: { cause: unknown } | undefined;
  let pouring: Promise<void> | undefined;

  async function pour(sink: Sink, signal: AbortSignal): Promise<void> {
    try {
      await first?.(sink, signal);
      signal.throwIfAborted();
      await fence();
    } catch (cause) {
      // An error after the end of the exchange is only a consequence of that end.
      if (!signal.aborted) interruption = { cause };
      throw cause;
    }
    // An answer may have come while the fence was passed.
    signal.throwIfAborted();
    isComplete = true;
    await sink(last);
  }

  const source: Source = (sink, signal) => {
    pouring = pour(sink, signal);
    return pouring;
  };

  /** Whether the last bytes may have been sent. Throws what `first` or `fence` threw before the exchange was over. */
  async function end(): Promise<boolean> {
    // A fence that is still being written must end before the caller acts on the answer.
    await pouring?.catch(() => undefined);
    if (interruption !== undefined) throw interruption.cause;
    return isComplete;
  }

  return { source, end };
}

/** What IPD's answer to a file says. */
function storedOf(verdict: Verdict): Stored | Failure {
  if (verdict.kind !== 'success') return verdict;
  const [named] = uploadAnswer.safeParse(verdict.body).data?.result ?? [];
  return {
    kind: 'stored',
    attachmentId: named?.id ?? null,
    statedSize: named?.filesize ?? named?.file_size,
    requestId: verdict.requestId,
  };
}

/** What IPD's answer says to a request that was to change something. `isComplete`: with its last bytes. */
function asWritten(verdict: Verdict, { isComplete }: { isComplete: boolean }): Verdict {
  if (isComplete) {
    // A text that asks to try later does not prove that nothing was done.
    return verdict.kind === 'throttled' && !verdict.isRefusal
      ? { kind: 'unconfirmed', detail: verdict.detail }
      : verdict;
  }
  if (verdict.kind === 'success') {
    const detail = 'success for a request that was not complete';
    return { kind: 'unavailable', detail, isContradiction: true };
  }
  // Without its last bytes there is nothing that IPD could have done.
  return verdict.kind === 'unconfirmed' ? { ...verdict, kind: 'unavailable' } : verdict;
}
