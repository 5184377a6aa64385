/**
 * The transitions at an upload's end: its attachment is identified, it is delivered or fails, subscribers are
 * notified, its staged file is removed, IPD is checked once more. Pure; lifecycle.ts says what a transition is. What
 * IPD has does not depend on the lease, so only a match that IPD's answer does not name needs the token of a delivery.
 */
import type { FailureCode } from './errors.ts';
import { CLOCK_SKEW_MS, CLOSING_PATIENCE_MS, fileUntil, LATE_ARRIVAL_MS } from './schedule.ts';
import { isFinal, isLeaseHolder, isLive, iso } from './upload.ts';
import type { In, Moment, Notification, Policy, Upload } from './upload.ts';
import { en } from '../texts/en.ts';

/** Records attachments that are not our file: other bytes, or another upload's claim. */
export function recordMismatches<T extends Upload>(upload: T, ids: string[]): T {
  return { ...upload, mismatches: [...new Set([...(upload.mismatches ?? []), ...ids])] };
}

/**
 * Makes this attachment our candidate. An upload has one attachment, so a second one is a duplicate. `isNamed`: IPD's
 * answer to our request names it, so IPD has the file even if the claim of this id fails. `sha256`: of our file, if the
 * check compared bytes.
 *
 * What only a check has found needs the lease, `token`: without it, an equal upload may have taken the work item, and the
 * attachment may be that one's file. It needs none where IPD surely has our file and has not named its id. So an upload
 * that was given up in doubt stays `failed` when a late function finds its file: a retry finds it again.
 */
export function setCandidate(
  upload: Upload,
  {
    attachmentId,
    isNamed = false,
    sha256,
    token,
    now,
  }: {
    attachmentId: string;
    isNamed?: boolean;
    sha256?: string | undefined;
    token?: string | undefined;
    now: number;
  },
): Upload | undefined {
  const own = upload.status === 'delivered' ? upload.attachmentId : upload.candidate;
  if (own === attachmentId) return upload;
  const isInIpd = isNamed || own === null || upload.doubt?.accepted === true;
  if (!isInIpd && !isLeaseHolder(upload, token)) return undefined;
  if (typeof own === 'string') return recordDuplicates(upload, [attachmentId]);
  if (upload.status === 'delivered') return upload;
  const sentSha256 = upload.sentSha256 ?? (upload.resent ? sha256 : undefined);
  const candidate = { ...upload, candidate: attachmentId, sentSha256 };
  if (!isNamed) return candidate;
  return { ...candidate, doubt: { since: iso(now), absences: 0, ...upload.doubt, accepted: true } };
}

/** IPD has the file, under this id or (null) under an id that it did not name. */
export function markDelivered(
  upload: Upload,
  { attachmentId, now, policy }: Moment & { attachmentId: string | null },
): Upload | undefined {
  if (upload.status === 'delivered') {
    if (upload.attachmentId !== null || attachmentId === null) return undefined;
    // Subscribers got a notification of a success without an id.
    const news = {
      notification: notificationOf('UploadDelivered', now),
      dueAt: iso(now + CLOSING_PATIENCE_MS),
    };
    return { ...upload, attachmentId, reason: undefined, ...news };
  }
  const recheckAt = upload.resent ? iso(now + policy.commitWindowMs + CLOCK_SKEW_MS) : undefined;
  return {
    ...upload,
    status: 'delivered',
    attachmentId,
    reason: attachmentId === null ? en.remarks.attachment_id_unknown : undefined,
    deliveredAt: iso(now),
    bytesSent: upload.size,
    lastError: undefined,
    doubt: undefined,
    candidate: undefined,
    recheckAt,
    notification: notificationOf('UploadDelivered', now),
    dueAt: iso(now + CLOSING_PATIENCE_MS),
  };
}

/**
 * Ends the upload as failed. A file that IPD has accepted counts as delivered; a file that IPD may have is for a
 * person to check.
 */
