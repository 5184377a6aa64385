import { describe, expect, it } from '@jest/globals';
import {
  backlogOf,
  dailyQuotaOf,
  OUTAGE_AS_REASON,
  outageOf,
  playPatience,
  poisonOf,
  POISONER,
} from './patience.ts';
import type { Ending, Trial } from './patience.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';

const whole = { lost: 0, duplicates: 0, stuck: 0, undecided: 0, findings: [] };

const longest = (endings: Ending[]): number => Math.max(...endings.map(({ afterMs }) => afterMs));

describe('an upload with a retry window of 24 h', () => {
  // Ten seeds of each: npm run chaos -- --waits
  it.each([23, 48])('outlasts an outage of %i h', async (hours) => {
    const trial = { seed: hours, uploads: 4, withinMs: HOUR_MS, rule: outageOf(hours) };

    const result = await playPatience({ ...trial, horizonMs: (hours + 30) * HOUR_MS });

    expect(result).toMatchObject({ uploads: 4, delivered: 4, ...whole });
  });

  it('ends at its deadline with the last real error when IPD is down for longer than its file may wait', async () => {
    const settings = { RETRY_WINDOW_HOURS: '2', FAILED_RETENTION_DAYS: '1' };
    const trial = { seed: 1, uploads: 6, withinMs: MINUTE_MS, rule: outageOf(60), settings };

    const { endings } = await playPatience({ ...trial, horizonMs: 30 * HOUR_MS });

    expect(endings.map(({ status, code }) => [status, code])).toEqual(
      endings.map(() => ['failed', 'retries_exhausted']),
    );
    // The reason of each: the failure of its own last attempt, or what kept it from another one.
    expect(endings.map(({ detail }) => detail)).toEqual(
      endings.map(() => expect.stringMatching(OUTAGE_AS_REASON)),
    );
    expect(Math.min(...endings.map(({ afterMs }) => afterMs))).toBeGreaterThanOrEqual(26 * HOUR_MS);
    // The sweep checks once an hour whether a waiting upload has reached its end.
    expect(longest(endings)).toBeLessThan(27 * HOUR_MS + 5 * MINUTE_MS);
  });

  it('waits for a quota that opens once a day, without requests in between', async () => {
    const trial = { seed: 1, uploads: 12, withinMs: HOUR_MS, rule: dailyQuotaOf(5) };

    const result = await playPatience({ ...trial, horizonMs: 100 * HOUR_MS });

    expect(result).toMatchObject({ uploads: 12, delivered: 12, ...whole });
    expect(result.tookMs).toBeGreaterThan(48 * HOUR_MS);
    expect(result.requests['upload']).toBeLessThan(3 * 12);
  });
});

describe('a backlog that takes longer to work off than the retry window', () => {
  it('drains without a failed upload, although some attempts fail', async () => {
    const backlog = backlogOf({ seed: 1, uploads: 100, outageHours: 1 });

    const result = await playPatience({
      ...backlog,
      settings: { ...backlog.settings, RETRY_WINDOW_HOURS: '1' },
    });

    expect(result).toMatchObject({ uploads: 100, delivered: 100, ...whole });
    expect(longest(result.endings)).toBeGreaterThan(2 * HOUR_MS);
  });
});

describe('an IPD that throttles all uploads for hours', () => {
  it('gets fewer and fewer requests from all uploads together, and has all files soon after', async () => {
    const trial: Omit<Trial, 'horizonMs'> = {
      seed: 1,
      uploads: 10,
      withinMs: MINUTE_MS,
      rule: (elapsedMs, { operation }) =>
        elapsedMs < 4 * HOUR_MS && operation === 'upload' ? { kind: 'throttled' } : undefined,
    };

    const result = await playPatience({ ...trial, horizonMs: 10 * HOUR_MS });

    expect(result).toMatchObject({ uploads: 10, delivered: 10, ...whole });
    // A single upload alone would send about 60 requests.
    expect(result.requests['upload']).toBeLessThan(10 * 40);
    expect(result.tookMs).toBeLessThan(4 * HOUR_MS + 30 * MINUTE_MS);
  });
});

describe("one user's files that break every upload of theirs", () => {
  async function play(isPoisoned: boolean): Promise<Ending[]> {
    const { endings } = await playPatience(poisonOf({ seed: 7, isPoisoned }));
    return endings.filter(({ owner }) => owner !== POISONER);
  }

  // Their times: npm run chaos -- --waits
  it('do not delay the uploads of other users', async () => {
    const [without, victims] = [await play(false), await play(true)];

    expect(victims.map(({ status }) => status)).toEqual(victims.map(() => 'delivered'));
    expect(victims).toHaveLength(17);
    expect(longest(victims)).toBeLessThan(longest(without) + 1000);
  });
});
