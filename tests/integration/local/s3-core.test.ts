/** The core of the local S3 without sockets, disk or a real clock: a store of maps is enough. */
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createS3Api } from '../../../local/s3/api.ts';
import type { S3Request } from '../../../local/s3/http.ts';
import type { Store } from '../../../local/s3/store.ts';
import { connect, CREDENTIALS, REGION } from './s3-support.ts';

function createMemoryStore(): Store {
  const blobs = new Map<string, Buffer>();
  return {
    buckets: new Map(),
    objects: new Map(),
    uploads: new Map(),
    parts: new Map(),
    blobs: {
      async write(chunks) {
        const id = String(blobs.size);
        blobs.set(id, await buffer(Readable.from(chunks)));
        return id;
      },
      async *read(id, { start, end }) {
        yield blobs.get(id)?.subarray(start, end + 1) ?? Buffer.alloc(0);
      },
      link: (linked) =>
        linked.map(({ id, size }) => {
          const copy = { id: String(blobs.size), size };
          blobs.set(copy.id, blobs.get(id) ?? Buffer.alloc(0));
          return copy;
        }),
      async remove(removed) {
        for (const { id } of removed) blobs.delete(id);
      },
    },
  };
}

describe('the core', () => {
  it('serves presigned URLs from memory on a clock of its own', async () => {
    const signingDate = new Date('2030-01-01T00:00:00Z');
    let now = signingDate.getTime();
    const published: string[] = [];
    const store = createMemoryStore();
    const queueArn = 'arn:aws:sqs:eu-central-1:000000000000:delivery';
    const notification = { id: 'all', queueArn, events: ['s3:ObjectCreated:*'], prefix: '', suffix: '' };
    store.buckets.set('uploads', { name: 'uploads', cors: [], notifications: [notification] });
    const api = createS3Api({
      store,
      credentials: [CREDENTIALS],
      region: REGION,
      clock: () => now,
      publish: async ({ body }) => void published.push(body),
    });
    const client = connect({ endpoint: 'http://s3.test', region: REGION, credentials: CREDENTIALS });
    const call = (url: string, method: S3Request['method'], body = '') => {
      const { host, pathname, search } = new URL(url);
      const headers = { host, 'content-length': String(body.length) };
      return api.handle({ method, url: pathname + search, headers, body: toChunks(body) });
    };
    const target = { Bucket: 'uploads', Key: 'staging/a' };
    const sign = { signingDate, expiresIn: 60 };

    const stored = await call(await getSignedUrl(client, new PutObjectCommand(target), sign), 'PUT', 'hello');
    const get = await getSignedUrl(client, new GetObjectCommand(target), sign);
    const read = await call(get, 'GET');
    now += 61_000;
    const late = await call(get, 'GET');

    expect(stored.status).toBe(200);
    expect(read).toMatchObject({
      status: 200,
      headers: { 'last-modified': 'Tue, 01 Jan 2030 00:00:00 GMT' },
    });
    expect(await toText(read.body)).toBe('hello');
    expect(late.status).toBe(403);
    expect(published).toEqual([expect.stringContaining('"eventTime":"2030-01-01T00:00:00.000Z"')]);
    client.destroy();
  });
});

async function* toChunks(content: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(content);
}

async function toText(
  body: Awaited<ReturnType<ReturnType<typeof createS3Api>['handle']>>['body'],
): Promise<string> {
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) return String(body);
  return text(Readable.from(body));
}