export function fail(
  upload: Upload,
  { code, detail, now, policy }: Moment & { code: FailureCode; detail?: string | undefined },
): Upload {
  if (upload.doubt?.accepted) return markDelivered(upload, { attachmentId: null, now, policy }) ?? upload;
  const isUnknown = upload.doubt !== undefined && code !== 'outcome_unknown';
  const keepUntil = iso(Math.min(now + policy.failedRetentionMs, fileEnd(upload, policy)));
  const lastError = isUnknown
    ? {
        code: 'outcome_unknown',
        message: en.failures.outcome_unknown,
        // In doubt, no message may tell the user to upload the file again.
        detail: [code === 'staged_file_missing' ? 'The stored file is gone.' : en.failures[code], detail]
          .filter(Boolean)
          .join(' '),
        at: iso(now),
      }
    : { code, message: en.failures[code], detail, at: iso(now) };
  const notification = notificationOf('UploadFailed', now);
  return {
    ...upload,
    status: 'failed',
    lastError,
    keepUntil,
    notification,
    dueAt: iso(now + CLOSING_PATIENCE_MS),
  };
}

/** Subscribers were notified of the end. The next step is to remove the staged file. */
export function markNotified(upload: Upload, { type, at }: Notification): Upload | undefined {
  if (upload.notification?.type !== type || upload.notification.at !== at) return undefined;
  const notified = { ...upload, notification: undefined };
  if (notified.status === 'failed') return { ...notified, dueAt: notified.keepUntil };
  if (notified.status === 'expired') return { ...notified, dueAt: iso(Date.parse(at) + LATE_ARRIVAL_MS) };
  return notified;
}

/** Staging holds nothing more of a final upload. Only the check for a second copy may still be due. */
export function markCleaned(upload: Upload): Upload | undefined {
  if (!isFinal(upload)) return undefined;
  const clean = markFileRemoved(upload);
  if (clean.notification !== undefined) return clean;
  return { ...clean, dueAt: clean.status === 'delivered' ? clean.recheckAt : undefined };
}

/** Records that storage has removed the file of a delivered upload, which is done once. */
export function markFileRemoved(upload: Upload): Upload {
  return upload.status !== 'delivered' || upload.isFileRemoved ? upload : { ...upload, isFileRemoved: true };
}

/** True when the check for a second copy is due and no function is doing it. */
export function isRecheckDue(upload: Upload, now: number): upload is In<'delivered'> {
  if (upload.status !== 'delivered' || upload.recheckAt === undefined) return false;
  return now >= Date.parse(upload.recheckAt) && !isLive(upload.recheckLease, now);
}

/** Begins the check for a second copy: one at a time, and not before it is due. */
export function beginRecheck(
  upload: Upload,
  { token, until, now }: { token: string; until: number; now: number },
): Upload | undefined {
  if (!isRecheckDue(upload, now)) return undefined;
  return { ...upload, recheckLease: { token, until: iso(until) } };
}

/** That check ended without a result, and is due again. */
export function postponeRecheck(upload: Upload, { token }: { token: string }): Upload | undefined {
  if (upload.status !== 'delivered' || upload.recheckLease?.token !== token) return undefined;
  return { ...upload, recheckLease: undefined };
}

/** True when that check is to be given up: it was not possible for a whole retry window. */
export function isRecheckOver(upload: Upload, { now, policy }: Moment): boolean {
  if (upload.status !== 'delivered' || upload.recheckAt === undefined) return false;
  return now > Date.parse(upload.recheckAt) + policy.retryWindowMs && isRecheckDue(upload, now);
}

/** Ends that check: the work item was read once more after a resend, or cannot be read. */
export function finishRecheck(upload: Upload): Upload | undefined {
  if (upload.status !== 'delivered' || upload.recheckAt === undefined) return undefined;
  const dueAt = upload.notification === undefined ? undefined : upload.dueAt;
  return { ...upload, recheckAt: undefined, recheckLease: undefined, dueAt };
}

/** Records further copies of our file in IPD. */
export function recordDuplicates<T extends Upload>(upload: T, ids: string[]): T {
  return { ...upload, duplicates: [...new Set([...(upload.duplicates ?? []), ...ids])] };
}

/** A notification for subscribers: how the upload ended, and when. */
export function notificationOf(type: Notification['type'], now: number): Notification {
  return { type, at: iso(now) };
}

/** The latest removal of a staged file: retries do not keep it for ever. */
function fileEnd({ stagedAt, storedAt }: Upload, policy: Policy): number {
  return stagedAt === undefined ? Infinity : fileUntil({ stagedAt, storedAt }, policy);
}
