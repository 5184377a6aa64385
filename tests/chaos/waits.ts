/** The trials of `npm run chaos -- --waits`: every reason for which uploads wait longer than their retry window. */
import { backlogOf, dailyQuotaOf, outageOf } from './patience.ts';
import type { Patience, Trial } from './patience.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SEEDS = 10;

type Result = Pick<Patience, 'uploads' | 'delivered' | 'failed'>;
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
      withinMs: HOUR,
      rule: outageOf(hours),
      horizonMs: (hours + 30) * HOUR,
      isExpected: areDelivered,
    })),
  );
  return [
    ...outages,
    {
      name: 'outage that no upload outlasts',
      seed,
      uploads: 20,
      withinMs: HOUR,
      settings: { FAILED_RETENTION_DAYS: '1' },
      rule: outageOf(100),
      horizonMs: 60 * HOUR,
      isExpected: ({ uploads, failed }) => failed['retries_exhausted'] === uploads,
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
      withinMs: HOUR,
      rule: dailyQuotaOf(10),
      horizonMs: 150 * HOUR,
      isExpected: areDelivered,
    },
    {
      name: 'throttles for 25 h',
      seed,
      uploads: 20,
      withinMs: MINUTE,
      rule: (elapsedMs, { operation }) =>
        elapsedMs < 25 * HOUR && operation === 'upload' ? 'throttled' : undefined,
      horizonMs: 60 * HOUR,
      isExpected: areDelivered,
    },
  ];
}
