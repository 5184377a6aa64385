/**
 * When to try again and how long to wait. Knows nothing of uploads: work that fails with a
 * retryable error is repeated, anything else and an abort end it at once.
 */
import { isOutage, noAnswer, UploadError } from './errors.ts';
import type { Silence } from './no-answer.ts';
import { surroundings } from './platform.ts';
import type { Signal } from './platform.ts';

/** How the client waits. */
export type Timing = {
  /** Attempts of a single call, and of what no wait cures, such as a refused URL; the first included. */
  attempts: number;
  firstDelayMs: number;
  longestDelayMs: number;
  /** Between two reads of an upload when the server names no time. */
  pollMs: number;
  /** A request of which nothing was heard for so long is given up and made again. */
  stallMs: number;
};

export const DEFAULT_TIMING: Timing = {
  attempts: 8,
  firstDelayMs: 500,
  longestDelayMs: 20_000,
  pollMs: 2_000,
  // API Gateway answers within 30 s. A slow uplink may take a minute to empty the device's own buffers.
  stallMs: 90_000,
};

/** Why an upload does not go on at the moment. */
export type Paused = {
  /** `offline`: the device says so. `no_answer`: nothing answers. `busy`: the API or storage asks to wait. The list is open. */
  reason: 'offline' | 'no_answer' | 'busy' | (string & {});
  /** What was tried, or what the answer was. */
  detail: string;
  /** When it stopped, in milliseconds since 1970 by the device's clock. */
  since: number;
};

export type Patience = ReturnType<typeof createPatience>;

/** What one upload bears: all its requests share one patience, so its caller hears once that nothing goes on. */
export function createPatience(
  limitMs: number | undefined = Infinity,
  onPaused?: (paused: Paused | undefined) => void,
) {
  let startedAt: number | undefined;
  let endsAt = Infinity;
  let paused: Paused | undefined;

  /** Bytes are on their way. */
  function goOn(): void {
    if (paused) onPaused?.((paused = undefined));
  }

  return {
    goOn,

    /** An answer has come. */
    answered(): void {
      startedAt = undefined;
      goOn();
    },

    /** Sets the end: in so many milliseconds from now; none where the number is none. */
    endIn(ms: number): void {
      endsAt = performance.now() + (ms || Infinity);
    },

    /** Says why nothing goes on. Answers how many milliseconds are left to wait. */
    pause({ status, detail }: UploadError): number {
      const now = performance.now();
      startedAt ??= now;
      const silence = surroundings().navigator?.onLine === false ? 'offline' : 'no_answer';
      const reason = status ? 'busy' : silence;
      if (paused?.reason !== reason) {
        paused = { reason, detail, since: paused?.since ?? Date.now() };
        onPaused?.(paused);
      }
      return Math.min(startedAt + limitMs, endsAt) - now;
    },
  };
}

/** The wait before the next attempt: a doubling delay, half of which is random. */
export function backoffMs(
  { firstDelayMs, longestDelayMs }: Timing,
  attempt: number,
  random: () => number = Math.random,
): number {
  return Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + random() / 2);
}

/**
 * Repeats work while it fails with a retryable UploadError; throws the last error, or the signal's reason once
 * aborted. With patience it outlasts what passes (no answer, 5xx, 429); all else gets the attempts of the timing.
 */
export async function retry<T>(
  work: () => Promise<T>,
  timing: Timing,
  signal: Signal | undefined,
  patience?: Patience,
): Promise<T> {
  let failures = 0;
  let refusals = 0;
  for (;;) {
    throwIfAborted(signal);
    try {
      const result = await work();
      patience?.answered();
      return result;
    } catch (error) {
      throwIfAborted(signal);
      if (!(error instanceof UploadError && error.retryable)) throw error;
      const { status, retryAfterMs } = error;
      let leftMs = Infinity;
      if (patience && isOutage(status)) leftMs = patience.pause(error);
      else refusals += 1;
      if (leftMs < (retryAfterMs ?? 1) || refusals >= timing.attempts) throw error;
      const waitMs = retryAfterMs ?? backoffMs(timing, (failures += 1));
      await pause(Math.min(leftMs, waitMs), signal, status === 0);
    }
  }
}

/**
 * Waits; an abort ends the wait with the signal's reason. In a page the wait is over as well when the network is
 * back or the page is shown, if it is urgent or the time is over: timers stand still in background and sleep.
 */
export async function pause(ms: number, signal: Signal | undefined, isUrgent = false): Promise<void> {
  throwIfAborted(signal);
  const startedAt = Date.now();
  const wait = (over: Stop) =>
    new Promise<void>((resolve) => {
      const page = surroundings();
      const timer = setTimeout(resolve, ms);
      const wake = () => {
        if (isUrgent || Date.now() - startedAt >= ms) resolve();
      };
      page.addEventListener?.('online', wake, over);
      page.addEventListener?.('visibilitychange', wake, over);
      over.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  await within(signal, wait);
  throwIfAborted(signal);
}

/** An AbortController. */
type Stop = { readonly signal: Signal; abort(reason?: unknown): void };

/** Runs work under a signal of its own, which ends with the outer one, and with the work. */
export async function within<T>(outer: Signal | undefined, work: (stop: Stop) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const end = () => stop.abort(outer?.reason);
  outer?.addEventListener('abort', end);
  if (outer?.aborted) end();
  try {
    return await work(stop);
  } finally {
    end();
    outer?.removeEventListener('abort', end);
  }
}

/**
 * Runs one request under a signal that also ends when `heard` was not called for so long. Rejects with an UploadError
 * where no answer comes.
 */
export function unlessStalled<T>(
  outer: Signal | undefined,
  ms: number,
  about: Pick<Silence, 'target' | 'request' | 'fetch'>,
  work: (signal: Signal, heard: () => void) => Promise<T>,
): Promise<T> {
  return within(outer, async (stop) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stop.abort(), ms);
    };
    heard();
    try {
      return await work(stop.signal, heard);
    } catch (cause) {
      throw await noAnswer({ ...about, cause, signal: stop.signal });
    } finally {
      clearTimeout(timer);
    }
  });
}

// React Native's AbortSignal has neither throwIfAborted nor a reason.
function throwIfAborted(signal: Signal | undefined): void {
  if (signal?.aborted) throw signal.reason ?? new Error('The upload was aborted');
}
