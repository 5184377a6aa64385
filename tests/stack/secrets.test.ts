import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { createTelemetry } from '../../lib/runtime/telemetry.ts';
import { startWorker } from '../../local/gateway/worker.ts';
import { putFile } from '../support/answer.ts';
import { FORM_TYPE, filePart, form } from '../support/form.ts';
import { checkAnswer, secretsIn, takeLeaks } from '../support/secrets.ts';
import { useDirectory } from '../support/use-directory.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const signed = `https://s3.example.com/staging/a?X-Amz-Signature=${'0a'.repeat(32)}`;
const ticket = `tk_${randomBytes(32).toString('base64url')}`;
const hello = Buffer.from('hello');
const link = `/v1/files/${randomUUID()}/${randomBytes(32).toString('base64url')}`;
const withLink = z.object({ link: z.object({ url: z.url() }) });
/** What a problem says beside the id of its call. */
const problem = z.looseObject({}).transform(({ traceId: _id, ...said }) => said);
const file = { projectId, issueId, filename: 'a.bin', contentType: 'video/mp4', size: hello.length };

/** A larger file becomes a link. */
const MOST_ATTACHED = 100_000;

const product = await useProduct({
  environment: { OVERSIZE: 'link', MAX_FILE_BYTES: String(MOST_ATTACHED), COMMENT_ON_DELIVERY: 'on' },
});
const directory = await useDirectory();

/** What has leaked, without the texts. */
const namesOfLeaks = (): string[] => takeLeaks().leaks.map((leak) => leak.replace(/ in [^]*/, ''));

/** Runs a function that is planted here as the product's are run. */
async function runPlanted(code: string, event: object): Promise<string> {
  const modulePath = join(directory, 'planted.mjs');
  await writeFile(modulePath, code);
  const worker = startWorker({
    name: 'planted',
    modulePath,
    exportName: 'handler',
    timeout: 300,
    memorySize: 128,
    region: 'eu-central-1',
    environment: {},
    cacheDirectory: '',
    log: () => undefined,
  });
  await worker.run(event);
  worker.kill();
  await worker.exited;
  return modulePath;
}

describe('the scan', () => {
  it.each([
    ['JWT', () => `the token ${product.token} was sent`],
    ['signature', () => JSON.stringify({ url: signed })],
    ['signature', () => JSON.stringify({ 'X-Amz-Signature': '0a'.repeat(32) })],
    ['signature', () => JSON.stringify({ body: JSON.stringify({ 'X-Amz-Signature': '0a'.repeat(32) }) })],
    ['ticket', () => `/v1/uppy/${ticket}/s3/params`],
    ['link', () => JSON.stringify({ url: `http://127.0.0.1:3000${link}` })],
    ['link key', () => `LINK_KEY=local-link-key-${randomBytes(20).toString('hex')}`],
    ['signed request', () => 'SDK-HMAC-SHA256 Access=key, SignedHeaders=host, Signature=0a'],
    ['signed request', () => 'AWS4-HMAC-SHA256 Credential=local/20260312/eu-central-1/s3/aws4_request'],
    ['token header', () => JSON.stringify({ 'x-auth-token': randomBytes(64).toString('base64url') })],
    ['AWS key', () => `AWS_SECRET_ACCESS_KEY=${product.credentials.secretAccessKey}`],
    ['AWS key', () => JSON.stringify(product.iam.keyOf('deliver'))],
    ['IPD credential', () => JSON.stringify(product.ipdCredentials)],
  ])('knows this as a secret: %s', (name, text) => {
    expect(secretsIn(text())).toEqual([name]);
  });

  it('finds what is planted in a log line of a function and in its answer', async () => {
    const answer = { statusCode: 404, body: JSON.stringify({ detail: ticket }) };
    const code = `export const handler = () => {
      console.log(JSON.stringify({ level: 'INFO', token: '${product.token}' }));
      return ${JSON.stringify(answer)};
    };`;

    const modulePath = await runPlanted(code, { routeKey: 'GET /v1/uploads/{id}' });

    // The line and the answer come by two ways, in any order.
    expect(namesOfLeaks().toSorted()).toEqual([
      'GET /v1/uploads/{id}: ticket',
      `a line of ${modulePath}: JWT`,
    ]);
  });

  it('finds what is planted in a log line of this process', () => {
    createTelemetry().info('planted', { url: signed });
    createTelemetry().error('planted', new Error(`cannot use ${product.ipdCredentials.password}`));

    expect(namesOfLeaks()).toEqual(['a log line: signature', 'a log line: IPD credential']);
  });

  it.each([
    ['where it belongs', 'POST /v1/uploads', 201, []],
    ['in a refusal', 'POST /v1/uploads', 409, ['POST /v1/uploads: signature']],
    ['where it does not belong', 'GET /v1/uploads/{id}', 200, ['GET /v1/uploads/{id}: signature']],
    ['where a link leads', 'GET /v1/files/{id}/{secret}', 302, []],
  ])('judges a signed URL in an answer %s', (_where, route, status, found) => {
    checkAnswer(route, status, JSON.stringify({ url: signed }));

    expect(namesOfLeaks()).toEqual(found);
  });
});

describe('the product', () => {
  it('says no secret in the life of a link, but to its owner', async () => {
    const before = takeLeaks().checked;
    const bytes = randomBytes(MOST_ATTACHED + 1);
    const large = await product.call('POST /v1/uploads', { body: { ...file, size: bytes.length } });
    await putFile(large.signed(), bytes);
    const { body } = await product.follow(large.id);
    const { url } = withLink.parse(body).link;
    const downloaded = await (await fetch(url)).bytes();
    const wrong = await fetch(`${url.slice(0, -1)}_`);
    await product.call('GET /v1/uploads');
    await product.call(`DELETE /v1/uploads/${large.id}`);
    const gone = await fetch(url);
    await product.fireSchedules();

    expect(Buffer.from(downloaded)).toEqual(bytes);
    expect([wrong.status, gone.status]).toEqual([404, 404]);
    expect(problem.parse(await wrong.json())).toEqual(problem.parse(await gone.json()));
    const { leaks, checked } = takeLeaks();
    expect(leaks).toEqual([]);
    expect(checked - before).toBeGreaterThan(10);
    expect(secretsIn(JSON.stringify(body))).toEqual(['link']);
  });

  it('says no secret in the life of an upload, of a session, and of what it refuses', async () => {
    const before = takeLeaks().checked;
    const single = await product.call('POST /v1/uploads', { body: file });
    await putFile(single.signed(), hello);
    await product.follow(single.id);
    const parts = await product.call('POST /v1/uploads', { body: { ...file, mode: 'multipart' } });
    await product.call(`POST /v1/uploads/${parts.id}/urls`);
    await product.call(`POST /v1/uploads/${parts.id}/complete`);
    await product.call(`DELETE /v1/uploads/${parts.id}`);
    await product.attach(form(filePart()), { 'content-type': FORM_TYPE });
    const session = await product.call('POST /v1/uppy-sessions', { body: { projectId, issueId } });
    const base = new URL(String(session.body['companionEndpoint'])).pathname;
    await product.call(`GET ${base}/s3/params?filename=a.bin`);
    await product.call(`GET ${base}/s3/params`);
    await product.call(`GET ${base}/nowhere?token=${product.token}`);
    await product.call(`GET /v1/uppy/${ticket}/s3/params?filename=a.bin`);
    await product.fireSchedules();

    const { leaks, checked } = takeLeaks();
    expect(leaks).toEqual([]);
    expect(checked - before).toBeGreaterThan(25);
  });
});
