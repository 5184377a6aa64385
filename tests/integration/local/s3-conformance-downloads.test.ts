/** Presigned downloads as a browser makes them, and the copies that they are of, against the S3 that useTarget names. */
import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { newKey, send, useTarget } from './s3-support.ts';

const PART_BYTES = 5 * 1024 ** 2;
const DISPOSITION = `attachment; filename="a_.mp4"; filename*=UTF-8''a%E4%B8%AD%20b.mp4`;

const target = await useTarget();
const Bucket = target.bucket;

/** What a person's browser is sent to, for a minute. */
function download(Key: string, expiresIn = 60): Promise<string> {
  return getSignedUrl(
    target.client,
    new GetObjectCommand({
      Bucket,
      Key,
      ResponseContentDisposition: DISPOSITION,
      ResponseContentType: 'application/octet-stream',
    }),
    { expiresIn },
  );
}

/** A file that came in parts, and its copy; the source goes, as a staged file does. */
async function copyOfParts(): Promise<{ key: string; bytes: Buffer }> {
  const bytes = randomBytes(PART_BYTES + 1000);
  const [staged, key] = [newKey(), newKey().replace('staging/', 'linked/')];
  const { UploadId } = await target.client.send(new CreateMultipartUploadCommand({ Bucket, Key: staged }));
  const upload = { Bucket, Key: staged, UploadId };
  const Parts = await Promise.all(
    [bytes.subarray(0, PART_BYTES), bytes.subarray(PART_BYTES)].map(async (Body, index) => {
      const part = { ...upload, PartNumber: index + 1, Body };
      const { ETag } = await target.client.send(new UploadPartCommand(part));
      return { PartNumber: index + 1, ETag };
    }),
  );
  const { ETag } = await target.client.send(
    new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }),
  );
  const copy = { Bucket, Key: key, CopySource: `${Bucket}/${staged}` };
  await expect(
    target.client.send(new CopyObjectCommand({ ...copy, CopySourceIfMatch: '"other"' })),
  ).rejects.toMatchObject({ name: 'PreconditionFailed' });
  await target.client.send(
    new CopyObjectCommand({ ...copy, CopySourceIfMatch: ETag, TaggingDirective: 'REPLACE' }),
  );
  await target.client.send(new DeleteObjectCommand({ Bucket, Key: staged }));
  return { key, bytes };
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a presigned download', () => {
  it('has the name and the type that its URL is signed for, and the bytes of a file that came in parts', async () => {
    const { key, bytes } = await copyOfParts();

    const answer = await fetch(await download(key));

    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-disposition': DISPOSITION,
      'content-type': 'application/octet-stream',
      'content-length': String(bytes.length),
      'accept-ranges': 'bytes',
    });
    expect(sha256(await answer.bytes())).toBe(sha256(bytes));
  });

  it('goes on where it broke off, by another URL of the same file', async () => {
    const { key, bytes } = await copyOfParts();
    const { ETag = '' } = await target.client.send(new HeadObjectCommand({ Bucket, Key: key }));

    const rest = await fetch(await download(key), { headers: { range: 'bytes=1000-', 'if-range': ETag } });
    const changed = await fetch(await download(key), {
      headers: { range: 'bytes=1000-', 'if-range': '"another"' },
    });
    const tail = await fetch(await download(key), { headers: { range: 'bytes=-10' } });

    expect(rest.status).toBe(206);
    expect(rest.headers.get('content-range')).toBe(`bytes 1000-${bytes.length - 1}/${bytes.length}`);
    expect(rest.headers.get('content-disposition')).toBe(DISPOSITION);
    expect(sha256(await rest.bytes())).toBe(sha256(bytes.subarray(1000)));
    expect(changed.status).toBe(200);
    expect(sha256(await changed.bytes())).toBe(sha256(bytes));
    expect(Buffer.from(await tail.bytes())).toEqual(bytes.subarray(-10));
  });

  it.each([
    ['filename="a_.mp4"', 'filename="b.exe"'],
    ['octet-stream', 'html'],
  ])('is refused when %s becomes %s in its URL', async (signed, other) => {
    const key = newKey();
    await target.put(key, 'hello');
    const url = (await download(key)).replace(encodeURIComponent(signed), encodeURIComponent(other));

    expect(url).toContain(encodeURIComponent(other));
    expect(await send(url, { method: 'GET' })).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
  });

  it('takes no other name without a signature', async () => {
    const key = newKey();
    await target.put(key, 'hello');
    const url = await getSignedUrl(target.client, new GetObjectCommand({ Bucket, Key: key }));

    const more = `${url}&response-content-disposition=${encodeURIComponent(DISPOSITION)}`;

    expect(await send(more, { method: 'GET' })).toMatchObject({ status: 403, code: 'SignatureDoesNotMatch' });
  });

  it('is over when the file is', async () => {
    const key = newKey();
    await target.put(key, 'hello');
    const url = await download(key);
    await target.client.send(new DeleteObjectCommand({ Bucket, Key: key }));

    expect(await send(url, { method: 'GET' })).toMatchObject({ status: 404, code: 'NoSuchKey' });
  });
});
