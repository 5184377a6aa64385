/** What the bridge is to get of a file in Uppy, and under which idempotency key. */
import { UploadError } from '../../client/src/client.ts';
import type { NewUpload } from '../../client/src/client.ts';
import { fingerprint, randomKey } from '../../client/src/fingerprint.ts';
import type { PickedFile } from './host.ts';
import type { FileRecord } from './records.ts';
import type { Words } from './strings.ts';

export type Order = {
  about: NewUpload;
  /** Not there when Golden Retriever has let go of it, since storage has the file. */
  data: (Blob & { lastModified?: number }) | undefined;
  /** The folder that the file was picked from is part of it. */
  path: string;
};

/** The work item of the file's own `meta` goes before that of the options. Throws an UploadError. */
export function readOrder(
  file: PickedFile,
  { words, ...options }: { projectId: string | undefined; issueId: string | undefined; words: Words },
): Order {
  const { meta, name = '', type, data } = file;
  if (file.isRemote) throw new UploadError({ code: 'remote_file', detail: words('remoteFile') });
  const projectId = text(meta['projectId']) ?? options.projectId;
  const issueId = text(meta['issueId']) ?? options.issueId;
  if (!projectId || !issueId) {
    throw new UploadError({ code: 'work_item_unnamed', detail: words('workItemUnnamed') });
  }
  const blob = data instanceof Blob ? data : undefined;
  const filename = text(meta['name']) ?? name;
  const contentType = type || 'application/octet-stream';
  const size = blob?.size ?? file.size ?? 0;
  return {
    about: { projectId, issueId, filename, contentType, size },
    data: blob,
    path: text(meta['relativePath']) ?? filename,
  };
}

/**
 * Goes on with what is remembered of the file, unless the file or its work item was changed since. Else the key
 * follows from the file, so that the same file is the same upload in every session; bytes without a time of change,
 * such as a recording, are a file of their own.
 */
export function recordFor(order: Order, remembered: FileRecord | undefined): FileRecord {
  const subject = JSON.stringify(order.about);
  if (remembered?.subject === subject) return remembered;
  const key = fingerprint({ ...order.about, filename: order.path }, order.data?.lastModified);
  return { key: key ?? randomKey(), subject };
}

/** A key that no upload has had. */
export function freshRecord(order: Order): FileRecord {
  return { key: randomKey(), subject: JSON.stringify(order.about) };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
