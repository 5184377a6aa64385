/**
 * Node's way of sending a file to storage: streamed through fetch, which shows the bytes on their way and keeps a
 * given Content-Length (storage refuses chunked bodies).
 */
import { readSeconds } from './errors.ts';
import { PLATFORM_HEADERS } from './put.ts';
import type { Put } from './put.ts';

export const streamFile: Put = async ({ url, method, headers, file, signal, onBytes }, fetch) => {
  let isOpen = true;
  let bytes = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      // Chunks that were read ahead may still arrive here after the request has ended.
      if (isOpen) onBytes(bytes);
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
    const response = await fetch(url, init);
    const retryAfterMs = readSeconds(response.headers.get('retry-after'));
    return { status: response.status, text: await response.text(), retryAfterMs };
  } finally {
    isOpen = false;
  }
};
