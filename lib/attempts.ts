/**
 * The moves of an attempt to deliver: claimed, held back at the fence, set back, in doubt, paused, given up.
 * Pure: time and dice come in as arguments, moves as in lifecycle.ts. Most are legal only for the holder of the lease.
 */
import * as endings from './endings.ts';
import { setbacks } from './errors.ts';
import type { FailureCode, SetbackCode } from './errors.ts';
import * as lifecycle from './lifecycle.ts';
import { committedAt, LEASE_GRACE_MS, nextDoubtLook, retryDelay } from './schedule.ts';
import { iso, isReady } from './upload.ts';
import type { Delivering, Doubt, In, Moment, StagedObject, Upload } from './upload.ts';

/** The right to deliver: whose it is and when it ends. */
export type Claim = { token: string; until: number };

/** What came in the way: `counts` is false for what everybody meets, such as a throttle or an outage. */
export type Setback = {
  code: SetbackCode;
  detail?: string | undefined;
  counts: boolean;
  /** The earliest next attempt, from now. */
  afterMs?: number | undefined;
};

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
  const staged = upload.status === 'staged' ? upload : lifecycle.stage(upload, object, { now, policy });
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

/** Nobody may speak to IPD for a while: the time does not count against the retry window. */
export function pause(
  upload: Upload,
  { until, code, now, policy }: Moment & { until: number; code: SetbackCode },
): Upload | undefined {
  if (!isReady(upload)) return undefined;
  const longest = Date.parse(upload.stagedAt) + policy.retryWindowMs + policy.failedRetentionMs;
  if (until > longest)
    return endings.failed(upload, { code: 'retries_exhausted', detail: setbacks[code], now, policy });
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

function holds(upload: Upload, token: string): upload is Delivering {
  return upload.status === 'delivering' && upload.lease.token === token;
}

function postponed(upload: Delivering, event: Setback & Moment & { random: number }): Upload {
  const { code, detail, counts, now, random, policy, doubt } = { ...event, doubt: upload.doubt };
  const failedAttempts = upload.failedAttempts + (counts ? 1 : 0);
  const due = now + (event.afterMs ?? 0) + retryDelay(upload.failedAttempts, random);
  if (due > Date.parse(upload.retryUntil)) {
    return endings.failed(upload, {
      code: code === 'scan_pending' ? 'scan_timed_out' : 'retries_exhausted',
      detail: [setbacks[code], detail].filter(Boolean).join(' '),
      now,
      policy,
    });
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
