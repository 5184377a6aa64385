import { expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { useProductOnStorage } from '../support/use-product.ts';
import { begin, openPage, sendPart, signedPart } from '../support/uppy-browser.ts';
import { containersPage } from '../support/uppy-page.ts';
import { issueId, projectId } from '../support/world.ts';

const { postForm } = containersPage();

const PART_BYTES = 5 * 1024 ** 2;
const filename = '录屏 "终稿".mp4';

const formAnswer = z.object({ url: z.url(), fields: z.record(z.string(), z.string()) });

const product = await useProductOnStorage();

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** The query of Uppy 5 and 6 for a single file: form-encoded, with all its metadata. */
function fileQuery(): string {
  const metadata = { projectId: 'f'.repeat(32), issueId, name: filename, type: 'video/mp4' };
  const query = new URLSearchParams({ filename, type: 'video/mp4' });
  for (const [name, value] of Object.entries(metadata)) query.append(`metadata[${name}]`, value);
  return query.toString();
}

describeStockUppy('a session', () => {
  it('has its address at the gateway', async () => {
    const { base } = await openPage(product);

    expect(base.origin).toBe(product.urls.apiUrl);
  });

  it('is opened by a user only', async () => {
    const answer = await product.call('POST /v1/uppy-sessions', {
      headers: { authorization: '' },
      body: { projectId, issueId },
    });

    expect(answer).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
  });
});

describeStockUppy('Uppy', () => {
  it('brings a small file to IPD in one form', async () => {
    const bytes = randomBytes(100_000);
    const { ask } = await openPage(product);

    const { body, headers } = await ask('GET', `/s3/params?${fileQuery()}`);
    const form = formAnswer.parse(body);
    const stored = await postForm(form, bytes);

    const id = form.fields['key']?.replace('staging/', '') ?? '';
    expect(headers.get('access-control-allow-origin')).toBe(product.urls.apiUrl);
    expect(stored.status).toBe(201);
    expect((await product.follow(id)).body).toMatchObject({
      status: 'delivered',
      filename,
      size: bytes.length,
    });
    expect(await product.received()).toMatchObject([{ filename, sha256: sha256(bytes) }]);
  });

  it('5 brings a large file to IPD, its parts at once and their ETags as they are', async () => {
    const bytes = randomBytes(2 * PART_BYTES + 777);
    const page = await openPage(product);
    const begun = await begin(page, filename);

    const parts = await Promise.all(
      [1, 2, 3].map((number) =>
        sendPart(page, begun, number, bytes.subarray((number - 1) * PART_BYTES, number * PART_BYTES)),
      ),
    );
    const { status } = await page.ask('POST', `${begun.path}/complete${begun.query}`, { parts });

    expect(status).toBe(200);
    expect((await product.follow(begun.id)).body).toMatchObject({ status: 'delivered', size: bytes.length });
    expect(await product.received()).toMatchObject([{ filename, sha256: sha256(bytes) }]);
  });

  it('6 brings a large file to IPD, one part after the other and their ETags without quotes', async () => {
    const bytes = randomBytes(PART_BYTES + 777);
    const page = await openPage(product);
    const begun = await begin(page, filename);

    const first = await sendPart(page, begun, 1, bytes.subarray(0, PART_BYTES));
    const second = await sendPart(page, begun, 2, bytes.subarray(PART_BYTES));
    const parts = [first, second].map(({ PartNumber, ETag }) => ({
      PartNumber,
      ETag: ETag.replaceAll('"', ''),
    }));
    const completed = await page.ask('POST', `${begun.path}/complete${begun.query}`, { parts });

    const { location } = z.object({ location: z.url() }).parse(completed.body);
    const found = await product.call(`GET ${new URL(location).pathname}`);
    expect(new URL(location).origin).toBe(product.urls.apiUrl);
    expect(found).toMatchObject({ status: 200, id: begun.id, body: { filename } });
    expect((await product.follow(begun.id)).body).toMatchObject({ status: 'delivered' });
    expect(await product.received()).toMatchObject([{ filename, sha256: sha256(bytes) }]);
  });

  it('goes on with a file from the list of what is stored', async () => {
    const bytes = randomBytes(PART_BYTES + 777);
    const page = await openPage(product);
    const begun = await begin(page, filename);
    await sendPart(page, begun, 1, bytes.subarray(0, PART_BYTES));

    const { list } = await page.ask('GET', `${begun.path}${begun.query}`);
    const second = await sendPart(page, begun, 2, bytes.subarray(PART_BYTES));
    const parts = [...z.array(z.looseObject({ PartNumber: z.int(), ETag: z.string() })).parse(list), second];
    await page.ask('POST', `${begun.path}/complete${begun.query}`, { parts });

    expect(list).toMatchObject([{ PartNumber: 1, Size: PART_BYTES }]);
    expect((await product.follow(begun.id)).body).toMatchObject({ status: 'delivered' });
    expect(product.storage.storedParts(begun.id)).toEqual([1, 2]);
  });

  it('cannot put a part into a file twice', async () => {
    const page = await openPage(product);
    const begun = await begin(page, filename);
    const part = await sendPart(page, begun, 1, Buffer.from('x'));
    const complete = (parts: object[]) => page.ask('POST', `${begun.path}/complete${begun.query}`, { parts });

    const refused = await complete([part, part]);
    const taken = await complete([part]);

    expect(refused).toMatchObject({
      status: 400,
      body: {
        code: 'invalid_request',
        retryable: false,
        detail: '/parts/1/PartNumber must not be named twice',
        errors: [{ pointer: '/parts/1/PartNumber', detail: 'must not be named twice' }],
      },
    });
    expect(taken.status).toBe(200);
    expect((await product.follow(begun.id)).body).toMatchObject({ status: 'delivered', size: 1 });
  });

  it('cancels an upload', async () => {
    const page = await openPage(product);
    const begun = await begin(page, filename);
    await sendPart(page, begun, 1, Buffer.from('x'));

    const { status, body } = await page.ask('DELETE', `${begun.path}${begun.query}`);

    expect([status, body]).toEqual([200, {}]);
    expect((await product.call(`GET /v1/uploads/${begun.id}`)).body).toMatchObject({ status: 'cancelled' });
  });
});

describeStockUppy('a browser that runs Uppy', () => {
  it.each(['GET', 'POST', 'DELETE'])('may send %s with JSON from the page', async (method) => {
    const { base, origin } = await openPage(product);

    const { status, headers } = await fetch(`${base.href}/s3/multipart`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'content-type,authorization',
      },
    });

    expect(status).toBe(204);
    expect(headers.get('access-control-allow-origin')).toBe(origin);
    expect(headers.get('access-control-allow-methods')?.split(',')).toContain(method);
    expect(headers.get('access-control-allow-headers')?.split(',')).toEqual(
      expect.arrayContaining(['content-type', 'authorization']),
    );
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('sees every answer, also a refusal, and no other host in it', async () => {
    const page = await openPage(product);
    const { path, query } = await begin(page, filename);
    const { ask, origin } = page;

    const answers = [
      await ask('GET', `${path}${query}`),
      await ask('GET', `${path}/1${query}`),
      await ask('GET', `${path}/0${query}`),
      await ask('POST', `${path}/complete${query}`, { parts: [{ PartNumber: 1, ETag: 'x' }] }),
      await ask('DELETE', `${path}${query}`),
    ];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 400, 409, 200]);
    for (const { headers } of answers) {
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('i-am')).toBeNull();
    }
  });

  it('may read the ETag of a part that storage has taken', async () => {
    const page = await openPage(product);
    const { path, query } = await begin(page, filename);
    const { url } = signedPart.parse((await page.ask('GET', `${path}/1${query}`)).body);

    const { headers } = await fetch(url, { method: 'PUT', body: 'x', headers: { origin: page.origin } });

    expect(headers.get('access-control-allow-origin')).toBe(page.origin);
    expect(headers.get('access-control-expose-headers')).toMatch(/\bETag\b/);
  });
});
