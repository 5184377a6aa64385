/**
 * One clock for several processes: the machine's, which the run sets forward for all of them at once. It goes no faster
 * than the machine's, so that no lease or deadline ends because the machine is slow. It is a file that is read for
 * every reading of the time: a process that was stopped sees, as on a real machine, that time went on without it.
 */
import { openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../lib/runtime/clock.ts';
import type { Clock } from '../../../lib/runtime/clock.ts';

/** By this much the pauses of a delivery, and the time for which a connection may be idle, are cut. */
export const CUT = 50;

/** Makes the file: the time is the present. */
export function createSharedClock(file: string): Clock & { jump: (ms: number) => void } {
  const shift = openSync(file, 'w+');
  let value = 0;
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
      return Date.now() + (value[0] ?? 0);
    },
    sleep: (ms, signal) => delay(ms / CUT, undefined, signal ? { signal } : {}),
  };
}
