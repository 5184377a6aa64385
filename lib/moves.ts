/**
 * How an upload moves from state to state.
 * Pure: time and dice come in as arguments. A move is a function from an upload to the next one, or to
 * undefined where it is not legal; what several writers make of it is the ledger's matter.
 */
import { failures, remarks, setbacks } from './errors.ts';
import type { FailureCode, SetbackCode } from './errors.ts';
import {
  CLOCK_SKEW_MS,
  CLOSING_PATIENCE_MS,
  committedAt,
  LATE_ARRIVAL_MS,
  LEASE_GRACE_MS,
  lookDelay,
  nextDoubtLook,
  QUEUE_PATIENCE_MS,
  retryDelay,
} from './schedule.ts';
import { isFinal, mayBeInIpd } from './upload.ts';
import type { Delivering, Doubt, In, NewUpload, Notice, Policy, StagedObject, Upload } from './upload.ts';

/** The right to deliver: whose it is and when it ends. */
export type Claim = { token: string; until: number };

type Moment = { now: number; policy: Policy };

/** What came in the way: `counts` is false for what everybody meets, such as a throttle or an outage. */
export type Setback = {
  code: SetbackCode;
  detail?: string | undefined;
  counts: boolean;
  /** The earliest next attempt, from now. */
  afterMs?: number | undefined;
};

/** A new upload that waits for its file. */
export function createUpload(input: NewUpload, { now, policy }: Moment): Upload {
  return {
    ...input,
    status: 'awaiting_upload',
    version: 1,
    createdAt: iso(now),
    updatedAt: iso(now),
    uploadDeadline: iso(now + policy.uploadDeadlineMs),
    dueAt: iso(now + lookDelay(0)),
    looks: 0,
    attempts: 0,
    failedAttempts: 0,
    bytesSent: 0,
  };
}

/** The file is there. A file of another size than agreed ends the upload. */
export function stage(upload: Upload, object: StagedObject, { now, policy }: Moment): Upload | undefined {
  if (upload.status !== 'awaiting_upload' && upload.status !== 'expired') return undefined;
  const { size, maxSize } = upload;
  const isAgreed = maxSize === undefined ? object.size === size : object.size >= 1 && object.size <= maxSize;
  if (!isAgreed) {
    const agreed = maxSize === undefined ? `${size} declared` : `1 to ${maxSize} allowed`;
    const detail = `${object.size} bytes stored, ${agreed}`;
    return failed(upload, { code: 'size_mismatch', detail, now, policy });
  }
  return {
    ...upload,
    status: 'staged',
    size: object.size,
    maxSize: undefined,
    notice: undefined,
    etag: object.etag,
    stagedAt: iso(now),
    retryUntil: iso(now + policy.retryWindowMs),
    dueAt: iso(now + QUEUE_PATIENCE_MS),
  };
}

/** Begins the attempt that a queue message asked for by number; any other number is an old message. */
export function claim(
  upload: Upload,
  { attempt, token, until }: Claim & { attempt: number },
): Upload | undefined {
  if (!isReady(upload) || attempt !== upload.attempts + 1) return undefined;
  return {
    ...upload,
    status: 'delivering',
    attempts: attempt,
    bytesSent: 0,
    lease: { token, until: iso(until) },
    dueAt: iso(until + LEASE_GRACE_MS),
  };
}

/** Begins the delivery that an object-created event asks for: only the first one, repeated events are no-ops. */
export function claimArrival(
  upload: Upload,
  object: StagedObject,
  { now, policy, ...right }: Claim & Moment,
): Upload | undefined {
  const staged = upload.status === 'staged' ? upload : stage(upload, object, { now, policy });
  if (staged?.status !== 'staged') return staged;
  return claim(staged, { ...right, attempt: staged.attempts + 1 });
}

/**
 * The fence: from here on IPD may have the file. Legal only for the holder of a lease that lives long enough,
 * and never while there is a doubt about what was sent before, or an attachment that is ours.
 */
