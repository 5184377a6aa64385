/**
 * Which sweep gives the slots of a minute: two that run at the same moment would start twice the deliveries that IPD is
 * to get. The schedule promises one run a minute at least, not at most. Knows no rates.
 */
import * as z from 'zod';
import type { SharedState } from '../ledger/shared-state.ts';
import { CLOCK_SKEW_MS } from '../domain/schedule.ts';

export type SlotLease = ReturnType<typeof createSlotLease>;

const STATE = 'slots';
/** Less than a minute: the next run may come some seconds early. */
const LEASE_MS = 45_000;

const leaseItem = z.object({ version: z.int(), until: z.int() });

export function createSlotLease({ sharedState }: { sharedState: SharedState }) {
  /** True for one of the runs that started (milliseconds) within the same minute. */
  async function take(started: number): Promise<boolean> {
    const found = await sharedState.readState(STATE);
    const { version, until } = found === undefined ? { version: 0, until: 0 } : leaseItem.parse(found);
    // A lease that ends later than any clock can mean was written by a clock that is wrong.
    const isHeld = started < until && until <= started + LEASE_MS + CLOCK_SKEW_MS;
    return !isHeld && sharedState.writeState(STATE, version, { until: started + LEASE_MS });
  }

  return { take };
}
