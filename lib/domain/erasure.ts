/**
 * Erases a person's data from the record of an upload. The record keeps what exactly-once needs and what names the
 * attachment in IPD; nothing in it names the owner. Pure: a transition as in lifecycle.ts. An upload in doubt is not
 * erased, since only its file and its hash can resolve the doubt.
 */
import { cancel } from './lifecycle.ts';
import { isFinal, iso, mayBeInIpd, mayBeRemoved } from './upload.ts';
import type { Upload, WorkItem } from './upload.ts';

/** The operator who erases in the person's place, and why. */
export type Order = { by: string; reason: string; now: number };

/** What IPD has of an upload, or may have: only a person can remove it there. */
export type Remnant = WorkItem & {
  uploadId: string;
  /** Empty where IPD has not named the id, or has perhaps nothing. */
  attachmentIds: string[];
  size: number;
  /** False where nothing tells whether IPD has it. */
  isCertain: boolean;
};

/** Replaces a name. */
const ERASED = 'erased';

/**
 * Replaces the token's `sub`. Each record has its own, so that nothing links two records of one person. A user whose
 * `sub` is this text sees only an upload whose id that user knew already.
 */
export const erasedOwner = (id: string): string => `${ERASED}#${id}`;

/**
 * What stands in the way of an erasure, until when (ISO). `sent_twice`: a check for a second copy is due. `awaited`: IPD may
 * have the file, and the upload has not ended. `in_doubt`: the same of one that has ended, as long as its file is kept.
 */
export type Obstacle = { kind: 'sent_twice' | 'in_doubt'; until: string } | { kind: 'awaited' };

/** Why the data cannot be erased yet; undefined when it can. */
export function whyNotErased(upload: Upload): Obstacle | undefined {
  if (upload.status === 'delivered' && upload.link === undefined) {
    return upload.recheckAt === undefined ? undefined : { kind: 'sent_twice', until: upload.recheckAt };
  }
  // A link is taken back first.
  if (!mayBeInIpd(upload) || upload.status === 'removed' || mayBeRemoved(upload)) return undefined;
  if (!isFinal(upload)) return { kind: 'awaited' };
  // Without its file no check can resolve the doubt, so there is nothing to wait for.
  return upload.dueAt === undefined ? undefined : { kind: 'in_doubt', until: upload.dueAt };
}

/**
 * Ends an upload that has not ended, and removes what is about a person. Not legal where `whyNotErased` gives a
 * reason. Members that we do not know are removed, too.
 */
export function erase(upload: Upload, { by, reason, now }: Order): Upload | undefined {
  if (upload.erasure !== undefined) return upload;
  if (whyNotErased(upload) !== undefined) return undefined;
  const ended = endedFor(upload, now);
  if (ended === undefined) return undefined;
  const { history = [], multipart } = ended;
  const bare = {
    owner: erasedOwner(ended.id),
    uploadedBy: undefined,
    filename: ERASED,
    sentName: ERASED,
    contentType: 'application/octet-stream',
    sha256: undefined,
    sentSha256: undefined,
    etag: undefined,
    correlationId: undefined,
    session: undefined,
    source: bareSource(ended.source),
    others: undefined,
    redrive: undefined,
    cancellation: undefined,
    // Parts may still arrive, and are removed by this id.
    multipart: multipart && { uploadId: multipart.uploadId, partSize: multipart.partSize },
    history: history.map(({ at, status, attempt, code }) => ({ at, status, attempt, code })),
    erasure: { at: iso(now), by, reason },
  };
  switch (ended.status) {
    case 'delivered':
    case 'removed':
    case 'cancelled':
      return { ...ended, ...bare, lastError: ended.lastError && bareError(ended.lastError) };
    case 'failed': {
      // The program that erases may die before it removes the file: then the sweep does it.
      const dueAt = ended.dueAt && iso(now);
      return { ...ended, ...bare, lastError: bareError(ended.lastError), keepUntil: iso(now), dueAt };
    }
    default:
      return undefined;
  }
}

/** An upload that has ended stays as it is, but for a link, and for an expired one: that would come back with its file. */
function endedFor(upload: Upload, now: number): Upload | undefined {
  const stays = isFinal(upload) && upload.status !== 'expired' && !mayBeRemoved(upload);
  return stays ? upload : cancel(upload, { now, by: 'operator' });
}

/**
 * Which offer began the upload, and nothing else: a key may name a person. Without it, an event that comes late, or a
 * listing, would make the upload anew.
 */
function bareSource(source: Upload['source']): Upload['source'] {
  switch (source?.kind) {
    case 'drop':
      return { kind: 'drop', key: '', etag: '', offer: source.offer };
    case 'request':
      return { kind: 'request', requestId: '', bucket: '', key: '', etag: '', offer: source.offer };
    default:
      return source;
  }
}

/** IPD's own words may contain the file's name. */
function bareError({ code, message, at }: NonNullable<Upload['lastError']>) {
  return { code, message, at };
}

/** What a person has to remove by hand in IPD; undefined where IPD never got the file. */
export function remnantOf(upload: Upload): Remnant | undefined {
  const isCertain = upload.status === 'delivered' || upload.candidate !== undefined;
  // Links are deleted, and one that cannot be is reported.
  if (!mayBeInIpd(upload) || upload.status === 'removed') return undefined;
  const own = upload.status === 'delivered' ? upload.attachmentId : upload.candidate;
  return {
    uploadId: upload.id,
    projectId: upload.projectId,
    issueId: upload.issueId,
    attachmentIds: [own, ...(upload.duplicates ?? [])].filter((id): id is string => typeof id === 'string'),
    size: upload.size,
    isCertain,
  };
}
