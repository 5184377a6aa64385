/** A browser with Uppy in it before the whole product: what its AwsS3 plugin sends through the gateway and to storage. */
import { z } from 'zod';
import type { Product } from './product-stack.ts';
import { issueId, projectId } from './world.ts';

const session = z.object({ companionEndpoint: z.url() });
const created = z.object({ uploadId: z.string(), key: z.string() });
export const signedPart = z.object({ url: z.url(), expires: z.int() });

/** A page with Uppy on it: it has the address of the session and nothing else, and its browser adds the origin. */
export async function openPage(product: Product) {
  const { body } = await product.call('POST /v1/uppy-sessions', { body: { projectId, issueId } });
  const base = new URL(session.parse(body).companionEndpoint);
  const ticket = base.pathname.split('/').at(-1) ?? '';
  const origin = product.urls.apiUrl;
  const ask = (method: string, path: string, json?: object) =>
    product.call(`${method} ${base.pathname}${path}`, {
      headers: { authorization: '', origin },
      ...(json && { body: json }),
    });
  return { base, ticket, origin, ask };
}

export type Page = Awaited<ReturnType<typeof openPage>>;

export async function begin({ ask }: Page, filename = 'a.bin') {
  const file = { filename, type: 'video/mp4', metadata: { name: filename, type: 'video/mp4' } };
  const { uploadId, key } = created.parse((await ask('POST', '/s3/multipart', file)).body);
  const path = `/s3/multipart/${encodeURIComponent(uploadId)}`;
  return { id: uploadId, path, query: `?key=${encodeURIComponent(key)}` };
}

type Begun = Awaited<ReturnType<typeof begin>>;

export async function sendPart({ ask }: Page, { path, query }: Begun, number: number, bytes: Buffer) {
  const { url } = signedPart.parse((await ask('GET', `${path}/${number}${query}`)).body);
  const stored = await fetch(url, { method: 'PUT', body: new Uint8Array(bytes) });
  return { PartNumber: number, ETag: stored.headers.get('etag') ?? '' };
}
