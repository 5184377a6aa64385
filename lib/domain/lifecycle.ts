/**
 * The transitions of an upload around its attempts: created, staged, checked in storage, queued, cancelled,
 * retried. Pure: time is an argument. A transition is a function from an upload to the next one, or to undefined
 * where it is not legal. The ledger handles concurrent writers.
 */
import * as endings from './endings.ts';
import { CLOSING_PATIENCE_MS, LATE_ARRIVAL_MS, stagingCheckDelay, QUEUE_PATIENCE_MS } from './schedule.ts';
import { ingestedFrom, iso, isReady, mayBeInIpd, mayBeRemoved, schemaOf } from './upload.ts';
import type { Moment, NewUpload, StagedObject, Upload } from './upload.ts';
import { en } from '../texts/en.ts';

/** A new upload that waits for its file. */
export function createUpload(input: NewUpload, { now, policy }: Moment): Upload {
  return {
    ...input,
    schema: schemaOf(input),
    status: 'awaiting_upload',
    version: 1,
    createdAt: iso(now),
    updatedAt: iso(now),
    uploadDeadline: iso(now + policy.uploadDeadlineMs),
    dueAt: iso(now + stagingCheckDelay(0)),
    stagingChecks: 0,
    attempts: 0,
    failedAttempts: 0,
    bytesSent: 0,
  };
}

/**
 * The file is there. A file of another size than agreed ends the upload. That of an ingested upload is a copy of the version
 * that its producer offers: one of another version, which an earlier end has left, does not count.
 */
export function stage(upload: Upload, object: StagedObject, { now, policy }: Moment): Upload | undefined {
  if (upload.status !== 'awaiting_upload' && upload.status !== 'expired') return undefined;
  const from = ingestedFrom(upload);
  if (from !== undefined && object.copiedFrom !== from.etag) return undefined;
  const { size, maxSize, mostAttached } = upload;
  const isAgreed = maxSize === undefined ? object.size === size : object.size >= 1 && object.size <= maxSize;
  if (!isAgreed) {
    const agreed = maxSize === undefined ? `${size} declared` : `1 to ${maxSize} allowed`;
    const detail = `${object.size} bytes stored, ${agreed}`;
    return endings.fail(upload, { code: 'size_mismatch', detail, now, policy });
  }
  return {
    ...upload,
    status: 'staged',
    size: object.size,
    maxSize: undefined,
    mostAttached: undefined,
    asLink: mostAttached !== undefined && object.size > mostAttached ? 'too_large' : upload.asLink,
    notification: undefined,
    etag: object.etag,
    stagedAt: iso(now),
    storedAt: iso(now),
    retryUntil: iso(now + policy.retryWindowMs),
    readyAt: iso(now),
    // The sweep gives an ingested file its slot; a delivery of another one is queued at once.
    dueAt: iso(from === undefined ? now + QUEUE_PATIENCE_MS : now),
  };
}

/**
 * The file, or a part of it, has not arrived yet: storage is asked again later, or the upload ends when its deadline
 * is over.
 */
export function expireOrWait(
  upload: Upload,
  { now, hasParts = false }: { now: number; hasParts?: boolean },
): Upload | undefined {
  if (upload.status !== 'awaiting_upload') return undefined;
  if (now >= Date.parse(upload.uploadDeadline)) {
    const notification = endings.notificationOf('UploadExpired', now);
    return { ...upload, status: 'expired', notification, dueAt: iso(now + CLOSING_PATIENCE_MS) };
  }
  const stagingChecks = upload.stagingChecks + 1;
  const due = Math.min(
    now + stagingCheckDelay(stagingChecks, { hasParts }),
    Date.parse(upload.uploadDeadline),
  );
  return { ...upload, stagingChecks, dueAt: iso(due) };
}

/** S3's multipart upload is gone and the file is not there: a new one replaces it. */
export function replaceMultipart(
  upload: Upload,
  { gone, uploadId }: { gone: string; uploadId: string },
): Upload | undefined {
  if (upload.status !== 'awaiting_upload' || upload.multipart?.uploadId !== gone) return undefined;
  return { ...upload, multipart: { ...upload.multipart, uploadId } };
}

/**
 * A message for the next attempt, or for the check after a resend or a removal, is about to be queued. If it gets lost,
 * the sweep queues another one later; soon, where an end is still to be announced.
 */
export function requeue(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (!isReady(upload) && !isToBeChecked(upload)) return undefined;
  const patience = upload.notification === undefined ? QUEUE_PATIENCE_MS : CLOSING_PATIENCE_MS;
  return { ...upload, dueAt: iso(now + patience) };
}

/** True of an upload that has ended, and of which IPD is to be checked again. */
function isToBeChecked(upload: Upload): boolean {
  const isEnded = upload.status === 'delivered' || upload.status === 'removed';
  return isEnded && upload.recheckAt !== undefined;
}

/**
 * The user does not want it any more: a link is taken back. Not legal once IPD may have the file as an attachment, nor
 * while a link is being made.
 */
export function cancel(
  upload: Upload,
  { now, by = 'owner' }: { now: number; by?: 'owner' | 'operator' },
): Upload | undefined {
  if (upload.status === 'removed' || mayBeRemoved(upload)) return endings.remove(upload, { by, now });
  if (mayBeInIpd(upload)) return undefined;
  if (upload.status === 'cancelled') return upload;
  const dueAt = iso(now + LATE_ARRIVAL_MS);
  return { ...upload, status: 'cancelled', lastError: undefined, notification: undefined, dueAt };
}

/** An operator cancels the upload, under the same rules as its owner. */
export function withdraw(
  upload: Upload,
  { by, reason, now }: { by: string; reason: string; now: number },
): Upload | undefined {
  const cancelled = cancel(upload, { now, by: 'operator' });
  if (cancelled === undefined || cancelled === upload) return cancelled;
  return { ...cancelled, cancellation: { at: iso(now), by, reason } };
}

/**
 * The user retries a failed upload; one in doubt is checked in IPD first. The retry window begins anew, the age of
 * the file does not. The reason of the failure is forgotten: only that of a new attempt may end the upload.
 */
export function retry(upload: Upload, { now, policy }: Moment): Upload | undefined {
  if (upload.status !== 'failed') return undefined;
  const { etag, stagedAt, doubt } = upload;
  if (etag === undefined || stagedAt === undefined) return undefined;
  const again = {
    ...upload,
    etag,
    stagedAt: iso(now),
    storedAt: upload.storedAt ?? stagedAt,
    retryUntil: iso(now + policy.retryWindowMs),
    readyAt: iso(now),
    failedAttempts: 0,
    throttles: undefined,
    lastError: undefined,
    notification: undefined,
    dueAt: iso(now + QUEUE_PATIENCE_MS),
  };
  if (doubt === undefined) return { ...again, status: 'staged' };
  const code = 'answer_lost';
  const lastError = { code, message: en.retryableFailures[code], at: iso(now) };
  return { ...again, status: 'unconfirmed', doubt: { ...doubt, absences: 0 }, lastError };
}

/**
 * An operator retries the upload, under the same rules as its owner. The sweep starts it, and so limits the rate to
 * IPD.
 */
export function redrive(
  upload: Upload,
  { by, reason, now, policy }: Moment & { by: string; reason: string },
): Upload | undefined {
  const again = retry(upload, { now, policy });
  return again && { ...again, redrive: { at: iso(now), by, reason }, dueAt: iso(now) };
}
