/**
 * What an upload is: its states, the moves between them, and when each is looked at again.
 * Pure: time and dice come in as arguments, and a move is a function from an upload to the next
 * one, or to undefined where the move is not legal. Writing the result down is the ledger's work.
 */
import { z } from 'zod';
import { failures, setbacks } from './errors.ts';
import type { FailureCode, SetbackCode } from './errors.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** When an upload whose file has not arrived is looked at after its creation; then every hour. */
const LOOKS = [1, 5, 15, 60].map((minutes) => minutes * MINUTE);
/** The upper ends of the retry delays; the last one repeats. */
const RETRY_DELAYS = [30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR];
/** How long a queued delivery may take to begin before it is queued again. */
const QUEUE_PATIENCE = 15 * MINUTE;
/** A function that was just killed may still have a write under way. */
const LEASE_GRACE = 5 * SECOND;
/** How soon the sweep helps when the one who had to remove the staged file did not. */
const REMOVAL_PATIENCE = MINUTE;
/** The longest life of a staging URL and time for a slow PUT to end: later nothing arrives. */
const LATE_ARRIVAL = 2 * HOUR;

const time = z.iso.datetime();

const mishap = z.object({
  code: z.string(),
  message: z.string(),
  /** The remote's own words, redacted and cut. */
  detail: z.string().optional(),
  at: time,
});

const base = {
  id: z.string(),
  /** Counts every change; the ETag of the HTTP answer. */
  version: z.int(),
  owner: z.string(),
  projectId: z.string(),
  issueId: z.string(),
  /** As the user's device gave it; for people. */
  filename: z.string(),
  /** What IPD gets. */
  sentName: z.string(),
  contentType: z.string(),
  size: z.int(),
  /** Hex, as the client declared it. */
  sha256: z.string().optional(),
  createdAt: time,
  updatedAt: time,
  /** Until when the file may be staged. */
  uploadDeadline: time,
  /** When the sweep has something to do here; absent when nothing is left to be done. */
  dueAt: time.optional(),
  /** Looks for a file that has not arrived yet. */
  looks: z.int(),
  /** Deliveries begun: a queue message carries the number of the one it asks for. */
  attempts: z.int(),
  /** Attempts that count against the retry schedule. */
  failedAttempts: z.int(),
  bytesSent: z.int(),
  /** The last thing that went wrong; cleared by success. */
  error: mishap.optional(),
  /** Since when IPD may hold a copy whose id we do not know. */
  doubtSince: time.optional(),
  etag: z.string().optional(),
  stagedAt: time.optional(),
  /** After this moment a setback ends the upload. */
  retryUntil: time.optional(),
};

const stored = { etag: z.string(), stagedAt: time, retryUntil: time };
const lease = z.object({ token: z.string(), until: time });

export const uploadSchema = z.discriminatedUnion('status', [
  z.object({ ...base, status: z.literal('awaiting_upload') }),
  z.object({ ...base, ...stored, status: z.literal('staged') }),
  z.object({ ...base, ...stored, status: z.literal('delivering'), lease, sendingAt: time.optional() }),
  z.object({ ...base, ...stored, status: z.literal('waiting') }),
  z.object({ ...base, ...stored, status: z.literal('unconfirmed') }),
  z.object({
    ...base,
    status: z.literal('delivered'),
    attachmentId: z.string().nullable(),
    deliveredAt: time,
  }),
  z.object({ ...base, status: z.literal('failed'), error: mishap, keepUntil: time }),
  z.object({ ...base, status: z.literal('expired') }),
  z.object({ ...base, status: z.literal('cancelled') }),
]);

export type Upload = z.infer<typeof uploadSchema>;
export type Delivering = Extract<Upload, { status: 'delivering' }>;

export type NewUpload = Pick<
  Upload,
  'id' | 'owner' | 'projectId' | 'issueId' | 'filename' | 'sentName' | 'contentType' | 'size' | 'sha256'
>;

/** What storage says of the staged object. */
export type StagedObject = { etag: string; size: number };

/** Lengths of time that an operator may set, in milliseconds. */
export type Policy = { uploadDeadlineMs: number; retryWindowMs: number; failedRetentionMs: number };

/** The right to deliver: whose it is and when it ends. */
export type Claim = { token: string; until: number };

export const stagingKey = (id: string): string => `staging/${id}`;

/** The upload whose staged file has this key; undefined for a key that is not ours. */
export function uploadIdOf(key: string): string | undefined {
  return /^staging\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(key)?.[1];
}

