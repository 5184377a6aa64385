import { describe, expect, it } from '@jest/globals';
import { UploadError } from '../../../packages/client/src/errors.ts';
import { backoffMs, pause, retry } from '../../../packages/client/src/retry.ts';

const timing = { attempts: 4, firstDelayMs: 100, longestDelayMs: 500, pollMs: 1, stallMs: 60_000 };

describe('backoffMs', () => {
  it.each([
    [1, 50, 100],
    [2, 100, 200],
    [3, 200, 400],
    [4, 250, 500],
    [60, 250, 500],
  ])('waits before attempt after %d between half and all of the doubled delay', (attempt, least, most) => {
    expect(backoffMs(timing, attempt, () => 0)).toBe(least);
    expect(backoffMs(timing, attempt, () => 1)).toBe(most);
  });
});

describe('retry', () => {
  it('waits as long as a refusal asks before the next attempt', async () => {
    const refusal = {
      code: 'rate_limited',
      status: 429,
      retryable: true,
      detail: 'Too many',
      retryAfterMs: 30,
    };
    const startedAt = performance.now();
    let attempts = 0;

    await retry(
      async () => {
        attempts += 1;
        if (attempts === 1) throw new UploadError(refusal);
      },
      { ...timing, firstDelayMs: 60_000, longestDelayMs: 60_000 },
      undefined,
    );

    expect(attempts).toBe(2);
    // Timers may fire up to a millisecond early.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(29);
  });

  it('does not repeat an error that is not its own', async () => {
    let attempts = 0;
    const work = async () => {
      attempts += 1;
      throw new TypeError('a defect');
    };

    await expect(retry(work, timing, undefined)).rejects.toThrow('a defect');
    expect(attempts).toBe(1);
  });

  it('does not begin once its signal is aborted', async () => {
    let attempts = 0;
    const work = async () => {
      attempts += 1;
    };

    await expect(retry(work, timing, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(attempts).toBe(0);
  });
});

describe('pause', () => {
  it('ends with the abort, not with the time', async () => {
    const controller = new AbortController();

    const waiting = pause(3_600_000, controller.signal);
    controller.abort(new Error('gone'));

    await expect(waiting).rejects.toThrow('gone');
  });
});
