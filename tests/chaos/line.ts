/**
 * One connection as its two ends see it: the caller pushes chunks into a small buffer, the server pulls them.
 * It breaks with the error that the caller gives, by the caller's signal, or when it stands still for too long; the
 * chunks in the buffer may then arrive or be lost. It does not know the protocol.
 */
import { abandoned } from '../../lib/runtime/stream.ts';
import type { Container } from './container.ts';
import type { VirtualTime } from './virtual-time.ts';

export type Line = ReturnType<typeof createLine>;

/** A connection for a request of `length` bytes. */
export function createLine(options: {
  time: VirtualTime;
  container: Container;
  signal: AbortSignal;
  idleMs: number;
  length: number;
  /** Whether what the line holds when it breaks does not arrive. */
  areBytesLost: () => boolean;
}) {
  const { time, container, signal, idleMs, length, areBytesLost } = options;
  const room = container.random.pick([1, 2, 3, 8]);
  const buffer: Uint8Array[] = [];
  const { promise: broken, reject } = Promise.withResolvers<never>();
  // The rejection may have no listener; without this it would be unhandled.
  broken.catch(() => undefined);
  /** What the server finds behind the buffer. */
  let rest: 'to come' | 'complete' | 'lost' = length === 0 ? 'complete' : 'to come';
  const exchange = new AbortController();
  let isOver = false;
  let pushed = 0;
  let progressAt = time.now();
  let change = Promise.withResolvers<void>();

  function changed(): void {
    change.resolve();
    change = Promise.withResolvers();
  }

  function progressed(): void {
    progressAt = time.now();
    changed();
  }

  /** The caller has what it wants. */
  function close(): void {
    isOver = true;
    stopWatching();
    if (rest === 'to come') rest = 'lost';
    changed();
    exchange.abort(abandoned);
  }

  function breakOff(error: unknown): void {
    if (isOver) return;
    if (areBytesLost()) {
      buffer.length = 0;
      rest = 'lost';
    }
    close();
    reject(error);
  }

  const isFull = (): boolean => !isOver && buffer.length >= room;

  async function push(chunk: Uint8Array): Promise<void> {
    while (isFull()) await change.promise;
    // A caller that stood still finds the connection timed out, unless it writes before it checks its timers.
    if (time.now() - progressAt >= idleMs && container.random.chance(0.5)) breakOff(failure('ETIMEDOUT'));
    if (isOver) return;
    buffer.push(chunk);
    pushed += chunk.length;
    if (pushed >= length) rest = 'complete';
    progressed();
  }

  async function pull(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const chunk = buffer.shift();
      if (chunk !== undefined) {
        progressed();
        return { value: chunk, done: false };
      }
      if (rest === 'complete') return { value: undefined, done: true };
      if (rest === 'lost') throw failure('ECONNRESET');
      await change.promise;
    }
  }

  async function watch(): Promise<void> {
    const left = progressAt + idleMs - time.now();
    if (left <= 0) breakOff(failure('ETIMEDOUT'));
    if (isOver) return;
    await time.sleep(left);
    await container.awake();
    await watch();
  }

  const abort = (): void => breakOff(signal.reason);
  const forget = container.onDeath(() => breakOff(failure('EPIPE')));
  function stopWatching(): void {
    signal.removeEventListener('abort', abort);
    forget();
  }
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  void watch();

  return {
    push,
    breakOff,
    close,
    /** Aborts when the exchange is over, well or badly. */
    exchange: exchange.signal,
    /** Rejects when it breaks. */
    broken,
    /** What the server reads. */
    incoming: { [Symbol.asyncIterator]: () => ({ next: pull }) },
  };
}

/** An error as sockets have them. */
export function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
