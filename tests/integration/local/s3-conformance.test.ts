/** Who may write what: signatures and presigned URLs, against the S3 that useTarget names. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { newKey, useTarget, send } from './s3-support.ts';

const target = await useTarget();
const Bucket = target.bucket;

const sha256 = (data: string) => createHash('sha256').update(data).digest('base64');

/** A URL that holds its user to length, type, SHA-256 and a first write. */
async function signPut(Key: string, data: string, options: { signingDate?: Date; expiresIn?: number } = {}) {
  const headers = {
    'content-type': 'image/png',
    'content-length': String(Buffer.byteLength(data)),
    'if-none-match': '*',
    'x-amz-checksum-sha256': sha256(data),
  };
  const command = new PutObjectCommand({
    Bucket,
    Key,
    ContentType: headers['content-type'],
    ContentLength: Buffer.byteLength(data),
    IfNoneMatch: '*',
    ChecksumSHA256: headers['x-amz-checksum-sha256'],
  });
  const url = await getSignedUrl(target.client, command, {
    ...options,
    signableHeaders: new Set(['content-type', 'host']),
    unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
  });
  return { url, headers };
}

describe('presigned PUT', () => {
  const data = 'twelve bytes';

  it('stores the body when everything is as signed', async () => {
    const key = newKey();
    const { url, headers } = await signPut(key, data);

    const answer = await send(url, { method: 'PUT', headers, body: data });

    expect(answer.status).toBe(200);
    expect(answer.headers.etag).toBe(`"${createHash('md5').update(data).digest('hex')}"`);
    const head = await target.client.send(
      new HeadObjectCommand({ Bucket, Key: key, ChecksumMode: 'ENABLED' }),
    );
    expect(head).toMatchObject({ ContentLength: 12, ContentType: 'image/png', ChecksumSHA256: sha256(data) });
  });

  it('carries no checksum of a body that its signer did not know', async () => {
    const { url } = await signPut(newKey(), data);

    expect(url.toLowerCase()).not.toContain('crc32');
  });

  it('works with fetch, which adds headers of its own', async () => {
    const key = newKey();
    const { url, headers } = await signPut(key, data);
    const { 'content-length': _length, ...rest } = headers;

    const answer = await fetch(url, { method: 'PUT', headers: rest, body: data });

    expect(answer.status).toBe(200);
    expect(await target.read(key)).toBe(data);
  });

  it('refuses a second write', async () => {
    const key = newKey();
    const { url, headers } = await signPut(key, data);
    await send(url, { method: 'PUT', headers, body: data });

    const again = await send(url, { method: 'PUT', headers, body: data });

    expect(again).toMatchObject({ status: 412, code: 'PreconditionFailed' });
  });

  it('refuses a body that does not have the declared SHA-256', async () => {
    const key = newKey();
    const { url, headers } = await signPut(key, data);

    const answer = await send(url, { method: 'PUT', headers, body: 'TWELVE BYTES' });

    expect(answer).toMatchObject({ status: 400, code: 'BadDigest' });
    expect(await target.isThere(key)).toBe(false);
  });

  it.each([
    ['another length', { 'content-length': '13' }, 'twelve bytes!'],
    ['another content type', { 'content-type': 'text/html' }, data],
    ['no content type', { 'content-type': undefined }, data],
    ['another declared SHA-256', { 'x-amz-checksum-sha256': sha256('TWELVE BYTES') }, 'TWELVE BYTES'],
    ['a write without its condition', { 'if-none-match': undefined }, data],
    ['another host', { host: 'localhost:4570' }, data],
  ])('refuses %s', async (_name, changes, body) => {
    const key = newKey();
    const { url, headers } = await signPut(key, data);
    const changed = Object.fromEntries(
      Object.entries({ ...headers, ...changes }).filter(([, value]) => value !== undefined),
    );

    const answer = await send(url, { method: 'PUT', headers: changed, body });

    expect(answer).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
    expect(await target.isThere(key)).toBe(false);
  });

  it('refuses an x-amz header that was not signed', async () => {
    const { url, headers } = await signPut(newKey(), data);

    const answer = await send(url, {
      method: 'PUT',
      headers: { ...headers, 'x-amz-meta-more': 'x' },
      body: data,
    });

    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(answer.body).toContain('There were headers present in the request which were not signed');
  });

  it('refuses another key', async () => {
    const { url, headers } = await signPut(newKey(), data);
    const other = new URL(url);
    other.pathname += 'x';

    expect(await send(other.href, { method: 'PUT', headers, body: data })).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
  });

  it.each([
    ['a longer life', 'X-Amz-Expires', '3600'],
    ['another parameter', 'x-amz-meta-more', 'x'],
    ['a subresource', 'tagging', ''],
  ])('refuses %s in the query', async (_name, parameter, value) => {
    const { url, headers } = await signPut(newKey(), data, { expiresIn: 60 });
    const other = new URL(url);
    other.searchParams.set(parameter, value);

    expect(await send(other.href, { method: 'PUT', headers, body: data })).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
  });

  it('refuses a life of more than a week', async () => {
    const { url, headers } = await signPut(newKey(), data);
    const other = new URL(url);
    other.searchParams.set('X-Amz-Expires', '604801');

    expect(await send(other.href, { method: 'PUT', headers, body: data })).toMatchObject({
      status: 400,
      code: 'AuthorizationQueryParametersError',
    });
  });

  it('refuses an expired URL', async () => {
    const signingDate = new Date(Date.now() - 120_000);
    const { url, headers } = await signPut(newKey(), data, { signingDate, expiresIn: 60 });

    const answer = await send(url, { method: 'PUT', headers, body: data });

    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(answer.body).toContain('Request has expired');
  });

  it('refuses another method', async () => {
    const key = newKey();
    const { url, headers } = await signPut(key, data);
    await send(url, { method: 'PUT', headers, body: data });

    const { 'content-length': _length, ...rest } = headers;

    expect(await send(url, { method: 'GET', headers: rest })).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
    expect(await send(url, { method: 'DELETE', headers: rest })).toMatchObject({ status: 403 });
    expect(await target.read(key)).toBe(data);
  });
});

describe('who may send', () => {
  it('refuses anonymous requests', async () => {
    expect(await send(`${target.endpoint}/${Bucket}/x`, { method: 'GET' })).toMatchObject({
      status: 403,
      code: 'AccessDenied',
    });
  });

  it('refuses a key it does not know', async () => {
    const credentials = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wrong' };
    const stranger = target.makeClient({ credentials });

    await expect(stranger.send(new ListObjectsV2Command({ Bucket }))).rejects.toMatchObject({
      name: 'InvalidAccessKeyId',
    });
    stranger.destroy();
  });

  it('refuses a wrong secret', async () => {
    const { accessKeyId } = await target.client.config.credentials();
    const forger = target.makeClient({ credentials: { accessKeyId, secretAccessKey: 'guessed' } });

    await expect(forger.send(new ListObjectsV2Command({ Bucket }))).rejects.toMatchObject({
      name: 'SignatureDoesNotMatch',
    });
    forger.destroy();
  });
});
