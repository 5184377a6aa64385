/**
 * The transitions at an upload's end: its attachment is identified, it is delivered or fails, subscribers are
 * notified, its staged file is removed, IPD is checked once more. Pure; lifecycle.ts says what a transition is. What
 * IPD has does not depend on the lease, so only a match that IPD's answer does not name needs the token of a delivery.
 */
import type { FailureCode } from './errors.ts';
import { CLOCK_SKEW_MS, CLOSING_PATIENCE_MS, fileUntil, LATE_ARRIVAL_MS } from './schedule.ts';
import { generationOf } from './link.ts';
import { isFinal, isLeaseHolder, isLive, iso, mayBeRemoved } from './upload.ts';
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
  if (upload.asLink !== undefined) return undefined;
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
  if (upload.asLink !== undefined) return undefined;
  if (upload.status === 'delivered') {
    if (upload.attachmentId !== null || attachmentId === null) return undefined;
    // Subscribers got a notification of a success without an id.
    const news = {
      notification: notificationOf('UploadDelivered', now),
      dueAt: iso(now + CLOSING_PATIENCE_MS),
    };
    return { ...upload, attachmentId, reason: undefined, ...news };
  }
  return {
    ...upload,
    status: 'delivered',
    attachmentId,
    reason: attachmentId === null ? en.remarks.attachment_id_unknown : undefined,
    ...delivery(upload, { now, policy }),
  };
}

/**
 * The work item has the link. `hasLeftover`: and another one to the same file, which could not be deleted. The next
 * check deletes it, and so it does with the link of a function that comes second. The file's time begins now. Needs no
 * lease: the upload's id is in the URL, so the link surely leads to its file.
 */
export function markLinked(
  upload: Upload,
  { linkId, hasLeftover, now, policy }: Moment & { linkId: string; hasLeftover: boolean },
): Upload | undefined {
  if (upload.asLink === undefined) return undefined;
  if (upload.status === 'delivered' && upload.link !== undefined) {
    if (upload.link.id === linkId && !hasLeftover) return upload;
    const recheckAt = iso(recheckTime({ now, policy }));
    return { ...upload, recheckAt, dueAt: upload.notification === undefined ? recheckAt : upload.dueAt };
  }
  if (isFinal(upload) && upload.status !== 'failed') return undefined;
  const ended = delivery(upload, { now, policy });
  return {
    ...upload,
    status: 'delivered',
    attachmentId: null,
    link: { id: linkId, expiresAt: iso(now + policy.linkedFileMs) },
    ...ended,
    recheckAt: hasLeftover ? iso(recheckTime({ now, policy })) : ended.recheckAt,
  };
}

/** What every success sets. */
function delivery(upload: Upload, { now, policy }: Moment) {
  return {
    deliveredAt: iso(now),
    bytesSent: upload.size,
    lastError: undefined,
    doubt: undefined,
    candidate: undefined,
    recheckAt: upload.resent ? iso(recheckTime({ now, policy })) : undefined,
    notification: notificationOf('UploadDelivered', now),
    dueAt: iso(now + CLOSING_PATIENCE_MS),
  };
}

/** From then on, IPD has what it will ever have of a request that has ended by now. */
function recheckTime({ now, policy }: Moment): number {
  return now + policy.commitWindowMs + CLOCK_SKEW_MS;
}

/**
 * Takes a link back: its URL is worthless from now on. The link in IPD and the file are still to be removed. Legal for
 * an upload that has a link, or may have one and is not under way.
 */
export function remove(
  upload: Upload,
  { by, now }: { by: In<'removed'>['removal']['by']; now: number },
): Upload | undefined {
  if (upload.status === 'removed') return upload;
  if (!mayBeRemoved(upload)) return undefined;
  return {
    ...upload,
    status: 'removed',
    linkGeneration: generationOf(upload) + 1,
    removal: { at: iso(now), by },
    doubt: undefined,
    lastError: undefined,
    recheckAt: iso(now),
    recheckLease: undefined,
    notification: notificationOf('UploadRemoved', now),
    dueAt: iso(now),
  };
}

