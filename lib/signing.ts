/**
 * Requests to storage that others may make in our name: signed URLs and forms, which storage takes as they are or
 * refuses. Signs only, never asks storage anything.
 */
import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Part } from './parts.ts';

/** A request that a phone makes as it is: these headers, nothing else. */
export type SignedRequest = { method: 'PUT'; url: string; headers: Record<string, string> };

/** One part of a file, and the request that brings it. */
export type SignedPart = Part & SignedRequest;

/** A form that a page posts: these fields, then the file in the field `file`. */
export type SignedForm = { url: string; fields: Record<string, string> };

/** Of which of S3's multipart uploads, and of which object. */
type Target = { key: string; uploadId: string; expiresInSeconds: number };

export type Signing = ReturnType<typeof createSigning>;

/**
 * `signer` is asked once a call. It must be built with requestChecksumCalculation WHEN_REQUIRED: by default a URL
 * carries the CRC32 of an empty body.
 */
export function createSigning({ signer, bucket }: { signer: () => Promise<S3Client>; bucket: string }) {
  /**
   * A PUT that storage accepts once, for exactly this length, type and (when declared) SHA-256 (hex).
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
   */
  async function putFile(file: {
    key: string;
    size: number;
    contentType: string;
    sha256?: string | undefined;
    expiresInSeconds: number;
  }): Promise<SignedRequest> {
    const checksum = file.sha256 === undefined ? undefined : hexToBase64(file.sha256);
    const command = new PutObjectCommand({
      Bucket: bucket,
      Key: file.key,
      ContentLength: file.size,
      ContentType: file.contentType,
      ChecksumSHA256: checksum,
      IfNoneMatch: '*',
    });
    const url = await getSignedUrl(await signer(), command, {
      expiresIn: file.expiresInSeconds,
      // What is not signed as a header is moved into the query, where storage ignores it.
      signableHeaders: new Set(['content-type']),
      unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
    });
    const headers = {
      'content-length': String(file.size),
      'content-type': file.contentType,
      'if-none-match': '*',
      ...(checksum && { 'x-amz-checksum-sha256': checksum }),
    };
    return { method: 'PUT', url, headers };
  }

  /**
   * A PUT for each part, of exactly its length; a part may be put again.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
   */
  async function putParts(target: Target, parts: Part[]): Promise<SignedPart[]> {
    return Promise.all(
      parts.map(async (part) => ({
        ...part,
        method: 'PUT' as const,
        url: await partUrl({ ...target, number: part.number, length: part.length }),
        headers: { 'content-length': String(part.length) },
      })),
    );
  }

  /** The URL of one part; without `length`, of whatever length the client cuts. */
  async function partUrl(part: Target & { number: number; length?: number }): Promise<string> {
    const command = new UploadPartCommand({
      Bucket: bucket,
      Key: part.key,
      UploadId: part.uploadId,
      PartNumber: part.number,
      ContentLength: part.length,
    });
    return getSignedUrl(await signer(), command, { expiresIn: part.expiresInSeconds });
  }

  /**
   * A form that storage accepts for this key and type and up to so many bytes, again and again while it lives.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
   */
  async function postForm(file: {
    key: string;
    maxBytes: number;
    contentType: string;
    expiresInSeconds: number;
  }): Promise<SignedForm> {
    return createPresignedPost(await signer(), {
      Bucket: bucket,
      Key: file.key,
      Fields: { 'content-type': file.contentType, success_action_status: '201' },
      Conditions: [['content-length-range', 1, file.maxBytes]],
      Expires: file.expiresInSeconds,
    });
  }

  return { putFile, putParts, partUrl, postForm };
}

function hexToBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}