export function startSending(
  upload: Upload,
  sending: {
    token: string;
    now: number;
    marginMs: number;
    known: string[];
    sentSha256?: string | undefined;
  },
): Upload | undefined {
  if (!holds(upload, sending.token)) return undefined;
  if (upload.doubt !== undefined || upload.candidate !== undefined) return undefined;
  if (sending.now >= Date.parse(upload.lease.until) - sending.marginMs) return undefined;
  return {
    ...upload,
    sendingAt: iso(sending.now),
    bytesSent: upload.size,
    known: upload.known ?? sending.known,
    sentSha256: sending.sentSha256,
  };
}

/** IPD does not have what was sent before: it may be sent again, and is looked for once more afterwards. */
export function settle(upload: Upload, { token }: { token: string }): Upload | undefined {
  if (!holds(upload, token) || upload.doubt === undefined || upload.doubt.accepted) return undefined;
  return { ...upload, doubt: undefined, resent: true };
}

/** Nothing of what the fence announced has come to IPD, or it was refused. The next try may go under another name. */
export function takeBack(
  upload: Upload,
  { token, sentName }: { token: string; sentName: string },
): Upload | undefined {
  return holds(upload, token) ? { ...upload, sendingAt: undefined, sentName } : undefined;
}

/** How far the body has come, for whoever watches. */
export function noteProgress(
  upload: Upload,
  { token, bytesSent }: { token: string; bytesSent: number },
): Upload | undefined {
  return holds(upload, token) ? { ...upload, bytesSent } : undefined;
}

/** Attachments that were looked into and hold other bytes. */
export function noteForeign(upload: Upload, ids: string[]): Upload | undefined {
  return { ...upload, foreign: [...new Set([...(upload.foreign ?? []), ...ids])] };
}

/** This attachment is ours: a fact, whoever holds the lease. One upload has one; a second is a copy too many. */
export function nominate(
  upload: Upload,
  { attachmentId, now }: { attachmentId: string; now: number },
): Upload | undefined {
  const own = upload.status === 'delivered' ? upload.attachmentId : upload.candidate;
  if (own === attachmentId) return upload;
  if (typeof own === 'string') return addDuplicates(upload, [attachmentId]);
  if (upload.status !== 'delivered') return { ...upload, candidate: attachmentId };
  // Those who listen were told of a success without an id.
  const news = { notice: noticeOf('UploadDelivered', now), dueAt: iso(now + CLOSING_PATIENCE_MS) };
  return { ...upload, attachmentId, reason: undefined, ...news };
}

