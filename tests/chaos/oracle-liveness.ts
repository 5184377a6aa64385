/**
 * Judges by the history of each record whether it went on when the design says so: every state has a longest time, which
 * counts from its beginning or, where faults held it up, from their end. docs/delivery.md says what is promised; the
 * lengths here are read from there, not from the product.
 */
import type { NotificationMessage } from '../ends/topic.ts';
import { TYPES } from './oracle-at-rest.ts';
import { HOUR, MINUTE, SECOND } from './oracle-reading.ts';
import type { UploadRecord, Version } from './oracle-reading.ts';

/** A sweep begins every minute, takes up to 50 s, and its clock may be wrong by half a minute. */
const SWEEP = 3 * MINUTE;
/** How long a function may have the lease: its 300 s, and 5 s more twice. */
const LEASE = 310 * SECOND;
/** A delivery that was queued and did not begin is queued again after this time. */
const QUEUE_PATIENCE = 15 * MINUTE;
/** The breaker's longest time: a lock-out, and a trial that holds its lease to the end. */
const BREAKER = 310 * SECOND + LEASE + SWEEP;
/** By then what is due at a moment has begun. */
const LATE = QUEUE_PATIENCE + BREAKER + SWEEP;
/** The longest wait between two checks for a file that is awaited. */
const STAGING_CHECK = HOUR;
/** A function that ends an upload notifies and removes the file; if it does not, the sweep does so after this time. */
const CLOSING = 2 * MINUTE;
/** A file may come so long after its upload has ended. */
const LATE_ARRIVAL = 2 * HOUR;
/** IPD keeps or drops a file within its commit window; clocks may be wrong by a minute. */
const DOUBT = 11 * MINUTE;
/** Checks that a doubt may need once its window is over: two readings that prove an absence, and one that finds the id. */
const CHECKS = 3;

/** One upload as it is seen from outside. */
export type Life = {
  versions: readonly Version[];
  /** When storage had the whole file first. */
  storedAt: number | undefined;
  /** Storage's changes under the key of the file. */
  files: readonly { at: number; isThere: boolean }[];
  /** The same for the file of its link. */
  linkedFiles: readonly { at: number; isThere: boolean }[];
  notifications: readonly { at: number; message: NotificationMessage }[];
  /** The event of a file that came too late was lost. */
  isStray: boolean;
  /** Other people have deleted its attachment: no check will find it. */
  isDeleted: boolean;
};

