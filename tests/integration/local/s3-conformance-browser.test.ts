/** What browsers need, form uploads and CORS, against the S3 that useTarget names. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  GetBucketCorsCommand,
  HeadObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { newKey, useTarget, postForm, send, signForm } from './s3-support.ts';

const target = await useTarget();
const Bucket = target.bucket;

describe('form upload', () => {
  const TYPED = { 'Content-Type': 'text/plain', success_action_status: '201' };

  async function makeForm(
    key: string,
    changes: { conditions?: unknown[]; fields?: Record<string, string>; expiresAt?: Date } = {},
  ) {
    const { conditions, fields = TYPED, expiresAt } = changes;
    return signForm({
      bucket: Bucket,
      region: target.region,
      credentials: await target.client.config.credentials(),
      conditions: conditions ?? [
        { key },
        ['eq', '$Content-Type', 'text/plain'],
        ['content-length-range', 3, 5],
        { success_action_status: '201' },
      ],
      fields: { key, ...fields },
      ...(expiresAt && { expiresAt }),
    });
  }

  const post = (fields: Record<string, string>, file: string) =>
    postForm(`${target.endpoint}/${Bucket}`, fields, file);

  it('stores the file', async () => {
    const key = newKey();

    const answer = await post(await makeForm(key), 'hello');

    expect(answer.status).toBe(201);
    expect(answer.body).toContain(`<Key>${key}</Key>`);
    const head = await target.client.send(new HeadObjectCommand({ Bucket, Key: key }));
    expect(head).toMatchObject({ ContentType: 'text/plain', ContentLength: 5 });
  });

  it('keeps the metadata among its fields', async () => {
    const key = newKey();
    const metadata = { 'x-amz-meta-owner': 'me', 'x-amz-meta-project': '%E4%B8%AD' };
    const conditions = [
      { key },
      ['starts-with', '$x-amz-meta-owner', ''],
      ['starts-with', '$x-amz-meta-project', ''],
    ];

    const answer = await post(await makeForm(key, { conditions, fields: metadata }), 'hello');

    expect(answer.status).toBe(204);
    const { Metadata } = await target.client.send(new HeadObjectCommand({ Bucket, Key: key }));
    expect(Metadata).toEqual({ owner: 'me', project: '%E4%B8%AD' });
  });

  it('puts the name of the file into the key', async () => {
    const prefix = `${newKey()}/`;
    const conditions = [['starts-with', '$key', prefix]];
    const {
      success_action_status: _status,
      'Content-Type': _type,
      ...fields
    } = await makeForm(`${prefix}\${filename}`, { conditions });

    const answer = await post(fields, 'hello');

    expect(answer.status).toBe(204);
    expect(await target.read(`${prefix}note.txt`)).toBe('hello');
  });

  it.each([
    ['a file that is too large', 'hello!', {}, 400, 'EntityTooLarge'],
    ['a file that is too small', 'hi', {}, 400, 'EntityTooSmall'],
    ['another type', 'hello', { 'Content-Type': 'text/html' }, 403, 'AccessDenied'],
    ['another key', 'hello', { key: 'staging/other' }, 403, 'AccessDenied'],
    ['a field that no condition covers', 'hello', { 'x-amz-meta-more': 'x' }, 403, 'AccessDenied'],
    ['another signature', 'hello', { 'x-amz-signature': '0'.repeat(64) }, 403, 'SignatureDoesNotMatch'],
    [
      'another policy',
      'hello',
      { policy: Buffer.from('{}').toString('base64') },
      403,
      'SignatureDoesNotMatch',
    ],
  ])('refuses %s', async (_name, file, changes, status, code) => {
    const key = newKey();
    const fields = await makeForm(key);

    const answer = await post({ ...fields, ...changes }, file);

    expect(answer).toMatchObject({ status, code });
    expect(await target.isThere(key)).toBe(false);
  });

  it('ignores what follows the file', async () => {
    const key = newKey();
    const behind = { 'x-amz-meta-more': 'x', key: 'staging/other', 'x-amz-signature': '0'.repeat(64) };

    const answer = await postForm(`${target.endpoint}/${Bucket}`, await makeForm(key), 'hello', behind);

    expect(answer.status).toBe(201);
    expect(await target.read(key)).toBe('hello');
  });

  it('names the fields that no condition covers', async () => {
    const answer = await post({ ...(await makeForm(newKey())), 'x-amz-meta-more': 'x' }, 'hello');

    expect(answer.body).toContain('Extra input fields: x-amz-meta-more');
  });

  it('refuses an expired policy', async () => {
    const answer = await post(await makeForm(newKey(), { expiresAt: new Date(Date.now() - 1000) }), 'hello');

    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
    expect(answer.body).toContain('Policy expired');
  });

  it('refuses a form without a policy', async () => {
    expect(await post({ key: newKey() }, 'hello')).toMatchObject({ status: 403, code: 'AccessDenied' });
  });
});

describe('CORS', () => {
  const origin = 'http://app.example.com';

  beforeAll(async () => {
    const rule = {
      AllowedOrigins: ['http://*.example.com'],
      AllowedMethods: ['PUT'],
      AllowedHeaders: ['content-*'],
      ExposeHeaders: ['ETag'],
      MaxAgeSeconds: 600,
    };
    await target.client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }));
  });

  const preflight = (headers: Record<string, string>) =>
    send(`${target.endpoint}/${Bucket}/x`, { method: 'OPTIONS', headers });

  it('keeps the rules', async () => {
    const { CORSRules } = await target.client.send(new GetBucketCorsCommand({ Bucket }));

    expect(CORSRules).toMatchObject([
      { AllowedMethods: ['PUT'], ExposeHeaders: ['ETag'], MaxAgeSeconds: 600 },
    ]);
  });

  it('answers a preflight that a rule allows', async () => {
    const answer = await preflight({
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'Content-Type',
    });

    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'PUT',
      'access-control-allow-headers': 'content-type',
      'access-control-max-age': '600',
    });
  });

  it.each([
    ['origin', { origin: 'http://elsewhere.org', 'access-control-request-method': 'PUT' }],
    ['method', { origin, 'access-control-request-method': 'DELETE' }],
    [
      'header',
      { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'x-other' },
    ],
  ])('refuses a preflight with another %s', async (_name, headers) => {
    expect((await preflight(headers)).status).toBe(403);
  });

  it('lets the page read the ETag of its upload', async () => {
    const url = await getSignedUrl(target.client, new PutObjectCommand({ Bucket, Key: newKey() }));

    const answer = await send(url, { method: 'PUT', headers: { origin, 'content-length': '1' }, body: 'x' });

    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'ETag',
    });
  });
});