/** True when nobody will ever ask for the staged file again. */
export function isUnwanted(upload: Upload): boolean {
  if (upload.status === 'failed') return upload.dueAt === undefined;
  return upload.status === 'delivered' || upload.status === 'cancelled';
}

/** True when no move but a late arrival or a user's retry leads on from here. */
export function isFinal(upload: Upload): boolean {
  return ['delivered', 'failed', 'expired', 'cancelled'].includes(upload.status);
}

/** True once IPD may hold a copy: from then on the upload cannot be taken back. */
export function mayBeInIpd(upload: Upload): boolean {
  return (
    upload.doubtSince !== undefined ||
    upload.status === 'delivered' ||
    upload.status === 'unconfirmed' ||
    (upload.status === 'delivering' && upload.sendingAt !== undefined)
  );
}

/** A new upload that waits for its file. */
export function createUpload(input: NewUpload, { now, policy }: { now: number; policy: Policy }): Upload {
  return {
    ...input,
    status: 'awaiting_upload',
    version: 1,
    createdAt: iso(now),
    updatedAt: iso(now),
    uploadDeadline: iso(now + policy.uploadDeadlineMs),
    dueAt: iso(now + nth(LOOKS, 0)),
    looks: 0,
    attempts: 0,
    failedAttempts: 0,
    bytesSent: 0,
  };
}

/** The file is there. A file of another size than declared ends the upload. */
export function stage(
  upload: Upload,
  object: StagedObject,
  { now, policy }: { now: number; policy: Policy },
): Upload | undefined {
  if (upload.status !== 'awaiting_upload' && upload.status !== 'expired') return undefined;
  if (object.size !== upload.size) {
    const detail = `${object.size} bytes stored, ${upload.size} declared`;
    return failed(upload, { code: 'size_mismatch', detail, now, policy });
  }
  return {
    ...upload,
    status: 'staged',
    etag: object.etag,
    stagedAt: iso(now),
    retryUntil: iso(now + policy.retryWindowMs),
    dueAt: iso(now + QUEUE_PATIENCE),
  };
}

/** Begins the delivery that a queue message asked for by number; any other number is an old message. */
export function claim(
  upload: Upload,
  { attempt, token, until }: Claim & { attempt: number },
): Upload | undefined {
  if (upload.status !== 'staged' && upload.status !== 'waiting') return undefined;
  if (attempt !== upload.attempts + 1) return undefined;
  return {
    ...upload,
    status: 'delivering',
    attempts: attempt,
    bytesSent: 0,
    lease: { token, until: iso(until) },
    dueAt: iso(until + LEASE_GRACE),
  };
}

/** Begins the delivery that an object-created event asks for: only the first one, repeated events are no-ops. */
export function claimArrival(
  upload: Upload,
  object: StagedObject,
  { now, policy, ...right }: Claim & { now: number; policy: Policy },
): Upload | undefined {
  const staged = upload.status === 'staged' ? upload : stage(upload, object, { now, policy });
  if (staged?.status !== 'staged') return staged;
  return claim(staged, { ...right, attempt: staged.attempts + 1 });
}

/** The fence: from here on IPD may have the file. Legal only for the holder of a lease that lives long enough. */
export function startSending(
  upload: Upload,
  { token, now, marginMs }: { token: string; now: number; marginMs: number },
): Upload | undefined {
  if (!holds(upload, token)) return undefined;
  if (now >= Date.parse(upload.lease.until) - marginMs) return undefined;
  return { ...upload, sendingAt: iso(now), bytesSent: upload.size };
}

/** IPD refused before it stored anything: it does not have the file after all. The next try may go under another name. */
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

/** IPD has the file under this id: a fact, whoever holds the lease. */
export function delivered(
  upload: Upload,
  { attachmentId, now }: { attachmentId: string | null; now: number },
): Upload | undefined {
  if (upload.status === 'delivered') return undefined;
  return {
    ...upload,
    status: 'delivered',
    attachmentId,
    deliveredAt: iso(now),
    bytesSent: upload.size,
    error: undefined,
    doubtSince: undefined,
    dueAt: iso(now + REMOVAL_PATIENCE),
  };
}

/** The attempt came to nothing and IPD has no file: wait for the next one, or give up when the retry window is over. */
export function setBack(
  upload: Upload,
  event: {
    token: string;
    code: SetbackCode;
    detail?: string | undefined;
    /** A throttle or an outage that everybody meets does not count. */
    counts: boolean;
    /** The earliest next attempt, from now. */
    afterMs?: number | undefined;
    now: number;
    random: number;
    policy: Policy;
  },
): Upload | undefined {
  if (!holds(upload, event.token)) return undefined;
  return waiting(upload, event);
}

