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
  const action =
    newAction(before.redrive, after.redrive) ?? newAction(before.cancellation, after.cancellation);
  if (before.status === after.status && !isNewError) return after;
  const entry = {
    at,
    status: after.status,
    attempt: after.status === 'delivering' ? after.attempts : undefined,
    code: isNewError ? after.lastError?.code : undefined,
    by: action?.by,
    reason: action?.reason,
  };
  return { ...after, history: [...(after.history ?? []), entry].slice(-ENTRIES_KEPT) };
}

type OperatorAction = NonNullable<Upload['redrive']>;

function newAction(
  before: OperatorAction | undefined,
  after: OperatorAction | undefined,
): OperatorAction | undefined {
  return after?.at === before?.at ? undefined : after;
}
