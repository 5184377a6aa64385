/**
 * When to try again and how long to wait. Knows nothing of uploads: work that fails with a
 * retryable error is repeated, anything else and an abort end it at once.
 */
import { UploadError } from './errors.ts';

/** How patient the client is. */
export type Timing = {
  /** Attempts of one call, the first included. */
  attempts: number;
  firstDelayMs: number;
  longestDelayMs: number;
  /** Between two reads of an upload when the server names no time. */
  pollMs: number;
};

export const DEFAULT_TIMING: Timing = {
  attempts: 8,
  firstDelayMs: 500,
  longestDelayMs: 20_000,
  pollMs: 2_000,
};

/** The wait before the next attempt: what the server asked for, else a doubling delay, half of which is random. */
export function backoffMs(
  { attempt, retryAfterMs, timing }: { attempt: number; retryAfterMs?: number | undefined; timing: Timing },
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(timing.longestDelayMs, timing.firstDelayMs * 2 ** (attempt - 1));
  return retryAfterMs ?? ceiling * (0.5 + random() / 2);
}

/** Repeats work while it fails with a retryable UploadError; throws the last error, or the signal's reason once aborted. */
export async function retry<T>(
  work: () => Promise<T>,
  { timing, signal }: { timing: Timing; signal: AbortSignal | undefined },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    throwIfAborted(signal);
    try {
      return await work();
    } catch (error) {
      throwIfAborted(signal);
      if (!(error instanceof UploadError && error.retryable && attempt < timing.attempts)) throw error;
      await pause(backoffMs({ attempt, retryAfterMs: error.retryAfterMs, timing }), signal);
    }
  }
}

/** Waits; an abort ends the wait with the signal's reason. */
export async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  throwIfAborted(signal);
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
  throwIfAborted(signal);
}

// React Native's AbortSignal has neither throwIfAborted nor a reason.
function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason ?? new Error('The operation was aborted');
}