/** IPD has the file, under this id or under one it never told. */
export function delivered(
  upload: Upload,
  { attachmentId, now, policy }: Moment & { attachmentId: string | null },
): Upload | undefined {
  if (upload.status === 'delivered') return undefined;
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

/** IPD said success and no id: it is looked up, never sent again. A fact, whoever holds the lease. */
export function accepted(upload: Upload, { now, policy }: Moment): Upload | undefined {
  if (upload.status === 'delivered' || upload.doubt?.accepted) return undefined;
  const doubt = { since: iso(now), absences: 0, accepted: true };
  if (upload.status === 'delivering' || upload.status === 'unconfirmed') {
    return unconfirmed(upload, { doubt, now, policy });
  }
  return { ...upload, doubt };
}

/** The attempt came to nothing: wait for the next one, or end when the retry window is over. */
export function setBack(
  upload: Upload,
  event: Setback & Moment & { token: string; random: number },
): Upload | undefined {
  return holds(upload, event.token) ? postponed(upload, event) : undefined;
}

/** IPD may have the file: it is looked for before anything else happens. */
export function cast(
  upload: Upload,
  { token, detail, now, policy }: Moment & { token: string; detail?: string | undefined },
): Upload | undefined {
  if (!holds(upload, token)) return undefined;
  return unconfirmed(upload, {
    doubt: { since: iso(now), absences: 0, accepted: false },
    detail,
    now,
    policy,
  });
}

/** The work item was read and does not show the file: read it again later. */
export function missed(
  upload: Upload,
  { token, now, policy }: Moment & { token: string },
): Upload | undefined {
  if (!holds(upload, token) || upload.doubt === undefined) return undefined;
  const doubt = { ...upload.doubt, absences: upload.doubt.absences + 1 };
  return unconfirmed(upload, { doubt, detail: upload.error?.detail, now, policy });
}

/** True when this reading, the second at least and after the commit window, settles that IPD does not show the file. */
export function settlesDoubt(doubt: Doubt, { now, policy }: Moment): boolean {
  return doubt.absences >= 1 && now >= committedAt(doubt, policy);
}

/** The attempt met something that no repetition heals. */
export function fail(
  upload: Upload,
  event: Moment & { token: string; code: FailureCode; detail?: string | undefined },
): Upload | undefined {
  return holds(upload, event.token) ? failed(upload, event) : undefined;
}

/** Nobody may speak to IPD for a while: the time does not count against the retry window. */
export function pause(
  upload: Upload,
  { until, code, now, policy }: Moment & { until: number; code: SetbackCode },
): Upload | undefined {
  if (!isReady(upload)) return undefined;
  const longest = Date.parse(upload.stagedAt) + policy.retryWindowMs + policy.failedRetentionMs;
  if (until > longest)
    return failed(upload, { code: 'retries_exhausted', detail: setbacks[code], now, policy });
  const retryUntil = iso(Date.parse(upload.retryUntil) + Math.max(until - now, 0));
  const error = { code, message: setbacks[code], at: iso(now) };
  return { ...upload, retryUntil, error: upload.doubt ? upload.error : error, dueAt: iso(until) };
}

/** The function that delivered is dead. Before the fence that is harmless, after it IPD may have the file. */
export function lapse(
  upload: Upload,
  { now, random, policy }: Moment & { random: number },
): Upload | undefined {
  if (upload.status !== 'delivering' || now < Date.parse(upload.lease.until)) return undefined;
  if (upload.sendingAt !== undefined && !upload.doubt?.accepted) {
    const doubt = { since: upload.lease.until, absences: 0, accepted: false };
    return unconfirmed(upload, { doubt, now, policy });
  }
  return postponed(upload, { code: 'lease_lost', counts: true, now, random, policy });
}

/** The file, or a part of it, has not arrived yet: look again later, or end when the deadline is over. */
export function lookAgain(
  upload: Upload,
  { now, hasParts = false }: { now: number; hasParts?: boolean },
): Upload | undefined {
  if (upload.status !== 'awaiting_upload') return undefined;
  if (now >= Date.parse(upload.uploadDeadline)) {
    const notice = noticeOf('UploadExpired', now);
    return { ...upload, status: 'expired', notice, dueAt: iso(now + CLOSING_PATIENCE_MS) };
  }
  const looks = upload.looks + 1;
  const due = Math.min(now + lookDelay(looks, { hasParts }), Date.parse(upload.uploadDeadline));
  return { ...upload, looks, dueAt: iso(due) };
}

/** A message for the next attempt, or for the look after a resend, is about to be queued; if it gets lost, the sweep is back later. */
export function queueAgain(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (!isReady(upload) && !(upload.status === 'delivered' && upload.recheckAt !== undefined))
    return undefined;
  return { ...upload, dueAt: iso(now + QUEUE_PATIENCE_MS) };
}

/** The user does not want it any more. Not legal once IPD may have it. */
export function cancel(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (mayBeInIpd(upload)) return undefined;
  if (upload.status === 'cancelled') return upload;
  const dueAt = iso(now + LATE_ARRIVAL_MS);
  return { ...upload, status: 'cancelled', error: undefined, notice: undefined, dueAt };
}

/** S3's multipart upload is gone without the file being there: another one takes its place. */
export function replaceMultipart(
  upload: Upload,
  { gone, uploadId }: { gone: string; uploadId: string },
): Upload | undefined {
  if (upload.status !== 'awaiting_upload' || upload.multipart?.uploadId !== gone) return undefined;
  return { ...upload, multipart: { ...upload.multipart, uploadId } };
}

/** The user wants a failed upload tried again; one in doubt is looked for first. */
export function retry(upload: Upload, { now, policy }: Moment): Upload | undefined {
  if (upload.status !== 'failed') return undefined;
  const { etag, stagedAt, doubt } = upload;
  if (etag === undefined || stagedAt === undefined) return undefined;
  const again = {
    ...upload,
    etag,
    stagedAt: iso(now),
    retryUntil: iso(now + policy.retryWindowMs),
    failedAttempts: 0,
    notice: undefined,
    dueAt: iso(now + QUEUE_PATIENCE_MS),
  };
  return doubt === undefined
    ? { ...again, status: 'staged' }
    : { ...again, status: 'unconfirmed', doubt: { ...doubt, absences: 0 } };
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

/** The work item was read once more after a resend; `duplicates` are further copies of ours. */
export function rechecked(upload: Upload, { duplicates }: { duplicates: string[] }): Upload | undefined {
  if (upload.status !== 'delivered' || upload.recheckAt === undefined) return undefined;
  const dueAt = upload.notice === undefined ? undefined : upload.dueAt;
  return { ...addDuplicates(upload, duplicates), recheckAt: undefined, dueAt };
}

function holds(upload: Upload, token: string): upload is Delivering {
  return upload.status === 'delivering' && upload.lease.token === token;
}

function isReady(upload: Upload): upload is In<'staged' | 'waiting' | 'unconfirmed'> {
  return upload.status === 'staged' || upload.status === 'waiting' || upload.status === 'unconfirmed';
}

function postponed(upload: Delivering, event: Setback & Moment & { random: number }): Upload {
  const { code, detail, counts, now, random, policy, doubt } = { ...event, doubt: upload.doubt };
  const failedAttempts = upload.failedAttempts + (counts ? 1 : 0);
  const due = now + (event.afterMs ?? 0) + retryDelay(upload.failedAttempts, random);
  if (due > Date.parse(upload.retryUntil)) {
    return failed(upload, { code: 'retries_exhausted', detail: words(setbacks[code], detail), now, policy });
  }
  const error = { code, message: setbacks[code], detail, at: iso(now) };
  const next = { ...upload, bytesSent: 0, failedAttempts, error, dueAt: iso(due) };
  return doubt === undefined ? { ...next, status: 'waiting' } : { ...next, status: 'unconfirmed', doubt };
}

function unconfirmed(
  upload: Delivering | In<'unconfirmed'>,
  { doubt, detail, now, policy }: Moment & { doubt: Doubt; detail?: string | undefined },
): Upload {
  const code = doubt.accepted ? 'id_missing' : 'answer_lost';
  const error = { code, message: setbacks[code], detail, at: iso(now) };
  return { ...upload, status: 'unconfirmed', doubt, error, dueAt: iso(nextDoubtLook(doubt, now, policy)) };
}

/** The end. What IPD has accepted is delivered all the same, and what it may have is for a person to look at. */
function failed(
  upload: Upload,
  { code, detail, now, policy }: Moment & { code: FailureCode; detail?: string | undefined },
): Upload {
  if (upload.doubt?.accepted) return delivered(upload, { attachmentId: null, now, policy }) ?? upload;
  const isUnknown = upload.doubt !== undefined && code !== 'outcome_unknown';
  const keepUntil = iso(now + policy.failedRetentionMs);
  const error = isUnknown
    ? {
        code: 'outcome_unknown',
        message: failures.outcome_unknown,
        detail: words(failures[code], detail),
        at: iso(now),
      }
    : { code, message: failures[code], detail, at: iso(now) };
  const notice = noticeOf('UploadFailed', now);
  return { ...upload, status: 'failed', error, keepUntil, notice, dueAt: iso(now + CLOSING_PATIENCE_MS) };
}

function noticeOf(type: Notice['type'], now: number): Notice {
  return { type, at: iso(now) };
}

function words(...parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(' ');
}

function addDuplicates<T extends Upload>(upload: T, ids: string[]): T {
  return { ...upload, duplicates: [...new Set([...(upload.duplicates ?? []), ...ids])] };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
