/**
 * Conditional requests and ranges: pure decisions from the headers and the stored object.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
 */
import { S3Error } from './errors.ts';
import type { Headers } from './http.ts';
import type { StoredObject } from './store.ts';

export type Range = { start: number; end: number };

/** Throws unless the headers allow a write over `existing` (or over nothing). */
export function checkWrite(headers: Headers, existing: StoredObject | undefined): void {
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') {
    throw new S3Error(
      'NotImplemented',
      'A header you provided implies functionality that is not implemented',
    );
  }
  if (ifNoneMatch !== undefined && existing !== undefined) throw preconditionFailed();
  if (ifMatch === undefined) return;
  if (existing === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
  if (!isListed(ifMatch, existing.etag)) throw preconditionFailed();
}

/** False when the reader has this object already (304); throws PreconditionFailed. */
export function isWanted(headers: Headers, object: StoredObject): boolean {
  const { etag } = object;
  // HTTP dates have no milliseconds.
  const modified = Math.floor(Date.parse(object.lastModified) / 1000) * 1000;
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  if (ifMatch !== undefined && !isListed(ifMatch, etag)) throw preconditionFailed();
  if (ifMatch === undefined && modified > Date.parse(headers['if-unmodified-since'] ?? '')) {
    throw preconditionFailed();
  }
  if (ifNoneMatch !== undefined) return !isListed(ifNoneMatch, etag);
  return !(modified <= Date.parse(headers['if-modified-since'] ?? ''));
}

/** Throws unless the headers allow a copy of `source`: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html */
export function checkCopy(headers: Headers, source: StoredObject): void {
  const conditions = {
    'if-match': headers['x-amz-copy-source-if-match'],
    'if-none-match': headers['x-amz-copy-source-if-none-match'],
    'if-modified-since': headers['x-amz-copy-source-if-modified-since'],
    'if-unmodified-since': headers['x-amz-copy-source-if-unmodified-since'],
  };
  if (!isWanted(conditions, source)) throw preconditionFailed();
}

/** The one range that the header names; undefined means the whole object, as S3 answers to several or none. */
export function readRange(header: string | undefined, size: number): Range | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || first + last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < start) return undefined;
  if (start >= size) throw new S3Error('InvalidRange', 'The requested range is not satisfiable');
  return { start, end };
}

function isListed(list: string, etag: string): boolean {
  const bare = etag.replaceAll('"', '');
  return list.split(',').some((item) => ['*', bare].includes(item.trim().replaceAll('"', '')));
}

function preconditionFailed(): S3Error {
  return new S3Error('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold'); // cspell:disable-line
}
