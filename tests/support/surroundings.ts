/** A clock and telemetry for tests. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/runtime/clock.ts';
import type { Fields, MetricValues, Telemetry } from '../../lib/runtime/telemetry.ts';

export type TestClock = Clock & {
  advance: (ms: number) => void;
  set: (ms: number) => void;
  /** Time passes while code waits: what is limited to less than that ends, and then it is later. */
  pass: (ms: number) => void;
};

/** A clock that stands still until the test sets it, or code sleeps on it. */
export function createTestClock(start = Date.now()): TestClock {
  let now = start;
  const limits = new Set<{ at: number; ending: AbortController }>();
  return {
    now: () => now,
    random: () => 0.5,
    // No time passes by itself, so nothing ends too early on a slow machine.
    timeout(ms) {
      const ending = new AbortController();
      limits.add({ at: now + ms, ending });
      return ending.signal;
    },
    pass(ms) {
      now += ms;
      for (const limit of limits) {
        if (limit.at > now) continue;
        limits.delete(limit);
        limit.ending.abort(new DOMException('timed out', 'TimeoutError'));
      }
    },
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

/** Telemetry that keeps its errors for a test to read. */
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
      addMetrics: () => undefined,
    },
  };
}

/** Telemetry that keeps all its lines and metrics, in order. */
export function collectTelemetry(): {
  lines: (Fields & { message: string })[];
  measured: (MetricValues & { code?: string })[];
  telemetry: Telemetry;
} {
  const lines: (Fields & { message: string })[] = [];
  const measured: (MetricValues & { code?: string })[] = [];
  const note = (message: string, fields: Fields = {}): void => void lines.push({ message, ...fields });
  return {
    lines,
    measured,
    telemetry: {
      info: note,
      warn: note,
      error: (message, _error, fields) => note(message, fields),
      addMetrics: (metrics, dimensions) => {
        if (Object.keys(metrics).length > 0) measured.push({ ...metrics, ...dimensions });
      },
    },
  };
}
