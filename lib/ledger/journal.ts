/**
 * What is told of an upload's way: one line for each state that it comes to, and what is measured on the way. The
 * ledger calls it after every record it has written, so that no change of state goes untold. Changes nothing.
 */
import type { Measures, Telemetry } from '../runtime/telemetry.ts';
import type { Upload } from '../domain/upload.ts';

type Status = Upload['status'];

const WORDS: Record<Status, string> = {
  awaiting_upload: 'upload created',
  staged: 'upload staged',
  delivering: 'delivery started',
  waiting: 'delivery waits',
  unconfirmed: 'delivery in doubt',
  delivered: 'upload delivered',
  failed: 'upload failed',
  expired: 'upload expired',
  cancelled: 'upload cancelled',
};

export function createJournal(telemetry: Telemetry) {
  /** `before` is undefined for a new record. */
  return function note(before: Upload | undefined, after: Upload): void {
    telemetry.measure(measuresOf(before, after));
    if (before?.status === after.status) return;
    if (after.status === 'failed') telemetry.measure({ Failed: 1 }, { code: after.error.code });
    // An event that brings a file begins its delivery in the same write.
    const isStagedOnTheWay = hasArrived(before, after) && after.status === 'delivering';
    if (isStagedOnTheWay) tell(before, after, 'staged');
    tell(before, after, after.status);
  };

  function tell(before: Upload | undefined, after: Upload, status: Status): void {
    const { code, detail } = after.error ?? {};
    const fields = {
      uploadId: after.id,
      correlationId: after.correlationId,
      projectId: after.projectId,
      issueId: after.issueId,
      from: before?.status,
      status,
      attempt: after.attempts,
      bytes: after.size,
      durationMs: before && timeInState(before, after),
      attachmentId: after.status === 'delivered' ? (after.attachmentId ?? undefined) : undefined,
      code,
      detail,
    };
    const words = wordsFor(before?.status, status);
    if (status === 'failed') telemetry.warn(words, fields);
    else telemetry.info(words, fields);
  }
}

function wordsFor(from: Status | undefined, status: Status): string {
  if (from === 'delivering') return 'delivery ended';
  return from === 'failed' && status !== 'delivered' && status !== 'cancelled'
    ? 'upload retried'
    : WORDS[status];
}

/** Whatever ends counts in both, so that their ratio can always be told. */
function measuresOf(before: Upload | undefined, after: Upload): Measures {
  const isNewly = (status: Status): boolean => after.status === status && before?.status !== status;
  const duplicates = (after.duplicates?.length ?? 0) - (before?.duplicates?.length ?? 0);
  return {
    ...(before === undefined && { Created: 1 }),
    ...(hasArrived(before, after) && { Staged: 1 }),
    ...(isNewly('expired') && { Expired: 1 }),
    ...(isNewly('delivered') && { Delivered: 1, Failed: 0, DeliveredBytes: after.size }),
    ...(isNewly('failed') && { Delivered: 0, Failed: 1 }),
    ...(isNewly('delivered') &&
      after.stagedAt !== undefined && { DeliveryTime: span(after.stagedAt, after) }),
    ...((isNewly('delivered') || isNewly('failed')) && { Attempts: after.attempts }),
    ...(isNewDoubt(before, after) && { Doubts: 1 }),
    ...(duplicates > 0 && { Duplicates: duplicates }),
    // IPD said that it has the file, and shows none.
    ...(isNewly('delivered') && isWithoutId(after) && { Contradictions: 1 }),
  };
}

function isWithoutId(upload: Upload): boolean {
  return upload.status === 'delivered' && upload.attachmentId === null;
}

function hasArrived(before: Upload | undefined, after: Upload): boolean {
  return before !== undefined && before.stagedAt === undefined && after.stagedAt !== undefined;
}

/** A success without an id is none: IPD has the file for sure. */
function isNewDoubt(before: Upload | undefined, { doubt }: Upload): boolean {
  return doubt !== undefined && !doubt.accepted && doubt.since !== before?.doubt?.since;
}

/** In milliseconds; unknown for what an older record does not say. */
function timeInState({ status, createdAt, history }: Upload, after: Upload): number | undefined {
  const isEntry = (index: number): boolean =>
    history?.[index]?.status === status && history[index - 1]?.status !== status;
  const entered =
    status === 'awaiting_upload' ? createdAt : history?.findLast((_entry, index) => isEntry(index))?.at;
  return entered === undefined ? undefined : span(entered, after);
}

function span(since: string, { updatedAt }: Upload): number {
  return Math.max(Date.parse(updatedAt) - Date.parse(since), 0);
}
