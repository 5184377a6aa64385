/** The practical limit: the answer with the file, piped into the upload's request, with Node's own modules only. */
import http from 'node:http';
import https from 'node:https';
import type { Carry } from '../carrier.ts';

export type Pipe = { size: number; fileUrl: string; uploadUrl: string; headers?: Record<string, string> };

const BOUNDARY = '----FormBoundaryOfTheBarePipe';
const HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="attachment"; filename="file.bin"\r\nContent-Type: application/octet-stream\r\n\r\n`;
const TAIL = `\r\n--${BOUNDARY}--\r\n`;

export const carry: Carry = pipe;

/** `headers`: those that the upload needs beside the headers of the form. */
export async function pipe({ size, fileUrl, uploadUrl, headers = {} }: Pipe): Promise<void> {
  const { get, request } = fileUrl.startsWith('https:') ? https : http;
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const upload = request(uploadUrl, {
    method: 'POST',
    headers: {
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'content-length': HEAD.length + size + TAIL.length,
      ...headers,
    },
  });
  upload.on('error', reject).on('response', (answer) => {
    answer.resume().on('end', () => resolve(answer.statusCode));
  });
  get(fileUrl, (file) => {
    upload.write(HEAD);
    file.on('error', reject).on('end', () => upload.end(TAIL));
    file.pipe(upload, { end: false });
  }).on('error', reject);
  const status = await promise;
  if (status !== 200) throw new Error(`the upload was answered with ${status}`);
}
