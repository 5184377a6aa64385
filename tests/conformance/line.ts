/**
 * The lines between one client and the stack: one to the API, one to storage, and the source of its tokens. They pass
 * everything on, write down what was asked and answered, and break, delay or answer what a scenario says. The answers of
 * the API name the lines' own addresses, and requests go on with the Host that storage has signed.
 */
import { createServer, request as forward } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { EventEmitter, once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { listen } from '../../local/listen.ts';
import { nameOfCall, nameOfStorageRequest } from './exchange.ts';
import type { Exchange } from './exchange.ts';
import { STATION_ORIGIN } from './station.ts';

export type Action =
  /** Answers instead of the other side, which never hears of the request. */
  | { do: 'answer'; status: number; headers?: Record<string, string>; body?: string }
  /** Passes on, then breaks the connection instead of answering. */
  | { do: 'lose the answer' }
  | { do: 'reset' }
  /** From this request on, what was given out before counts for nothing. */
  | { do: 'expire'; what: 'urls' | 'tokens' }
  /** Stands still at this moment, until the client is dead or the line is cut. */
  | { do: 'stop'; when: 'before' | 'within' | 'after' };

/** Acts on requests of this name: the first one, or `times`, after the first `skip`. */
export type Rule = { on: string; skip?: number; times?: number; act: Action };

export type Lines = Awaited<ReturnType<typeof startLines>>;

type Answered = { status: number; headers: Record<string, string | string[] | undefined>; body: Buffer };

/** For the line's own answers to pages. */
const PERMISSION = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'retry-after,etag',
};
const EXPIRED_URL =
  '<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>';
const SIGNED_URL = /https?:[^"\\]*X-Amz-Signature[^"\\]*/g;

