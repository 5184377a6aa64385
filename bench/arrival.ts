/** An upload whose file has just arrived in storage, which the ledger does not know yet, and the queue's event for it. */
import { DAY_MS } from '../lib/domain/units.ts';
import type { Upload } from '../lib/domain/upload.ts';
import { ETAG, idForSize } from './stub-file.ts';

export const BUCKET = 'staging';
export const WORK_ITEM = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };

/** A new upload that waits for its file. */
export function newUpload({
  size,
  sha256,
  workItem = WORK_ITEM,
}: {
  size: number;
  sha256?: string | undefined;
  workItem?: typeof WORK_ITEM;
}): Upload {
  const now = new Date().toISOString();
  return {
    ...workItem,
    id: idForSize(size),
    status: 'awaiting_upload',
    version: 1,
    owner: 'user-1',
    filename: 'file.bin',
    sentName: 'file.bin',
    contentType: 'application/octet-stream',
    size,
    ...(sha256 !== undefined && { sha256 }),
    createdAt: now,
    updatedAt: now,
    uploadDeadline: new Date(Date.now() + DAY_MS).toISOString(),
    stagingChecks: 0,
    attempts: 0,
    failedAttempts: 0,
    bytesSent: 0,
  };
}

/** The queue's event that S3 has created the object. */
export function arrivalEvent({ key, size }: { key: string; size: number }) {
  const object = { key, size, eTag: ETAG };
  const body = JSON.stringify({ Records: [{ eventName: 'ObjectCreated:Put', s3: { object } }] });
  return { Records: [{ messageId: 'message-1', body }] };
}

/** Where IPD takes the file, below its URL. */
export function uploadPath({ projectId, issueId } = WORK_ITEM): string {
  return `/v1/ipdprojectservice/projects/${projectId}/issues/${issueId}/attachments/upload`;
}
