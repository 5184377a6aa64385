/**
 * What an upload is: its states, what is known of it in each, and what follows from that alone.
 * Pure. How it gets from one state to the next is in lifecycle.ts, attempts.ts and endings.ts;
 * writing it down is the ledger's work.
 */
import * as z from 'zod';

/**
 * The form of the records that we write, and the newest that we read. It goes up with what an older version must not
 * touch: a new state, or another meaning of what there is. A member that is only added leaves it as it is: it is kept.
 */
export const RECORD_SCHEMA = 1;

const time = z.iso.datetime();

/** An object of which we know these members. Others, which a newer version has added, stay where they are. */
export function open<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape> {
  return z.looseObject(shape);
}

const mishap = open({
  code: z.string(),
  message: z.string(),
  /** The remote's own words, redacted and cut. */
  detail: z.string().optional(),
  at: time,
});

/** IPD may hold a copy whose id we do not know. */
const doubt = open({
  /** The last moment at which a byte of it can have left us. */
  since: time,
  /** How often the work item's list was read since then without a trace of it. */
  absences: z.int(),
  /** IPD said success and no id: it has the file for sure, and is never sent another. */
  accepted: z.boolean(),
});

/** What an operator did, and why. */
const deed = open({ at: time, by: z.string(), reason: z.string() });

const noticeTypes = ['UploadDelivered', 'UploadFailed', 'UploadExpired'] as const;

const base = {
  id: z.string(),
  /** Absent in the first ones. */
  schema: z.int().optional(),
  /** What a newer version keeps in the record and we do not know. */
  others: z.record(z.string(), z.unknown()).optional(),
  /** Counts every change; the ETag of the HTTP answer. */
  version: z.int(),
  owner: z.string(),
  /** Who that is, for people: IPD shows the bridge's account. */
  uploadedBy: z.string().optional(),
  projectId: z.string(),
  issueId: z.string(),
  /** As the user's device gave it; for people. */
  filename: z.string(),
  /** What IPD gets. */
  sentName: z.string(),
  contentType: z.string(),
  /** In bytes; 0 as long as `maxSize` stands. */
  size: z.int(),
  /** Nobody has declared the size: the file may be as long as this, and has the size that it arrives with. */
  maxSize: z.int().optional(),
  /** Hex, as the client declared it. */
  sha256: z.string().optional(),
  createdAt: time,
  updatedAt: time,
  /** The id of the call that made it: joins what the logs say of it from there to IPD. */
  correlationId: z.string().optional(),
  /** S3's multipart upload that the file is staged by. Without `partSize` the client cuts it as it likes. */
  multipart: open({ uploadId: z.string(), partSize: z.int().optional() }).optional(),
  /** The Uppy session that made it, as a hash of its ticket. */
  session: z.string().optional(),
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
  etag: z.string().optional(),
  stagedAt: time.optional(),
  /** When the file was first seen in storage: a retry renews `stagedAt`, not the age of the file. */
  storedAt: time.optional(),
  /** After this moment a setback ends the upload. It moves on by the time in which the upload could not be tried. */
  retryUntil: time.optional(),
  /** From when on the upload may be tried. The time from then to its next attempt does not count against the retry window. */
  readyAt: time.optional(),
  /** How often in a row IPD has asked for fewer requests. */
  throttles: z.int().optional(),
  /** Attachments of equal or unknown size that the work item had before anything was sent; never renewed. */
  known: z.array(z.string()).optional(),
  /** Attachments that came later and hold other bytes, or belong to another upload. */
  foreign: z.array(z.string()).optional(),
  doubt: doubt.optional(),
  /** It was sent again after a doubt, so a first copy may still show up. */
  resent: z.boolean().optional(),
  /** Hex SHA-256 of a file that was sent again: what a second copy is told by once the staged file is gone. */
  sentSha256: z.string().optional(),
  /** An attachment that is ours and is being claimed. */
  candidate: z.string().optional(),
  /** Further copies in IPD, for a person to remove. */
  duplicates: z.array(z.string()).optional(),
  /** Its last changes of state, the oldest first; creation is not among them. */
  history: z
    .array(
      open({
        at: time,
        status: z.string(),
        attempt: z.int().optional(),
        code: z.string().optional(),
        by: z.string().optional(),
        reason: z.string().optional(),
      }),
    )
    .optional(),
  /** Who had it tried again last in its owner's place, and why. */
  redrive: deed.optional(),
  /** Who cancelled it in its owner's place, and why. */
  cancellation: deed.optional(),
  /** Who took out of it what is about a person, and why. */
  erasure: deed.optional(),
  /** How it ended, as long as those who listen have not been told. */
  notice: open({ type: z.enum(noticeTypes), at: time }).optional(),
};

const stored = { etag: z.string(), stagedAt: time, retryUntil: time };
const lease = open({ token: z.string(), until: time });

