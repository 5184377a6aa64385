/**
 * What an owner can do with an existing upload: get, list, re-sign, complete, cancel, retry. To a caller, another
 * owner's upload does not exist. Knows nothing of HTTP.
 */
import type { Arrivals } from './stage.ts';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import type { ProblemPlace } from '../domain/errors.ts';
import { checkProject } from './create.ts';
import type { Caller, Replay } from './create.ts';
import type { Ledger, Selection } from '../ledger/uploads.ts';
import type { Multipart } from '../storage/multipart.ts';
import type { Addresses } from '../links/addresses.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { bytesOf, cut, missingOf } from '../domain/parts.ts';
import type { StoredPart } from '../domain/parts.ts';
import type { Queue } from '../messaging/queue.ts';
import type { Quota } from '../pacing/quota.ts';
import type { SignedPart, SignedRequest, Signing } from '../storage/presigning.ts';
import type { Staging } from '../storage/staged-files.ts';
import { ingestedFrom, needsNoRetry, mayBeRetried, readUploadId, stagingKey } from '../domain/upload.ts';
import type { Policy, Upload } from '../domain/upload.ts';

/** The presigned requests for what is missing of a file, and how long they are valid. */
export type PresignedRequests = { expiresInSeconds: number } & (SignedRequest | { parts: SignedPart[] });

/**
 * An upload as its owner sees it: the bytes that storage has, presigned requests for the rest if they were asked for,
 * and what is special about one that an idempotency key found.
 */
export type View = {
  upload: Upload;
  bytesStored: number;
  presigned?: PresignedRequests | undefined;
  /** Where the file of a link is: for everyone who has the URL. */
  linkUrl?: string | undefined;
  replay?: Replay | undefined;
};

export type Uploads = ReturnType<typeof createUploads>;

/** A problem document that named every part of a large file would be too large to be useful. */
const PLACES_NAMED = 100;

