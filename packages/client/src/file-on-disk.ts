/**
 * A file on disk as a Blob, of any size, that is read while it is sent. Node's own Blob of a file gives a wrong size above
 * 4 GiB and nothing of a slice that crosses 2 GiB: https://github.com/nodejs/node/issues/52585
 */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { arrayBuffer, text } from 'node:stream/consumers';
import type { FileBody } from './platform.ts';

/** `changedMs`: its time of change, in milliseconds since 1970. */
type Found = { path: string; size: number; changedMs: number };

const CHUNK_BYTES = 262_144;

/** The bytes from `from` to `to`. A read rejects where the file is gone, or has changed since it was found. */
export function fileOnDisk(found: Found, from = 0, to = found.size): FileBody {
  const size = to - from;
  const stream = () => streamOf(found, from, to);
  const bound = (at: number) => (at < 0 ? Math.max(size + at, 0) : Math.min(at, size));
  return {
    size,
    type: '',
    slice(start = 0, end = size) {
      const first = bound(start);
      return fileOnDisk(found, from + first, from + Math.max(bound(end), first));
    },
    stream,
    arrayBuffer: () => arrayBuffer(stream()),
    bytes: async () => new Uint8Array(await arrayBuffer(stream())),
    text: () => text(stream()),
  };
}

function streamOf(found: Found, from: number, to: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = from;
  let file: FileHandle | undefined;
  return new ReadableStream({
    async pull(controller) {
      try {
        file ??= await openUnchanged(found);
        const chunk = new Uint8Array(Math.min(CHUNK_BYTES, to - at));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
        if (bytesRead === 0 && at < to) throw changed(found);
        at += bytesRead;
        if (bytesRead > 0) controller.enqueue(chunk.subarray(0, bytesRead));
        if (at < to) return;
        await file.close();
        controller.close();
      } catch (error) {
        await file?.close();
        throw error;
      }
    },
    cancel: () => file?.close(),
  });
}

async function openUnchanged(found: Found): Promise<FileHandle> {
  const file = await open(found.path);
  const { size, mtimeMs } = await file.stat();
  if (size === found.size && mtimeMs === found.changedMs) return file;
  await file.close();
  throw changed(found);
}

function changed({ path }: Found): Error {
  return new Error(`${path} has changed`);
}
