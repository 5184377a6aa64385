/**
 * Node's way of sending a file to storage: streamed through fetch, which shows the bytes on their way and keeps a
 * given Content-Length (storage refuses chunked bodies).
 */
import { readAnswer } from './errors.ts';
import { PLATFORM_HEADERS } from './put.ts';
import type { Put } from './put.ts';

export const streamFile: Put = async ({ url, method, headers, file, signal, onBytes }, fetch) => {
  let isOpen = true;
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      // Of the chunks before this one: fetch reads one ahead, even where there is no connection yet. Chunks may still
      // arrive here after the request has ended.
      if (isOpen) onBytes(bytes);
      bytes += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  const given = Object.entries(headers).filter(([name]) => !PLATFORM_HEADERS.test(name));
  const init = {
    method,
    headers: [...given, ['content-length', String(file.size)]] satisfies [string, string][],
    body: file.stream().pipeThrough(counter),
    duplex: 'half',
    signal,
  } as const;
  try {
    return await readAnswer(await fetch(url, init));
  } finally {
    isOpen = false;
  }
};
