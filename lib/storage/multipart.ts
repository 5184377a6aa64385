/**
 * S3's multipart uploads: begin, list, complete, abort. S3's list of parts is the truth: a part that only a client
 * names does not count.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
import { AppError } from '../domain/errors.ts';
import type { StoredPart } from '../domain/parts.ts';
import { refusalOf } from '../runtime/aws-errors.ts';
import type { S3 } from './s3.ts';

/** A multipart upload of an object. */
export type MultipartId = { key: string; uploadId: string };

export type Multipart = ReturnType<typeof createMultipart>;

/** S3's error names for parts that it cannot join. */
const UNFIT = new Set(['EntityTooSmall', 'InvalidPart', 'InvalidPartOrder']);

/** `s3` is called at each use. */
export function createMultipart({ s3, bucket }: { s3: () => Promise<S3>; bucket: string }) {
  /** https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html */
  async function begin({ key, contentType }: { key: string; contentType: string }): Promise<string> {
    const { client, CreateMultipartUploadCommand } = await s3();
    const command = new CreateMultipartUploadCommand({ Bucket: bucket, Key: key, ContentType: contentType });
    const { UploadId } = await client.send(command).catch(unavailable(key));
    if (UploadId === undefined) throw new AppError('unavailable', `storage named no upload of ${key}`);
    return UploadId;
  }

  /**
   * Every part that is stored, in order; undefined when the multipart upload is gone: completed, or aborted.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
   */
  async function list({ key, uploadId }: MultipartId): Promise<StoredPart[] | undefined> {
    const { client, ListPartsCommand } = await s3();
    const stored: StoredPart[] = [];
    let marker: string | undefined;
    do {
      const command = new ListPartsCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        PartNumberMarker: marker,
      });
      const page = await client.send(command).catch(unlessGone(key));
      if (page === undefined) return undefined;
      for (const { PartNumber: number = 0, ETag: etag = '', Size: size = 0 } of page.Parts ?? []) {
        stored.push({ number, etag, size });
      }
      const next = page.IsTruncated ? page.NextPartNumberMarker : undefined;
      if (next !== undefined && next === marker)
        throw new AppError('unavailable', `storage lists the parts of ${key} in circles`);
      marker = next;
    } while (marker !== undefined);
    return stored;
  }

  /**
   * Joins these parts to the object, unless there is one. Returns, too, if the multipart upload is gone or the object
   * exists: the caller reads the object. Throws `upload_incomplete` where storage cannot put the parts together.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
   */
  async function complete({ key, uploadId }: MultipartId, parts: StoredPart[]): Promise<void> {
    const { client, CompleteMultipartUploadCommand } = await s3();
    const command = new CompleteMultipartUploadCommand({
      Bucket: bucket,
      Key: key,
      UploadId: uploadId,
      MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
      IfNoneMatch: '*',
    });
    try {
      await client.send(command);
    } catch (error) {
      const refusal = refusalOf(error);
      if (isGone(error) || refusal?.status === 412) return;
      if (refusal !== undefined && UNFIT.has(refusal.name)) {
        throw new AppError('upload_incomplete', `storage cannot join the parts: ${refusal.message}`, {
          cause: error,
        });
      }
      throw new AppError('unavailable', `completing ${key} failed`, { cause: error });
    }
  }

  /** Ends a multipart upload and removes its parts, if it is still there. https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html */
  async function abort({ key, uploadId }: MultipartId): Promise<void> {
    const { client, AbortMultipartUploadCommand } = await s3();
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId });
    await client.send(command).catch(unlessGone(key));
  }

  return { begin, list, complete, abort };
}

function unlessGone(key: string): (error: unknown) => undefined {
  return (error) => (isGone(error) ? undefined : unavailable(key)(error));
}

function unavailable(key: string): (cause: unknown) => never {
  return (cause) => {
    throw new AppError('unavailable', `asking storage for the parts of ${key} failed`, { cause });
  };
}

/** Any other 404 is that of a bucket that is not there. */
function isGone(error: unknown): boolean {
  return refusalOf(error)?.name === 'NoSuchUpload';
}