/** IPD may have the file and we cannot tell: it is not sent again before somebody has looked. */
export function doubt(
  upload: Upload,
  { token, detail, now }: { token: string; detail?: string | undefined; now: number },
): Upload | undefined {
  return holds(upload, token) ? unconfirmed(upload, { detail, now }) : undefined;
}

/** The attempt met something that no repetition heals. */
export function fail(
  upload: Upload,
  event: { token: string; code: FailureCode; detail?: string | undefined; now: number; policy: Policy },
): Upload | undefined {
  return holds(upload, event.token) ? failed(upload, event) : undefined;
}

/** The function that delivered is dead. Before the fence that is harmless, after it IPD may have the file. */
export function lapse(
  upload: Upload,
  { now, random, policy }: { now: number; random: number; policy: Policy },
): Upload | undefined {
  if (upload.status !== 'delivering' || now < Date.parse(upload.lease.until)) return undefined;
  if (upload.sendingAt !== undefined) return unconfirmed(upload, { now });
  return waiting(upload, { code: 'lease_lost', counts: true, now, random, policy });
}

/** The file has not arrived yet: look again later, or end when the deadline is over. */
export function lookAgain(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (upload.status !== 'awaiting_upload') return undefined;
  if (now >= Date.parse(upload.uploadDeadline)) {
    return { ...upload, status: 'expired', dueAt: iso(now + LATE_ARRIVAL) };
  }
  const looks = upload.looks + 1;
  const due = Math.min(now + nth(LOOKS, looks), Date.parse(upload.uploadDeadline));
  return { ...upload, looks, dueAt: iso(due) };
}

/** A message for the next attempt is about to be queued; if it gets lost, the sweep is back here later. */
export function queueAgain(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (upload.status !== 'staged' && upload.status !== 'waiting') return undefined;
  return { ...upload, dueAt: iso(now + QUEUE_PATIENCE) };
}

/** The user does not want it any more. Not legal once IPD may have it. */
export function cancel(upload: Upload, { now }: { now: number }): Upload | undefined {
  if (mayBeInIpd(upload)) return undefined;
  if (upload.status === 'cancelled') return upload;
  return { ...upload, status: 'cancelled', dueAt: iso(now + LATE_ARRIVAL) };
}

/** Nothing of a final upload is left in staging, and nothing can arrive any more. */
export function cleaned(upload: Upload): Upload | undefined {
  return isFinal(upload) ? { ...upload, dueAt: undefined } : undefined;
}

function holds(upload: Upload, token: string): upload is Delivering {
  return upload.status === 'delivering' && upload.lease.token === token;
}

function waiting(
  upload: Delivering,
  event: {
    code: SetbackCode;
    detail?: string | undefined;
    counts: boolean;
    afterMs?: number | undefined;
    now: number;
    random: number;
    policy: Policy;
  },
): Upload {
  const { code, detail, counts, now, random, policy } = event;
  const failedAttempts = upload.failedAttempts + (counts ? 1 : 0);
  const due = now + (event.afterMs ?? 0) + random * nth(RETRY_DELAYS, upload.failedAttempts);
  if (due > Date.parse(upload.retryUntil)) {
    const last = [setbacks[code], detail].filter(Boolean).join(' ');
    return failed(upload, { code: 'retries_exhausted', detail: last, now, policy });
  }
  const error = { code, message: setbacks[code], detail, at: iso(now) };
  return { ...upload, status: 'waiting', bytesSent: 0, failedAttempts, error, dueAt: iso(due) };
}

function unconfirmed(
  upload: Delivering,
  { detail, now }: { detail?: string | undefined; now: number },
): Upload {
  const error = { code: 'outcome_unknown', message: setbacks.outcome_unknown, detail, at: iso(now) };
  return {
    ...upload,
    status: 'unconfirmed',
    error,
    doubtSince: upload.doubtSince ?? upload.sendingAt ?? iso(now),
    dueAt: undefined,
  };
}

function failed(
  upload: Upload,
  {
    code,
    detail,
    now,
    policy,
  }: { code: FailureCode; detail?: string | undefined; now: number; policy: Policy },
): Upload {
  const keepUntil = iso(now + policy.failedRetentionMs);
  const error = { code, message: failures[code], detail, at: iso(now) };
  return { ...upload, status: 'failed', error, keepUntil, dueAt: keepUntil };
}

function nth(list: readonly number[], index: number): number {
  return list[Math.min(index, list.length - 1)] ?? 0;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
