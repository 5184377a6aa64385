/** Waits of the code under test that take no time, and are noted: in milliseconds, those that came to their end. */
import { afterEach, beforeEach } from '@jest/globals';

/** Longer timers are nets against silence. They stay as they are: a request that is given up at once gets no answer. */
const LONGEST_WAIT_MS = 60_000;

/** Until the function that it answers is called. */
function quicken(waits: number[]): () => void {
  const { setTimeout } = globalThis;
  const quick = (end: () => void, ms = 0) => {
    if (ms > LONGEST_WAIT_MS) return setTimeout(end, ms);
    return setTimeout(() => {
      if (ms > 0) waits.push(ms);
      end();
    });
  };
  Reflect.set(globalThis, 'setTimeout', quick);
  return () => Reflect.set(globalThis, 'setTimeout', setTimeout);
}

/** For one piece of work. */
export async function withQuickWaits<T>(work: () => Promise<T>): Promise<{ result: T; waits: number[] }> {
  const waits: number[] = [];
  const restore = quicken(waits);
  try {
    return { result: await work(), waits };
  } finally {
    restore();
  }
}

/** For each test of a file. */
export function useQuickWaits(): number[] {
  const waits: number[] = [];
  let restore = () => {};
  beforeEach(() => {
    restore = quicken(waits);
  });
  afterEach(() => {
    restore();
    waits.length = 0;
  });
  return waits;
}
