/**
 * The history in a record: its last changes of state, for an operator who has to find out what happened. Pure;
 * decides nothing.
 */
import type { Upload } from '../domain/upload.ts';

/**
 * Each entry adds some 60 bytes to every later write, so an upload that is tried for a day keeps only its last ones.
 */
const ENTRIES_KEPT = 20;

/** The record with a new history entry, if its state has changed or a new error has occurred. */
export function withHistory<T extends Upload>(before: Upload, after: T, at: string): T {
  const isNewError = after.lastError !== undefined && after.lastError.at !== before.lastError?.at;
  const deed = newDeed(before.redrive, after.redrive) ?? newDeed(before.cancellation, after.cancellation);
  if (before.status === after.status && !isNewError) return after;
  const entry = {
    at,
    status: after.status,
    attempt: after.status === 'delivering' ? after.attempts : undefined,
    code: isNewError ? after.lastError?.code : undefined,
    by: deed?.by,
    reason: deed?.reason,
  };
  return { ...after, history: [...(after.history ?? []), entry].slice(-ENTRIES_KEPT) };
}

type Deed = NonNullable<Upload['redrive']>;

function newDeed(before: Deed | undefined, after: Deed | undefined): Deed | undefined {
  return after?.at === before?.at ? undefined : after;
}
