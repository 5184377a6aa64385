/** The trials of `npm run chaos -- --waits`: every reason for which uploads wait longer than their retry window. */
import { backlogOf, dailyQuotaOf, OUTAGE_AS_REASON, outageOf } from './patience.ts';
import type { Patience, Trial } from './patience.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';

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
