/**
 * A phone for packages/expo: its platform and store over a directory and real HTTP. Each `launch` is a process of the
 * app. It dies where a test wants it: then nothing that it began is heard of again, and the next launch has the files.
 */
import { createReadStream } from 'node:fs';
import { copyFile, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { UploadError } from '../../packages/client/src/client.ts';
import type { FileRequest, Platform, Store } from '../../packages/expo/src/uploads.ts';

/** `before`: the step is not done. `after`: it is done, and the process does not learn of it. */
export type Death = { step: number; when: 'before' | 'after' };

export type Phone = ReturnType<typeof createPhone>;

export function createPhone(directory: string, { filesAtOnce = 3 }: { filesAtOnce?: number } = {}) {
  const pathOf = (name: string) => join(directory, name);
  let isOffline = false;

  function launch(death?: Death) {
    const { step, steps, died } = createLife(death);
    const puts: FileRequest[] = [];

    const platform: Platform = {
      filesAtOnce,

      adopt: (uri, name) =>
        step(async () => {
          await copyFile(fileURLToPath(uri), pathOf(name));
          return (await stat(pathOf(name))).size;
        }),

      cut: ({ from, name, offset, length }) =>
        step(async () => {
          const source = await open(pathOf(from)).catch(unreadable);
          try {
            const { buffer, bytesRead } = await source.read(Buffer.alloc(length), 0, length, offset);
            await writeFile(pathOf(name), buffer.subarray(0, bytesRead));
          } finally {
            await source.close();
          }
        }),

      put: (file) =>
        step(async (signal) => {
          if (isOffline) throw new Error('There is no network');
          puts.push(file);
          return put(pathOf(file.name), file, AbortSignal.any([signal, file.signal]));
        }),

      remove: (name) => step(() => rm(pathOf(name), { force: true })),

      names: () => step(async () => (await readdir(directory)).filter((name) => !name.endsWith('.json'))),
    };

    const store: Store = {
      keys: () =>
        step(async () =>
          (await readdir(directory)).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : [])),
        ),
      read: (key) => step(() => readFile(pathOf(`${key}.json`), 'utf8').catch(() => undefined)),
      write: (key, record) =>
        step(async () => {
          await writeFile(pathOf(`${key}.new`), record);
          await rename(pathOf(`${key}.new`), pathOf(`${key}.json`));
        }),
      remove: (key) => step(() => rm(pathOf(`${key}.json`), { force: true })),
    };

    const appFetch: typeof globalThis.fetch = (url, init) =>
      step(async (signal) => {
        if (isOffline) throw new TypeError('There is no network');
        const both = init?.signal ? AbortSignal.any([signal, init.signal]) : signal;
        const response = await fetch(url, { ...init, signal: both });
        // The whole answer: a process that dies while it reads has not got it.
        const body = [204, 304].includes(response.status) ? null : await response.text();
        return new Response(body, response);
      });

    return { platform, store, fetch: appFetch, puts, steps, died };
  }

  return {
    launch,
    goOffline: () => {
      isOffline = true;
    },
    goOnline: () => {
      isOffline = false;
    },
    files: async () => (await readdir(directory)).toSorted(),
  };
}

/** Counts what a process does, and ends it. A dead process' promises stay open, as its memory is gone. */
function createLife(death: Death | undefined) {
  const end = new AbortController();
  const { promise: died, resolve: die } = Promise.withResolvers<void>();
  let count = 0;

  function kill(): Promise<never> {
    end.abort();
    die();
    return new Promise(() => undefined);
  }

  return {
    died,
    steps: () => count,

    step: async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
      if (end.signal.aborted) return kill();
      const isLast = (count += 1) === death?.step;
      if (isLast && death?.when === 'before') return kill();
      try {
        const result = await work(end.signal);
        return isLast || end.signal.aborted ? kill() : result;
      } catch (error) {
        if (isLast || end.signal.aborted) return kill();
        throw error;
      }
    },
  };
}

async function put(path: string, { url, headers, onBytes }: FileRequest, signal: AbortSignal) {
  const { size } = await stat(path).catch(unreadable);
  const { promise: answered, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const outgoing = request(url, {
    method: 'PUT',
    headers: { ...headers, 'content-length': size },
    signal,
    agent: false,
  });
  outgoing.on('response', (answer) => {
    text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, text: body }), reject);
  });
  outgoing.on('error', reject);
  let sent = 0;
  const source = createReadStream(path);
  source.on('data', (chunk) => onBytes((sent += chunk.length)));
  // A refusal may come before the whole file has gone; then the answer counts, not the pipe.
  pipeline(source, outgoing).catch(() => undefined);
  return answered;
}

function unreadable(cause: unknown): never {
  const fault = { code: 'file_unreadable', status: 0, retryable: false, detail: 'The copy is gone' };
  throw new UploadError(fault, cause);
}
