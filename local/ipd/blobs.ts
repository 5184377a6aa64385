/**
 * Keeps the bytes of attachments: on disk when a directory is given, so that large uploads do not fill the memory, else
 * in memory. It knows nothing of attachments.
 */
import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Chunks } from './types.ts';

export type BlobWriter = {
  key: string;
  write(chunk: Uint8Array): Promise<void>;
  keep(): Promise<void>;
  discard(): Promise<void>;
};

export type Blobs = { create(): Promise<BlobWriter>; read(key: string): Chunks; clear(): Promise<void> };

/** Keeps bytes in memory: for tests and simulations. */
export function createMemoryBlobs(): Blobs {
  const kept = new Map<string, Uint8Array[]>();
  let last = 0;

  return {
    async create() {
      last += 1;
      const key = String(last);
      const chunks: Uint8Array[] = [];
      return {
        key,
        async write(chunk) {
          chunks.push(Uint8Array.from(chunk));
        },
        async keep() {
          kept.set(key, chunks);
        },
        async discard() {
          chunks.length = 0;
        },
      };
    },
    read: (key) => kept.get(key) ?? [],
    async clear() {
      kept.clear();
    },
  };
}

/** Keeps bytes in files of its own folder. It empties the folder at the start: attachments end with the server. */
export async function createDiskBlobs(dataDirectory: string): Promise<Blobs> {
  const directory = join(dataDirectory, 'ipd-attachments');
  let last = 0;

  async function clear(): Promise<void> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
  }
  await clear();

  return {
    async create() {
      last += 1;
      const key = String(last);
      const path = join(directory, key);
      const file = await open(path, 'w');
      return {
        key,
        async write(chunk) {
          await file.writeFile(chunk);
        },
        keep: () => file.close(),
        async discard() {
          await file.close();
          await rm(path, { force: true });
        },
      };
    },
    read: (key) => createReadStream(join(directory, key)),
    clear,
  };
}
