/**
 * The product's way to the fake IPD without sockets: the caller pushes the bytes of its request, IPD pulls them one
 * chunk at a time, and the exchange ends as it does over a socket. It injects no faults; those of IPD are IPD's own.
 */
import type { Ipd } from '../../local/ipd/ipd.ts';
import type { Send, WireRequest } from '../../lib/ipd/wire.ts';
import { abandoned } from '../../lib/runtime/stream.ts';

/** The way to one IPD, at one address; there is nothing at any other one. */
export function createIpdWay(ipd: Ipd, { origin }: { origin: string }) {
  /** The exchanges that are under way. */
  const open = new Set<{ idleMs: number; breakOff: (error: unknown) => void }>();

  const send: Send = async (request) => {
    const { method, url, headers, body, signal, idleMs } = request;
    signal.throwIfAborted();
    if (url.origin !== origin) throw failure('ECONNREFUSED');
    const pipe = createPipe();
    const { promise: broken, reject } = Promise.withResolvers<never>();
    broken.catch(() => undefined);
    const breakOff = (error: unknown): void => {
      pipe.breakOff();
      reject(error);
    };
    const onAbort = (): void => breakOff(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    const exchange = { idleMs, breakOff };
    open.add(exchange);
    // A request leaves with the first byte of its body, so IPD knows nothing of one whose fence keeps that back.
    const begun = Promise.withResolvers<void>();
    const answer = begun.promise.then(() =>
      ipd.handle({
        method,
        url: url.pathname + url.search,
        headers: { 'content-length': String(lengthOf(request)), ...headers, host: url.host },
        body: pipe.incoming,
      }),
    );
    answer.catch(() => undefined);
    write(body, { pipe, begin: begun.resolve }).catch(breakOff);
    try {
      const head = await Promise.race([answer, broken]);
      if (head === 'reset') throw failure('ECONNRESET');
      return { ...head, body: receive(head.body, signal) };
    } finally {
      signal.removeEventListener('abort', onAbort);
      open.delete(exchange);
      pipe.breakOff();
    }
  };

  return {
    send,
    /** IPD stands still for so long: the connections that may not be idle for that time end. */
    stall(ms: number): void {
      for (const { idleMs, breakOff } of open) {
        if (ms >= idleMs) breakOff(new Error(`the connection stood still for ${idleMs} ms`));
      }
    },
  };
}

type Pipe = ReturnType<typeof createPipe>;

/** One chunk at a time: `push` resolves when the reader, who is done with the chunk, asks for the next one. */
function createPipe() {
  const over = new AbortController();
  let chunk: Uint8Array | undefined;
  let isComplete = false;
  /** Resolves when there is something to read; and when the reader wants more. */
  let filled = Promise.withResolvers<void>();
  let wanted = Promise.withResolvers<void>();

  async function next(): Promise<IteratorResult<Uint8Array, undefined>> {
    wanted.resolve();
    for (;;) {
      if (chunk !== undefined) {
        const value = chunk;
        chunk = undefined;
        return { value, done: false };
      }
      if (isComplete) return { value: undefined, done: true };
      if (over.signal.aborted) throw failure('ECONNRESET');
      await filled.promise;
      filled = Promise.withResolvers();
    }
  }

  return {
    signal: over.signal,
    incoming: { [Symbol.asyncIterator]: () => ({ next }) },
    async push(bytes: Uint8Array): Promise<void> {
      over.signal.throwIfAborted();
      chunk = bytes;
      wanted = Promise.withResolvers();
      filled.resolve();
      await wanted.promise;
    },
    complete(): void {
      isComplete = true;
      filled.resolve();
    },
    breakOff(): void {
      if (!isComplete) chunk = undefined;
      over.abort(abandoned);
      filled.resolve();
      wanted.resolve();
    },
  };
}

async function write(
  body: WireRequest['body'],
  { pipe, begin }: { pipe: Pipe; begin: () => void },
): Promise<void> {
  const push = (chunk: Uint8Array): Promise<void> => {
    begin();
    return pipe.push(chunk);
  };
  try {
    if (body instanceof Uint8Array) await push(body);
    else await body?.(push, pipe.signal);
    if (pipe.signal.aborted) return;
    begin();
    pipe.complete();
  } catch (cause) {
    if (!pipe.signal.aborted) throw cause;
  }
}

async function* receive(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    yield chunk;
  }
}

function lengthOf({ headers, body }: WireRequest): number {
  if (body instanceof Uint8Array) return body.length;
  return body === undefined ? 0 : Number(headers['content-length']);
}

/** An error as sockets have them. */
function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
