/**
 * The moves of an attempt to deliver: claimed, held back at the fence, set back, in doubt, paused, given up.
 * Pure: time and dice come in as arguments, moves as in lifecycle.ts. Most are legal only for the holder of the lease.
 */
import * as endings from './endings.ts';
import { lastReasonOf, setbacks } from './errors.ts';
import type { FailureCode, SetbackCode } from './errors.ts';
import * as lifecycle from './lifecycle.ts';
import { committedAt, giveUpAt, LEASE_GRACE_MS, nextDoubtLook, retryDelay } from './schedule.ts';
import { iso, isReady } from './upload.ts';
import type { Delivering, Doubt, In, Moment, StagedObject, Upload } from './upload.ts';

/** The right to deliver: whose it is and when it ends. */
export type Claim = { token: string; until: number };

/** What came in the way. */
export type Setback = {
  code: SetbackCode;
  detail?: string | undefined;
  /** False for what every upload meets, such as a throttle or an outage: the upload itself could not be tried. */
  counts: boolean;
  /** The earliest next attempt, from now. */
  afterMs?: number | undefined;
  /** Throttles in a row until now. */
  throttles?: number | undefined;
};

/**
 * Begins the attempt that a queue message asked for by number; any other number is an old message. Until now it could
 * not be tried: it waited for its turn, for the breaker, for another upload, or as long as IPD had asked it to.
 */
export function claim(
  upload: Upload,
  { attempt, token, until, now }: Claim & { attempt: number; now: number },
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

/** Begins the delivery that an object-created event asks for: only the first one, repeated events are no-ops. */
export function claimArrival(
  upload: Upload,
  object: StagedObject,
  { now, policy, ...right }: Claim & Moment,
): Upload | undefined {
  const staged = upload.status === 'staged' ? upload : lifecycle.stage(upload, object, { now, policy });
  if (staged?.status !== 'staged') return staged;
  return claim(staged, { ...right, now, attempt: staged.attempts + 1 });
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

/** IPD said success and no id: it is looked up, never sent again. A fact, whoever holds the lease. */
export function accepted(upload: Upload, { now, policy }: Moment): Upload | undefined {
  if (upload.status === 'delivered' || upload.doubt?.accepted) return undefined;
  const doubt = { since: iso(now), absences: 0, accepted: true };
  if (upload.status === 'delivering' || upload.status === 'unconfirmed') {
    return unconfirmed(upload, { doubt, now, policy });
  }
  return { ...upload, doubt };
}

/**
 * The claim of this id is another upload's, so it is not ours, though it seemed to be. The file is looked up again; where
 * nothing says that IPD has it, as one that it may have.
 */
export function rejectCandidate(
  upload: Upload,
  { attachmentId, now, policy }: Moment & { attachmentId: string },
): Upload | undefined {
  const others = upload.duplicates?.filter((id) => id !== attachmentId);
  if (upload.candidate !== attachmentId) {
    return endings.noteForeign({ ...upload, duplicates: others }, [attachmentId]);
  }
  // A further copy takes its place.
  const [candidate, ...duplicates] = others ?? [];
  const rejected = endings.noteForeign({ ...upload, candidate, duplicates }, [attachmentId]);
  if (candidate !== undefined) return rejected;
  if (rejected.status !== 'delivering' && rejected.status !== 'unconfirmed') return rejected;
  const doubt = upload.doubt ?? { since: iso(now), absences: 0, accepted: false };
  return unconfirmed(rejected, { doubt, now, policy });
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
  return holds(upload, event.token) ? endings.failed(upload, event) : undefined;
}

/** It cannot be tried before `until`. `code` says why; without one, it only waits for its turn. */
export function pause(
  upload: Upload,
  { until, code, now, policy }: Moment & { until: number; code?: SetbackCode | undefined },
): Upload | undefined {
  if (!isReady(upload)) return undefined;
  const end = giveUpAt(upload, policy);
  if (now >= end) return giveUp(upload, { now, policy });
  const isReason = code !== undefined && upload.doubt === undefined;
  const error = isReason ? { code, message: setbacks[code], at: iso(now) } : upload.error;
  return { ...upload, error, readyAt: upload.readyAt ?? iso(now), dueAt: iso(Math.min(until, end)) };
}

/** Its time is over, whatever it waits for: what it met last is the reason. */
export function giveUp(upload: Upload, { now, policy }: Moment): Upload | undefined {
  // A candidate is ours: the next attempt needs no word with IPD to end it.
  if (!isReady(upload) || upload.candidate !== undefined) return undefined;
  if (now < giveUpAt(upload, policy)) return undefined;
  return exhausted(upload, { code: upload.error?.code, detail: upload.error?.detail, now, policy });
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
  // The sweep may have come late.
  const retryUntil = iso(Date.parse(upload.retryUntil) + now - Date.parse(upload.lease.until));
  return postponed({ ...upload, retryUntil }, { code: 'lease_lost', counts: true, now, random, policy });
}

function holds(upload: Upload, token: string): upload is Delivering {
  return upload.status === 'delivering' && upload.lease.token === token;
}

/** `retryUntil` ends what was tried. What could not be tried goes on until it can be, or is given up. */
function postponed(upload: Delivering, event: Setback & Moment & { random: number }): Upload {
  const { code, detail, counts, afterMs = 0, now, random, policy, doubt } = { ...event, doubt: upload.doubt };
  // A scan that says nothing is waited for as long as IPD would be.
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
    error: { code, message: setbacks[code], detail, at: iso(now) },
    readyAt: usesWindow ? iso(due) : upload.readyAt,
    dueAt: iso(due),
  };
  return doubt === undefined ? { ...next, status: 'waiting' } : { ...next, status: 'unconfirmed', doubt };
}

/** The end, with what has really kept the file from IPD. */
function exhausted(
  upload: Upload,
  { code, detail, now, policy }: Moment & { code: string | undefined; detail: string | undefined },
): Upload {
  return endings.failed(upload, {
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
  const error = { code, message: setbacks[code], detail, at: iso(now) };
  const dueAt = iso(nextDoubtLook(doubt, now, policy));
  return { ...upload, status: 'unconfirmed', doubt, error, throttles: undefined, readyAt: dueAt, dueAt };
}
