import { createHash } from 'node:crypto';

/** In hex, as clients declare it. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