/** `quietFrom`: when faults ended; `now`: the end of the run. */
export function judgeLife(life: Life, { quietFrom, now }: { quietFrom: number; now: number }): string[] {
  const { versions } = life;
  const findings: string[] = [];
  const from = (at: number): number => Math.max(at, quietFrom);
  const demand = (what: string, { by, at = now }: { by: number; at?: number | undefined }): void => {
    if (at > by) findings.push(`${what} ${Math.round((at - by) / SECOND)} s too late`);
  };

  const episodes = episodesOf(versions);
  for (const { begun, record, ended } of episodes) {
    const { status } = record;
    const limit = limitOf(record, from(begun));
    if (limit !== undefined) demand(`left ${status}`, { by: limit, at: ended });
  }
  checkArrival();
  checkDoubts();
  checkClosing();
  checkTakingBack();
  return findings;

  /** A file that storage has is noticed, whether or not its event came. */
  function checkArrival(): void {
    const { storedAt } = life;
    if (storedAt === undefined) return;
    const seenAt = versions.find(({ record }) => !isAwaiting(record))?.at;
    const isLate = versions.findLast(({ at }) => at <= storedAt)?.record.status === 'expired';
    const check = isLate ? LATE_ARRIVAL : STAGING_CHECK;
    demand('noticed its file', { by: from(storedAt) + check + SWEEP, at: seenAt });
  }

  /** Once its window is over and IPD is well, a doubt needs few checks. */
  function checkDoubts(): void {
    let since = Infinity;
    let checks = 0;
    for (const [index, { at, record }] of versions.entries()) {
      const before = versions[index - 1]?.record;
      if (record.doubt === undefined) {
        [since, checks] = [Infinity, 0];
        continue;
      }
      if (before?.doubt === undefined) since = at;
      // A retry asks for new checks.
      if (before?.status === 'failed') checks = 0;
      const isNewCheck = record.status === 'delivering' && before?.attempts !== record.attempts;
      if (!isNewCheck || life.isDeleted || at <= from(since) + DOUBT) continue;
      // An attempt that finds another upload of its size at work checks nothing.
      const end = versions.slice(index).find((later) => later.record.status !== 'delivering')?.record;
      if (end?.lastError?.code === 'work_item_busy') continue;
      checks += 1;
      if (checks === CHECKS + 1)
        findings.push(`checked more than ${CHECKS} times for a file after its window`);
    }
  }

  /** Every end has its notification, and its file is removed, soon; unless the upload was tried again before. */
  function checkClosing(): void {
    for (const { begun, record, ended = now } of episodes) {
      const by = from(begun) + CLOSING + SWEEP;
      const type = TYPES[record.status];
      if (type !== undefined && ended > by) {
        const published = life.notifications.find(({ at, message }) => message.type === type && at >= begun);
        demand(`was notified as ${record.status}`, { by, at: published?.at });
      }
      if (record.status !== 'delivered' || life.isStray) continue;
      const there = life.files.findLast(({ at }) => at <= begun);
      const removal = life.files.find(({ at, isThere }) => at >= begun && !isThere);
      if (there?.isThere === true) demand('lost its file in storage', { by, at: removal?.at });
    }
  }

  /** A link that was taken back takes its file with it, soon. */
  function checkTakingBack(): void {
    const { begun, ended = now } = episodes.find(({ record }) => record.status === 'removed') ?? {};
    const there = life.linkedFiles.findLast(({ at }) => at <= (begun ?? 0));
    const removal = life.linkedFiles.find(({ at, isThere }) => at >= (begun ?? 0) && !isThere);
    const by = from(begun ?? now) + LATE;
    if (there?.isThere === true && ended > by) demand('lost its linked file', { by, at: removal?.at });
  }
}

/** One stay in one state; a new attempt is a new stay. */
type Episode = { begun: number; record: UploadRecord; ended: number | undefined };

function episodesOf(versions: readonly Version[]): Episode[] {
  const episodes: Episode[] = [];
  for (const { at, record } of versions) {
    const last = episodes.at(-1);
    const isSame = last?.record.status === record.status && last.record.attempts === record.attempts;
    if (isSame) continue;
    if (last !== undefined) last.ended = at;
    episodes.push({ begun: at, record, ended: undefined });
  }
  return episodes;
}

/** When a stay ends at the latest; undefined for the final states, but for a link, which ends by its time. */
function limitOf(
  { status, uploadDeadline, dueAt = 0, link }: UploadRecord,
  from: number,
): number | undefined {
  switch (status) {
    case 'awaiting_upload':
      return Math.max(uploadDeadline, from) + SWEEP;
    case 'staged':
      return from + LATE;
    case 'delivering':
      return from + LEASE + SWEEP;
    case 'waiting':
    case 'unconfirmed':
      return Math.max(dueAt, from) + LATE;
    case 'delivered':
      return link === undefined ? undefined : Math.max(link.expiresAt, from) + LATE;
    default:
      return undefined;
  }
}

function isAwaiting({ status }: UploadRecord): boolean {
  return status === 'awaiting_upload' || status === 'expired';
}

/** How long a final upload may have work left. */
export function restBy({ status, keepUntil = 0 }: UploadRecord, from: number): number {
  switch (status) {
    case 'failed':
      return Math.max(keepUntil, from) + SWEEP;
    case 'delivered':
      return from + DOUBT + LATE;
    // Its links are deleted, and looked for once more when a request that was under way has ended.
    case 'removed':
      return from + LATE + DOUBT + LATE;
    default:
      return from + LATE_ARRIVAL + SWEEP;
  }
}
