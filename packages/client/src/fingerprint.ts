/**
 * Idempotency keys: one that is derived from the file and is the same after a restart, and a random one.
 * Cheap, and without `crypto`: pages without TLS and React Native have none.
 */
import type { NewUpload } from './types.ts';

/** Large odd numbers, one for each 32 of the 128 bits. */
const LANES = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

/**
 * The same key for the same file and work item. Undefined without a hash and a time of change: two
 * recordings of one name and size must never get the same key.
 */
export function fingerprint(about: NewUpload, lastModified?: number): string | undefined {
  const { projectId, issueId, filename, size, contentType, sha256 } = about;
  if ((sha256 ?? lastModified) === undefined) return undefined;
  const text = JSON.stringify([projectId, issueId, filename, size, contentType, sha256, lastModified]);
  return `file-${LANES.map((lane) => hash(text, lane).toString(36)).join('-')}`;
}

/** A key that no other upload has; it is no secret. */
export function randomKey(): string {
  return Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join('');
}

// Need not be cryptographic: the server keeps keys per user, so only files of the same user could collide.
function hash(text: string, lane: number): number {
  let state = lane;
  for (let at = 0; at < text.length; at += 1) {
    state = Math.imul(state ^ text.charCodeAt(at), lane);
    state ^= state >>> 15;
  }
  return state >>> 0;
}
