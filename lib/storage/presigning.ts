/**
 * Presigned requests: signed URLs and forms with which clients reach storage in our name. Storage takes them
 * unchanged or refuses them. Signs only, never asks storage anything.
 */
import type { Part } from '../domain/parts.ts';
import { createSignatures } from './sigv4.ts';
import type { Signer } from './sigv4.ts';

/** A request that a client makes unchanged: these headers, nothing else. */
export type SignedRequest = { method: 'PUT'; url: string; headers: Record<string, string> };

/** One part of a file, and the request that brings it. */
export type SignedPart = Part & SignedRequest;

/** A form that a page posts: these fields, then the file in the field `file`. */
export type SignedForm = { url: string; fields: Record<string, string> };

/** The object, and S3's multipart upload of it. */
type Target = { key: string; uploadId: string; expiresInSeconds: number };

export type Signing = ReturnType<typeof createSigning>;

/** `signer` is called once; `now` is the time by storage's clock. */
export function createSigning(options: { signer: () => Promise<Signer>; bucket: string; now: () => number }) {
  const { signer, bucket, now } = options;
  let signatures: ReturnType<typeof createSignatures> | undefined;

  const life = (seconds: number) => ({ from: now(), seconds });

  async function sign() {
    signatures ??= createSignatures(await signer());
    return signatures;
  }

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
    // All of them are signed: storage takes a signed header only unchanged.
    const headers = {
      'content-length': String(file.size),
      'content-type': file.contentType,
      'if-none-match': '*',
      ...(checksum && { 'x-amz-checksum-sha256': checksum }),
    };
    const put = { method: 'PUT', bucket, key: file.key, query: { 'x-id': 'PutObject' }, headers } as const;
    const url = (await sign()).url(put, life(file.expiresInSeconds));
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

  /** The URL of one part; without `length`, the client chooses the length. */
  async function partUrl(part: Target & { number: number; length?: number }): Promise<string> {
    const query = { partNumber: String(part.number), uploadId: part.uploadId, 'x-id': 'UploadPart' };
    const headers = part.length === undefined ? {} : { 'content-length': String(part.length) };
    const put = { method: 'PUT', bucket, key: part.key, query, headers } as const;
    return (await sign()).url(put, life(part.expiresInSeconds));
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
    const fields = { 'content-type': file.contentType, success_action_status: '201' };
    const conditions = [['content-length-range', 1, file.maxBytes]];
    return (await sign()).form({ bucket, key: file.key, fields, conditions }, life(file.expiresInSeconds));
  }

  return { putFile, putParts, partUrl, postForm };
}

function hexToBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}
