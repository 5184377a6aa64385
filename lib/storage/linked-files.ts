/**
 * The linked files: copies of staged files that stay, each under its upload's id. Copied within storage, so no byte
 * passes through a function.
 */
import { AppError } from '../domain/errors.ts';
import { percentEncode } from '../domain/percent-encoding.ts';
import { linkedKey, stagingKey } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';
import { failed, refusalOf } from '../runtime/aws-errors.ts';
import { bareEtag, COPIED_FROM } from './etags.ts';
import type { S3 } from './s3.ts';

export type LinkedFiles = ReturnType<typeof createLinkedFiles>;

/** One version of the staged file, and whether the caller still delivers the upload. */
type Kept = { etag: string; isHolder: () => Promise<boolean>; signal: AbortSignal };

export function createLinkedFiles({ s3, bucket }: { s3: () => Promise<S3>; bucket: string }) {
  /**
   * Copies exactly this version of the staged file, once: a copy of it that is there already counts. A copy of another
   * version, which the upload had when it failed, before its producer offered it again, is removed: only for the holder
   * of the lease, since a run that outlived its own would remove the copy of a later one. Throws `staged_file_missing`,
   * `staged_file_changed`, `lease_lost` or `storage_unavailable`.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
   */
  async function keep(upload: Upload, kept: Kept): Promise<void> {
    const { id, contentType } = upload;
    const { etag, isHolder, signal } = kept;
    const { client, CopyObjectCommand } = await s3();
    const from = stagingKey(id);
    const command = new CopyObjectCommand({
      Bucket: bucket,
      Key: linkedKey(id),
      CopySource: `${bucket}/${percentEncode(from)}`,
      CopySourceIfMatch: `"${etag}"`,
      IfNoneMatch: '*',
      ContentType: contentType,
      MetadataDirective: 'REPLACE',
      Metadata: { [COPIED_FROM]: etag },
      // A copy of the tags would need permissions of its own, and nothing reads them there.
      TaggingDirective: 'REPLACE',
    });
    try {
      await client.send(command, { abortSignal: signal });
    } catch (cause) {
      // Storage answers 412 for a copy that is there, and for a source that was replaced.
      const present = await find(id, signal);
      if (present?.copiedFrom === etag) return;
      const status = refusalOf(cause)?.status;
      if (status === 412 && present !== undefined) {
        // Asked after the copy was read: what the holder has read is of an earlier life, and only that is removed.
        if (!(await isHolder())) throw new AppError('lease_lost', 'another run has the upload', { cause });
        await removeVersion(id, present.etag);
        return keep(upload, kept);
      }
      if (status === 404) throw new AppError('staged_file_missing', `${from} is gone`, { cause });
      if (status === 412) throw new AppError('staged_file_changed', `${from} was replaced`, { cause });
      throw new AppError('storage_unavailable', `copying ${from} failed`, { cause });
    }
  }

  /** Undefined where there is no copy. Throws `storage_unavailable`. */
  async function find(
    id: string,
    signal: AbortSignal,
  ): Promise<{ etag: string; copiedFrom: string | undefined } | undefined> {
    const { client, HeadObjectCommand } = await s3();
    const command = new HeadObjectCommand({ Bucket: bucket, Key: linkedKey(id) });
    try {
      const { ETag, Metadata } = await client.send(command, { abortSignal: signal });
      return { etag: bareEtag(ETag), copiedFrom: Metadata?.[COPIED_FROM] };
    } catch (cause) {
      if (refusalOf(cause)?.status === 404) return undefined;
      throw new AppError('storage_unavailable', `asking for the linked file of upload ${id} failed`, {
        cause,
      });
    }
  }

  /**
   * Removes the copy if it is still this one.
   * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
   */
  async function removeVersion(id: string, etag: string): Promise<void> {
    const { client, DeleteObjectCommand } = await s3();
    const command = new DeleteObjectCommand({ Bucket: bucket, Key: linkedKey(id), IfMatch: `"${etag}"` });
    try {
      await client.send(command);
    } catch (cause) {
      const status = refusalOf(cause)?.status;
      if (status === 404 || status === 412) return;
      throw new AppError('storage_unavailable', `removing an earlier file of upload ${id} failed`, { cause });
    }
  }

  /** Removes an upload's linked file, if there is one. */
  async function remove(id: string): Promise<void> {
    const { client, DeleteObjectCommand } = await s3();
    const command = new DeleteObjectCommand({ Bucket: bucket, Key: linkedKey(id) });
    await client.send(command).catch(failed(`removing the linked file of upload ${id}`));
  }

  return { keep, remove };
}
