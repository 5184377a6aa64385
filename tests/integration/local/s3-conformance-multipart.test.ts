/** The life of a multipart upload, against the S3 that useTarget names. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { newKey, useTarget, send } from './s3-support.ts';

const target = await useTarget();
const Bucket = target.bucket;

const FIVE_MIB = 5 * 1024 * 1024;

const sha256 = (data: string) => createHash('sha256').update(data).digest('base64');

describe('multipart upload', () => {
  const big = Buffer.alloc(FIVE_MIB, 'a');

  async function begin(Key = newKey()) {
    const { UploadId } = await target.client.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ContentType: 'video/mp4', Metadata: { owner: 'me' } }),
    );
    const upload = { Bucket, Key, UploadId };
    return {
      upload,
      part: (PartNumber: number, Body: Buffer | string) =>
        target.client.send(new UploadPartCommand({ ...upload, PartNumber, Body })),
      complete: (Parts: { PartNumber: number; ETag: string | undefined }[], IfNoneMatch?: string) =>
        target.client.send(
          new CompleteMultipartUploadCommand({
            ...upload,
            MultipartUpload: { Parts },
            ...(IfNoneMatch !== undefined && { IfNoneMatch }),
          }),
        ),
      abort: () => target.client.send(new AbortMultipartUploadCommand(upload)),
    };
  }

  it('becomes one object with the ETag of its parts', async () => {
    const { upload, part, complete } = await begin();
    const first = await part(1, big);
    const last = await part(2, 'tail');
    expect(await target.isThere(upload.Key)).toBe(false);

    const done = await complete([
      { PartNumber: 1, ETag: first.ETag },
      { PartNumber: 2, ETag: last.ETag },
    ]);

    const md5 = (data: Buffer | string) => createHash('md5').update(data).digest();
    expect(done.ETag).toBe(`"${md5(Buffer.concat([md5(big), md5('tail')])).toString('hex')}-2"`);
    const across = await target.client.send(
      new GetObjectCommand({ Bucket, Key: upload.Key, Range: `bytes=${FIVE_MIB - 2}-${FIVE_MIB + 1}` }),
    );
    expect(await across.Body?.transformToString()).toBe('aata');
    expect(across).toMatchObject({ ContentType: 'video/mp4', Metadata: { owner: 'me' }, ETag: done.ETag });
    await expect(part(3, 'late')).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });

  it('takes parts through presigned URLs of one length', async () => {
    const { upload, complete } = await begin();
    const command = new UploadPartCommand({ ...upload, PartNumber: 1, ContentLength: 4 });
    const url = await getSignedUrl(target.client, command);
    expect(url).not.toContain('crc32');

    expect(
      await send(url, { method: 'PUT', headers: { 'content-length': '5' }, body: 'part1' }),
    ).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
    const { status, headers } = await send(url, {
      method: 'PUT',
      headers: { 'content-length': '4' },
      body: 'part',
    });

    expect(status).toBe(200);
    await complete([{ PartNumber: 1, ETag: headers.etag }]);
    expect(await target.read(upload.Key)).toBe('part');
  });

  it('lists its parts page by page, the latest of each number', async () => {
    const { upload, part, abort } = await begin();
    for (const number of [1, 3, 5]) await part(number, `part ${number}`);
    await part(3, 'part 3, again');

    const first = await target.client.send(new ListPartsCommand({ ...upload, MaxParts: 2 }));
    const second = await target.client.send(
      new ListPartsCommand({ ...upload, MaxParts: 2, PartNumberMarker: first.NextPartNumberMarker }),
    );

    expect(first.IsTruncated).toBe(true);
    expect(second.IsTruncated).toBe(false);
    expect(
      [...(first.Parts ?? []), ...(second.Parts ?? [])].map((each) => [each.PartNumber, each.Size]),
    ).toEqual([
      [1, 6],
      [3, 13],
      [5, 6],
    ]);
    await abort();
  });

  it('is listed until it is aborted, and takes nothing afterwards', async () => {
    const { upload, part, complete, abort } = await begin();
    const { ETag } = await part(1, 'x');
    const list = () => target.client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: upload.Key }));
    expect((await list()).Uploads).toMatchObject([{ Key: upload.Key, UploadId: upload.UploadId }]);

    await abort();

    expect((await list()).Uploads ?? []).toEqual([]);
    await expect(complete([{ PartNumber: 1, ETag }])).rejects.toMatchObject({ name: 'NoSuchUpload' });
    await expect(target.client.send(new ListPartsCommand(upload))).rejects.toMatchObject({
      name: 'NoSuchUpload',
    });
    expect(await target.isThere(upload.Key)).toBe(false);
  });

  it('refuses parts that are wrong, missing, out of order or too small', async () => {
    const { part, complete, abort } = await begin();
    const one = { PartNumber: 1, ETag: (await part(1, 'small')).ETag };
    const two = { PartNumber: 2, ETag: (await part(2, 'tail')).ETag };

    await expect(complete([one, { PartNumber: 2, ETag: one.ETag }])).rejects.toMatchObject({
      name: 'InvalidPart',
    });
    await expect(complete([one, { PartNumber: 3, ETag: two.ETag }])).rejects.toMatchObject({
      name: 'InvalidPart',
    });
    await expect(complete([two, one])).rejects.toMatchObject({ name: 'InvalidPartOrder' });
    await expect(complete([one, two])).rejects.toMatchObject({ name: 'EntityTooSmall' });
    await expect(complete([])).rejects.toMatchObject({ name: 'MalformedXML' });
    await abort();
  });

  it('does not replace an object when it must not, and may be completed later', async () => {
    const { upload, part, complete } = await begin();
    const { ETag } = await part(1, 'new');
    await target.put(upload.Key, 'old');

    await expect(complete([{ PartNumber: 1, ETag }], '*')).rejects.toMatchObject({
      name: 'PreconditionFailed',
    });
    expect(await target.read(upload.Key)).toBe('old');
    await complete([{ PartNumber: 1, ETag }]);

    expect(await target.read(upload.Key)).toBe('new');
  });

  it('has a checksum of its checksums', async () => {
    const Key = newKey();
    const { UploadId } = await target.client.send(
      new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'SHA256' }),
    );
    const upload = { Bucket, Key, UploadId };
    const part = await target.client.send(
      new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'x', ChecksumAlgorithm: 'SHA256' }),
    );
    const { ETag, ChecksumSHA256 } = part;

    const done = await target.client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag, ChecksumSHA256 }] },
      }),
    );

    const sum = createHash('sha256')
      .update(Buffer.from(sha256('x'), 'base64'))
      .digest('base64');
    expect(done.ChecksumSHA256).toBe(`${sum}-1`);
  });
});
