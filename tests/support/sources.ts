/** Byte streams for tests. */
import type { Sink, Source } from '../../lib/runtime/stream.ts';

/** A source of these chunks. */
export function sourceOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Source {
  return async (sink) => {
    for await (const chunk of chunks) await sink(chunk);
  };
}

/** All bytes of a stream. */
export async function poured(pour: (sink: Sink) => Promise<void>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  await pour((chunk) => {
    chunks.push(chunk);
    return undefined;
  });
  return Buffer.concat(chunks);
}
