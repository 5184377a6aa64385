/**
 * The file that every delivery of the bench carries: as long as asked for, from one block that repeats. So it needs no
 * disk, costs the far side next to nothing, and each byte that arrives can still be compared.
 */
import { createCipheriv, createHash, randomUUID } from 'node:crypto';

const BLOCK_BYTES = 2 ** 20;
/** Random looking, and the same in every process. */
const block = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(
  Buffer.alloc(BLOCK_BYTES),
);
/** Any piece of at most a block lies in here as a whole. */
const twice = Buffer.concat([block, block]);

export const ETAG = createHash('md5').update('any of these files').digest('hex');

/** The file's bytes from `offset` on, at most `length` of them, at most a block. */
export function pieceAt(offset: number, length: number): Buffer {
  const start = offset % BLOCK_BYTES;
  return twice.subarray(start, start + Math.min(length, BLOCK_BYTES));
}

/** Hex, as a client would declare it. */
export function sha256Of(size: number): string {
  const hash = createHash('sha256');
  for (let offset = 0; offset < size; offset += BLOCK_BYTES) hash.update(pieceAt(offset, size - offset));
  return hash.digest('hex');
}

/** An upload id, never given twice, that tells storage how long the file is: its last group is the size. */
export function idForSize(size: number): string {
  return `${randomUUID().slice(0, -12)}${size.toString(16).padStart(12, '0')}`;
}

/** The size that is written into a key. */
export function sizeOf(key: string): number {
  return Number.parseInt(key.slice(-12), 16);
}
