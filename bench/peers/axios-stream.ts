/** The usual way with streams: put the SDK's body stream into form-data, send it with axios. */
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import axios from 'axios';
import type { AxiosRequestConfig } from 'axios';
import FormData from 'form-data';
import type { Carry } from '../carrier.ts';

const s3 = new S3Client({});

/** A carrier whose axios gets these settings, too. */
export function createCarry(settings: AxiosRequestConfig): Carry {
  return async ({ bucket, key, size, uploadUrl }) => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const form = new FormData();
    form.append('attachment', Body, {
      filename: 'file.bin',
      contentType: 'application/octet-stream',
      knownLength: size, // cspell:disable-line
    });
    await axios.post(uploadUrl, form, {
      headers: { ...form.getHeaders(), 'content-length': form.getLengthSync() },
      maxBodyLength: Infinity,
      ...settings,
    });
  };
}

export const carry = createCarry({});