export function createUploads(deps: {
  ledger: Ledger;
  staging: Staging;
  signing: Signing;
  multipart: Multipart;
  arrivals: Arrivals;
  quota: Quota;
  queue: Queue;
  /** Undefined while linking is off. */
  addresses: Addresses | undefined;
  clock: Clock;
  policy: Policy;
  stagingUrlTtlSeconds: number;
}) {
  const { ledger, staging, signing, multipart, arrivals, quota, queue, addresses, clock, policy } = deps;

  /** The caller's upload. Throws `not_found`, also for another owner's. */
  async function find(caller: Caller, id: string): Promise<Upload> {
    const uploadId = readUploadId(id);
    const upload = uploadId === undefined ? undefined : await ledger.find(uploadId);
    if (upload === undefined || upload.owner !== caller.owner) {
      throw new AppError('not_found', `you have no upload ${id}`);
    }
    return upload;
  }

  /**
   * The same, for calls that can lead to IPD: the token of this call decides, not the one that created the upload.
   * Throws `project_forbidden`, too.
   */
  async function findOpen(caller: Caller, id: string): Promise<Upload> {
    const upload = await find(caller, id);
    checkProject(caller, upload);
    return upload;
  }

  /** The upload as it is. For a multipart one, storage tells how many bytes have arrived. */
  async function get(caller: Caller, id: string): Promise<View> {
    return view(await find(caller, id));
  }

  /** A page of the caller's uploads, the newest first. For uploads that wait for their file, storage is not asked. */
  async function list(caller: Caller, selection: Omit<Selection, 'owner'>) {
    const { uploads, next } = await ledger.list({ ...selection, owner: caller.owner });
    return { views: await Promise.all(uploads.map(withLink)), next };
  }

  /** The upload, with fresh requests for what is missing while its file is awaited. `isNew`: nothing can be there yet. */
  async function presign(upload: Upload, { isNew = false } = {}): Promise<View> {
    const expiresInSeconds = Math.min(deps.stagingUrlTtlSeconds, secondsLeft(upload));
    // Without a declared size, the session that began the upload signs.
    if (upload.status !== 'awaiting_upload' || upload.maxSize !== undefined || expiresInSeconds <= 0) {
      return view(upload);
    }
    const key = stagingKey(upload.id);
    const { size, contentType, sha256 } = upload;
    if (upload.multipart === undefined) {
      const signed = await signing.putFile({ key, size, contentType, sha256, expiresInSeconds });
      return { upload, bytesStored: 0, presigned: { ...signed, expiresInSeconds } };
    }
    const stored = isNew ? [] : await multipart.list({ key, uploadId: upload.multipart.uploadId });
    if (stored === undefined) return revive(upload, upload.multipart.uploadId);
    return presignParts(upload, { ...upload.multipart, stored, expiresInSeconds });
  }

  async function presignParts(
    upload: Upload,
    begun: {
      uploadId: string;
      partSize?: number | undefined;
      stored: StoredPart[];
      expiresInSeconds: number;
    },
  ): Promise<View> {
    const { uploadId, partSize = upload.size, stored, expiresInSeconds } = begun;
    const missing = missingOf(cut(upload.size, partSize), stored);
    const target = { key: stagingKey(upload.id), uploadId, expiresInSeconds };
    const presigned = { parts: await signing.putParts(target, missing), expiresInSeconds };
    return { upload, bytesStored: bytesOf(stored), presigned };
  }

  /** S3's multipart upload is gone: either the file has arrived, or a new multipart upload replaces it. */
  async function revive(upload: Upload, gone: string): Promise<View> {
    const key = stagingKey(upload.id);
    const { upload: after, missing } = await arrivals.check(upload);
    if (missing.length === 0) return view(after);
    const uploadId = await multipart.begin({ key, contentType: upload.contentType });
    const { upload: current } = await ledger.change(after, (before) =>
      lifecycle.replaceMultipart(before, { gone, uploadId }),
    );
    if (current.multipart?.uploadId !== uploadId) await multipart.abort({ key, uploadId });
    return presign(current, { isNew: current.multipart?.uploadId === uploadId });
  }

  async function view(upload: Upload): Promise<View> {
    const begun = upload.status === 'awaiting_upload' ? upload.multipart : undefined;
    if (begun === undefined) return withLink(upload);
    const stored = await multipart.list({ key: stagingKey(upload.id), uploadId: begun.uploadId });
    return { upload, bytesStored: stored === undefined ? 0 : bytesOf(stored) };
  }

  async function withLink(upload: Upload): Promise<View> {
    const isLinked = upload.status === 'delivered' && upload.link !== undefined;
    const linkUrl = isLinked ? await addresses?.urlOf(upload) : undefined;
    return { upload, bytesStored: arrivedBytes(upload), linkUrl };
  }

  /** Fresh requests for what is missing. Throws `upload_state_conflict` when no file is awaited. */
  async function resign(caller: Caller, id: string): Promise<View> {
    const invited = await presign(await findOpen(caller, id));
    if (invited.presigned !== undefined) return invited;
    const { status, maxSize } = invited.upload;
    const why =
      maxSize !== undefined && status === 'awaiting_upload'
        ? 'the session that began it signs for it'
        : `the upload is ${status}: no file is awaited any more`;
    throw new AppError('upload_state_conflict', why);
  }

  /**
   * The client says that the whole file is stored: asks storage. For an upload that was complete already, returns its
   * present state. Throws `upload_incomplete` naming what is missing, and `upload_state_conflict` when it was
   * cancelled or expired.
   */
  async function complete(caller: Caller, id: string): Promise<View> {
    const upload = await findOpen(caller, id);
    const isAwaited = upload.status === 'awaiting_upload' || upload.status === 'expired';
    const checked = isAwaited ? await arrivals.check(upload) : { upload, missing: [] };
    const { status } = checked.upload;
    if (status === 'cancelled' || status === 'expired') {
      throw new AppError('upload_state_conflict', `the upload is ${status}: no file is awaited any more`);
    }
    if (checked.missing.length > 0) throw incomplete(checked.missing);
    return view(checked.upload);
  }

  /**
   * Cancels an upload and removes its file; takes a link back. Throws `upload_state_conflict` once IPD may have the file as
   * an attachment.
   */
  async function cancel(caller: Caller, id: string): Promise<View> {
    const found = await find(caller, id);
    const { changed, upload } = await ledger.change(found, (before) =>
      lifecycle.cancel(before, { now: clock.now() }),
    );
    if (!changed) {
      throw new AppError(
        'upload_state_conflict',
        `the upload is ${upload.status}: IPD has the file or may have it`,
      );
    }
    // The URL is worthless from the write on. The delivery removes file and link; if this message is lost, the sweep sends another.
    if (upload.status === 'removed') await queue.send({ uploadId: upload.id, attempt: upload.attempts + 1 });
    else await arrivals.discard(upload);
    return view(upload);
  }

  /**
   * Retries a failed upload; one in doubt is checked in IPD first. Asked twice, since an answer was lost or another page
   * was faster, it gives the present state. Throws `upload_state_conflict` when no file was accepted, the upload is over,
   * its staged file is gone, or the same file would fail again: a scan refused it, or it is not the declared one. Throws
   * `rate_limited`, too.
   */
  async function retry(caller: Caller, id: string): Promise<View> {
    const found = await findOpen(caller, id);
    const isThere = mayBeRetried(found) && (await staging.head(stagingKey(found.id))) !== undefined;
    if (isThere) await quota.takeRetry(caller.owner);
    // If the file is gone, it may have been delivered meanwhile: the record tells.
    const { changed, upload } = isThere
      ? await ledger.change(found, (before) => lifecycle.retry(before, { now: clock.now(), policy }))
      : { changed: false, upload: await find(caller, id) };
    if (!needsNoRetry(upload)) {
      throw new AppError(
        'upload_state_conflict',
        `only a failed upload can be tried again; ${obstacle(upload)}`,
      );
    }
    if (changed) await queue.send({ uploadId: upload.id, attempt: upload.attempts + 1, isArrival: true });
    return view(upload);
  }

  function secondsLeft(upload: Upload): number {
    return Math.floor((Date.parse(upload.uploadDeadline) - clock.now()) / 1000);
  }

  return { find, get, list, presign, resign, complete, cancel, retry };
}

