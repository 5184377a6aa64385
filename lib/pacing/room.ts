/**
 * How much of what producers offer is taken at a time: uploads that have not ended, for each project. Counted from an
 * index that lags behind, and by each container for itself, so it stops a flood, and is not exact.
 */
import type { Clock } from '../runtime/clock.ts';
import { SECOND_MS } from '../domain/units.ts';
import type { Ledger } from '../ledger/uploads.ts';

export type Room = ReturnType<typeof createRoom>;

/** A count costs a read of the index, so it holds for a while. */
const COUNTED_FOR_MS = 10 * SECOND_MS;

export function createRoom({ ledger, clock, maxOpen }: { ledger: Ledger; clock: Clock; maxOpen: number }) {
  const counts = new Map<string, { left: number; until: number }>();

  /** Takes a place among the open uploads of an owner; false while there is none. */
  async function take(owner: string): Promise<boolean> {
    const now = clock.now();
    let count = counts.get(owner);
    if (count === undefined || now >= count.until) {
      count = { left: maxOpen - (await ledger.countOpenOf(owner, maxOpen)), until: now + COUNTED_FOR_MS };
      counts.set(owner, count);
    }
    count.left -= 1;
    return count.left >= 0;
  }

  return { take };
}
