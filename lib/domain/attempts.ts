/**
 * The transitions of a delivery attempt: claimed, stopped at the fence, postponed, in doubt, paused, given up. Pure:
 * time and random numbers are arguments; lifecycle.ts says what a transition is. Most are legal only for the lease
 * holder.
 */
import * as endings from './endings.ts';
import { lastReasonOf } from './errors.ts';
import type { FailureCode, RetryableFailureCode } from './errors.ts';
import * as lifecycle from './lifecycle.ts';
import { committedAt, giveUpAt, LEASE_GRACE_MS, nextDoubtCheck, retryDelay } from './schedule.ts';
import { isLeaseHolder, iso, isReady } from './upload.ts';
import type { Delivering, Doubt, In, LinkReason, Moment, StagedObject, Upload } from './upload.ts';
import { en } from '../texts/en.ts';

/** The lease: its token and its end. */
export type NewLease = { token: string; until: number };

/** A retryable failure. */
export type RetryableFailure = {
  code: RetryableFailureCode;
  detail?: string | undefined;
  /**
   * False for a failure that every upload meets, such as a throttle or an outage: this upload itself could not be
   * tried.
   */
  counts: boolean;
  /** The earliest next attempt, from now. */
  afterMs?: number | undefined;
  /** Throttles in a row until now. */
  throttles?: number | undefined;
};

/**
 * Begins the attempt that a queue message asked for by number; any other number is an old message. The time in which
 * the upload waited for a slot, the breaker, another upload or the end of a throttle extends its retry window.
 */
export function claim(
  upload: Upload,
  { attempt, token, until, now }: NewLease & { attempt: number; now: number },
): Upload | undefined {
  if (!isReady(upload) || attempt !== upload.attempts + 1) return undefined;
  const untried = Math.max(now - Date.parse(upload.readyAt ?? upload.dueAt ?? iso(now)), 0);
  return {
    ...upload,
    status: 'delivering',
    attempts: attempt,
    bytesSent: 0,
    retryUntil: iso(Date.parse(upload.retryUntil) + untried),
    readyAt: iso(now),
    lease: { token, until: iso(until) },
    dueAt: iso(until + LEASE_GRACE_MS),
  };
}

/** Begins the delivery that an object-created event asks for. Only the first event does; repeated events are no-ops. */
export function claimArrival(
  upload: Upload,
  object: StagedObject,
  { now, policy, ...lease }: NewLease & Moment,
): Upload | undefined {
  const staged = upload.status === 'staged' ? upload : lifecycle.stage(upload, object, { now, policy });
  if (staged?.status !== 'staged') return staged;
  return claim(staged, { ...lease, now, attempt: staged.attempts + 1 });
}

/**
 * The fence: from here on IPD may have the file. Legal only for the holder of a lease that lasts long enough, and
 * never while an earlier send is in doubt or an attachment is this upload's.
 */
export function startSending(
  upload: Upload,
  sending: {
    token: string;
    now: number;
    marginMs: number;
    baseline: string[];
    isBaselineNull?: boolean | undefined;
    sentSha256?: string | undefined;
  },
): Upload | undefined {
  if (!isLeaseHolder(upload, sending.token)) return undefined;
  if (upload.doubt !== undefined || upload.candidate !== undefined) return undefined;
  if (sending.now >= Date.parse(upload.lease.until) - sending.marginMs) return undefined;
  const isFirst = upload.baseline === undefined;
  return {
    ...upload,
    sendingAt: iso(sending.now),
    bytesSent: upload.size,
    baseline: upload.baseline ?? sending.baseline,
    isBaselineNull: (isFirst ? sending.isBaselineNull : upload.isBaselineNull) || undefined,
    sentSha256: sending.sentSha256,
  };
}

/** Resolves the doubt: IPD does not have the file. It may be sent again, and is checked for once more afterwards. */
export function resolveDoubt(upload: Upload, { token }: { token: string }): Upload | undefined {
  if (!isLeaseHolder(upload, token) || upload.doubt === undefined || upload.doubt.accepted) return undefined;
  return { ...upload, doubt: undefined, resent: true };
}

/** Withdraws the fence: IPD did not get the whole file, or refused it. The next try may use another name. */
export function withdrawFence(
  upload: Upload,
  { token, sentName }: { token: string; sentName: string },
): Upload | undefined {
  if (!isLeaseHolder(upload, token)) return undefined;
  const isUnchanged = upload.sendingAt === undefined && upload.sentName === sentName;
  return isUnchanged ? upload : { ...upload, sendingAt: undefined, sentName };
}

