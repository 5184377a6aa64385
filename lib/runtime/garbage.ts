/**
 * Chunks of a file are garbage as soon as they have been passed on. V8 counts only the few hundred bytes of each in
 * its own heap, not the 64 KiB outside it: it lets tens of MiB pile up, then searches the whole heap for them. Early
 * collection halves the memory, and new chunks reuse memory that is still in the CPU's cache
 * (`npm run bench -- delivery`).
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MIB } from '../domain/units.ts';

type Collect = NonNullable<typeof globalThis.gc>;

const EVERY_BYTES = 2 * MIB;

let found: Collect | undefined;

/** Returns a function to call with each chunk: it clears the young generation every few MiB. */
export function createCollector(): (chunk: Uint8Array) => void {
  let bytes = 0;
  return (chunk) => {
    bytes += chunk.length;
    if (bytes < EVERY_BYTES) return;
    bytes = 0;
    found ??= findCollect();
    found({ type: 'minor' });
  };
}

/**
 * V8's own function, for the first file that is long enough to need it. Were it asked for at the start of the process
 * (--expose-gc), Node could not use what it has compiled of its own modules: V8 keeps that apart by its flags.
 *
 * V8 also learns which objects outlive collections of the young generation, and makes their like in the old one from then
 * on. With a collection every few MiB, objects that live as long as one chunk seem to be of that kind; and what is in the
 * old generation keeps its chunk until the whole heap is collected: twice the CPU and 40 MiB more for a file, in every
 * third process (docs/performance.md). So V8 must not learn that.
 */
function findCollect(): Collect {
  setFlagsFromString('--no-allocation-site-pretenuring');
  setFlagsFromString('--expose-gc');
  const collect: Collect = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return collect;
}