/** Starts the lines; `mint` makes the token of a serial number. */
export async function startLines({
  apiUrl,
  s3Url,
  origin,
  rules,
  mint,
}: {
  apiUrl: string;
  s3Url: string;
  /** Of the client's page, where it is one. */
  origin: string;
  rules: readonly Rule[];
  mint: (serial: number) => Promise<string>;
}) {
  const exchanges: Exchange[] = [];
  const seen = new Map<string, number>();
  const news = new EventEmitter();
  const sockets = new Set<Socket>();
  const signed = new Set<string>();
  const refusedUrls = new Set<string>();
  const tokens = new Set<string>();
  const refusedTokens = new Set<string>();
  let isUp = true;
  let life = 0;
  let hasStopped = false;
  let open = 0;

  const start = async (to: 'api' | 'storage', target: string) => {
    const server = createServer({ requestTimeout: 0 }, (incoming, response) => {
      open += 1;
      void carry(to, target, incoming, response)
        .catch(() => response.destroy())
        .finally(() => {
          open -= 1;
          news.emit('news');
        });
    });
    watchSockets(server);
    return listen(server, 0);
  };
  const api = await start('api', apiUrl);
  const storage = await start('storage', s3Url);
  const source = await listen(
    createServer((_incoming, response) => {
      giveToken(response).catch(() => response.destroy());
    }),
    0,
  );

  async function giveToken(response: ServerResponse): Promise<void> {
    const token = await mint(tokens.size + 1);
    tokens.add(token);
    response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
    response.end(JSON.stringify({ token }));
  }

  function watchSockets(server: Server): void {
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        news.emit('news');
      });
    });
  }

  async function carry(
    to: 'api' | 'storage',
    target: string,
    incoming: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const { method = '', headers } = incoming;
    const url = new URL(incoming.url ?? '', target);
    const gone = new Promise<void>((resolve) => response.on('close', () => resolve()));
    // A browser's question before a request is none of the client's.
    const isAsked = method === 'OPTIONS';
    const name = to === 'api' ? nameOfCall(method, url) : nameOfStorageRequest(method, url);
    const exchange: Exchange = { to, name, life, at: performance.now(), headers };
    if (!isAsked) exchanges.push(exchange);
    news.emit('news');
    if (!isUp) return void response.destroy();

    const action = isAsked ? undefined : actionFor(name);
    const stopsAt = async (when: string): Promise<boolean> => {
      if (action?.do !== 'stop' || action.when !== when) return false;
      hasStopped = true;
      news.emit('news');
      await gone;
      return true;
    };
    if (action?.do === 'expire') expire(action.what);
    if (action?.do === 'reset') return void response.destroy();
    if (action?.do === 'stop' && action.when === 'within') await Promise.race([once(incoming, 'data'), gone]);
    if ((await stopsAt('before')) || (await stopsAt('within'))) return;
    const body = await Promise.race([buffer(incoming), gone]);
    if (!body) return;
    const own =
      action?.do === 'answer' ? answerOf(action) : isAsked ? undefined : refusalOf(to, exchange, url);
    if (own) return send(exchange, response, { ...own, headers: { ...own.headers, ...PERMISSION } });
    const far = await pass(url, { method, headers: atStation(headers, url) }, body);
    exchange.farStatus = far.status;
    news.emit('news');
    if (await stopsAt('after')) return;
    if (action?.do === 'lose the answer') return void response.destroy();
    const answer = to === 'api' ? rewritten(far) : far;
    const isAllowed = far.headers['access-control-allow-origin'] === STATION_ORIGIN;
    const permission = isAllowed && { 'access-control-allow-origin': origin };
    await send(exchange, response, { ...answer, headers: { ...answer.headers, ...permission } });
  }

  function drop(): void {
    for (const socket of sockets) socket.destroy();
  }

  /** Lets everything of this kind that was given out so far expire. */
  function expire(what: 'urls' | 'tokens'): void {
    const [given, refused] = what === 'urls' ? [signed, refusedUrls] : [tokens, refusedTokens];
    for (const one of given) refused.add(one);
  }

  /** A request as the other side has to get it: with the Host that was signed, and the origin that is allowed. */
  function atStation(headers: IncomingMessage['headers'], { host }: URL): IncomingMessage['headers'] {
    return { ...headers, host, ...(headers.origin === origin && { origin: STATION_ORIGIN }) };
  }

  function actionFor(name: string): Action | undefined {
    const count = seen.get(name) ?? 0;
    seen.set(name, count + 1);
    return rules.find(({ on, skip = 0, times = 1 }) => on === name && count >= skip && count < skip + times)
      ?.act;
  }

  /** The answer to a request with an expired token or URL. */
  function refusalOf(to: 'api' | 'storage', { headers }: Exchange, { pathname, search }: URL) {
    const token = String(headers['authorization'] ?? '').replace(/^Bearer /, '');
    if (to === 'api' && refusedTokens.has(token)) {
      const body = Buffer.from('{"message":"Unauthorized"}');
      return { status: 401, headers: { 'content-type': 'application/json' }, body };
    }
    if (to === 'storage' && refusedUrls.has(`${storage.url}${pathname}${search}`)) {
      return { status: 403, headers: { 'content-type': 'application/xml' }, body: Buffer.from(EXPIRED_URL) };
    }
    return undefined;
  }

  function rewritten({ status, headers, body }: Answered): Answered {
    const own = (text: string) => text.replaceAll(s3Url, storage.url).replaceAll(apiUrl, api.url);
    const text = own(body.toString());
    for (const [url] of text.matchAll(SIGNED_URL)) signed.add(url);
    const location = headers['location'];
    return {
      status,
      headers: { ...headers, ...(typeof location === 'string' && { location: own(location) }) },
      body: Buffer.from(text),
    };
  }

  async function send(
    exchange: Exchange,
    response: ServerResponse,
    { status, headers, body }: Answered,
  ): Promise<void> {
    const { 'transfer-encoding': _encoding, connection: _connection, ...kept } = headers;
    const length = body.length > 0 || status === 200 ? { 'content-length': String(body.length) } : {};
    // Taken before the client can have it, so that its wait is never measured too short.
    exchange.answeredAt = performance.now();
    response.writeHead(status, { ...kept, ...length });
    // A connection that was closed before answers nothing any more.
    if (response.destroyed) return;
    await new Promise<void>((resolve) => {
      response.on('close', () => resolve());
      response.end(body, () => {
        exchange.status = status;
        const seconds = Number(headers['retry-after'] ?? Number.NaN);
        if (Number.isFinite(seconds)) exchange.retryAfterSeconds = seconds;
        resolve();
      });
    });
    news.emit('news');
  }

  async function until(check: () => boolean, signal = new AbortController().signal): Promise<void> {
    while (!check() && !signal.aborted) await once(news, 'news', { signal }).catch(() => undefined);
  }

  return {
    apiUrl: api.url,
    tokenUrl: `${source.url}/`,
    exchanges,
    /** Whether a request of this life stands still. */
    hasStopped: () => hasStopped,
    /** Settles when the check of what the lines have seen is true, or once the signal is aborted. */
    until,
    /** A new life of the client begins. */
    begin(): void {
      life += 1;
      hasStopped = false;
    },
    /** Settles when a dead client's last requests have come to their end and its connections are closed. */
    quiet(): Promise<void> {
      // A connection that is not read, since its request stands still, does not show that its other end is gone.
      drop();
      return until(() => open === 0 && sockets.size === 0);
    },
    /** Breaks every connection, the present ones and those to come. */
    cut(): void {
      isUp = false;
      drop();
    },
    restore(): void {
      isUp = true;
    },
    expire,
    async close(): Promise<void> {
      await Promise.all([api.close(), storage.close(), source.close()]);
    },
  };
}

function answerOf({ status, headers = {}, body = '' }: Extract<Action, { do: 'answer' }>): Answered {
  return { status, headers, body: Buffer.from(body) };
}

function pass(
  url: URL,
  options: { method: string; headers: IncomingMessage['headers'] },
  body: Buffer,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const outgoing = forward(url, { ...options, agent: false }, (answer) => {
      buffer(answer).then(
        (read) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: read }),
        reject,
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
