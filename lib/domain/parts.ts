/**
 * How a file is cut into the parts of a multipart upload, and what is still missing of it.
 * Pure; sizes in bytes. Knows nothing of storage but its limits.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
 */
import { MIB } from './units.ts';

/** One part of a file as a client is to cut it. */
export type Part = { number: number; offset: number; length: number };

/** One part as storage lists it. */
export type StoredPart = { number: number; etag: string; size: number };

/** S3 takes 10,000 parts; with fewer, all URLs and the whole list fit into one answer each. */
const MAX_PARTS = 1_000;

/** The length of every part but the last: the usual one, or more of it where a file would have too many parts. */
export function partSizeFor(size: number, usual: number): number {
  return size <= usual * MAX_PARTS ? usual : Math.ceil(size / MAX_PARTS / MIB) * MIB;
}

/** The whole file in parts. */
export function cut(size: number, partSize: number): Part[] {
  return Array.from({ length: Math.max(Math.ceil(size / partSize), 1) }, (_, index) => ({
    number: index + 1,
    offset: index * partSize,
    length: Math.min(partSize, size - index * partSize),
  }));
}

/** The parts that storage has not got, or has in another length. */
export function missingOf(parts: Part[], stored: StoredPart[]): Part[] {
  const sizes = new Map(stored.map(({ number, size }) => [number, size]));
  return parts.filter(({ number, length }) => sizes.get(number) !== length);
}

/** The bytes of all parts together. */
export function bytesOf(stored: StoredPart[]): number {
  return stored.reduce((sum, { size }) => sum + size, 0);
}
