import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { S3Client } from '@aws-sdk/client-s3';
import { createDrops } from '../../../lib/storage/drops.ts';
import { s3With } from '../../../lib/storage/s3.ts';

/** Storage that answers every request with one status and these headers, and no body, as S3 does with HEAD. */
let status = 200;
let headers: Record<string, string> = {};
let copySource: string | string[] | undefined;
const server = createServer((request, response) => {
  copySource = request.headers['x-amz-copy-source'] ?? copySource;
  response.writeHead(status, headers).end();
});
// Otherwise a slow client may send just when the server closes the connection.
server.keepAliveTimeout = 0;
let client: S3Client;

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  client = new S3Client({
    region: 'eu-central-1',
    endpoint: `http://127.0.0.1:${address.port}`,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
  });
});
afterAll(() => {
  client.destroy();
  server.close();
});

const drops = createDrops({ s3: async () => s3With(client), bucket: 'staging' });
const object = { bucket: 'artifacts', key: 'a b.log' };
const find = (answer: number, versionId?: string) => {
  status = answer;
  return drops.find({ ...object, versionId });
};

describe('an object that storage does not show', () => {
  it.each([
    [403, undefined, 'ingest_source_forbidden'],
    [301, undefined, 'ingest_source_missing'],
    [404, undefined, 'ingest_source_missing'],
    [400, 'no-such-version', 'ingest_source_missing'],
    [405, 'a-deleted-version', 'ingest_source_missing'],
  ])('with %i cannot be had (version: %s): %s', async (answer, versionId, code) => {
    expect(await find(answer, versionId)).toMatchObject({ kind: 'unavailable', code });
  });

  // Storage answers 400 where the token of the bridge's own role is over.
  it.each([400, 429, 500, 503])('with %i may be had later, so nothing ends by it', async (answer) => {
    await expect(find(answer)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('the hash of an object', () => {
  it.each([
    ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=', expect.stringMatching(/^e3b0c442/)],
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html: of its parts' hashes.
    ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-3', undefined],
  ])(
    'is that of its bytes, and none where storage has only that of its parts: %s',
    async (answered, sha256) => {
      headers = { 'x-amz-checksum-sha256': answered };

      expect(await find(200)).toMatchObject({ kind: 'found', sha256 });
    },
  );
});

describe('a copy', () => {
  it.each([
    [undefined, 'artifacts/a%20b.log'],
    ['v 1', 'artifacts/a%20b.log?versionId=v%201'],
  ])('is made of the version that is asked for: %s', async (versionId, source) => {
    status = 503;
    const to = { key: 'staging/a', size: 1, contentType: 'text/plain' };

    await expect(drops.copy({ ...object, etag: 'e', versionId }, to)).rejects.toMatchObject({
      code: 'unavailable',
    });

    expect(copySource).toBe(source);
  });
});

describe('a removal', () => {
  it.each([404, 412])('has nothing to do where storage answers %i', async (answer) => {
    status = answer;

    await expect(drops.remove({ key: 'ingest/a', etag: 'e' })).resolves.toBeUndefined();
  });

  it('is tried again where storage is out', async () => {
    status = 503;

    await expect(drops.remove({ key: 'ingest/a', etag: 'e' })).rejects.toMatchObject({ code: 'unavailable' });
  });
});
