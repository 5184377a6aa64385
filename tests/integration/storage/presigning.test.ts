import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { s3With } from '../../../lib/storage/s3.ts';
import { createSigning } from '../../../lib/storage/presigning.ts';
import type { SignedRequest, Signing } from '../../../lib/storage/presigning.ts';
import { createStaging } from '../../../lib/storage/staged-files.ts';
import { CREDENTIALS, newKey, REGION, send, useBucket } from '../local/s3-support.ts';

const contentType = 'application/pdf';
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

let skew = 0;
const { server, bucket, client } = await useBucket({ clock: () => Date.now() + skew });
const staging = createStaging({ s3: async () => s3With(client), bucket, clock: systemClock });
const signer = { keys: CREDENTIALS, region: REGION, endpoint: server.url };
const signing = createSigning({ signer: async () => signer, bucket, now: Date.now });

describe('signing', () => {
  type File = Parameters<Signing['putFile']>[0];

  async function sign(bytes: Buffer, other: Partial<File> = {}) {
    const key = newKey();
    const file = { key, size: bytes.length, contentType, expiresInSeconds: 60, ...other };
    return { key, signed: await signing.putFile(file) };
  }

  function put({ url, headers }: SignedRequest, body: Buffer, other: Record<string, string> = {}) {
    return send(url, { method: 'PUT', headers: { ...headers, ...other }, body });
  }

  describe('a presigned PUT', () => {
    it.each([
      ['without a hash', false],
      ['with a hash', true],
    ])('stores the file, sent with fetch and nothing but its headers: %s', async (_name, isHashed) => {
      const bytes = randomBytes(100_000);
      const { key, signed } = await sign(bytes, isHashed ? { sha256: sha256(bytes) } : {});

      const { method, url, headers } = signed;
      const response = await fetch(url, { method, headers, body: new Uint8Array(bytes) });

      expect(response.status).toBe(200);
      expect(await staging.head(key)).toEqual({ etag: md5(bytes), size: bytes.length });
    });

    it.each(['text/plain; charset="utf-8"', 'a/b;x=1', 'application/vnd.a+json'])(
      'takes a type as it is: %s',
      async (type) => {
        const bytes = randomBytes(10);
        const { signed } = await sign(bytes, { contentType: type });

        expect(await put(signed, bytes)).toMatchObject({ status: 200 });
      },
    );

    it('signs every condition, and carries no checksum of an empty body', async () => {
      const bytes = randomBytes(10);
      const { signed } = await sign(bytes, { sha256: sha256(bytes) });

      const query = new URL(signed.url).searchParams;

      expect(query.get('X-Amz-SignedHeaders')?.split(';')).toEqual([
        'content-length',
        'content-type',
        'host',
        'if-none-match',
        'x-amz-checksum-sha256',
      ]);
      expect(query.get('X-Amz-Expires')).toBe('60');
      const names = [...query.keys()].map((name) => name.toLowerCase());
      expect(names).not.toContain('x-amz-checksum-crc32');
      expect(names).not.toContain('x-amz-sdk-checksum-algorithm');
      expect(names).not.toContain('x-amz-checksum-sha256');
      expect(Object.keys(signed.headers)).toEqual([
        'content-length',
        'content-type',
        'if-none-match',
        'x-amz-checksum-sha256',
      ]);
    });

    it.each([
      ['one byte more', { size: 11 }],
      ['one byte less', { size: 9 }],
      ['nothing', { size: 0 }],
    ])('refuses another length: %s', async (_name, { size }) => {
      const { key, signed } = await sign(randomBytes(10));

      const answer = await put(signed, randomBytes(size), { 'content-length': String(size) });

      expect(answer).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
      expect(await staging.head(key)).toBeUndefined();
    });

    it.each([
      ['another content type', { 'content-type': 'text/html' }, 403],
      ['another SHA-256', { 'x-amz-checksum-sha256': createHash('sha256').digest('base64') }, 403],
      ['another condition', { 'if-none-match': '"x"' }, 403],
      ['an extra metadata header', { 'x-amz-meta-note': 'x' }, 403],
      ['an extra tagging header', { 'x-amz-tagging': 'a=b' }, 403],
      ['an extra ACL', { 'x-amz-acl': 'public-read' }, 403],
    ])('refuses %s', async (_name, headers, status) => {
      const bytes = randomBytes(10);
      const { key, signed } = await sign(bytes, { sha256: sha256(bytes) });

      expect(await put(signed, bytes, headers)).toMatchObject({ status });

      expect(await staging.head(key)).toBeUndefined();
    });

    it.each(['content-type', 'if-none-match', 'x-amz-checksum-sha256'])(
      'refuses to go without %s',
      async (name) => {
        const bytes = randomBytes(10);
        const { key, signed } = await sign(bytes, { sha256: sha256(bytes) });
        const headers = Object.fromEntries(Object.entries(signed.headers).filter(([one]) => one !== name));

        expect(await send(signed.url, { method: 'PUT', headers, body: bytes })).toMatchObject({
          status: 403,
        });

        expect(await staging.head(key)).toBeUndefined();
      },
    );

    it('refuses other bytes under the declared SHA-256', async () => {
      const bytes = randomBytes(10);
      const { key, signed } = await sign(bytes, { sha256: sha256(bytes) });

      expect(await put(signed, randomBytes(10))).toMatchObject({ status: 400 });

      expect(await staging.head(key)).toBeUndefined();
    });

    it('stores once: the second write answers 412 and changes nothing', async () => {
      const bytes = randomBytes(10);
      const { key, signed } = await sign(bytes);
      await put(signed, bytes);

      const second = await put(signed, randomBytes(10));

      expect(second).toMatchObject({ status: 412, code: 'PreconditionFailed' });
      expect(await staging.head(key)).toEqual({ etag: md5(bytes), size: 10 });
    });

    it('refuses when it has expired, and not before', async () => {
      const bytes = randomBytes(10);
      const { key, signed } = await sign(bytes);
      try {
        skew = 120_000;
        expect(await put(signed, bytes)).toMatchObject({ status: 403, code: 'AccessDenied' });
        expect(await staging.head(key)).toBeUndefined();
        skew = 30_000;
        expect(await put(signed, bytes)).toMatchObject({ status: 200 });
      } finally {
        skew = 0;
      }
    });

    it.each<[string, (url: URL) => void]>([
      ['another key', (url) => (url.pathname += 'x')],
      ['another bucket', (url) => (url.pathname = url.pathname.replace('/staging/', '/other/'))],
      ['a longer life', (url) => url.searchParams.set('X-Amz-Expires', '3600')],
      ['another date', (url) => url.searchParams.set('X-Amz-Date', '20260102T030405Z')],
      ['fewer signed headers', (url) => url.searchParams.set('X-Amz-SignedHeaders', 'host')],
      ['another signature', (url) => url.searchParams.set('X-Amz-Signature', '0'.repeat(64))],
      ['no signature', (url) => url.searchParams.delete('X-Amz-Signature')],
      ['another parameter', (url) => url.searchParams.set('x-id', 'GetObject')],
      ['one more parameter', (url) => url.searchParams.set('versionId', '1')],
      ['another host', (url) => (url.hostname = 'localhost')],
    ])('refuses an altered URL: %s', async (_name, alter) => {
      const bytes = randomBytes(10);
      const { key, signed } = await sign(bytes);
      const url = new URL(signed.url);
      alter(url);
      const address = new URL(url);
      address.hostname = '127.0.0.1';

      const answer = await send(address.href, {
        method: 'PUT',
        headers: { ...signed.headers, host: url.host },
        body: bytes,
      });

      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(await staging.head(key)).toBeUndefined();
      expect(await staging.head(`${key}x`)).toBeUndefined();
    });

    it.each(['GET', 'HEAD', 'DELETE', 'POST'])('refuses to be a %s', async (method) => {
      const bytes = randomBytes(10);
      const { key, signed } = await sign(bytes);
      await put(signed, bytes);

      const answer = await send(signed.url, { method, headers: signed.headers, body: bytes });

      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.body).not.toContain(bytes.toString('latin1'));
      expect(await staging.head(key)).toEqual({ etag: md5(bytes), size: 10 });
    });
  });
});
