/** Copies that only a server of our own can show: the bytes on its disk, a source beyond the limit, what it refuses. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { S3Server } from '../../../local/s3/server.ts';
import { openDiskStore } from '../../../local/s3/store.ts';
import { connect, CREDENTIALS, newKey, REGION, startOwn } from './s3-support.ts';

const Bucket = 'copies';
const FIVE_GIB = 5 * 1024 ** 3;

let own: Awaited<ReturnType<typeof startOwn>>;
let server: S3Server;
let client: S3Client;

async function open(): Promise<void> {
  server = await own.start();
  client = connect({ endpoint: server.url, region: REGION, credentials: CREDENTIALS });
}

async function close(): Promise<void> {
  client.destroy();
  await server.close();
}

beforeAll(async () => {
  own = await startOwn();
  await open();
  await client.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  await close();
  await own.remove();
});

const copy = (from: string, Key: string) =>
  client.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}` }));

const countBlobs = async () => (await readdir(join(own.dataDirectory, 'blobs'))).length;

async function read(Key: string): Promise<string | undefined> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return Body?.transformToString();
}

/** An object whose MD5 a copy has to take anew. */
async function putInParts(Key: string, Body: string): Promise<void> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const upload = { Bucket, Key, UploadId };
  const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body }));
  const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
  await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload }));
}

describe('copies', () => {
  it('leave no bytes behind, whether they are read or linked', async () => {
    const [whole, parts] = [newKey(), newKey()];
    await client.send(new PutObjectCommand({ Bucket, Key: whole, Body: 'whole' }));
    await putInParts(parts, 'parts');
    const before = await countBlobs();

    const to = newKey();
    await copy(whole, to);
    await copy(parts, to);
    await copy(whole, to);
    const refused = new CopyObjectCommand({
      Bucket,
      Key: to,
      CopySource: `${Bucket}/${parts}`,
      IfNoneMatch: '*',
    });
    await expect(client.send(refused)).rejects.toMatchObject({ name: 'PreconditionFailed' });

    expect(await countBlobs()).toBe(before + 1);
    await client.send(new DeleteObjectCommand({ Bucket, Key: to }));
    expect(await countBlobs()).toBe(before);
    expect(await read(whole)).toBe('whole');
    expect(await read(parts)).toBe('parts');
  });

  it('are whole or not there when their source is deleted meanwhile', async () => {
    const [from, to] = [newKey(), newKey()];
    const body = 'x'.repeat(5_000_000);
    await putInParts(from, body);

    const [copied] = await Promise.allSettled([
      copy(from, to),
      client.send(new DeleteObjectCommand({ Bucket, Key: from })),
    ]);

    const end = copied.status === 'fulfilled' ? (await read(to)) === body : String(copied.reason);
    expect([true, 'NoSuchKey: The specified key does not exist.']).toContain(end);
  });

  it('survive a restart without their source', async () => {
    const [from, to] = [newKey(), newKey()];
    await client.send(new PutObjectCommand({ Bucket, Key: from, Body: 'kept' }));
    await copy(from, to);
    await client.send(new DeleteObjectCommand({ Bucket, Key: from }));

    await close();
    await open();

    expect(await read(to)).toBe('kept');
  });

  it('are of 5 GiB at most', async () => {
    await client.send(new PutObjectCommand({ Bucket, Key: 'limit', Body: 'x' }));
    await close();
    // Rows that claim a size spare the test the bytes.
    const { objects } = openDiskStore(own.dataDirectory);
    const row = objects.get(`${Bucket}/limit`);
    if (row === undefined) throw new Error('There is no such row.');
    objects.set(`${Bucket}/limit`, { ...row, size: FIVE_GIB });
    objects.set(`${Bucket}/beyond`, { ...row, key: 'beyond', size: FIVE_GIB + 1 });
    await open();

    await copy('limit', 'copied');
    await expect(copy('beyond', 'refused')).rejects.toMatchObject({
      name: 'InvalidRequest',
      message: `The specified copy source is larger than the maximum allowable size for a copy source: ${FIVE_GIB}`,
      $metadata: { httpStatusCode: 400 },
    });
  });

  it('of parts and of access points are not served', async () => {
    const Key = newKey();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const part = new UploadPartCopyCommand({
      Bucket,
      Key,
      UploadId,
      PartNumber: 1,
      CopySource: `${Bucket}/${Key}`,
    });
    const arn = 'arn:aws:s3:eu-central-1:000000000000:accesspoint/a/object/x'; // cspell:disable-line
    const accessPoint = new CopyObjectCommand({ Bucket, Key, CopySource: encodeURIComponent(arn) });

    await expect(client.send(part)).rejects.toMatchObject({ name: 'NotImplemented' });
    await expect(client.send(accessPoint)).rejects.toMatchObject({ name: 'NotImplemented' });
  });
});
