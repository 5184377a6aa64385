/** A file on its way comes in groups of chunks; tests mostly think in bytes. */
import { buffer } from 'node:stream/consumers';

/** All bytes of a stream of groups. */
export function joined(groups: AsyncIterable<Uint8Array[]>): Promise<Buffer> {
  return buffer(chunksIn(groups));
}

/** The chunks without their groups. */
export async function* chunksIn(groups: AsyncIterable<Uint8Array[]>): AsyncGenerator<Uint8Array> {
  for await (const group of groups) yield* group;
}
