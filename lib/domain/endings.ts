/**
 * The moves of an upload's end: whose an attachment is, delivered or failed, told to those who listen, removed
 * from staging, looked at once more. Pure: moves as in lifecycle.ts. What IPD has is a fact, whoever holds the
 * lease, so nothing here asks for its token.
 */
import { failures, remarks } from './errors.ts';
import type { FailureCode } from './errors.ts';
import { CLOCK_SKEW_MS, CLOSING_PATIENCE_MS, fileUntil, LATE_ARRIVAL_MS } from './schedule.ts';
import { isFinal, isLive, iso } from './upload.ts';
import type { In, Moment, Notice, Policy, Upload } from './upload.ts';

/** Attachments that were looked into and hold other bytes. */
export function noteForeign<T extends Upload>(upload: T, ids: string[]): T {
  return { ...upload, foreign: [...new Set([...(upload.foreign ?? []), ...ids])] };
}

/**
 * This attachment is to be ours: a fact, whoever holds the lease. One upload has one; a second is a copy too many.
 * `isNamed`: IPD's own answer to our request says so, so it has the file, whatever the claim of this id comes to.
 * `sha256`: of the staged file, where it had to be read for that.
 */
export function nominate(
  upload: Upload,
  {
    attachmentId,
    isNamed = false,
    sha256,
    now,
  }: { attachmentId: string; isNamed?: boolean; sha256?: string | undefined; now: number },
): Upload | undefined {
  const own = upload.status === 'delivered' ? upload.attachmentId : upload.candidate;
  if (own === attachmentId) return upload;
  if (typeof own === 'string') return noteDuplicates(upload, [attachmentId]);
  if (upload.status === 'delivered') return undefined;
  const sentSha256 = upload.sentSha256 ?? (upload.resent ? sha256 : undefined);
  const candidate = { ...upload, candidate: attachmentId, sentSha256 };
  if (!isNamed) return candidate;
  return { ...candidate, doubt: { since: iso(now), absences: 0, ...upload.doubt, accepted: true } };
}

/** IPD has the file, under this id or under one it never told. */
export function delivered(
  upload: Upload,
  { attachmentId, now, policy }: Moment & { attachmentId: string | null },
): Upload | undefined {
  if (upload.status === 'delivered') {
    if (upload.attachmentId !== null || attachmentId === null) return undefined;
    // Those who listen were told of a success without an id.
    const news = { notice: noticeOf('UploadDelivered', now), dueAt: iso(now + CLOSING_PATIENCE_MS) };
    return { ...upload, attachmentId, reason: undefined, ...news };
  }
  const recheckAt = upload.resent ? iso(now + policy.commitWindowMs + CLOCK_SKEW_MS) : undefined;
  return {
    ...upload,
    status: 'delivered',
    attachmentId,
    reason: attachmentId === null ? remarks.attachment_id_unknown : undefined,
    deliveredAt: iso(now),
    bytesSent: upload.size,
    error: undefined,
    doubt: undefined,
    candidate: undefined,
    recheckAt,
    notice: noticeOf('UploadDelivered', now),
    dueAt: iso(now + CLOSING_PATIENCE_MS),
  };
}

/** The end. What IPD has accepted is delivered all the same, and what it may have is for a person to look at. */
export function failed(
  upload: Upload,
  { code, detail, now, policy }: Moment & { code: FailureCode; detail?: string | undefined },
): Upload {
  if (upload.doubt?.accepted) return delivered(upload, { attachmentId: null, now, policy }) ?? upload;
  const isUnknown = upload.doubt !== undefined && code !== 'outcome_unknown';
  const keepUntil = iso(Math.min(now + policy.failedRetentionMs, fileEnd(upload, policy)));
  const error = isUnknown
    ? {
        code: 'outcome_unknown',
        message: failures.outcome_unknown,
        // In doubt nobody must be told to upload it again.
        detail: [code === 'staged_file_missing' ? 'The stored file is gone.' : failures[code], detail]
          .filter(Boolean)
          .join(' '),
        at: iso(now),
      }
    : { code, message: failures[code], detail, at: iso(now) };
  const notice = noticeOf('UploadFailed', now);
  return { ...upload, status: 'failed', error, keepUntil, notice, dueAt: iso(now + CLOSING_PATIENCE_MS) };
}

/** Those who listen know how it ended. What comes next is the removal of what is left in staging. */
export function noticed(upload: Upload, { type, at }: Notice): Upload | undefined {
  if (upload.notice?.type !== type || upload.notice.at !== at) return undefined;
  const told = { ...upload, notice: undefined };
  if (told.status === 'failed') return { ...told, dueAt: told.keepUntil };
  if (told.status === 'expired') return { ...told, dueAt: iso(Date.parse(at) + LATE_ARRIVAL_MS) };
  return told;
}

/** Nothing of a final upload is left in staging; what remains is the look for a second copy, if one is due. */
export function cleaned(upload: Upload): Upload | undefined {
  if (!isFinal(upload)) return undefined;
  if (upload.notice !== undefined) return upload;
  return { ...upload, dueAt: upload.status === 'delivered' ? upload.recheckAt : undefined };
}

/** True when it is time for the look for a second copy, and no function is at it. */
export function isRecheckDue(upload: Upload, now: number): upload is In<'delivered'> {
  if (upload.status !== 'delivered' || upload.recheckAt === undefined) return false;
  return now >= Date.parse(upload.recheckAt) && !isLive(upload.recheckLease, now);
}

/** The look for a second copy begins: one at a time, and not before it is due. */
export function beginRecheck(
  upload: Upload,
  { token, until, now }: { token: string; until: number; now: number },
): Upload | undefined {
  if (!isRecheckDue(upload, now)) return undefined;
  return { ...upload, recheckLease: { token, until: iso(until) } };
}

/** That look came to nothing, and is due again. */
export function putOffRecheck(upload: Upload, { token }: { token: string }): Upload | undefined {
  if (upload.status !== 'delivered' || upload.recheckLease?.token !== token) return undefined;
  return { ...upload, recheckLease: undefined };
}

/** True once nothing more is to be learned from that look: what keeps it away has lasted for a whole retry window. */
export function isRecheckOver(upload: Upload, { now, policy }: Moment): boolean {
  if (upload.status !== 'delivered' || upload.recheckAt === undefined) return false;
  return now > Date.parse(upload.recheckAt) + policy.retryWindowMs && isRecheckDue(upload, now);
}

/** The work item was read once more after a resend, or cannot be. */
export function rechecked(upload: Upload): Upload | undefined {
  if (upload.status !== 'delivered' || upload.recheckAt === undefined) return undefined;
  const dueAt = upload.notice === undefined ? undefined : upload.dueAt;
  return { ...upload, recheckAt: undefined, recheckLease: undefined, dueAt };
}

/** Further copies of ours in IPD. */
export function noteDuplicates<T extends Upload>(upload: T, ids: string[]): T {
  return { ...upload, duplicates: [...new Set([...(upload.duplicates ?? []), ...ids])] };
}

/** To be told to those who listen: how it ended, and when. */
export function noticeOf(type: Notice['type'], now: number): Notice {
  return { type, at: iso(now) };
}

/** A file that is tried again and again is not kept for ever. */
function fileEnd({ stagedAt, storedAt }: Upload, policy: Policy): number {
  return stagedAt === undefined ? Infinity : fileUntil({ stagedAt, storedAt }, policy);
}
