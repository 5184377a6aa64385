/** Copies of objects, against the S3 that useTarget names. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  UploadPartCommand,
  type CopyObjectCommandInput,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { newKey, send, useTarget } from './s3-support.ts';

const target = await useTarget();
const Bucket = target.bucket;
const other = await target.makeBucket();

const FIVE_MIB = 5 * 1024 * 1024;

const hash = (algorithm: string, data: string | Buffer) => createHash(algorithm).update(data);
const md5 = (data: string | Buffer) => `"${hash('md5', data).digest('hex')}"`;
const sha256 = (data: string | Buffer) => hash('sha256', data).digest('base64');

/** Copies within the bucket unless the options say otherwise. */
const copy = (from: string, Key: string, options: Partial<CopyObjectCommandInput> = {}) =>
  target.client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}`, ...options }));

const head = (Key: string, bucket = Bucket) =>
  target.client.send(new HeadObjectCommand({ Bucket: bucket, Key, ChecksumMode: 'ENABLED' }));

async function tagsOf(Key: string): Promise<unknown> {
  const { TagSet } = await target.client.send(new GetObjectTaggingCommand({ Bucket, Key }));
  return TagSet;
}

describe('a copy', () => {
  it('has bytes, type, metadata, tags and checksum of its source', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'hello', {
      ContentType: 'text/plain',
      CacheControl: 'no-store',
      Metadata: { owner: 'me' },
      Tagging: 'colour=blue',
      ChecksumSHA256: sha256('hello'),
    });

    const { CopyObjectResult } = await copy(from, to, {
      ContentType: 'text/html',
      Metadata: { owner: 'you' },
    });

    expect(CopyObjectResult).toMatchObject({
      ETag: md5('hello'),
      ChecksumSHA256: sha256('hello'),
      ChecksumType: 'FULL_OBJECT',
      LastModified: expect.any(Date),
    });
    expect(await target.read(to)).toBe('hello');
    expect(await head(to)).toMatchObject({
      ContentLength: 5,
      ContentType: 'text/plain',
      CacheControl: 'no-store',
      Metadata: { owner: 'me' },
      ETag: md5('hello'),
      ChecksumSHA256: sha256('hello'),
      ChecksumType: 'FULL_OBJECT',
    });
    expect(await tagsOf(to)).toEqual([{ Key: 'colour', Value: 'blue' }]);
  });

  it.each([
    ['encoded slash by slash', (key: string) => key.split('/').map(encodeURIComponent).join('/')],
    ['encoded as a whole', (key: string) => encodeURIComponent(key)],
    ['with spaces as in a form', (key: string) => encodeURIComponent(key).replaceAll('%20', '+')],
  ])('comes from another bucket, whose key is %s', async (_name, encode) => {
    const from = `${newKey()}/来源 a+b %41?versionId=1&c.txt`;
    const to = newKey();
    await target.put(from, 'far', { Bucket: other });

    await copy('', to, { CopySource: `${other}/${encode(from)}` });
    await copy('', `${to}-2`, { CopySource: `/${other}/${encode(from)}` });

    expect(await target.read(to)).toBe('far');
    expect(await target.read(`${to}-2`)).toBe('far');
  });

  it('outlives its source', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'first');
    await copy(from, to);

    await target.put(from, 'second');
    expect(await target.read(to)).toBe('first');
    await target.client.send(new DeleteObjectCommand({ Bucket, Key: from }));

    expect(await target.read(to)).toBe('first');
  });

  it('may be empty', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, Buffer.alloc(0));

    await copy(from, to);

    expect(await target.read(to)).toBe('');
  });

  it('of a multipart upload has MD5 and checksum of the whole', async () => {
    const [from, to] = [newKey(), newKey()];
    const bodies = [Buffer.alloc(FIVE_MIB, 'a'), Buffer.from('tail')];
    const { UploadId } = await target.client.send(
      new CreateMultipartUploadCommand({
        Bucket,
        Key: from,
        ChecksumAlgorithm: 'SHA256',
        ContentType: 'video/mp4',
        Metadata: { owner: 'me' },
      }),
    );
    const upload = { Bucket, Key: from, UploadId };
    const Parts = [];
    for (const [index, Body] of bodies.entries()) {
      const PartNumber = index + 1;
      const part = new UploadPartCommand({ ...upload, PartNumber, Body, ChecksumAlgorithm: 'SHA256' });
      const { ETag, ChecksumSHA256 } = await target.client.send(part);
      Parts.push({ PartNumber, ETag, ChecksumSHA256 });
    }
    await target.client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    const source = await head(from);
    expect(source).toMatchObject({
      ETag: expect.stringMatching(/-2"$/),
      ChecksumSHA256: expect.stringMatching(/-2$/),
      ChecksumType: 'COMPOSITE',
      Metadata: { owner: 'me' },
    });

    const { CopyObjectResult } = await copy(from, to, { CopySourceIfMatch: source.ETag });

    const whole = Buffer.concat(bodies);
    const sums = { ETag: md5(whole), ChecksumSHA256: sha256(whole), ChecksumType: 'FULL_OBJECT' };
    expect(CopyObjectResult).toMatchObject(sums);
    expect(await head(to)).toMatchObject({ ...sums, ContentType: 'video/mp4', ContentLength: whole.length });
    const { Body } = await target.client.send(new GetObjectCommand({ Bucket, Key: to }));
    expect(whole.equals(Buffer.from((await Body?.transformToByteArray()) ?? []))).toBe(true);
  });

  it('gets the checksum that is asked for', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'hello', { ChecksumAlgorithm: 'CRC32' });

    await copy(from, to, { ChecksumAlgorithm: 'SHA256' });

    const copied = await head(to);
    expect(copied).toMatchObject({ ETag: md5('hello'), ChecksumSHA256: sha256('hello') });
    expect(copied.ChecksumCRC32).toBeUndefined();
  });

  it('may be made by a presigned URL', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'hello');
    const command = new CopyObjectCommand({ Bucket, Key: to, CopySource: `${Bucket}/${from}` });
    const url = await getSignedUrl(target.client, command);

    const answer = await send(url, { method: 'PUT', headers: { 'content-length': '0' } });

    expect(answer).toMatchObject({ status: 200 });
    expect(await target.read(to)).toBe('hello');
  });
});

describe('the directives of a copy', () => {
  it('replace type and metadata, and leave the tags', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'x', { ContentType: 'text/plain', Metadata: { a: '1' }, Tagging: 'a=1' });

    await copy(from, to, { MetadataDirective: 'REPLACE', ContentType: 'text/html', Metadata: { b: '2' } });

    expect(await head(to)).toMatchObject({ ContentType: 'text/html', Metadata: { b: '2' } });
    expect(await tagsOf(to)).toEqual([{ Key: 'a', Value: '1' }]);
  });

  it('replace the tags, and leave the metadata', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'x', { Metadata: { a: '1' }, Tagging: 'a=1' });

    await copy(from, to, { TaggingDirective: 'REPLACE', Tagging: 'b=2&c=%E4%B8%AD' });

    expect((await head(to)).Metadata).toEqual({ a: '1' });
    expect(await tagsOf(to)).toEqual([
      { Key: 'b', Value: '2' },
      { Key: 'c', Value: '中' },
    ]);
  });

  it('are needed for a copy onto itself, which changes nothing otherwise', async () => {
    const key = newKey();
    await target.put(key, 'x', { ContentType: 'text/plain' });

    await expect(copy(key, key)).rejects.toMatchObject({
      name: 'InvalidRequest',
      $metadata: { httpStatusCode: 400 },
    });
    await copy(key, key, { MetadataDirective: 'REPLACE', ContentType: 'text/html' });

    expect(await target.read(key)).toBe('x');
    expect((await head(key)).ContentType).toBe('text/html');
  });
});

describe('the conditions of a copy', () => {
  it('apply to the source', async () => {
    const [from, to] = [newKey(), newKey()];
    const { ETag } = await target.put(from, 'x');
    const [before, after] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];

    for (const conditions of [
      { CopySourceIfMatch: '"other"' },
      { CopySourceIfNoneMatch: ETag },
      { CopySourceIfUnmodifiedSince: before },
      { CopySourceIfModifiedSince: after },
    ]) {
      await expect(copy(from, to, conditions)).rejects.toMatchObject({
        name: 'PreconditionFailed',
        $metadata: { httpStatusCode: 412 },
      });
    }
    expect(await target.isThere(to)).toBe(false);
    await copy(from, to, { CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: before });

    expect(await target.read(to)).toBe('x');
  });

  it('apply to the target', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'new');
    const { ETag } = await target.put(to, 'old');

    await expect(copy(from, to, { IfNoneMatch: '*' })).rejects.toMatchObject({
      name: 'PreconditionFailed',
      $metadata: { httpStatusCode: 412 },
    });
    await expect(copy(from, to, { IfMatch: '"other"' })).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    expect(await target.read(to)).toBe('old');
    await copy(from, to, { IfMatch: ETag });
    await copy(from, `${to}-2`, { IfNoneMatch: '*' });

    expect(await target.read(to)).toBe('new');
    expect(await target.read(`${to}-2`)).toBe('new');
  });

  it('let exactly one of many first copies win', async () => {
    const sources = ['a', 'b', 'c'].map((name) => `${newKey()}-${name}`);
    const to = newKey();
    for (const from of sources) await target.put(from, from);

    const outcomes = await Promise.allSettled(sources.map((from) => copy(from, to, { IfNoneMatch: '*' })));

    const winners = sources.filter((_from, index) => outcomes[index]?.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    expect(await target.read(to)).toBe(winners[0]);
  });
});

describe('the source of a copy', () => {
  const missing = newKey();

  it.each([
    ['is missing', `${Bucket}/${missing}`, 404, 'NoSuchKey'],
    ['is in a missing bucket', `missing-${missing.slice(-36)}/x`, 404, 'NoSuchBucket'],
    ['has no key', Bucket, 400, 'InvalidArgument'],
    ['is no encoded text', `${Bucket}/%zz`, 400, 'InvalidArgument'],
  ])('that %s is refused', async (_name, CopySource, httpStatusCode, name) => {
    await expect(copy('', newKey(), { CopySource })).rejects.toMatchObject({
      name,
      $metadata: { httpStatusCode },
    });
  });

  it('has one version, called null, in a bucket without versioning', async () => {
    const [from, to] = [newKey(), newKey()];
    await target.put(from, 'x');
    const CopySource = `${Bucket}/${from}`;

    await expect(
      copy('', to, { CopySource: `${CopySource}?versionId=MtBnTuY3jVZHvF6hJ4pWjZ4bY2JdC1mS` }),
    ).rejects.toMatchObject({ name: 'NoSuchVersion', $metadata: { httpStatusCode: 404 } });
    await copy('', to, { CopySource: `${CopySource}?versionId=null` });

    expect(await target.read(to)).toBe('x');
  });

  it('may not lead into a missing bucket', async () => {
    const from = newKey();
    await target.put(from, 'x');

    await expect(copy(from, 'x', { Bucket: `missing-${from.slice(-36)}` })).rejects.toMatchObject({
      name: 'NoSuchBucket',
    });
  });
});
