/**
 * Chunks of a file are garbage as soon as they have been passed on. V8 counts only the few hundred bytes of each in
 * its own heap, not the 64 KiB outside it: it lets tens of MiB pile up, then searches the whole heap for them. Early
 * collection halves the memory, and new chunks reuse memory that is still in the CPU's cache
 * (`npm run bench -- delivery`).
 */
import { MIB } from '../domain/units.ts';

const EVERY_BYTES = 2 * MIB;

/**
 * Returns a function to call with each chunk: it clears the young generation every few MiB. Does nothing where Node
 * runs without --expose-gc.
 */
export function createCollector(): (chunk: Uint8Array) => void {
  let bytes = 0;
  return (chunk) => {
    bytes += chunk.length;
    if (bytes < EVERY_BYTES) return;
    bytes = 0;
    globalThis.gc?.({ type: 'minor' });
  };
}
