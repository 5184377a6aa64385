/**
 * The objects that producers offer: what storage says of one, its copy into staging, its removal, and which there are.
 * Objects are copied within storage, so no byte passes through a function.
 */
import { AppError } from '../domain/errors.ts';
import type { FailureCode } from '../domain/errors.ts';
import { INGEST_PREFIX } from '../domain/ingestion.ts';
import type { FoundObject } from '../domain/ingestion.ts';
import { decodeKey, percentEncode } from '../domain/percent-encoding.ts';
import type { StagedObject } from '../domain/upload.ts';
import { failed, refusalOf } from '../runtime/aws-errors.ts';
import { bareEtag, COPIED_FROM } from './etags.ts';
import type { S3 } from './s3.ts';

/** An object of any bucket. */
export type Place = { bucket: string; key: string; versionId?: string | undefined };

/** Why an object cannot be had. */
export type Unavailable = { kind: 'unavailable'; code: FailureCode; detail: string };

export type Drops = ReturnType<typeof createDrops>;

export function createDrops({ s3, bucket }: { s3: () => Promise<S3>; bucket: string }) {
  /**
   * What is there. Storage answers 403 for an object that is not there where the role may not list the bucket.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
   */
  async function find(place: Place): Promise<({ kind: 'found' } & FoundObject) | Unavailable> {
    const { client, HeadObjectCommand } = await s3();
    try {
      const { ETag, ContentLength, ContentType, LastModified, Metadata, ChecksumSHA256 } = await client.send(
        new HeadObjectCommand({ ...targetOf(place), ChecksumMode: 'ENABLED' }),
      );
      // That of an object in parts ends with their number, and is none of its bytes.
      const isWhole = ChecksumSHA256 !== undefined && !ChecksumSHA256.includes('-');
      return {
        kind: 'found',
        etag: bareEtag(ETag),
        size: ContentLength ?? 0,
        contentType: ContentType,
        putAt: LastModified?.toISOString() ?? '',
        sha256: isWhole ? Buffer.from(ChecksumSHA256, 'base64').toString('hex') : undefined,
        metadata: Metadata ?? {},
      };
    } catch (cause) {
      const refused = unavailable(place, cause);
      if (refused === undefined) throw outage(`asking storage for an object of ${place.bucket}`, cause);
      return refused;
    }
  }

  /**
   * Copies exactly this version of an object into staging, once: a copy that is there already counts. `occupied`: what is
   * there is the copy of another object, which an earlier end of the upload has left. The object's tags stay behind, since a producer could have forged the tag of the scan.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
   */
  async function copy(
    from: Place & { etag: string },
    to: { key: string; size: number; contentType: string },
  ): Promise<({ kind: 'copied' | 'occupied' } & StagedObject) | Unavailable> {
    const { client, CopyObjectCommand } = await s3();
    const command = new CopyObjectCommand({
      Bucket: bucket,
      Key: to.key,
      CopySource: sourceOf(from),
      CopySourceIfMatch: `"${from.etag}"`,
      IfNoneMatch: '*',
      ContentType: to.contentType,
      MetadataDirective: 'REPLACE',
      Metadata: { [COPIED_FROM]: from.etag },
      TaggingDirective: 'REPLACE',
    });
    try {
      const { CopyObjectResult } = await client.send(command);
      return {
        kind: 'copied',
        etag: bareEtag(CopyObjectResult?.ETag),
        size: to.size,
        copiedFrom: from.etag,
      };
    } catch (cause) {
      const present = await find({ bucket, key: to.key });
      if (present.kind === 'found') {
        const { etag, size, metadata } = present;
        const copiedFrom = metadata[COPIED_FROM];
        return { kind: copiedFrom === from.etag ? 'copied' : 'occupied', etag, size, copiedFrom };
      }
      const refused = unavailable(from, cause);
      if (refused === undefined) throw outage(`copying to ${to.key}`, cause);
      return refused;
    }
  }

  /**
   * Removes an object of the staging bucket, if it is still this version of it. Another one, put meanwhile, stays.
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
   */
  async function remove({ key, etag }: { key: string; etag: string }): Promise<void> {
    const { client, DeleteObjectCommand } = await s3();
    try {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, IfMatch: `"${etag}"` }));
    } catch (cause) {
      const status = refusalOf(cause)?.status;
      if (status !== 404 && status !== 412) throw outage('removing an object that was copied', cause);
    }
  }

  /** The same for a drop, unless the same bytes were put again since: that is another offer. `offer`: when this one was put. */
  async function discard(drop: { key: string; etag: string; offer: string }): Promise<void> {
    const present = await find({ bucket, key: drop.key });
    if (present.kind === 'found' && present.putAt === drop.offer) await remove(drop);
  }

  /** A page of drops after a key, in the order of storage; `next` is undefined at the end. */
  async function list(
    after: string | undefined,
    limit: number,
  ): Promise<{ drops: { key: string; etag: string; putAt: string }[]; next: string | undefined }> {
    const { client, ListObjectsV2Command } = await s3();
    const command = new ListObjectsV2Command({
      Bucket: bucket,
      Prefix: INGEST_PREFIX,
      StartAfter: after,
      MaxKeys: limit,
      // XML cannot carry every key: one that it cannot would make the page unreadable.
      EncodingType: 'url',
    });
    const { Contents = [], IsTruncated } = await client
      .send(command)
      .catch(failed(`listing ${INGEST_PREFIX}`));
    const drops = Contents.map(({ Key = '', ETag, LastModified }) => ({
      key: decodeKey(Key),
      etag: bareEtag(ETag),
      putAt: LastModified?.toISOString() ?? '',
    }));
    return { drops, next: IsTruncated === true ? drops.at(-1)?.key : undefined };
  }

  return { find, copy, remove, discard, list };
}

/** The refusals that no repetition changes; undefined for an outage. */
function unavailable({ versionId }: Place, cause: unknown): Unavailable | undefined {
  const refuse = (code: FailureCode, detail: string): Unavailable => ({ kind: 'unavailable', code, detail });
  switch (refusalOf(cause)?.status) {
    case 403:
      return refuse(
        'ingest_source_forbidden',
        'storage does not let the bridge read the object: does INGEST_SOURCE_BUCKETS name its bucket?',
      );
    case 404:
      return refuse('ingest_source_missing', 'storage has no such object');
    case 301:
      return refuse('ingest_source_missing', 'the bucket is in another region');
    // An id that no version has. Without one, the fault is in the request of the bridge, a token that is over for example.
    case 400:
      return versionId === undefined
        ? undefined
        : refuse('ingest_source_missing', 'storage has no such version of the object');
    case 405:
      return refuse('ingest_source_missing', 'this version of the object was deleted');
    case 412:
      return refuse('ingest_source_replaced', 'storage has another version of the object');
    default:
      return undefined;
  }
}

function outage(what: string, cause: unknown): AppError {
  return new AppError('unavailable', `${what} failed`, { cause });
}

function targetOf({ bucket, key, versionId }: Place) {
  return { Bucket: bucket, Key: key, VersionId: versionId };
}

/** As the header has it: percent-encoded, the slashes of the key included. */
function sourceOf({ bucket, key, versionId }: Place): string {
  const path = `${bucket}/${percentEncode(key)}`;
  return versionId === undefined ? path : `${path}?versionId=${percentEncode(versionId)}`;
}
