/** The usual way without a dependency: read the whole file into a Blob, send it with `fetch` and FormData. */
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { Carry } from '../carrier.ts';

const s3 = new S3Client({});

export const carry: Carry = async ({ bucket, key, uploadUrl }) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const bytes = new Uint8Array((await Body?.transformToByteArray()) ?? []);
  const form = new FormData();
  form.append('attachment', new Blob([bytes], { type: 'application/octet-stream' }), 'file.bin');
  const answer = await fetch(uploadUrl, { method: 'POST', body: form });
  if (!answer.ok) throw new Error(`the upload was answered with ${answer.status}`);
};
