/** Files in parts: their upload, the requests for the parts, and what storage has begun. */
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import type { SignedPart } from '../../lib/storage/presigning.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import type { PresignedRequests } from '../../lib/uploads/manage.ts';
import { putFile } from './answer.ts';
import type { World } from './world.ts';

/** The shortest part that storage joins, and the one that is used where nothing else is set. */
export const PART = 5 * 1024 ** 2;

/** The bytes of a file of two parts, the second of them short. */
export function twoParts(): Buffer {
  return randomBytes(PART + 10);
}

/** A new upload in parts, and the requests for all of them. */
export async function beginParts(world: World, bytes = twoParts()) {
  const upload = await world.create(bytes, { mode: 'multipart' });
  const { presigned } = await world.uploads.presign(upload);
  return { bytes, upload, parts: partsOf(presigned) };
}

/** The same, with every part in storage; no client has completed it. */
export async function storeParts(world: World, bytes = twoParts()) {
  const begun = await beginParts(world, bytes);
  await putParts(begun.parts, bytes, world.putFile);
  return begun;
}

export function partsOf(presigned: PresignedRequests | undefined): SignedPart[] {
  if (presigned === undefined || !('parts' in presigned)) throw new Error('there are no parts to put');
  return presigned.parts;
}

/** Puts each part with exactly its headers; anything but a 200 fails the test. */
export async function putParts(
  parts: (Pick<SignedPart, 'url' | 'headers'> & { offset: number; length: number })[],
  bytes: Buffer,
  put = putFile,
): Promise<void> {
  for (const part of parts) {
    const response = await put(part, bytes.subarray(part.offset, part.offset + part.length));
    if (!response.ok) throw new Error(`PUT ${response.status} ${await response.text()}`);
  }
}

/** The ids of S3's multipart uploads that are under way for an upload. */
export async function underWay(world: World, { id }: Pick<Upload, 'id'>): Promise<string[]> {
  const command = new ListMultipartUploadsCommand({ Bucket: world.config.bucket, Prefix: `staging/${id}` });
  const { Uploads = [] } = await world.clients.s3.send(command);
  return Uploads.map(({ UploadId = '' }) => UploadId);
}