/** Refuses to go on with a file of which something is missing. */
export function incomplete(missing: ProblemPlace[]): AppError {
  const [first, ...more] = missing.map(({ pointer, detail }) => `${pointer.replace(':', ' ')} ${detail}`);
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  return new AppError('upload_incomplete', `${first}${others}`, { places: missing.slice(0, PLACES_NAMED) });
}

/** How the file of a failed upload was lost: `gone_in_doubt` means that another upload may be a second copy. */
export function lossOf(upload: Upload): 'file_gone' | 'offer_gone' | 'gone_in_doubt' {
  if (upload.doubt !== undefined) return 'gone_in_doubt';
  return ingestedFrom(upload) === undefined ? 'file_gone' : 'offer_gone';
}

const LOST = {
  file_gone: 'its file is gone: upload it again',
  offer_gone: 'its file is not in staging: its producer has to offer it again',
  gone_in_doubt: 'its file is gone and IPD may have it: check the work item before you upload it again',
};

function obstacle(upload: Upload): string {
  if (upload.status !== 'failed') return `the upload is ${upload.status}`;
  switch (upload.lastError.code) {
    case 'scan_refused':
      return 'the scan for malware did not pass this file';
    case 'size_mismatch':
    case 'checksum_mismatch':
      return 'its file is not the one that was declared: upload it again';
    default:
      return LOST[lossOf(upload)];
  }
}

/** All or nothing: used when storage need not be asked for parts. */
function arrivedBytes(upload: Upload): number {
  return upload.etag === undefined || upload.status === 'cancelled' || upload.status === 'removed'
    ? 0
    : upload.size;
}
