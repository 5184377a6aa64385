/**
 * The parts of a multipart upload: how a client lists them, and the object that they make. Pure.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { compositeChecksum } from './checksums.ts';
import { S3Error } from './errors.ts';
import type { Part, StoredObject, Upload } from './store.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PART_NUMBER = 10_000;

export const completeDocument = z.object({
  CompleteMultipartUpload: z.object({
    Part: z
      .array(
        z.object({
          PartNumber: z.coerce.number().int(),
          ETag: z.string(),
          ChecksumCRC32: z.string().optional(),
          ChecksumSHA1: z.string().optional(),
          ChecksumSHA256: z.string().optional(),
        }),
      )
      .min(1)
      .max(MAX_PART_NUMBER),
  }),
});

/** One entry of the list that completes an upload. */
export type ListedPart = z.infer<typeof completeDocument>['CompleteMultipartUpload']['Part'][number];

/** Whether the client lists the stored part; throws when a required checksum is missing. */
export function agrees(part: Part, entry: ListedPart, upload: Upload): boolean {
  if (part.etag.replaceAll('"', '') !== entry.ETag.trim().replaceAll('"', '')) return false;
  const given = entry.ChecksumCRC32 ?? entry.ChecksumSHA1 ?? entry.ChecksumSHA256;
  if (given === undefined && upload.checksumAlgorithm !== undefined) {
    throw new S3Error(
      'InvalidRequest',
      `The upload was created using a ${upload.checksumAlgorithm} checksum. The complete request must include the checksum for each part.`,
    );
  }
  return given === undefined || given === part.checksum?.value;
}

/** The object that these parts make, in their order. */
export function assemble(upload: Upload, parts: readonly Part[], now: Date): StoredObject {
  const { bucket, key, headers, tags, checksumAlgorithm } = upload;
  const md5 = createHash('md5');
  for (const part of parts) md5.update(Buffer.from(part.etag.replaceAll('"', ''), 'hex'));
  const sums = parts.map((part) => part.checksum?.value ?? '');
  return {
    bucket,
    key,
    headers,
    tags,
    blobs: parts.map((part) => part.blob),
    size: parts.reduce((sum, part) => sum + part.blob.size, 0),
    etag: `"${md5.digest('hex')}-${parts.length}"`,
    lastModified: now.toISOString(),
    ...(checksumAlgorithm !== undefined && { checksum: compositeChecksum(checksumAlgorithm, sums) }),
  };
}
