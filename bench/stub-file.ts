/**
 * The file that every delivery of the bench carries: of any length, made of one block that repeats. So it needs no
 * disk and little CPU in the stub server, and the server can still compare each byte that arrives.
 */
import { createCipheriv, createHash, randomUUID } from 'node:crypto';
import { MIB } from '../lib/domain/units.ts';

const BLOCK_BYTES = MIB;
/** Pseudo-random bytes, the same in every process. */
const block = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(
  Buffer.alloc(BLOCK_BYTES),
);
/** Holds every piece of up to one block without a gap. */
const twice = Buffer.concat([block, block]);

export const ETAG = createHash('md5').update('any of these files').digest('hex');

/** The file's bytes from `offset` on: `length` bytes, but at most one block. */
export function pieceAt(offset: number, length: number): Buffer {
  const start = offset % BLOCK_BYTES;
  return twice.subarray(start, start + Math.min(length, BLOCK_BYTES));
}

/** The file's SHA-256 in hex, as a client would declare it. */
export function sha256Of(size: number): string {
  const hash = createHash('sha256');
  for (let offset = 0; offset < size; offset += BLOCK_BYTES) hash.update(pieceAt(offset, size - offset));
  return hash.digest('hex');
}

/** A new upload id whose last group is the file's size, so that storage knows the length. */
export function idForSize(size: number): string {
  return `${randomUUID().slice(0, -12)}${size.toString(16).padStart(12, '0')}`;
}

/** The size that is written into a key. */
export function sizeOf(key: string): number {
  return Number.parseInt(key.slice(-12), 16);
}
