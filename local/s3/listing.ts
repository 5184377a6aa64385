/**
 * Lists a bucket's objects and open multipart uploads, page by page, in the byte order of their keys.
 * It refuses grouping by a delimiter.
 */
import { S3Error } from './errors.ts';
import { xmlAnswer, type Call, type S3Response } from './http.ts';
import { encodeKey } from './key-encoding.ts';
import type { Store } from './store.ts';
import { buildXml } from './xml.ts';

const PAGE = 1000;

/** The listing operations; each trusts that `api.ts` has authenticated the call and found the bucket. */
export function createListingOperations({ store }: { store: Store }) {
  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
  async function listObjects({ bucket, query }: Call): Promise<S3Response> {
    if (query.get('list-type') !== '2')
      throw new S3Error('NotImplemented', 'Only version 2 of the listing is supported.');
    const { prefix, limit, encode, encoding } = readPaging(query, 'max-keys');
    const token = query.get('continuation-token');
    const startAfter = query.get('start-after');
    const after = token === null ? (startAfter ?? '') : readToken(token);
    const rest = [...store.objects.values()]
      .filter((object) => object.bucket === bucket && object.key.startsWith(prefix))
      .filter((object) => compareBytes(object.key, after) > 0)
      .toSorted((left, other) => compareBytes(left.key, other.key));
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    const isTruncated = last !== undefined && rest.length > page.length;
    return xmlAnswer(
      buildXml('ListBucketResult', {
        Name: bucket,
        Prefix: encode(prefix),
        MaxKeys: limit,
        KeyCount: page.length,
        IsTruncated: isTruncated,
        ...encoding,
        ...(startAfter !== null && { StartAfter: encode(startAfter) }),
        ...(token !== null && { ContinuationToken: token }),
        ...(isTruncated && { NextContinuationToken: Buffer.from(last.key).toString('base64url') }),
        Contents: page.map((object) => ({
          Key: encode(object.key),
          LastModified: object.lastModified,
          ETag: object.etag,
          Size: object.size,
          StorageClass: 'STANDARD',
        })),
      }),
    );
  }

  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html */
  async function listUploads({ bucket, query }: Call): Promise<S3Response> {
    const { prefix, limit, encode, encoding } = readPaging(query, 'max-uploads');
    const keyMarker = query.get('key-marker') ?? '';
    const uploadIdMarker = query.get('upload-id-marker') ?? '';
    const rest = [...store.uploads.values()]
      .filter((upload) => upload.bucket === bucket && upload.key.startsWith(prefix))
      .filter((upload) => {
        const order = compareBytes(upload.key, keyMarker);
        return order > 0 || (order === 0 && uploadIdMarker !== '' && upload.uploadId > uploadIdMarker);
      })
      .toSorted(
        (left, other) => compareBytes(left.key, other.key) || compareBytes(left.uploadId, other.uploadId),
      );
    const page = rest.slice(0, limit);
    const last = page.at(-1);
    const isTruncated = last !== undefined && rest.length > page.length;
    return xmlAnswer(
      buildXml('ListMultipartUploadsResult', {
        Bucket: bucket,
        Prefix: encode(prefix),
        KeyMarker: encode(keyMarker),
        UploadIdMarker: uploadIdMarker,
        ...(isTruncated && { NextKeyMarker: encode(last.key), NextUploadIdMarker: last.uploadId }),
        MaxUploads: limit,
        ...encoding,
        IsTruncated: isTruncated,
        Upload: page.map((upload) => ({
          Key: encode(upload.key),
          UploadId: upload.uploadId,
          Initiated: upload.initiated,
          StorageClass: 'STANDARD',
        })),
      }),
    );
  }

  return { listObjects, listUploads };
}

/** The size of a page; throws InvalidArgument when the parameter is no number. */
export function readLimit(query: URLSearchParams, name: string): number {
  const limit = Number(query.get(name) ?? PAGE);
  if (!Number.isInteger(limit) || limit < 0) {
    throw new S3Error('InvalidArgument', `Argument ${name} must be an integer between 0 and 2147483647`);
  }
  return Math.min(limit, PAGE);
}

function readPaging(query: URLSearchParams, limitName: string) {
  if (query.get('delimiter'))
    throw new S3Error('NotImplemented', 'delimiter is not supported by this server.');
  const encodingType = query.get('encoding-type');
  if (encodingType !== null && encodingType !== 'url') {
    throw new S3Error('InvalidArgument', 'Invalid Encoding Method specified in Request');
  }
  return {
    prefix: query.get('prefix') ?? '',
    limit: readLimit(query, limitName),
    encode: encodingType === null ? (text: string) => text : encodeKey,
    encoding: encodingType === null ? {} : { EncodingType: encodingType },
  };
}

/** A token is the last key of the page before. */
function readToken(token: string): string {
  const bytes = Buffer.from(token, 'base64url');
  if (token !== '' && bytes.toString('base64url') === token) return bytes.toString();
  throw new S3Error('InvalidArgument', 'The continuation token provided is incorrect');
}

function compareBytes(left: string, other: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(other));
}
