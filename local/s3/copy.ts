/**
 * CopyObject: makes an object from another one, in any bucket, which stays as it is.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
 * The copy gets links to the source's bytes, so a source that is deleted meanwhile does no harm. The bytes are read only
 * for a hash that the source lacks: a multipart upload has no MD5 and no checksum of the whole.
 */
import { MAX_PUT_BYTES, type CheckedBody } from './body.ts';
import { requireBucket } from './buckets.ts';
import { checksumElement, startHash, toAlgorithm, type ChecksumAlgorithm } from './checksums.ts';
import { checkCopy, checkWrite } from './conditions.ts';
import { S3Error } from './errors.ts';
import type { Announce } from './events.ts';
import { xmlAnswer, type Call, type Headers, type S3Response } from './http.ts';
import { decodeKey } from './key-encoding.ts';
import {
  commitObject,
  describeObject,
  objectId,
  readObject,
  requireOnlyVersion,
  storeObject,
} from './objects.ts';
import type { Checksum, Description, Store, StoredBlob, StoredObject } from './store.ts';
import { buildXml } from './xml.ts';

/** Without a new one of these, a copy of an object onto itself changes nothing. */
const CHANGING_HEADERS = ['x-amz-storage-class', 'x-amz-server-side-encryption'];

/** The headers that this file reads; any other one about the source is refused. */
const SOURCE_HEADER = /^x-amz-copy-source(-if-.+)?$/;

type Source = { bucket: string; key: string; versionId: string | undefined };

/** The operation; it trusts that `api.ts` has authenticated the call and found the target's bucket. */
export function createCopyOperations({ store, announce }: { store: Store; announce: Announce }) {
  async function copyObject(call: Call): Promise<S3Response> {
    const source = requireSource(call);
    checkCopy(call.headers, source);
    checkWrite(call.headers, store.objects.get(objectId(call)));
    const description = describeCopy(call, source);
    if (Object.keys(description.tags).length > 0) call.requireAlso('PutObjectTagging', call);

    const { etag, checksum } = await storeCopy(call, source, description);
    return xmlAnswer(
      buildXml('CopyObjectResult', {
        LastModified: call.now.toISOString(),
        ETag: etag,
        ...checksumElement(checksum),
        ...(checksum && { ChecksumType: checksum.type }),
      }),
    );
  }

  function requireSource(call: Call): StoredObject {
    const { bucket, key, versionId } = readCopySource(call.headers['x-amz-copy-source'] ?? '');
    requireBucket(store, bucket);
    call.requireAlso(versionId === undefined ? 'GetObject' : 'GetObjectVersion', { bucket, key });
    requireOnlyVersion(versionId);
    const source = store.objects.get(objectId({ bucket, key }));
    if (source === undefined) {
      // Only a caller that may list the bucket learns what it lacks.
      call.requireAlso('HeadBucket', { bucket, key: '' });
      throw new S3Error('NoSuchKey', 'The specified key does not exist.');
    }
    if (source.size > MAX_PUT_BYTES) {
      throw new S3Error(
        'InvalidRequest',
        `The specified copy source is larger than the maximum allowable size for a copy source: ${MAX_PUT_BYTES}`,
      );
    }
    return source;
  }

  async function storeCopy(call: Call, source: StoredObject, description: Description) {
    const wanted = call.headers['x-amz-checksum-algorithm'];
    const algorithm = wanted === undefined ? source.checksum?.algorithm : toAlgorithm(wanted);
    // Made before the first `await`, while the source is there.
    const blobs = store.blobs.link(source.blobs);
    let unneeded: readonly StoredBlob[] = blobs;
    try {
      if (isHashed(source, algorithm)) {
        const object = { ...source, ...description, blobs, lastModified: call.now.toISOString() };
        unneeded = commitObject({ store, announce, call, object, eventName: 'ObjectCreated:Copy' });
        return source;
      }
      const body = openCopy(readObject(store, { ...source, blobs }), algorithm);
      return await storeObject({ store, announce, call, description, body, eventName: 'ObjectCreated:Copy' });
    } finally {
      await store.blobs.remove(unneeded);
    }
  }

  return { copyObject };
}

/** `bucket/key` or `/bucket/key`, URL-encoded as a whole, then perhaps `?versionId=`. */
function readCopySource(value: string): Source {
  const [path = '', query = ''] = value.split('?', 2);
  const decoded = decodeKey(path);
  if (decoded === undefined) throw new S3Error('InvalidArgument', 'Invalid copy source encoding.');
  if (decoded.startsWith('arn:')) {
    throw new S3Error('NotImplemented', 'An access point as copy source is not supported by this server.');
  }
  const [, bucket, key] = /^\/?([^/]+)\/(.+)$/s.exec(decoded) ?? [];
  if (bucket === undefined || key === undefined) {
    throw new S3Error(
      'InvalidArgument',
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey', // cspell:disable-line
    );
  }
  return { bucket, key, versionId: new URLSearchParams(query).get('versionId') ?? undefined };
}

/** What the copy has besides the bytes: of the source, or of the request where a directive says so. */
function describeCopy(call: Call, source: StoredObject): Description {
  const { bucket, key, headers } = call;
  const isNewMetadata = isReplaced(headers, 'metadata');
  const isNewTagging = isReplaced(headers, 'tagging');
  const isChanged = isNewMetadata || CHANGING_HEADERS.some((name) => headers[name] !== undefined);
  if (objectId(call) === objectId(source) && !isChanged) {
    throw new S3Error(
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  if (!isNewTagging && Object.keys(source.tags).length > 0) call.requireAlso('GetObjectTagging', source);
  const given = Object.fromEntries(Object.entries(headers).filter(([name]) => !SOURCE_HEADER.test(name)));
  const described = describeObject({ bucket, key, headers: given });
  return {
    bucket,
    key,
    headers: isNewMetadata ? described.headers : source.headers,
    tags: isNewTagging ? described.tags : source.tags,
  };
}

function isReplaced(headers: Headers, subject: 'metadata' | 'tagging'): boolean {
  const directive = headers[`x-amz-${subject}-directive`] ?? 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE') {
    throw new S3Error('InvalidArgument', `Unknown ${subject} directive.`);
  }
  return directive === 'REPLACE';
}

/** Whether the source has the MD5 and the checksum that its copy needs; only that of a multipart upload has a dash. */
function isHashed({ etag, checksum }: StoredObject, algorithm: ChecksumAlgorithm | undefined): boolean {
  const hasSum = checksum?.type === 'FULL_OBJECT' && checksum.algorithm === algorithm;
  return !etag.includes('-') && (algorithm === undefined || hasSum);
}

/** Takes the wanted checksum of bytes that nothing claims anything about. */
function openCopy(source: AsyncIterable<Uint8Array>, algorithm: ChecksumAlgorithm | undefined): CheckedBody {
  let checksum: Checksum | undefined;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const hash = algorithm && startHash(algorithm);
    for await (const chunk of source) {
      hash?.update(chunk);
      yield chunk;
    }
    if (hash && algorithm) {
      checksum = { algorithm, value: hash.digest().toString('base64'), type: 'FULL_OBJECT' };
    }
  }
  return { chunks: chunks(), checksum: () => checksum };
}