export const uploadSchema = z.discriminatedUnion('status', [
  z.object({ ...base, status: z.literal('awaiting_upload') }),
  z.object({ ...base, ...stored, status: z.literal('staged') }),
  z.object({ ...base, ...stored, status: z.literal('delivering'), lease, sendingAt: time.optional() }),
  z.object({ ...base, ...stored, status: z.literal('waiting') }),
  z.object({ ...base, ...stored, status: z.literal('unconfirmed'), doubt }),
  z.object({
    ...base,
    status: z.literal('delivered'),
    attachmentId: z.string().nullable(),
    /** Why there is no id. */
    reason: z.string().optional(),
    deliveredAt: time,
    /** When to look for a second copy. */
    recheckAt: time.optional(),
    /** Held while that look goes on. */
    recheckLease: lease.optional(),
  }),
  z.object({ ...base, status: z.literal('failed'), error: mishap, keepUntil: time }),
  z.object({ ...base, status: z.literal('expired') }),
  z.object({ ...base, status: z.literal('cancelled') }),
]);

export type Upload = z.infer<typeof uploadSchema>;
export type In<Status extends Upload['status']> = Extract<Upload, { status: Status }>;
export type Delivering = In<'delivering'>;
export type Doubt = z.infer<typeof doubt>;
export type Notice = NonNullable<Upload['notice']>;

export type NewUpload = Pick<
  Upload,
  | 'id'
  | 'owner'
  | 'uploadedBy'
  | 'projectId'
  | 'issueId'
  | 'filename'
  | 'sentName'
  | 'contentType'
  | 'size'
  | 'maxSize'
  | 'sha256'
  | 'multipart'
  | 'session'
  | 'correlationId'
>;

/** What storage says of the staged object. */
export type StagedObject = { etag: string; size: number };

/** Lengths of time that an operator may set, in milliseconds. */
export type Policy = {
  uploadDeadlineMs: number;
  retryWindowMs: number;
  failedRetentionMs: number;
  /** IPD keeps or drops a request within this time of its last byte. */
  commitWindowMs: number;
};

/** What a move that plans ahead has to know. */
export type Moment = { now: number; policy: Policy };

export const stagingKey = (id: string): string => `staging/${id}`;

const UPLOAD_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Nothing else is looked for: the ledger's keys have a largest length. */
export function isUploadId(text: string): boolean {
  return UPLOAD_ID.test(text);
}

/** The id that is named, also where it is in capitals; undefined for a text that is none. */
export function readUploadId(text: string): string | undefined {
  const id = text.toLowerCase();
  return isUploadId(id) ? id : undefined;
}

/** The upload whose staged file has this key; undefined for a key that is not ours. */
export function uploadIdOf(key: string): string | undefined {
  const id = key.startsWith(stagingKey('')) ? key.slice(stagingKey('').length) : '';
  return isUploadId(id) ? id : undefined;
}

/** True while a queue message may begin the next attempt. */
export function isReady(upload: Upload): upload is In<'staged' | 'waiting' | 'unconfirmed'> {
  return upload.status === 'staged' || upload.status === 'waiting' || upload.status === 'unconfirmed';
}

/** True when no move but a late arrival, a late answer or a user's retry leads on from here. */
export function isFinal({ status }: { status: string }): boolean {
  return ['delivered', 'failed', 'expired', 'cancelled'].includes(status);
}

/** True when nobody will ever ask for the staged file again. */
export function isUnwanted(upload: Upload): boolean {
  if (upload.status === 'failed') return upload.dueAt === undefined;
  return upload.status === 'delivered' || upload.status === 'cancelled';
}

/** The same file would end the same way, or it is not there any more. */
const HOPELESS = new Set([
  'scan_refused',
  'staged_file_missing',
  'staged_file_changed',
  'size_mismatch',
  'checksum_mismatch',
]);

/** True when its owner may have it tried again: its file was accepted and has not been removed since. */
export function mayBeRetried(upload: Upload): upload is In<'failed'> {
  if (upload.status !== 'failed' || isUnwanted(upload)) return false;
  return upload.etag !== undefined && !HOPELESS.has(upload.error.code);
}

/** True once IPD may hold a copy: from then on the upload cannot be taken back. */
export function mayBeInIpd(upload: Upload): boolean {
  return (
    upload.doubt !== undefined ||
    upload.candidate !== undefined ||
    upload.status === 'delivered' ||
    (upload.status === 'delivering' && upload.sendingAt !== undefined)
  );
}

/**
 * True while another upload of the same size must keep away from the work item: their copies could not be told apart.
 * A delivered upload needs it only for the look for a second copy, which claims every equal file without an owner.
 */
export function occupiesWorkItem(upload: Upload, now: number): boolean {
  if (upload.status === 'delivered') return isLive(upload.recheckLease, now);
  return !isFinal(upload) && (upload.status === 'delivering' || mayBeInIpd(upload));
}

/** True while a lease keeps others out. */
export function isLive(held: z.infer<typeof lease> | undefined, now: number): boolean {
  return held !== undefined && now < Date.parse(held.until);
}

/** A moment as records keep it. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
