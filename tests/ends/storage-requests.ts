/**
 * Storage as its clients reach it: presigned URLs and forms, carried out by the bucket in memory. It refuses what the
 * signature forbids (a URL whose life is over, another length or hash, a form that is too long); it does not verify the
 * signature itself.
 */
import { createHash } from 'node:crypto';
import { PutObjectCommand, S3ServiceException, UploadPartCommand } from '@aws-sdk/client-s3';
import { z } from 'zod';
import type { Objects } from './objects.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

/** What storage answers; `etag` on success, else S3's name for the refusal where it has one. */
export type StorageAnswer = { status: number; etag?: string; code?: string };

/** A file, or what is left of it, with the headers of the answer that concern a browser. */
export type StoredFile = { status: number; bytes?: Buffer; disposition?: string; contentType?: string };

const policy = z.object({
  expiration: z.iso.datetime(),
  conditions: z.array(z.unknown()),
});
const range = z.tuple([z.literal('content-length-range'), z.number(), z.number()]);

/** The bucket and its clock. */
export function createStorageRequests({ objects, now }: { objects: Objects; now: () => number }) {
  /** The name of S3's multipart upload in a URL. */
  function multipartOf(url: string): string {
    return new URL(url).searchParams.get('uploadId') ?? '';
  }

  /** True when a request that begins now would be taken. Its end may come later. */
  function isAlive(url: string): boolean {
    const query = new URL(url).searchParams;
    const signedAt = Date.parse(
      (query.get('X-Amz-Date') ?? '').replace(
        /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
        '$1-$2-$3T$4:$5:$6Z',
      ),
    );
    return now() < signedAt + Number(query.get('X-Amz-Expires')) * SECOND_MS;
  }

  /** A PUT that comes to its end now. */
  function put(
    { url, headers = {} }: { url: string; headers?: Record<string, string> },
    bytes: Buffer,
  ): StorageAnswer {
    const { pathname, searchParams } = new URL(url);
    // The first part of the path is the bucket.
    const Key = pathname.split('/').slice(2).map(decodeURIComponent).join('/');
    const target = { Bucket: '', Key, Body: bytes };
    if (Number(headers['content-length'] ?? bytes.length) !== bytes.length) return { status: 403 };
    const checksum = headers['x-amz-checksum-sha256'];
    if (checksum !== undefined && checksum !== createHash('sha256').update(bytes).digest('base64')) {
      return { status: 400, code: 'BadDigest' };
    }
    const PartNumber = Number(searchParams.get('partNumber') ?? 0);
    return send(
      PartNumber > 0
        ? new UploadPartCommand({ ...target, PartNumber, UploadId: multipartOf(url) })
        : new PutObjectCommand({
            ...target,
            IfNoneMatch: headers['if-none-match'],
            ContentType: headers['content-type'],
          }),
    );
  }

  /** A form that is posted now. */
  function post(fields: Record<string, string>, bytes: Buffer): StorageAnswer {
    const { expiration, conditions } = policy.parse(
      JSON.parse(Buffer.from(fields['Policy'] ?? '', 'base64').toString()),
    );
    if (now() >= Date.parse(expiration)) return { status: 403 };
    const lengths = conditions.map((condition) => range.safeParse(condition).data).find(Boolean);
    const [, least = 0, most = 0] = lengths ?? [];
    if (bytes.length < least || bytes.length > most) return { status: 400 };
    return send(new PutObjectCommand({ Bucket: '', Key: fields['key'], Body: bytes }));
  }

  /** A GET that begins now, from this byte on. */
  function get(url: string, { from = 0 }: { from?: number } = {}): StoredFile {
    const { pathname, searchParams } = new URL(url);
    if (!isAlive(url)) return { status: 403 };
    const key = pathname.split('/').slice(2).map(decodeURIComponent).join('/');
    if (!objects.has(key)) return { status: 404 };
    return {
      status: from === 0 ? 200 : 206,
      bytes: objects.read(key).object.bytes.subarray(from),
      disposition: searchParams.get('response-content-disposition') ?? '',
      contentType: searchParams.get('response-content-type') ?? '',
    };
  }

  function send(command: object): StorageAnswer {
    try {
      const answer = objects.execute(command);
      return { status: 200, ...('ETag' in answer && { etag: String(answer.ETag) }) };
    } catch (error) {
      if (!(error instanceof S3ServiceException)) throw error;
      return { status: error.$metadata.httpStatusCode ?? 500, code: error.name };
    }
  }

  return { isAlive, put, post, get, multipartOf };
}
