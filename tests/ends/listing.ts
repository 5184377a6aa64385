/** A page of a bucket's listing: keys in the order of their bytes, behind the key that the caller names. */
import type { ListObjectsV2Command } from '@aws-sdk/client-s3';

/** `most`: keys on a page, where the caller does not ask for fewer. */
export function listPage(
  { Prefix = '', StartAfter = '', MaxKeys = Infinity, EncodingType }: ListObjectsV2Command['input'],
  objects: ReadonlyMap<string, { bytes: Buffer; etag: string; putAt: number }>,
  most: number,
): object {
  const found = [...objects]
    .map(([key, object]) => ({ key, object, order: Buffer.from(key) }))
    .filter(({ key, order }) => key.startsWith(Prefix) && order.compare(Buffer.from(StartAfter)) > 0)
    .toSorted((a, b) => a.order.compare(b.order));
  const page = found.slice(0, Math.min(MaxKeys, most));
  return {
    Contents: page.map(({ key, object: { etag, bytes, putAt } }) => ({
      Key: EncodingType === 'url' ? encodeKey(key) : key,
      ETag: etag,
      Size: bytes.length,
      LastModified: new Date(Math.floor(putAt / 1000) * 1000),
    })),
    KeyCount: page.length,
    IsTruncated: page.length < found.length,
  };
}

/** As S3's events and listings have it: form-encoded, with its slashes. */
export function encodeKey(key: string): string {
  return new URLSearchParams({ key }).toString().slice('key='.length).replaceAll('%2F', '/');
}
