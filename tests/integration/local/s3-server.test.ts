/**
 * What only a server of our own can show: its clock, its log, its files, a restart, and refusals that no
 * well-behaved client provokes.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, readdir, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect as openSocket } from 'node:net';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { Sha256 } from '@aws-crypto/sha256-js';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetBucketCorsCommand,
  GetObjectAclCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketCorsCommand,
  PutObjectCommand,
  UploadPartCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { SignatureV4 } from '@smithy/signature-v4';
import type { S3Server } from '../../../local/s3/server.ts';
import { connect, CREDENTIALS, REGION, send, startOwn } from './s3-support.ts';

const Bucket = 'uploads';

let now = Date.now();
let own: Awaited<ReturnType<typeof startOwn>>;
let server: S3Server;
let client: S3Client;

const open = (endpoint: string) => connect({ endpoint, region: REGION, credentials: CREDENTIALS });

beforeAll(async () => {
  own = await startOwn({ clock: () => now });
  server = await own.start();
  client = open(server.url);
  await client.send(new CreateBucketCommand({ Bucket }));
});

async function restart(): Promise<void> {
  client.destroy();
  server = await own.start();
  client = open(server.url);
}

afterAll(async () => {
  client.destroy();
  await server.close();
  await own.remove();
});

const newKey = () => `staging/${randomUUID()}`;

/** Signs a request as it stands, also one that no SDK would send. */
async function signRaw(
  path: string,
  {
    method = 'PUT',
    headers = {},
    region = REGION,
    query = {},
  }: {
    method?: string;
    headers?: Record<string, string>;
    region?: string;
    query?: Record<string, string>;
  },
): Promise<Record<string, string>> {
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials: CREDENTIALS,
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  });
  const host = new URL(server.url).host;
  const signed = await signer.sign(
    {
      method,
      path,
      query,
      protocol: 'http:',
      hostname: host,
      headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers },
    },
    { signingDate: new Date(now) },
  );
  return signed.headers;
}

async function putRaw(headers: Record<string, string>, body: string, region = REGION) {
  const path = `/${Bucket}/${newKey()}`;
  const signed = await signRaw(path, {
    headers: { 'content-length': String(Buffer.byteLength(body)), ...headers },
    region,
  });
  return send(server.url + path, { method: 'PUT', headers: signed, body });
}

describe('the clock', () => {
  it('ends the life of a URL', async () => {
    const signingDate = new Date(now);
    const command = new PutObjectCommand({ Bucket, Key: newKey() });
    const url = await getSignedUrl(client, command, { signingDate, expiresIn: 60 });
    const put = () => send(url, { method: 'PUT', headers: { 'content-length': '1' }, body: 'x' });

    now += 59_000;
    const inTime = await put();
    now += 2000;
    const late = await put();

    expect(inTime.status).toBe(200);
    expect(late).toMatchObject({ status: 403, code: 'AccessDenied' });
    now = Date.now();
  });

  it('refuses a signature of another time', async () => {
    now -= 3_600_000;
    const headers = await signRaw(`/${Bucket}`, { method: 'HEAD' });
    const get = await signRaw(`/${Bucket}/x`, { method: 'GET' });
    now = Date.now();

    expect((await send(`${server.url}/${Bucket}`, { method: 'HEAD', headers })).status).toBe(403);
    expect(await send(`${server.url}/${Bucket}/x`, { method: 'GET', headers: get })).toMatchObject({
      status: 403,
      code: 'RequestTimeTooSkewed',
    });
  });

  it('dates the objects', async () => {
    const Key = newKey();
    now = Date.parse('2030-01-02T03:04:05Z');
    const url = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key }), {
      signingDate: new Date(now),
    });
    await send(url, { method: 'PUT', headers: { 'content-length': '1' }, body: 'x' });
    now = Date.now();

    const { LastModified } = await client.send(new HeadObjectCommand({ Bucket, Key }));

    expect(LastModified?.toISOString()).toBe('2030-01-02T03:04:05.000Z');
  });
});

describe('signatures', () => {
  it('belong to one region', async () => {
    expect(await putRaw({}, 'x', 'mars-north-1')).toMatchObject({
      status: 400,
      code: 'AuthorizationHeaderMalformed',
    });
  });

  it('cover every x-amz header', async () => {
    const path = `/${Bucket}/${newKey()}`;
    const headers = await signRaw(path, { headers: { 'content-length': '1' } });

    const answer = await send(server.url + path, {
      method: 'PUT',
      headers: { ...headers, 'x-amz-tagging': 'a=b' },
      body: 'x',
    });

    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
  });

  it('of another kind are refused', async () => {
    const answer = await send(`${server.url}/${Bucket}/x`, {
      method: 'GET',
      headers: { authorization: 'AWS a:b' },
    });

    expect(answer).toMatchObject({ status: 400, code: 'InvalidRequest' });
  });
});

