/**
 * The trials of `npm run chaos -- --waits`: every reason for which uploads wait longer than their retry window, and
 * one user's files that must keep no other's waiting.
 */
import {
  backlogOf,
  dailyQuotaOf,
  OUTAGE_AS_REASON,
  outageOf,
  playPatience,
  poisonOf,
  POISONER,
} from './patience.ts';
import type { Patience, Trial } from './patience.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

const SEEDS = 10;

type Result = Pick<Patience, 'uploads' | 'delivered' | 'failed' | 'endings'>;
type Named = Trial & { name: string; isExpected: (result: Result) => boolean };

const areDelivered = ({ uploads, delivered }: Result): boolean => delivered === uploads;

/** All of them, from a seed. */
export function trials(seed: number): Named[] {
  const seeds = Array.from({ length: SEEDS }, (_, index) => seed + index);
  const outages = [23, 48].flatMap((hours) =>
    seeds.map((each) => ({
      name: `outage of ${hours} h`,
      seed: each,
      uploads: 20,
      withinMs: HOUR_MS,
      rule: outageOf(hours),
      horizonMs: (hours + 30) * HOUR_MS,
      isExpected: areDelivered,
    })),
  );
  return [
    ...outages,
    {
      name: 'outage that no upload outlasts',
      seed,
      uploads: 20,
      withinMs: HOUR_MS,
      settings: { FAILED_RETENTION_DAYS: '1' },
      rule: outageOf(100),
      horizonMs: 60 * HOUR_MS,
      isExpected: ({ uploads, failed, endings }) =>
        failed['retries_exhausted'] === uploads &&
        endings.every(({ detail = '' }) => OUTAGE_AS_REASON.test(detail)),
    },
    {
      name: 'backlog of 30 h',
      ...backlogOf({ seed, uploads: 1800, outageHours: 6 }),
      isExpected: areDelivered,
    },
    {
      name: 'quota of 10 uploads a day',
      seed,
      uploads: 35,
      withinMs: HOUR_MS,
      rule: dailyQuotaOf(10),
      horizonMs: 150 * HOUR_MS,
      isExpected: areDelivered,
    },
    {
      name: 'throttles for 25 h',
      seed,
      uploads: 20,
      withinMs: MINUTE_MS,
      rule: (elapsedMs, { operation }) =>
        elapsedMs < 25 * HOUR_MS && operation === 'upload' ? { kind: 'throttled' } : undefined,
      horizonMs: 60 * HOUR_MS,
      isExpected: areDelivered,
    },
  ];
}

/** One user's files break every upload of theirs: how long the others' take to be delivered, with the poison and without. */
export async function playPoison(seed: number) {
  const [without, poisoned] = [await victimsOf(false), await victimsOf(true)];
  const isAsExpected = poisoned.isDelivered && poisoned.highestMs < without.highestMs + SECOND_MS;
  return { name: 'poison of one user', seed, isAsExpected, without, poisoned };

  async function victimsOf(isPoisoned: boolean) {
    const { endings, lost, duplicates } = await playPatience(poisonOf({ seed, isPoisoned }));
    const victims = endings.filter(({ owner }) => owner !== POISONER);
    const times = victims.map(({ afterMs }) => afterMs).toSorted((one, other) => one - other);
    return {
      victims: victims.length,
      isDelivered: victims.every(({ status }) => status === 'delivered') && lost + duplicates === 0,
      medianMs: times[Math.floor(times.length / 2)],
      highestMs: times.at(-1) ?? 0,
    };
  }
}
