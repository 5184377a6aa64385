/**
 * Ingestion: a producer offers an object, and the object becomes an upload. An object under `ingest/` is a drop; a
 * request names an object of another bucket. What an offer is, and what follows when it comes once or again. Pure.
 */
import * as z from 'zod';
import * as endings from './endings.ts';
import type { FailureCode } from './errors.ts';
import { contentType, filename, issueId, projectId } from './fields.ts';
import { createUpload } from './lifecycle.ts';
import { toName } from './plain-text.ts';
import { CLOSING_PATIENCE_MS } from './schedule.ts';
import { ingestedFrom, isFinal, iso, mayBeInIpd } from './upload.ts';
import type { Ingested, Moment, NewUpload, Upload } from './upload.ts';

/** The folder of drops in the staging bucket. */
export const INGEST_PREFIX = 'ingest/';

/** An object as storage describes it: names of `metadata` in small letters, `sha256` in hex, of the whole object. */
export type FoundObject = {
  etag: string;
  size: number;
  contentType: string | undefined;
  putAt: string;
  sha256: string | undefined;
  metadata: Record<string, string>;
};

/** Why an offer is not taken. */
export type Refusal = { code: FailureCode; detail: string };

/** The upload that an offer begins, and why it ends at once, if it does. */
export type Offer = { upload: NewUpload & { source: Ingested }; refusal: Refusal | undefined };

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html: no ARN of an access point, and no path. */
const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket');
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html: bytes of UTF-8. */
const objectKey = z
  .string()
  .min(1, 'must not be empty')
  .refine(isUnicode, 'must be Unicode')
  .refine((key) => Buffer.byteLength(key) <= 1024, 'must have at most 1024 bytes');
const requestId = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'must be 1 to 200 visible ASCII characters');

/** A message that asks for an upload. */
export const ingestRequest = z.strictObject({
  requestId,
  source: z.strictObject({
    bucket: bucketName,
    key: objectKey,
    versionId: z.string().min(1).max(1024).refine(isUnicode, 'must be Unicode').optional(),
  }),
  projectId,
  issueId,
  filename: filename.optional(),
  contentType: contentType.optional(),
  uploadedBy: z.string().transform(toName).optional(),
});

export type IngestRequest = z.output<typeof ingestRequest>;

/** What makes a message a request at all, though the rest of it may be wrong. */
export const requestName = z.looseObject({ requestId });

/** Half of a pair of surrogates has no form in UTF-8, so no key of storage has one, and storage cannot be asked for it. */
export function isUnicode(text: string): boolean {
  return text.isWellFormed();
}

/** A console makes an empty object under such a key to show a folder. */
export function isFolder(key: string): boolean {
  return key.endsWith('/');
}

/** True where a request of this id asked for something else: the first one stays what it is. */
export function isReused(upload: Upload, offered: Offer): boolean {
  // What an erased one asked for is erased, too.
  if (upload.erasure !== undefined) return false;
  const [before, now] = [upload.source, offered.upload.source];
  if (before?.kind !== 'request' || now.kind !== 'request') return false;
  const asked = ({ projectId: project, issueId: issue }: NewUpload, from: typeof now) =>
    JSON.stringify([project, issue, from.bucket, from.key, from.versionId]);
  return asked(upload, before) !== asked(offered.upload, now);
}

/** A new upload for an offer: it awaits the copy of its object, or ends at once. */
export function begin({ upload, refusal }: Offer, moment: Moment): Upload {
  const fresh = createUpload(upload, moment);
  return refusal === undefined ? fresh : endings.fail(fresh, { ...refusal, ...moment });
}

/**
 * An upload is offered again. Undefined for an offer that was taken already, and while its upload is under way: its end
 * will be announced. An end with an attachment, or in doubt, is announced once more; after another end, the file is
 * tried anew. An expired upload never got its copy, so its first offer still stands.
 */
export function offerAgain(before: Upload, offered: Offer, { now, policy }: Moment): Upload | undefined {
  const { source } = offered.upload;
  if (!isFinal(before)) return undefined;
  if (ingestedFrom(before)?.offer === source.offer && before.status !== 'expired') return undefined;
  if (mayBeInIpd(before)) return announceAgain(before, source, { now, policy });
  const { version, createdAt, history, attempts, others } = before;
  const mayHaveLinkedFile = before.asLink === undefined ? before.mayHaveLinkedFile : true;
  const kept = { version, createdAt, history, attempts, others, mayHaveLinkedFile };
  return { ...begin(offered, { now, policy }), ...kept };
}

/**
 * Of the new offer only its time or message is kept: the rest says which bytes IPD got. The object is not copied again:
 * where the upload failed in doubt, it rests as long as a refused one.
 */
function announceAgain(before: Upload, { offer }: Ingested, { now, policy }: Moment): Upload {
  const types = { delivered: 'UploadDelivered', removed: 'UploadRemoved' } as const;
  const isEnded = before.status === 'delivered' || before.status === 'removed';
  const type = isEnded ? types[before.status] : 'UploadFailed';
  const from = ingestedFrom(before);
  const announced = {
    source: from && { ...from, offer },
    // An end that subscribers have not got yet is no replay.
    notification: before.notification ?? { type, at: iso(now), replayed: true },
    dueAt: iso(now + CLOSING_PATIENCE_MS),
  } as const;
  return before.status === 'failed'
    ? { ...before, ...announced, keepUntil: iso(now + policy.failedRetentionMs) }
    : { ...before, ...announced };
}

/** True where the offer itself was at fault: it was refused, or its object could not be had. */
export function isRefusal({ lastError }: Upload): boolean {
  return lastError !== undefined && lastError.code.startsWith('ingest_');
}

/** The copy of its object failed for good. Legal only while the upload awaits the copy. */
export function failCopy(
  upload: Upload,
  { code, detail, now, policy }: Moment & Refusal,
): Upload | undefined {
  return upload.status === 'awaiting_upload'
    ? endings.fail(upload, { code, detail, now, policy })
    : undefined;
}
