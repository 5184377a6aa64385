import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { S3Client } from '@aws-sdk/client-s3';
import { createDrops } from '../../../lib/storage/drops.ts';
import { s3With } from '../../../lib/storage/s3.ts';

/** Storage that answers every HEAD with one status, and no body, as S3 does. */
let status = 200;
const server = createServer((_request, response) => response.writeHead(status).end());
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

const find = (answer: number, versionId?: string) => {
  status = answer;
  return createDrops({ s3: async () => s3With(client), bucket: 'staging' }).find({
    bucket: 'artifacts',
    key: 'a.log',
    versionId,
  });
};

describe('an object that storage does not show', () => {
  it.each([
    [403, undefined, 'ingest_source_forbidden'],
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