describe('bodies', () => {
  it('must have the CRC32 that a URL carries, which a signer cannot know', async () => {
    const careless = connect({
      endpoint: server.url,
      region: REGION,
      credentials: CREDENTIALS,
      requestChecksumCalculation: 'WHEN_SUPPORTED',
    });
    const url = await getSignedUrl(careless, new PutObjectCommand({ Bucket, Key: newKey() }));
    expect(url).toContain('x-amz-checksum-crc32=AAAAAA%3D%3D');

    const answer = await send(url, { method: 'PUT', headers: { 'content-length': '1' }, body: 'x' });

    expect(answer).toMatchObject({ status: 400, code: 'BadDigest' });
    careless.destroy();
  });

  it('must have the SHA-256 that the signature declares', async () => {
    const hash = createHash('sha256').update('other').digest('hex');

    expect(await putRaw({ 'x-amz-content-sha256': hash }, 'hello')).toMatchObject({
      status: 400,
      code: 'XAmzContentSHA256Mismatch',
    });
    expect((await putRaw({ 'x-amz-content-sha256': hash }, 'other')).status).toBe(200);
  });

  it.each([
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 501, 'NotImplemented'],
    ['nonsense', 400, 'InvalidArgument'],
  ])('with the payload hash %s are refused', async (hash, status, code) => {
    expect(await putRaw({ 'x-amz-content-sha256': hash }, 'hello')).toMatchObject({ status, code });
  });

  it.each([
    [{ 'x-amz-checksum-crc32c': 'AAAAAA==' }],
    [{ 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-sha1': 'AAAA' }],
    [{ 'x-amz-sdk-checksum-algorithm': 'CRC32' }],
    [{ 'x-amz-checksum-crc32': 'AAAA' }],
    [{ 'x-amz-checksum-crc32': 'AAAAAA' }],
    [{ 'x-amz-checksum-sha256': 'no base64' }],
    [{ 'x-amz-checksum-sha256': 'ab'.repeat(32) }],
    [{ 'x-amz-checksum-sha1': '' }],
  ])('with checksums that cannot be verified are refused: %j', async (headers) => {
    expect(await putRaw(headers, 'hello')).toMatchObject({ status: 400, code: 'InvalidRequest' });
  });

  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32('hello world'));
  const trailer = `x-amz-checksum-crc32:${sum.toString('base64')}\r\n\r\n`;

  it.each([
    ['is correct', `5\r\nhello\r\n6\r\n world\r\n0\r\n${trailer}`, 11, 200, undefined],
    ['has another checksum', `5\r\nHELLO\r\n6\r\n world\r\n0\r\n${trailer}`, 11, 400, 'BadDigest'],
    [
      'has a malformed checksum',
      '1\r\nh\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n',
      1,
      400,
      'InvalidRequest',
    ],
    ['has no trailer', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 11, 400, 'BadDigest'],
    ['is shorter than declared', `5\r\nhello\r\n0\r\n${trailer}`, 11, 400, 'IncompleteBody'],
    ['is longer than declared', `5\r\nhello\r\n6\r\n world\r\n0\r\n${trailer}`, 5, 400, 'IncompleteBody'],
    ['ends within a chunk', 'ff\r\nhello', 255, 400, 'IncompleteBody'],
    ['has no framing', 'hello world', 11, 400, 'IncompleteBody'],
  ])('in chunks: one that %s', async (_name, body, length, status, code) => {
    const headers = {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': String(length),
      'x-amz-trailer': 'x-amz-checksum-crc32',
      'content-encoding': 'aws-chunked',
    };

    expect(await putRaw(headers, body)).toMatchObject({ status, code });
  });

  it('above 5 GiB are refused before they are sent', async () => {
    const path = `/${Bucket}/${newKey()}`;
    const length = { 'content-length': String(5 * 1024 ** 3 + 1) };
    const headers = await signRaw(path, { headers: length });
    const request = httpRequest(server.url + path, {
      method: 'PUT',
      headers: { ...headers, expect: '100-continue' },
    });
    let isContinued = false;
    request.on('continue', () => {
      isContinued = true;
    });
    request.on('error', () => undefined);
    request.flushHeaders();

    const [response] = await once(request, 'response');

    expect(response.statusCode).toBe(400);
    expect(isContinued).toBe(false);
    request.destroy();
  });

  it('that are refused early still let the client read the answer', async () => {
    const answer = await send(`${server.url}/${Bucket}/${newKey()}`, {
      method: 'PUT',
      body: Buffer.alloc(20_000_000),
    });

    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
  });

  it('that break off leave no bytes behind', async () => {
    const blobs = join(own.dataDirectory, 'blobs');
    const before = await readdir(blobs);
    const url = new URL(await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: newKey() })));
    const socket = openSocket(server.port, '127.0.0.1');
    socket.resume();
    const closed = once(socket, 'close');

    socket.end(
      `PUT ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Length: 1000\r\n\r\nbroken`,
    );
    await closed;
    // Waits for the handling of the broken request.
    await server.close();

    expect(server.requests.at(-1)).toMatchObject({ operation: 'PutObject', status: 400 });
    expect(await readdir(blobs)).toEqual(before);
    await restart();
  });
});

