/**
 * What the S3 tests share: a target to test against, requests that no SDK would send, and a form's
 * policy signed by hand, so that the tests do not use the server's own code.
 */
import { afterAll } from '@jest/globals';
import { createHmac, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type PutObjectCommandInput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { startS3 } from '../../../local/s3/server.ts';

export const REGION = 'eu-central-1';
export const CREDENTIALS = { accessKeyId: 'LOCALTESTKEY', secretAccessKey: 'local-test-secret' };

/** A client that signs URLs which may be used by others: without the checksum of a body it does not know. */
export function connect(options: S3ClientConfig): S3Client {
  return new S3Client({ forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED', ...options });
}

/** A server of our own on a free port with an empty directory. */
export async function startOwn(options: Partial<Parameters<typeof startS3>[0]> = {}) {
  const dataDirectory = await mkdtemp(join(tmpdir(), 's3-'));
  const start = () =>
    startS3({ port: 0, dataDirectory, credentials: [CREDENTIALS], region: REGION, ...options });
  return { dataDirectory, start, remove: () => rm(dataDirectory, { recursive: true, force: true }) };
}

/** The bucket of a test file, on a server of our own, which stops after the last test. */
export async function useBucket(options: Parameters<typeof startOwn>[0] = {}) {
  const own = await startOwn(options);
  const server = await own.start();
  const clients: S3Client[] = [];
  const makeClient = (credentials = CREDENTIALS) => {
    const client = connect({ endpoint: server.url, region: REGION, credentials });
    clients.push(client);
    return client;
  };
  const client = makeClient();
  const bucket = 'staging';
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  afterAll(async () => {
    for (const one of clients) one.destroy();
    await server.close();
    await own.remove();
  });
  return { server, bucket, client, makeClient };
}

const NEEDS_OWN_SERVER = [
  'event delivery: a remote bucket cannot reach a queue of this machine',
  'the clock: a remote server keeps its own',
  'the request log, restarts and the files on disk: only the local server has them',
  'the CRC32 of an empty body in a presigned URL: servers differ',
];

/** A key that no other test uses. */
export const newKey = () => `staging/${randomUUID()}`;

/** The S3 to test: a server of our own, or the one at S3_CONFORMANCE_ENDPOINT with the usual AWS_* variables. */
export async function useTarget() {
  const remote = process.env['S3_CONFORMANCE_ENDPOINT'];
  const own = remote === undefined ? await startOwn() : undefined;
  const server = await own?.start();
  const endpoint = server?.url ?? remote ?? '';
  const region = remote === undefined ? REGION : (process.env['AWS_REGION'] ?? 'us-east-1');
  const makeClient = (options: S3ClientConfig = {}) =>
    connect({ endpoint, region, ...(remote === undefined && { credentials: CREDENTIALS }), ...options });
  const client = makeClient();
  const buckets: string[] = [];
  const makeBucket = async (): Promise<string> => {
    const Bucket = `s3-conformance-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    buckets.push(Bucket);
    return Bucket;
  };
  const bucket = await makeBucket();
  if (remote !== undefined) {
    process.stderr.write(
      `Not tested against ${remote}:\n${NEEDS_OWN_SERVER.map((line) => `- ${line}\n`).join('')}`,
    );
  }
  afterAll(async () => {
    if (remote !== undefined) for (const one of buckets) await removeBucket(client, one);
    client.destroy();
    await server?.close();
    await own?.remove();
  });
  return {
    endpoint,
    bucket,
    client,
    makeClient,
    makeBucket,
    region,
    put(Key: string, Body: string | Buffer, options: Partial<PutObjectCommandInput> = {}) {
      return client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...options }));
    },
    async read(Key: string): Promise<string | undefined> {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      return Body?.transformToString();
    },
    async isThere(Key: string): Promise<boolean> {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: Key }));
      return Contents?.some((object) => object.Key === Key) ?? false;
    },
  };
}

async function removeBucket(client: S3Client, Bucket: string): Promise<void> {
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
  for (const { Key, UploadId } of Uploads) {
    await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  }
  // Not every server can remove buckets.
  await client.send(new DeleteBucketCommand({ Bucket })).catch(() => undefined);
}

export type Answer = { status: number; headers: IncomingHttpHeaders; body: string; code: string | undefined };

/** Sends exactly these headers and this body; `code` is the error's, if any. */
export async function send(
  url: string,
  { method, headers = {}, body }: { method: string; headers?: OutgoingHttpHeaders; body?: string | Buffer },
): Promise<Answer> {
  const open = url.startsWith('https:') ? httpsRequest : httpRequest;
  const request = open(url, { method, headers, agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.end(body);
  });
  const answer = await text(response);
  const code = /<Code>(.*?)<\/Code>/.exec(answer)?.[1];
  return { status: response.statusCode ?? 0, headers: response.headers, body: answer, code };
}

export type FormOptions = {
  bucket: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  conditions: unknown[];
  fields: Record<string, string>;
  expiresAt?: Date;
};

/** The fields of a form whose policy is signed as AWS describes it. */
export function signForm(options: FormOptions): Record<string, string> {
  const { bucket, region, credentials, conditions, fields, expiresAt } = options;
  const now = new Date();
  const date = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = date.slice(0, 8);
  const signing = {
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${credentials.accessKeyId}/${day}/${region}/s3/aws4_request`,
    'x-amz-date': date,
    ...(credentials.sessionToken !== undefined && { 'x-amz-security-token': credentials.sessionToken }),
  };
  const document = {
    expiration: (expiresAt ?? new Date(now.getTime() + 60_000)).toISOString(),
    conditions: [
      { bucket },
      ...conditions,
      ...Object.entries(signing).map(([name, value]) => ({ [name]: value })),
    ],
  };
  const policy = Buffer.from(JSON.stringify(document)).toString('base64');
  const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();
  const dayKey = hmac(`AWS4${credentials.secretAccessKey}`, day);
  const key = hmac(hmac(hmac(dayKey, region), 's3'), 'aws4_request');
  return { ...fields, ...signing, policy, 'x-amz-signature': hmac(key, policy).toString('hex') };
}

/** Sends a form with its file in the last field. */
export async function postForm(
  url: string,
  fields: Record<string, string>,
  file: string,
  behind: Record<string, string> = {},
): Promise<Answer> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append('file', new Blob([file], { type: 'text/plain' }), 'note.txt');
  for (const [name, value] of Object.entries(behind)) form.append(name, value);
  const encoded = new Response(form);
  return send(url, {
    method: 'POST',
    headers: { 'content-type': encoded.headers.get('content-type') ?? '' },
    body: Buffer.from(await encoded.arrayBuffer()),
  });
}
