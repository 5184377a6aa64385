/**
 * The log lines and metrics of an upload: one line for each state that it comes to. The ledger calls it after every
 * record it has written, so that the log misses no change of state. Changes nothing.
 */
import type { MetricValues, Telemetry } from '../runtime/telemetry.ts';
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
  removed: 'linked file removed',
};

export function createJournal(telemetry: Telemetry) {
  /** `before` is undefined for a new record. */
  return function note(before: Upload | undefined, after: Upload): void {
    telemetry.addMetrics(metricsOf(before, after));
    if (before?.status === after.status) return;
    if (after.status === 'failed') telemetry.addMetrics({ Failed: 1 }, { code: after.lastError.code });
    // S3's event stages a file and begins its delivery in the same write.
    const isStagedOnTheWay = hasArrived(before, after) && after.status === 'delivering';
    if (isStagedOnTheWay) tell(before, after, 'staged');
    tell(before, after, after.status);
  };

  function tell(before: Upload | undefined, after: Upload, status: Status): void {
    const { code, detail } = after.lastError ?? {};
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
      linkId: after.status === 'delivered' ? after.link?.id : undefined,
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

/**
 * An upload that is delivered or failed counts in both metrics, with 1 or 0, so that their ratio can always be
 * computed.
 */
function metricsOf(before: Upload | undefined, after: Upload): MetricValues {
  const isNewly = (status: Status): boolean => after.status === status && before?.status !== status;
  const duplicates = (after.duplicates?.length ?? 0) - (before?.duplicates?.length ?? 0);
  return {
    ...(before === undefined && { Created: 1 }),
    ...(hasArrived(before, after) && { Staged: 1 }),
    ...(isNewly('expired') && { Expired: 1 }),
    ...(isNewly('delivered') && { Delivered: 1, Failed: 0, DeliveredBytes: after.size }),
    ...(isNewly('delivered') && after.asLink !== undefined && { Linked: 1 }),
    ...(isNewly('removed') && { Removed: 1 }),
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
  return upload.status === 'delivered' && upload.attachmentId === null && upload.link === undefined;
}

function hasArrived(before: Upload | undefined, after: Upload): boolean {
  return before !== undefined && before.stagedAt === undefined && after.stagedAt !== undefined;
}

/** A success without an id is no doubt: IPD surely has the file. */
function isNewDoubt(before: Upload | undefined, { doubt }: Upload): boolean {
  return doubt !== undefined && !doubt.accepted && doubt.since !== before?.doubt?.since;
}

/** In milliseconds; undefined where an older record does not tell. */
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