describe('pages', () => {
  it.each([
    ['a size that is a number', 'max-keys', 'many'],
    ['one encoding', 'encoding-type', 'base64'],
    ['a token that is not empty', 'continuation-token', ''],
  ])('have %s', async (_name, parameter, value) => {
    const query = { 'list-type': '2', [parameter]: value };
    const headers = await signRaw(`/${Bucket}`, { method: 'GET', query });
    const url = `${server.url}/${Bucket}?${new URLSearchParams(query).toString()}`;

    const answer = await send(url, { method: 'GET', headers });

    expect(answer).toMatchObject({ status: 400, code: 'InvalidArgument' });
  });
});

describe('header text', () => {
  it('beyond Latin-1 comes back encoded, as a header cannot carry it', async () => {
    const Key = newKey();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const ResponseContentDisposition = 'attachment; filename="日本.txt"';
    const url = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key, ResponseContentDisposition }));

    const answer = await send(url, { method: 'GET' });

    const encoded = Buffer.from(ResponseContentDisposition).toString('base64');
    expect(answer.headers['content-disposition']).toBe(`=?UTF-8?B?${encoded}?=`);
  });
});

describe('requests it does not serve', () => {
  it('answer 501', async () => {
    const calls = [
      client.send(new GetObjectAclCommand({ Bucket, Key: 'x' })),
      client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'x' }] } })),
      client.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'x', ACL: 'public-read' })),
    ];

    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { $metadata: { httpStatusCode: 501 } } });
    }
  });

  it('answer with a document that names the request', async () => {
    const answer = await send(`${server.url}/${Bucket}/a%20b`, { method: 'GET' });

    const requestId = answer.headers['x-amz-request-id'];
    expect(requestId).toBeDefined();
    expect(answer.headers['content-type']).toBe('application/xml');
    expect(answer.body).toContain(
      `<Error><Code>AccessDenied</Code><Message>Access Denied</Message><Resource>/${Bucket}/a%20b</Resource><RequestId>${String(requestId)}</RequestId>`,
    );
  });

  it('answer 400 to a path that is no text', async () => {
    expect(await send(`${server.url}/${Bucket}/%ff`, { method: 'GET' })).toMatchObject({
      status: 400,
      code: 'InvalidURI',
    });
  });
});

describe('virtual-hosted style', () => {
  it('takes the bucket from the host', async () => {
    const Key = newKey();
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
    const host = `${Bucket}.localhost:${server.port}`;
    const headers = await signRaw(`/${Key}`, { method: 'GET', headers: { host } });

    const answer = await send(`${server.url}/${Key}`, { method: 'GET', headers });

    expect(answer).toMatchObject({ status: 200, body: 'x' });
  });
});

describe('the request log', () => {
  it('names operation, key and status, and no signatures', async () => {
    const Key = newKey();
    const from = server.requests.length;
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 7, Body: 'x' }));
    await client.send(new HeadObjectCommand({ Bucket, Key })).catch(() => undefined);

    expect(server.requests.slice(from)).toEqual([
      { method: 'POST', bucket: Bucket, key: Key, operation: 'CreateMultipartUpload', status: 200 },
      { method: 'PUT', bucket: Bucket, key: Key, operation: 'UploadPart', partNumber: 7, status: 200 },
      { method: 'HEAD', bucket: Bucket, key: Key, operation: 'HeadObject', status: 404 },
    ]);
  });
});

describe('a restart', () => {
  it('keeps objects, open multipart uploads and the configuration', async () => {
    const [Key, multipartKey] = [newKey(), newKey()];
    const rule = { AllowedOrigins: ['*'], AllowedMethods: ['PUT'] };
    await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: { CORSRules: [rule] } }));
    await client.send(new PutObjectCommand({ Bucket, Key, Body: 'kept', Metadata: { owner: 'me' } }));
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: multipartKey }));
    const upload = { Bucket, Key: multipartKey, UploadId };
    const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'part' }));

    await server.close();
    await restart();

    const object = await client.send(new GetObjectCommand({ Bucket, Key }));
    expect(await object.Body?.transformToString()).toBe('kept');
    expect(object.Metadata).toEqual({ owner: 'me' });
    const { CORSRules } = await client.send(new GetBucketCorsCommand({ Bucket }));
    expect(CORSRules).toMatchObject([rule]);
    await client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    );
    const completed = await client.send(new GetObjectCommand({ Bucket, Key: multipartKey }));
    expect(await completed.Body?.transformToString()).toBe('part');
  });

  it('removes bytes that a crash left without an object', async () => {
    const stray = join(own.dataDirectory, 'blobs', 'stray');
    await client.send(new PutObjectCommand({ Bucket, Key: 'staging/kept', Body: 'kept' }));
    await server.close();
    await writeFile(stray, 'bytes');

    await restart();

    await expect(access(stray)).rejects.toMatchObject({ code: 'ENOENT' });
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: 'staging/kept' }));
    expect(await Body?.transformToString()).toBe('kept');
  });
});
