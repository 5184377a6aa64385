/** Objects, conditions, ranges and integrity, against the S3 that useTarget names. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as openSocket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as openTlsSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { newKey, useTarget, send } from './s3-support.ts';

const target = await useTarget();
const Bucket = target.bucket;

describe('objects', () => {
  it('come back with their type, metadata and tags', async () => {
    const key = newKey();
    await target.put(key, 'hello', {
      ContentType: 'text/plain',
      CacheControl: 'no-store',
      ContentDisposition: 'attachment; filename="a.txt"',
      Metadata: { owner: 'me' },
      Tagging: 'colour=light%20blue',
    });

    const object = await target.client.send(new GetObjectCommand({ Bucket, Key: key }));
    const { TagSet } = await target.client.send(new GetObjectTaggingCommand({ Bucket, Key: key }));

    expect(await object.Body?.transformToString()).toBe('hello');
    expect(object).toMatchObject({
      ContentType: 'text/plain',
      CacheControl: 'no-store',
      ContentDisposition: 'attachment; filename="a.txt"',
      Metadata: { owner: 'me' },
      ContentLength: 5,
      ETag: '"5d41402abc4b2a76b9719d911017c592"',
    });
    expect(TagSet).toEqual([{ Key: 'colour', Value: 'light blue' }]);
  });

  it('take new tags', async () => {
    const key = newKey();
    await target.put(key, 'hello');

    const Tagging = { TagSet: [{ Key: 'a', Value: '1' }] };
    await target.client.send(new PutObjectTaggingCommand({ Bucket, Key: key, Tagging }));

    const { TagSet } = await target.client.send(new GetObjectTaggingCommand({ Bucket, Key: key }));
    expect(TagSet).toEqual([{ Key: 'a', Value: '1' }]);
  });

  it.each([
    'staging/a b+c&d=e%20f',
    "staging/it's (1)!*~",
    'staging/ümläut/日本',
    'staging//double',
    'staging/<&>"',
  ])('keep the key %s', async (key) => {
    await target.put(key, 'x');

    expect(await target.read(key)).toBe('x');
    expect(await target.isThere(key)).toBe(true);
  });

  it('may be empty', async () => {
    const key = newKey();
    await target.put(key, Buffer.alloc(0));

    expect(await target.read(key)).toBe('');
  });

  it('are replaced by the next write', async () => {
    const key = newKey();
    await target.put(key, 'first');
    await target.put(key, 'second');

    expect(await target.read(key)).toBe('second');
  });

  it('are gone after DELETE, which succeeds twice', async () => {
    const key = newKey();
    await target.put(key, 'x');
    const remove = () => target.client.send(new DeleteObjectCommand({ Bucket, Key: key }));

    const first = await remove();
    const second = await remove();

    expect([first.$metadata.httpStatusCode, second.$metadata.httpStatusCode]).toEqual([204, 204]);
    await expect(target.read(key)).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(target.client.send(new HeadObjectCommand({ Bucket, Key: key }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
  });

  it('have one version, called null, in a bucket without versioning', async () => {
    const Key = newKey();
    await target.put(Key, 'x');
    const head = (VersionId: string) => target.client.send(new HeadObjectCommand({ Bucket, Key, VersionId }));
    const other = 'MtBnTuY3jVZHvF6hJ4pWjZ4bY2JdC1mS';

    expect(await head('null')).toMatchObject({ ContentLength: 1 });
    await expect(head(other)).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
    const reading = target.client.send(new GetObjectCommand({ Bucket, Key, VersionId: other }));
    await expect(reading).rejects.toMatchObject({ name: 'NoSuchVersion' });
  });

  it('are deleted with If-Match only as long as they have that ETag', async () => {
    const key = newKey();
    const { ETag } = await target.put(key, 'first');
    const remove = (IfMatch: string | undefined, Key = key) =>
      target.client.send(new DeleteObjectCommand({ Bucket, Key, IfMatch }));
    await target.put(key, 'second');

    await expect(remove(ETag)).rejects.toMatchObject({
      name: 'PreconditionFailed',
      $metadata: { httpStatusCode: 412 },
    });
    expect(await target.read(key)).toBe('second');
    await target.put(key, 'first');
    await remove(ETag);

    expect(await target.isThere(key)).toBe(false);
    for (const condition of [ETag, '*']) {
      await expect(remove(condition)).rejects.toMatchObject({
        name: 'NoSuchKey',
        $metadata: { httpStatusCode: 404 },
      });
    }
  });

  it('are deleted with If-Match * if they are there', async () => {
    const key = newKey();
    await target.put(key, 'x');

    await target.client.send(new DeleteObjectCommand({ Bucket, Key: key, IfMatch: '*' }));

    expect(await target.isThere(key)).toBe(false);
  });

  it('are apart in each bucket', async () => {
    const key = newKey();
    const other = await target.makeBucket();
    await target.put(key, 'here');
    await target.put(key, 'there', { Bucket: other });
    await target.client.send(new DeleteObjectCommand({ Bucket, Key: key }));

    const { Contents } = await target.client.send(new ListObjectsV2Command({ Bucket: other }));

    expect(await target.isThere(key)).toBe(false);
    expect(Contents?.map(({ Key }) => Key)).toEqual([key]);
  });

  it('are listed in byte order, page by page', async () => {
    const prefix = `list-${randomUUID()}/`;
    for (const name of ['b', 'a/1', 'ä', 'Z']) await target.put(prefix + name, 'x');

    const first = await target.client.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, MaxKeys: 3 }));
    const second = await target.client.send(
      new ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken: first.NextContinuationToken }),
    );

    expect(first).toMatchObject({ IsTruncated: true, KeyCount: 3 });
    expect(second).toMatchObject({ IsTruncated: false, KeyCount: 1 });
    const keys = [...(first.Contents ?? []), ...(second.Contents ?? [])].map((object) => object.Key);
    expect(keys).toEqual(['Z', 'a/1', 'b', 'ä'].map((name) => prefix + name));
  });

  it('need a bucket', async () => {
    await expect(target.put('x', 'x', { Bucket: `missing-${randomUUID()}` })).rejects.toMatchObject({
      name: 'NoSuchBucket',
    });
    await expect(target.client.send(new HeadBucketCommand({ Bucket }))).resolves.toBeDefined();
  });
});

describe('ranges and conditions of GET', () => {
  const key = newKey();

  beforeAll(async () => {
    await target.put(key, '0123456789');
  });

  it.each([
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-2', '89', 'bytes 8-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=8-99', '89', 'bytes 8-9/10'],
  ])('%s answers 206', async (Range, body, contentRange) => {
    const answer = await target.client.send(new GetObjectCommand({ Bucket, Key: key, Range }));

    expect(answer.$metadata.httpStatusCode).toBe(206);
    expect(answer.ContentRange).toBe(contentRange);
    expect(await answer.Body?.transformToString()).toBe(body);
  });

  it.each(['bytes=10-', 'bytes=-0'])('%s answers 416', async (Range) => {
    await expect(target.client.send(new GetObjectCommand({ Bucket, Key: key, Range }))).rejects.toMatchObject(
      {
        name: 'InvalidRange',
        $metadata: { httpStatusCode: 416 },
      },
    );
  });

  it('answers the whole object to a range it cannot read', async () => {
    const answer = await target.client.send(new GetObjectCommand({ Bucket, Key: key, Range: 'lines=1-2' }));

    expect(answer.$metadata.httpStatusCode).toBe(200);
    await answer.Body?.transformToString();
  });

  it('keeps to the ETag of If-Match', async () => {
    const { ETag } = await target.client.send(new HeadObjectCommand({ Bucket, Key: key }));

    const resumed = await target.client.send(
      new GetObjectCommand({ Bucket, Key: key, Range: 'bytes=5-', IfMatch: ETag }),
    );

    expect(await resumed.Body?.transformToString()).toBe('56789');
    await expect(
      target.client.send(new GetObjectCommand({ Bucket, Key: key, Range: 'bytes=5-', IfMatch: '"other"' })),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 412 } });
  });

  it('answers 304 to the ETag of If-None-Match', async () => {
    const { ETag } = await target.client.send(new HeadObjectCommand({ Bucket, Key: key }));

    await expect(
      target.client.send(new GetObjectCommand({ Bucket, Key: key, IfNoneMatch: ETag })),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
  });
});

describe('conditions of PUT', () => {
  it('let exactly one of many first writes win', async () => {
    const key = newKey();
    const bodies = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(200_000));

    const outcomes = await Promise.allSettled(
      bodies.map((body) => target.put(key, body, { IfNoneMatch: '*' })),
    );

    const winners = bodies.filter((_body, index) => outcomes[index]?.status === 'fulfilled');
    const losers = outcomes.filter((outcome) => outcome.status === 'rejected');
    expect(winners).toHaveLength(1);
    for (const loser of losers) expect([409, 412]).toContain(loser.reason.$metadata.httpStatusCode);
    expect(await target.read(key)).toBe(winners[0]);
  });

  it('replace only the ETag of If-Match', async () => {
    const key = newKey();
    const { ETag } = await target.put(key, 'first');
    await target.put(key, 'second', { IfMatch: ETag });

    await expect(target.put(key, 'third', { IfMatch: ETag })).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    await expect(target.put(newKey(), 'x', { IfMatch: ETag })).rejects.toMatchObject({ name: 'NoSuchKey' });
    expect(await target.read(key)).toBe('second');
  });
});

describe('integrity', () => {
  it('verifies Content-MD5', async () => {
    const ContentMD5 = createHash('md5').update('other').digest('base64');

    await expect(target.put(newKey(), 'hello', { ContentMD5 })).rejects.toMatchObject({ name: 'BadDigest' });
    await expect(target.put(newKey(), 'hello', { ContentMD5: 'bm9wZQ==' })).rejects.toMatchObject({
      name: 'InvalidDigest',
    });
  });

  it.each(['CRC32', 'SHA1', 'SHA256'] as const)('keeps and returns %s', async (algorithm) => {
    const key = newKey();
    const stored = await target.put(key, 'hello', { ChecksumAlgorithm: algorithm });

    const head = await target.client.send(
      new HeadObjectCommand({ Bucket, Key: key, ChecksumMode: 'ENABLED' }),
    );

    expect(head[`Checksum${algorithm}`]).toBeDefined();
    expect(head[`Checksum${algorithm}`]).toBe(stored[`Checksum${algorithm}`]);
  });

  it('gives the SHA-256 of an upload to those who ask for it', async () => {
    const key = newKey();
    const ChecksumSHA256 = createHash('sha256').update('hello').digest('base64');
    await target.put(key, 'hello', { ChecksumSHA256 });
    // A default client asks for the checksum of every object that it reads.
    const client = target.makeClient({ responseChecksumValidation: 'WHEN_REQUIRED' });
    const read = (ChecksumMode: 'ENABLED' | undefined) => [
      client.send(new HeadObjectCommand({ Bucket, Key: key, ChecksumMode })),
      client.send(new GetObjectCommand({ Bucket, Key: key, ChecksumMode })),
    ];

    for (const answer of await Promise.all(read('ENABLED'))) {
      expect(answer).toMatchObject({ ChecksumSHA256, ChecksumType: 'FULL_OBJECT' });
    }
    for (const answer of await Promise.all(read(undefined))) {
      expect(answer.ChecksumSHA256).toBeUndefined();
      expect(answer.ChecksumType).toBeUndefined();
    }
    client.destroy();
  });

  it('refuses a body that has another SHA-256', async () => {
    const key = newKey();
    const ChecksumSHA256 = createHash('sha256').update('other').digest('base64');

    await expect(target.put(key, 'hello', { ChecksumSHA256 })).rejects.toMatchObject({
      name: 'BadDigest',
      $metadata: { httpStatusCode: 400 },
    });
    expect(await target.isThere(key)).toBe(false);
  });

  it('takes the stream of a default client with its CRC32 at the end', async () => {
    const key = newKey();
    const client = target.makeClient({ requestChecksumCalculation: 'WHEN_SUPPORTED' });
    const body = Buffer.alloc(300_000, 'stream');

    await client.send(
      new PutObjectCommand({ Bucket, Key: key, Body: Readable.from([body]), ContentLength: body.length }),
    );

    const object = await client.send(new GetObjectCommand({ Bucket, Key: key, ChecksumMode: 'ENABLED' }));
    expect(object.ChecksumCRC32).toBeDefined();
    expect(object.ContentEncoding).toBeUndefined();
    expect(Buffer.from((await object.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
    client.destroy();
  });

  it('asks for a length', async () => {
    const url = await getSignedUrl(target.client, new PutObjectCommand({ Bucket, Key: newKey() }));

    const answer = await send(url, { method: 'PUT', headers: { 'transfer-encoding': 'chunked' }, body: 'x' });

    expect(answer).toMatchObject({ status: 411, code: 'MissingContentLength' });
  });

  it('never shows an upload that broke off', async () => {
    const key = newKey();
    await target.put(key, 'whole');
    const url = new URL(await getSignedUrl(target.client, new PutObjectCommand({ Bucket, Key: key })));
    const isTls = url.protocol === 'https:';
    const port = Number(url.port || (isTls ? 443 : 80));
    const socket = isTls
      ? openTlsSocket({ host: url.hostname, port, servername: url.hostname })
      : openSocket({ host: url.hostname, port });
    socket.resume();
    const closed = once(socket, 'close');

    socket.end(
      `PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: 1000\r\n\r\nbroken`,
    );
    await closed;

    expect(await target.read(key)).toBe('whole');
  });
});
