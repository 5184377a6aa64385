/** The usual way that knows about streams: the SDK's body into form-data, sent by axios. */
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import axios from 'axios';
import FormData from 'form-data';
import type { Carry } from '../carrier.ts';

const s3 = new S3Client({});

export const carry: Carry = async ({ bucket, key, size, uploadUrl }) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const form = new FormData();
  form.append('attachment', Body, {
    filename: 'file.bin',
    contentType: 'application/octet-stream',
    knownLength: size,
  });
  await axios.post(uploadUrl, form, {
    headers: { ...form.getHeaders(), 'content-length': form.getLengthSync() },
    maxBodyLength: Infinity,
    // Otherwise axios keeps all that was sent, for a redirect.
    maxRedirects: 0,
  });
};
