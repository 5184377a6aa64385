/**
 * Reads the body of one request: counts it, hashes it on demand, looks ahead without losing bytes, and stops where a
 * fault says so. It reads only on demand, so that a pause stops the sender, and never closes the source.
 */
import { createHash, type Hash } from 'node:crypto';
import { ConnectionLost } from './types.ts';

type Interrupt = { afterBytes: number; act: () => Promise<void> };

export type Body = ReturnType<typeof createBody>;

/** Reads `source`; reading throws ConnectionLost when it breaks or ends before its declared length. */
export function createBody(options: { source: AsyncIterable<Uint8Array>; contentLength: number | null }) {
  const { source, contentLength } = options;
  const iterator = source[Symbol.asyncIterator]();
  const ahead: Uint8Array[] = [];
  let hash: Hash | undefined;
  let interrupt: Interrupt | undefined;
  let bytes = 0;
  let isComplete = false;
  let isLate = (): boolean => false;

  async function pull(): Promise<Uint8Array | undefined> {
    if (isComplete) return undefined;
    const step = await iterator.next().catch((cause: unknown) => {
      throw new ConnectionLost('the request ended early', { cause });
    });
    if (step.done === true) {
      if (contentLength !== null && bytes < contentLength) {
        throw new ConnectionLost(`the request ended after ${bytes} of ${contentLength} bytes`);
      }
      isComplete = true;
      return undefined;
    }
    if (isLate()) throw new ConnectionLost('the request took too long');
    bytes += step.value.length;
    hash?.update(step.value);
    return step.value;
  }

  /** Reads until it has seen `marker`, at most about `limit` bytes; `chunks` yields these bytes again. */
  async function peek(marker: string, limit: number): Promise<Buffer> {
    let seen = Buffer.concat(ahead);
    while (!seen.includes(marker) && seen.length < limit) {
      const chunk = await pull();
      if (chunk === undefined) break;
      ahead.push(chunk);
      seen = Buffer.concat([seen, chunk]);
    }
    return seen;
  }

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = ahead.shift() ?? (await pull());
      if (interrupt !== undefined && (chunk === undefined || bytes >= interrupt.afterBytes)) {
        const { act } = interrupt;
        interrupt = undefined;
        await act();
      }
      if (chunk === undefined) return;
      yield chunk;
    }
  }

  async function readText(): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks()) parts.push(chunk);
    return Buffer.concat(parts).toString('utf8');
  }

  async function drain(): Promise<void> {
    let chunk: Uint8Array | undefined;
    do chunk = await pull();
    while (chunk !== undefined);
  }

  return {
    peek,
    chunks,
    readText,
    /** Reads the rest and drops it. */
    drain,
    /** To be called before the first byte is read. */
    startHash: () => {
      hash = createHash('sha256');
    },
    sha256: () => hash?.copy().digest('hex') ?? '',
    /** After `afterBytes` bytes, awaits `act` before it reads on. */
    interruptAt: (next: Interrupt) => {
      interrupt = next;
    },
    /** Bytes that arrive after `time` end the connection. */
    endBy: (clock: () => number, time: number) => {
      isLate = () => clock() > time;
    },
    bytes: () => bytes,
    isComplete: () => isComplete,
  };
}