/** The linked file is to be removed: its time is over. */
export function expireLink(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (upload.status !== 'delivered' || upload.link === undefined) return undefined;
  return now < Date.parse(upload.link.expiresAt) ? undefined : remove(upload, { by: 'expiry', now });
}

/** Storage has removed the linked file. */
export function markLinkedFileRemoved(upload: Upload): Upload | undefined {
  if (upload.status !== 'removed') return undefined;
  return upload.isLinkedFileRemoved ? upload : { ...upload, isLinkedFileRemoved: true };
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
  return { ...clean, dueAt: nextCheck(clean) };
}

/** When something is to be done with an upload whose end is announced: a check in IPD, or the end of a linked file. */
function nextCheck(upload: Upload): string | undefined {
  if (upload.status === 'removed') return upload.recheckAt;
  return upload.status === 'delivered' ? (upload.recheckAt ?? upload.link?.expiresAt) : undefined;
}

/** Records that storage has removed the file of a delivered upload, which is done once. */
export function markFileRemoved(upload: Upload): Upload {
  return upload.status !== 'delivered' || upload.isFileRemoved ? upload : { ...upload, isFileRemoved: true };
}

/** An upload that has ended with something in IPD, which may have to be checked again. */
export type Ended = In<'delivered' | 'removed'>;

/** True when the check of what IPD has is due and no function is doing it. */
export function isRecheckDue(upload: Upload, now: number): upload is Ended {
  if (!isEnded(upload) || upload.recheckAt === undefined) return false;
  return now >= Date.parse(upload.recheckAt) && !isLive(upload.recheckLease, now);
}

function isEnded(upload: Upload): upload is Ended {
  return upload.status === 'delivered' || upload.status === 'removed';
}

/** Begins that check: one at a time, and not before it is due. */
export function beginRecheck(
  upload: Upload,
  { token, until, now }: { token: string; until: number; now: number },
): Upload | undefined {
  if (!isRecheckDue(upload, now)) return undefined;
  return { ...upload, recheckLease: { token, until: iso(until) } };
}

/** True for the function that does that check now. A link that is taken back meanwhile needs a check of its own. */
export function isRecheckHolder(upload: Upload, token: string): upload is Ended {
  return isEnded(upload) && upload.recheckLease?.token === token;
}

/** That check ended without a result, and is due again. */
export function postponeRecheck(upload: Upload, { token }: { token: string }): Upload | undefined {
  if (!isRecheckHolder(upload, token)) return undefined;
  return { ...upload, recheckLease: undefined };
}

/** True when that check is to be given up: it was not possible for a whole retry window. */
export function isRecheckOver(upload: Upload, { now, policy }: Moment): boolean {
  if (!isEnded(upload) || upload.recheckAt === undefined) return false;
  return now > Date.parse(upload.recheckAt) + policy.retryWindowMs && isRecheckDue(upload, now);
}

/** Ends that check: the work item was read once more after a resend or a removal, or cannot be read. */
export function finishRecheck(upload: Upload): Upload | undefined {
  if (!isEnded(upload) || upload.recheckAt === undefined) return undefined;
  const checked = { ...upload, recheckAt: undefined, recheckLease: undefined };
  return { ...checked, dueAt: upload.notification === undefined ? nextCheck(checked) : upload.dueAt };
}

/** IPD shows no link of a removed upload any more. A request under way may still make one: it is looked for once more. */
export function markLinksDeleted(upload: Upload, { now, policy }: Moment): Upload | undefined {
  if (upload.status !== 'removed' || upload.recheckAt === undefined) return undefined;
  if (upload.removal.linksDeletedAt !== undefined) return finishRecheck(upload);
  const recheckAt = iso(recheckTime({ now, policy }));
  const removal = { ...upload.removal, linksDeletedAt: iso(now) };
  const dueAt = upload.notification === undefined ? recheckAt : upload.dueAt;
  return { ...upload, removal, recheckAt, recheckLease: undefined, dueAt };
}

/** The link that counts is another one than recorded: that one is gone from the work item. */
export function replaceLink(upload: Upload, { linkId }: { linkId: string }): Upload | undefined {
  if (upload.status !== 'delivered' || upload.link === undefined) return undefined;
  return upload.link.id === linkId ? upload : { ...upload, link: { ...upload.link, id: linkId } };
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