/**
 * The file is to end in a link: IPD does not take it as an attachment. Not legal where IPD may have it. `work_item_full`:
 * only where nothing was ever sent, since a full list may hide what was.
 */
export function changeToLink(
  upload: Upload,
  { token, why }: { token: string; why: LinkReason },
): Upload | undefined {
  if (!isLeaseHolder(upload, token) || upload.asLink !== undefined || upload.resent) return undefined;
  if (upload.doubt !== undefined || upload.candidate !== undefined || upload.sendingAt !== undefined)
    return undefined;
  if (why === 'work_item_full' && upload.baseline !== undefined) return undefined;
  return { ...upload, asLink: why, baseline: undefined, bytesSent: 0 };
}

/** The one comment on the delivery is about to be made: it is never begun again. */
export function beginComment(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (upload.status !== 'delivered' || upload.commentedAt !== undefined) return undefined;
  return { ...upload, commentedAt: iso(now) };
}

/** Records how many bytes were sent, for clients that show the progress. */
export function recordProgress(
  upload: Upload,
  { token, bytesSent }: { token: string; bytesSent: number },
): Upload | undefined {
  return isLeaseHolder(upload, token) ? { ...upload, bytesSent } : undefined;
}

/** IPD reported success without an id: the bridge searches for the id, and the file is never sent again. Needs no lease. */
export function markAccepted(upload: Upload, { now, policy }: Moment): Upload | undefined {
  if (upload.status === 'delivered' || upload.asLink !== undefined || upload.doubt?.accepted)
    return undefined;
  const doubt = { since: iso(now), absences: 0, accepted: true };
  if (upload.status === 'delivering' || upload.status === 'unconfirmed') {
    return unconfirmed(upload, { doubt, now, policy });
  }
  return { ...upload, doubt };
}

/**
 * Another upload has claimed this attachment, so it is not our file. IPD is checked for our file again; if the upload was
 * not in doubt before, it is now.
 */
export function rejectCandidate(
  upload: Upload,
  { attachmentId, now, policy }: Moment & { attachmentId: string },
): Upload | undefined {
  const others = upload.duplicates?.filter((id) => id !== attachmentId);
  if (upload.candidate !== attachmentId) {
    return endings.recordMismatches({ ...upload, duplicates: others }, [attachmentId]);
  }
  // A further copy becomes the candidate.
  const [candidate, ...duplicates] = others ?? [];
  const rejected = endings.recordMismatches({ ...upload, candidate, duplicates }, [attachmentId]);
  if (candidate !== undefined) return rejected;
  if (rejected.status !== 'delivering' && rejected.status !== 'unconfirmed') return rejected;
  const doubt = upload.doubt ?? { since: iso(now), absences: 0, accepted: false };
  return unconfirmed(rejected, { doubt, now, policy });
}

/** The attempt failed and may be retried: the upload waits for the next one, or ends when the retry window is over. */
export function postpone(
  upload: Upload,
  event: RetryableFailure & Moment & { token: string; random: number },
): Upload | undefined {
  return isLeaseHolder(upload, event.token) ? postponed(upload, event) : undefined;
}

/**
 * IPD may have the file: the delivery checks for it before anything else happens. An upload that IPD has accepted, as an
 * earlier run found out, stays accepted.
 */
export function markUnconfirmed(
  upload: Upload,
  { token, detail, now, policy }: Moment & { token: string; detail?: string | undefined },
): Upload | undefined {
  if (!isLeaseHolder(upload, token)) return undefined;
  return unconfirmed(upload, {
    doubt: { since: iso(now), absences: 0, accepted: upload.doubt?.accepted === true },
    detail,
    now,
    policy,
  });
}

/** The work item was read and does not show the file: read it again later. */
export function recordAbsence(
  upload: Upload,
  { token, now, policy }: Moment & { token: string },
): Upload | undefined {
  if (!isLeaseHolder(upload, token) || upload.doubt === undefined) return undefined;
  const doubt = { ...upload.doubt, absences: upload.doubt.absences + 1 };
  return unconfirmed(upload, { doubt, detail: upload.lastError?.detail, now, policy });
}

/**
 * True when this read, the second at least and after the commit window, resolves the doubt: IPD does not show the
 * file.
 */
export function resolvesDoubt(doubt: Doubt, { now, policy }: Moment): boolean {
  return doubt.absences >= 1 && now >= committedAt(doubt, policy);
}

/** The attempt failed in a way that no retry can repair. */
export function fail(
  upload: Upload,
  event: Moment & { token: string; code: FailureCode; detail?: string | undefined },
): Upload | undefined {
  return isLeaseHolder(upload, event.token) ? endings.fail(upload, event) : undefined;
}

