/** Counters of one minute, each with a limit that one conditional write holds. */
import type { Clock } from '../runtime/clock.ts';
import type { Table } from './table.ts';
import { toSeconds } from './time-to-live.ts';
import { MINUTE_MS } from '../domain/units.ts';

export type Counters = ReturnType<typeof createCounters>;

/** How long a counter stays when its minute is over: clocks of containers may differ. */
const COUNTER_KEPT_SECONDS = 3_600;

export function createCounters({ table: { add }, clock }: { table: Table; clock: Clock }) {
  /**
   * Adds to counters of this minute, each of which begins at 0; false, and nothing is counted, when one of them would
   * come to more than it may. Holds for calls at the same moment.
   */
  async function countInMinute(
    of: string,
    counters: Record<string, { add: number; upTo: number }>,
  ): Promise<boolean> {
    const minute = Math.floor(clock.now() / MINUTE_MS);
    const rows = Object.entries(counters);
    const counted = await add(
      `quota#${of}#${minute}`,
      {
        numbers: Object.fromEntries(rows.map(([name, row]) => [name, row.add])),
        values: { expiresAt: toSeconds((minute + 1) * MINUTE_MS) + COUNTER_KEPT_SECONDS },
      },
      {
        condition: rows
          .map(([name]) => `(attribute_not_exists(${name}) OR ${name} <= :${name}Before)`)
          .join(' AND '),
        values: Object.fromEntries(rows.map(([name, row]) => [`:${name}Before`, row.upTo - row.add])),
      },
    );
    return counted !== undefined;
  }

  return { countInMinute };
}
