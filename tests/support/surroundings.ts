/** What a test puts in the place of real time and of logs. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Telemetry } from '../../lib/telemetry.ts';

/** Time that passes only when told to, or when somebody sleeps. */
export function createTestClock(
  start = Date.now(),
): Clock & { advance(ms: number): void; set(ms: number): void } {
  let now = start;
  return {
    now: () => now,
    random: () => 0.5,
    timeout: (ms) => AbortSignal.timeout(ms),
    uuid: () => randomUUID(),
    sleep: async (ms) => {
      now += ms;
    },
    advance: (ms) => {
      now += ms;
    },
    set: (ms) => {
      now = ms;
    },
  };
}

/** Telemetry that keeps its errors for a test to look at. */
export function collectErrors(): {
  errors: { message: string; fields: object | undefined }[];
  telemetry: Telemetry;
} {
  const errors: { message: string; fields: object | undefined }[] = [];
  return {
    errors,
    telemetry: {
      info: () => undefined,
      warn: () => undefined,
      error: (message, _error, fields) => void errors.push({ message, fields }),
      measure: () => undefined,
    },
  };
}
