/** Waits of a test file that take no time: each ends at once, and how long it would have been is noted. */
import { afterEach, beforeEach } from '@jest/globals';
import { DEFAULT_TIMING } from '../../packages/client/src/retry.ts';

/** In milliseconds, those waits that came to their end: not what was given up before, nor one of no time at all. */
export function useWaits(): number[] {
  const waits: number[] = [];
  const { setTimeout } = globalThis;

  beforeEach(() => {
    const atOnce = (end: () => void, ms = 0) =>
      setTimeout(() => {
        if (ms > 0) waits.push(ms);
        end();
      });
    // A request that is given up at once would get no answer.
    const later = (end: () => void, ms?: number) =>
      ms === DEFAULT_TIMING.stallMs ? setTimeout(end, ms) : atOnce(end, ms);
    Object.assign(globalThis, { setTimeout: later });
  });

  afterEach(() => {
    Object.assign(globalThis, { setTimeout });
    waits.length = 0;
  });
  return waits;
}
