import { afterEach, describe, expect, it } from '@jest/globals';
import { UploadError } from '../../../packages/client/src/errors.ts';
import {
  backoffMs,
  createPatience,
  DEFAULT_TIMING,
  pause,
  retry,
} from '../../../packages/client/src/retry.ts';
import { withQuickWaits } from '../../support/quick-waits.ts';

const timing = { attempts: 3, firstDelayMs: 0, longestDelayMs: 0, pollMs: 1, stallMs: 60_000 };
const HOUR_MS = 3_600_000;
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

const { now } = Date;
/** What the clock of the device says from now on. */
const at = (ms: number) => {
  Date.now = () => ms;
};

afterEach(() => {
  Date.now = now;
  Reflect.deleteProperty(globalThis, 'self');
});

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

describe('the waits between attempts', () => {
  it('double, from the first delay on', async () => {
    const { waits } = await withQuickWaits(() =>
      triesOf(failing({ status: 500 }), { attempts: 4, firstDelayMs: 8_000, longestDelayMs: 60_000 }),
    );

    const [first = 0, second = 0, third = 0] = waits;
    expect(waits).toHaveLength(3);
    expect([first >= 4_000, second >= 8_000, third >= 16_000]).toEqual([true, true, true]);
    expect([first <= 8_000, second <= 16_000, third <= 32_000]).toEqual([true, true, true]);
  });

  it('may take all of the patience that is left', async () => {
    const answer = failing({ status: 503, retryAfterMs: 30_000 });
    let tries = 0;
    const work = async () => {
      tries += 1;
      if (tries === 1) throw answer;
      return 'done';
    };
    const { performance } = globalThis;
    Reflect.set(globalThis, 'performance', { now: () => 0 });

    const { result, waits } = await withQuickWaits(() =>
      retry(work, timing, undefined, createPatience(30_000)),
    ).finally(() => Reflect.set(globalThis, 'performance', performance));

    expect({ result, waits }).toEqual({ result: 'done', waits: [30_000] });
  });
});

describe('a wait in a page', () => {
  /** Whether a wait of a second is over as soon as the page hears of this, so many milliseconds after its begin. */
  async function isOver(begin: (stop: AbortSignal) => Promise<unknown>, type: string, afterMs: number) {
    const page = new EventTarget();
    Reflect.set(globalThis, 'self', page);
    const stop = new AbortController();
    at(0);
    const waiting = begin(stop.signal).then(
      () => true,
      () => false,
    );
    await new Promise(setImmediate);
    at(afterMs);
    page.dispatchEvent(new Event(type));
    await new Promise(setImmediate);
    stop.abort();
    return waiting;
  }

  it('is over with the first event after its time', async () => {
    const wait = (stop: AbortSignal) => pause(HOUR_MS, stop);

    expect(await isOver(wait, 'visibilitychange', HOUR_MS - 1)).toBe(false);
    expect(await isOver(wait, 'visibilitychange', HOUR_MS)).toBe(true);
  });

  it('is over once the network is back where there was no answer, and not where the API asked to wait', async () => {
    const failure = (status: number) => (stop: AbortSignal) => {
      let tries = 0;
      return retry(
        async () => {
          tries += 1;
          if (tries === 1) throw failing({ status, retryAfterMs: HOUR_MS });
        },
        timing,
        stop,
        createPatience(),
      );
    };

    expect(await isOver(failure(0), 'online', 1)).toBe(true);
    expect(await isOver(failure(503), 'online', 1)).toBe(false);
  });
});

describe('patience', () => {
  it('says once why nothing goes on, from when on, and that it goes on', () => {
    const said: unknown[] = [];
    const patience = createPatience(undefined, (paused) => said.push(paused));

    at(1_000);
    patience.pause(failing({ status: 0, detail: 'no answer' }));
    at(2_000);
    patience.pause(failing({ status: 0, detail: 'no answer again' }));
    patience.pause(failing({ status: 503, detail: 'busy' }));
    patience.answered();
    patience.answered();

    expect(said).toEqual([
      { reason: 'no_answer', detail: 'no answer', since: 1_000 },
      { reason: 'busy', detail: 'busy', since: 1_000 },
      undefined,
    ]);
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
