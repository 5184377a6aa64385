import { describe, expect, it } from '@jest/globals';
import { UploadError } from '../../../packages/client/src/errors.ts';
import {
  backoffMs,
  createPatience,
  DEFAULT_TIMING,
  pause,
  retry,
} from '../../../packages/client/src/retry.ts';

const timing = { attempts: 3, firstDelayMs: 0, longestDelayMs: 0, pollMs: 1, stallMs: 60_000 };
const failing = (about: Partial<UploadError>) =>
  new UploadError({ code: 'c', detail: 'd', retryable: true, ...about });

/** How often work is tried that fails like this. */
async function triesOf(failure: Error, tries: Partial<typeof timing> = {}): Promise<number> {
  let count = 0;
  const work = async (): Promise<never> => {
    count += 1;
    throw failure;
  };
  await retry(work, { ...timing, ...tries }, undefined).catch(() => undefined);
  return count;
}

describe('the timing', () => {
  it('is eight attempts, the first pause half a second, and no pause above twenty', () => {
    expect(DEFAULT_TIMING).toEqual({
      attempts: 8,
      firstDelayMs: 500,
      longestDelayMs: 20_000,
      pollMs: 2_000,
      stallMs: 90_000,
    });
    expect([1, 2, 6, 7].map((attempt) => backoffMs(DEFAULT_TIMING, attempt, () => 1))).toEqual([
      500, 1000, 16_000, 20_000,
    ]);
  });
});

describe('work that fails', () => {
  it('is tried as often as the timing says, where it may succeed later', async () => {
    expect(await triesOf(failing({ status: 500 }))).toBe(3);
    expect(await triesOf(failing({ status: 500 }), { attempts: 1 })).toBe(1);
    expect(await triesOf(failing({ status: 400, retryable: false }))).toBe(1);
    expect(await triesOf(Object.assign(new Error('of others'), { retryable: true }))).toBe(1);
  });

  it('has no more than its patience', async () => {
    const patience = createPatience(0);
    let count = 0;

    await retry(
      async () => {
        count += 1;
        throw failing({ status: 0 });
      },
      timing,
      undefined,
      patience,
    ).catch(() => undefined);

    expect(count).toBe(1);
  });
});

describe('patience', () => {
  it('says once why nothing goes on, from when on, and that it goes on', () => {
    const said: unknown[] = [];
    const patience = createPatience(undefined, (paused) => said.push(paused));

    patience.pause(failing({ status: 0, detail: 'no answer' }));
    patience.pause(failing({ status: 0, detail: 'no answer again' }));
    patience.pause(failing({ status: 503, detail: 'busy' }));
    patience.answered();
    patience.answered();

    const since = expect.any(Number);
    expect(said).toEqual([
      { reason: 'no_answer', detail: 'no answer', since },
      { reason: 'busy', detail: 'busy', since },
      undefined,
    ]);
    const [first, second] = said;
    expect(first).toHaveProperty(
      'since',
      Object.entries(second ?? {}).find(([name]) => name === 'since')?.[1],
    );
  });

  it('has no end where none is set', () => {
    const patience = createPatience();

    expect(patience.pause(failing({ status: 0 }))).toBe(Infinity);
    patience.endIn(0);
    expect(patience.pause(failing({ status: 0 }))).toBe(Infinity);
    patience.endIn(1000);
    expect(patience.pause(failing({ status: 0 }))).toBeLessThanOrEqual(1000);
  });
});

describe('an abort without a reason', () => {
  it('has one all the same', async () => {
    const signal = Object.assign(new EventTarget(), { aborted: true, reason: undefined });

    await expect(Reflect.apply(pause, undefined, [1, signal])).rejects.toThrow('The upload was aborted');
  });
});
