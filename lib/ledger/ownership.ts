/** What items that belong to one upload have in common. */
import type { Clock } from '../runtime/clock.ts';
import { toSeconds } from './time-to-live.ts';

/** Writers that meet on one item: beyond this many in a row something is broken. */
export const MAX_CONFLICTS = 20;
export const UNLESS_TAKEN = 'attribute_not_exists(pk) OR uploadId = :mine';

/** For what two uploads could get wrong without it: it outlives the record of every upload that is under way now. */
export function outliving(clock: Clock, retentionMs: number): { expiresAt: number } {
  return { expiresAt: toSeconds(clock.now() + 2 * retentionMs) };
}
