/** The usual way: read the whole file from the SDK into memory, put it into form-data, send it with axios. */
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import axios from 'axios';
import FormData from 'form-data';
import type { Carry } from '../carrier.ts';

const s3 = new S3Client({});

export const carry: Carry = async ({ bucket, key, uploadUrl }) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const { buffer, byteOffset, byteLength } = (await Body?.transformToByteArray()) ?? new Uint8Array();
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  const form = new FormData();
  form.append('attachment', bytes, { filename: 'file.bin', contentType: 'application/octet-stream' });
  await axios.post(uploadUrl, form, {
    headers: { ...form.getHeaders(), 'content-length': form.getLengthSync() },
    maxBodyLength: Infinity,
  });
};