/** The upload cannot be tried before `until`. `code` and `detail` say why; without them, it only waits for a slot. */
export function pause(
  upload: Upload,
  {
    until,
    code,
    detail,
    now,
    policy,
  }: Moment & { until: number; code?: RetryableFailureCode | undefined; detail?: string | undefined },
): Upload | undefined {
  if (!isReady(upload)) return undefined;
  const end = giveUpAt(upload, policy);
  if (now >= end) return giveUp(upload, { now, policy });
  const isReason = code !== undefined && upload.doubt === undefined;
  const lastError = isReason
    ? { code, message: en.retryableFailures[code], detail, at: iso(now) }
    : upload.lastError;
  return { ...upload, lastError, readyAt: upload.readyAt ?? iso(now), dueAt: iso(Math.min(until, end)) };
}

/** Ends an upload that still waits when its time is over. Its last error becomes the reason. */
export function giveUp(upload: Upload, { now, policy }: Moment): Upload | undefined {
  // A candidate is our attachment: the next attempt ends the upload without a call to IPD.
  if (!isReady(upload) || upload.candidate !== undefined) return undefined;
  if (now < giveUpAt(upload, policy)) return undefined;
  return exhausted(upload, { code: upload.lastError?.code, detail: upload.lastError?.detail, now, policy });
}

/** The function that delivered is dead. Before the fence that is harmless, after it IPD may have the file. */
export function expireLease(
  upload: Upload,
  { now, random, policy }: Moment & { random: number },
): Upload | undefined {
  if (upload.status !== 'delivering' || now < Date.parse(upload.lease.until)) return undefined;
  if (upload.sendingAt !== undefined && !upload.doubt?.accepted) {
    const doubt = { since: upload.lease.until, absences: 0, accepted: false };
    return unconfirmed(upload, { doubt, now, policy });
  }
  // The sweep may have come late: that time does not use up the retry window.
  const retryUntil = iso(Date.parse(upload.retryUntil) + now - Date.parse(upload.lease.until));
  return postponed({ ...upload, retryUntil }, { code: 'lease_lost', counts: true, now, random, policy });
}

/** `retryUntil` ends an upload that was tried. An upload that could not be tried waits longer, until it is given up. */
function postponed(upload: Delivering, event: RetryableFailure & Moment & { random: number }): Upload {
  const { code, detail, counts, afterMs = 0, now, random, policy, doubt } = { ...event, doubt: upload.doubt };
  // An upload waits as long for its scan as for IPD.
  const usesWindow = counts || code === 'scan_pending';
  const longest = upload.candidate === undefined ? giveUpAt(upload, policy) : Infinity;
  const end =
    usesWindow && upload.candidate === undefined ? Math.min(Date.parse(upload.retryUntil), longest) : longest;
  if (now >= end) return exhausted(upload, { code, detail, now, policy });
  const due = Math.min(now + afterMs + retryDelay(counts ? upload.failedAttempts : 0, random), end);
  const next = {
    ...upload,
    bytesSent: 0,
    failedAttempts: upload.failedAttempts + (counts ? 1 : 0),
    throttles: counts ? undefined : (event.throttles ?? upload.throttles),
    lastError: { code, message: en.retryableFailures[code], detail, at: iso(now) },
    readyAt: usesWindow ? iso(due) : upload.readyAt,
    dueAt: iso(due),
  };
  return doubt === undefined ? { ...next, status: 'waiting' } : { ...next, status: 'unconfirmed', doubt };
}

/** Ends the upload, with the reason that kept the file from IPD. */
function exhausted(
  upload: Upload,
  { code, detail, now, policy }: Moment & { code: string | undefined; detail: string | undefined },
): Upload {
  return endings.fail(upload, {
    code: code === 'scan_pending' ? 'scan_timed_out' : 'retries_exhausted',
    detail: [lastReasonOf(code), detail].filter(Boolean).join(' ') || undefined,
    now,
    policy,
  });
}

function unconfirmed(
  upload: Delivering | In<'unconfirmed'>,
  { doubt, detail, now, policy }: Moment & { doubt: Doubt; detail?: string | undefined },
): Upload {
  const code = doubt.accepted ? 'id_missing' : 'answer_lost';
  const lastError = { code, message: en.retryableFailures[code], detail, at: iso(now) };
  const dueAt = iso(nextDoubtCheck(doubt, now, policy));
  return { ...upload, status: 'unconfirmed', doubt, lastError, throttles: undefined, readyAt: dueAt, dueAt };
}
