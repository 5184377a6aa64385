/**
 * A device that uploads one file: a process of its own, so that it can be killed. With `haltAfter` it stops
 * in the middle of the part after so many, and says so on standard error; else it prints the final upload.
 */
import { openAsBlob } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { createClient } from '../../packages/client/src/node.ts';

const order = z.object({
  apiUrl: z.string(),
  token: z.string(),
  path: z.string(),
  about: z.object({
    projectId: z.string(),
    issueId: z.string(),
    filename: z.string(),
    contentType: z.string(),
    idempotencyKey: z.string(),
  }),
  haltAfter: z.int().optional(),
});

export type Order = z.infer<typeof order>;

export const UPLOADER = fileURLToPath(import.meta.url);

if (process.argv[1] === UPLOADER) await run(order.parse(JSON.parse(process.argv[2] ?? '')));

async function run({ apiUrl, token, path, about, haltAfter }: Order): Promise<void> {
  let parts = 0;
  const haltingFetch: typeof fetch = (url, init) => {
    if (init?.method !== 'PUT') return fetch(url, init);
    parts += 1;
    const isLast = haltAfter !== undefined && parts > haltAfter;
    return fetch(
      url,
      isLast && init.body instanceof ReadableStream ? { ...init, body: halved(init.body) } : init,
    );
  };
  const client = createClient({ apiUrl, token, fetch: haltingFetch, partsAtOnce: 1 });
  const { id, status } = await client.upload({ ...about, file: await openAsBlob(path) });
  console.log(JSON.stringify({ id, status }));
}

/** The first bytes of a stream, which then never ends. */
function halved(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  let bytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        bytes += chunk.length;
        controller.enqueue(chunk);
        if (bytes < 1_000_000) return;
        console.error('half a part is sent');
        await new Promise<never>(() => undefined);
      },
    }),
  );
}
