/**
 * Opens a file on disk for an upload: a Blob that reads from the disk while it is sent, with its name,
 * content type and hash. Never holds a whole file in memory.
 */
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import { UploadError } from './errors.ts';
import { fileOnDisk } from './file-on-disk.ts';
import type { FileBody } from './platform.ts';

const CONTENT_TYPES: Record<string, string> = {
  csv: 'text/csv',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  gif: 'image/gif',
  heic: 'image/heic',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  mov: 'video/quicktime',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  png: 'image/png',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  txt: 'text/plain',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  zip: 'application/zip',
};

/** The largest file, in bytes, that Node itself can open as a Blob, which any `fetch` takes. */
const MOST_OF_NODE = 2 ** 31 - 1;

/** What `upload` takes of a file; by its hash an upload is found again after a restart. */
export type LocalFile = { file: FileBody; filename: string; contentType: string; sha256: string };

/**
 * Opens and hashes a file. Throws an UploadError of one readable line, the path first: `file_missing`, `file_empty`, or
 * `file_unreadable` for what cannot be read or is no file.
 */
export async function openLocalFile(path: string): Promise<LocalFile> {
  const unusable = (code: string, why: string, cause?: unknown) =>
    new UploadError({ code, detail: `${path}: ${why}` }, cause);
  const found = await stat(path).catch((error: unknown) => {
    throw String(error).startsWith('Error: ENOENT')
      ? unusable('file_missing', 'there is no such file')
      : unusable('file_unreadable', 'it cannot be opened', error);
  });
  if (!found.isFile()) throw unusable('file_unreadable', 'it is not a file');
  if (found.size === 0) throw unusable('file_empty', 'it is empty, and IPD takes no empty file');
  const file = await openBody(path, found);
  const sha256 = createHash('sha256');
  try {
    for await (const chunk of file.stream()) sha256.update(chunk);
  } catch (error) {
    throw unusable('file_unreadable', 'it cannot be read', error);
  }
  // Some file systems return names in decomposed form (NFD).
  const filename = basename(path).normalize('NFC');
  return { file, filename, contentType: guessContentType(path), sha256: sha256.digest('hex') };
}

/** The bytes of a file as Node's own Blob, where Node can do it. */
export async function openBody(path: string, found: { size: number; mtimeMs: number }): Promise<FileBody> {
  if (found.size <= MOST_OF_NODE) return openAsBlob(path);
  return fileOnDisk({ path, size: found.size, changedMs: found.mtimeMs });
}

/** The content type that a file's extension stands for. */
export function guessContentType(path: string): string {
  return CONTENT_TYPES[extname(path).slice(1).toLowerCase()] ?? 'application/octet-stream';
}
