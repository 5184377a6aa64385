/**
 * One clock for several processes: faster than the machine's, so that pauses need not be waited out, and set forward
 * for all of them at once. It is a file that is read for every reading of the time: a process that was stopped sees, as
 * on a real machine, that time went on without it.
 */
import { openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../lib/runtime/clock.ts';
import type { Clock } from '../../../lib/runtime/clock.ts';

/** How many milliseconds of the shared clock fit into a real one. */
export const SPEED = 50;

/** Makes the file, with the present as its time. */
export function createSharedClock(file: string): Clock & { jump: (ms: number) => void } {
  const shift = openSync(file, 'w+');
  let value = Date.now() * (1 - SPEED);
  const write = (): void => {
    writeSync(shift, new Float64Array([value]), 0, 8, 0);
  };
  write();
  return {
    ...readClock(shift),
    /** Sets the clock forward for every process that has the file open. */
    jump: (ms) => {
      value += ms;
      write();
    },
  };
}

/** The clock of a file that another process has made. */
export function openSharedClock(file: string): Clock {
  return readClock(openSync(file, 'r'));
}

function readClock(shift: number): Clock {
  const value = new Float64Array(1);
  return {
    ...systemClock,
    now: () => {
      readSync(shift, value, 0, 8, 0);
      return Math.floor(Date.now() * SPEED + (value[0] ?? 0));
    },
    sleep: (ms, signal) => delay(ms / SPEED, undefined, signal ? { signal } : {}),
    timeout: (ms) => AbortSignal.timeout(Math.ceil(ms / SPEED)),
  };
}
