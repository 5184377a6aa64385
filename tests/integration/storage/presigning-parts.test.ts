import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { createMultipart } from '../../../lib/storage/multipart.ts';
import { s3With } from '../../../lib/storage/s3.ts';
import { createSigning } from '../../../lib/storage/presigning.ts';
import { CREDENTIALS, newKey, REGION, send, useBucket } from '../local/s3-support.ts';

const contentType = 'application/pdf';
const plan = [
  { number: 1, offset: 0, length: 10 },
  { number: 2, offset: 10, length: 10 },
  { number: 3, offset: 20, length: 4 },
];

let skew = 0;
const { server, bucket, client } = await useBucket({ clock: () => Date.now() + skew });
const multipart = createMultipart({ s3: async () => s3With(client), bucket });
const signer = { keys: CREDENTIALS, region: REGION, endpoint: server.url };
const signing = createSigning({ signer: async () => signer, bucket, now: Date.now });

describe('the signed request for a part', () => {
  async function sign(expiresInSeconds = 60) {
    const key = newKey();
    const target = { key, uploadId: await multipart.begin({ key, contentType }), expiresInSeconds };
    const [first, second, last] = await signing.putParts(target, plan);
    if (first === undefined || second === undefined || last === undefined) throw new Error('three parts');
    return { target, first, second, last };
  }

  type Signed = Awaited<ReturnType<typeof sign>>;

  function put({ url, headers }: Signed['first'], body: Buffer, other: Record<string, string> = {}) {
    return send(url, { method: 'PUT', headers: { ...headers, ...other }, body });
  }

  async function numbersOf({ target }: Signed): Promise<number[]> {
    return ((await multipart.list(target)) ?? []).map(({ number }) => number);
  }

  it('stores the part, sent with fetch and nothing but its headers', async () => {
    const signed = await sign();

    for (const { method, url, headers, length } of [signed.last, signed.first]) {
      const response = await fetch(url, { method, headers, body: new Uint8Array(length) });
      expect(response.status).toBe(200);
    }

    expect(signed.first).toMatchObject({ ...plan[0], headers: { 'content-length': '10' } });
    expect(Object.keys(signed.first.headers)).toEqual(['content-length']);
    expect(await numbersOf(signed)).toEqual([1, 3]);
  });

  it('signs the length, and carries no checksum of an empty body', async () => {
    const { first } = await sign();

    const query = new URL(first.url).searchParams;

    expect(query.get('X-Amz-SignedHeaders')).toBe('content-length;host');
    expect(query.get('X-Amz-Expires')).toBe('60');
    const names = [...query.keys()].map((name) => name.toLowerCase());
    expect(names.filter((name) => name.includes('checksum'))).toEqual([]);
  });

  it('lets a part be put again', async () => {
    const signed = await sign();

    expect(await put(signed.first, randomBytes(10))).toMatchObject({ status: 200 });
    expect(await put(signed.first, randomBytes(10))).toMatchObject({ status: 200 });

    expect(await numbersOf(signed)).toEqual([1]);
  });

  it.each([0, 9, 11])('refuses another length: %i bytes', async (size) => {
    const signed = await sign();

    const answer = await put(signed.first, randomBytes(size), { 'content-length': String(size) });

    expect(answer).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    expect(await numbersOf(signed)).toEqual([]);
  });

  it("refuses the last part's bytes at another part's URL", async () => {
    const signed = await sign();

    const answer = await put(signed.first, randomBytes(4), signed.last.headers);

    expect(answer).toMatchObject({ status: 403 });
    expect(await numbersOf(signed)).toEqual([]);
  });

  it.each<[string, (url: URL, other: URL) => void]>([
    ['another part', (url) => url.searchParams.set('partNumber', '2')],
    [
      'another multipart upload',
      (url, other) => url.searchParams.set('uploadId', other.searchParams.get('uploadId') ?? ''),
    ],
    ['another key', (url, other) => (url.pathname = other.pathname)],
    ['the whole object', (url) => url.searchParams.delete('partNumber')],
    [
      'an object of its own',
      (url) => ['partNumber', 'uploadId'].map((name) => url.searchParams.delete(name)),
    ],
    ['a longer life', (url) => url.searchParams.set('X-Amz-Expires', '3600')],
  ])('refuses a URL that was altered to %s', async (_name, alter) => {
    const [signed, other] = [await sign(), await sign()];
    const url = new URL(signed.first.url);
    alter(url, new URL(other.first.url));

    const answer = await put({ ...signed.first, url: url.href }, randomBytes(10));

    expect(answer.status).toBe(403);
    expect([await numbersOf(signed), await numbersOf(other)]).toEqual([[], []]);
  });

  it('refuses when it has expired, and not before', async () => {
    const signed = await sign(60);
    try {
      skew = 120_000;
      expect(await put(signed.first, randomBytes(10))).toMatchObject({ status: 403, code: 'AccessDenied' });
      skew = 30_000;
      expect(await put(signed.first, randomBytes(10))).toMatchObject({ status: 200 });
    } finally {
      skew = 0;
    }
  });

  it('refuses once the multipart upload has been aborted', async () => {
    const signed = await sign();
    await multipart.abort(signed.target);

    expect(await put(signed.first, randomBytes(10))).toMatchObject({ status: 404, code: 'NoSuchUpload' });
  });

  it('takes any length where the client cuts', async () => {
    const signed = await sign();
    const url = await signing.partUrl({ ...signed.target, number: 7 });

    const answer = await send(url, { method: 'PUT', body: randomBytes(33) });

    expect(answer.status).toBe(200);
    expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')).toBe('host');
    expect(await multipart.list(signed.target)).toMatchObject([{ number: 7, size: 33 }]);
  });
});
