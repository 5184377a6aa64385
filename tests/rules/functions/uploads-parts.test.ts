import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { createHandler } from '../../../functions/uploads.ts';
import { PART, putParts, underWay } from '../../support/parts-fixture.ts';
import { callHttp } from '../../support/http-event.ts';
import type { HttpCall } from '../../support/lambda-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const bytes = randomBytes(2 * PART + 7);
const file = { projectId, issueId, filename: 'clip.mp4', contentType: 'video/mp4', size: bytes.length };
const inParts = { ...file, mode: 'multipart' };

const world = await useWorld();
const handler = createHandler(() => world.services);

const create = (body: object = file, headers: Record<string, string> = {}) =>
  callHttp(handler, { route: 'POST /v1/uploads', body, headers });

const on = (route: string, id: string, more: Partial<HttpCall> = {}) =>
  callHttp(handler, { route: route.replace(' ', ' /v1/uploads/{id}'), parameters: { id }, ...more });

const numbersOf = (answer: Awaited<ReturnType<typeof on>>) => answer.parts().map(({ number }) => number);

async function deliver(id: string): Promise<void> {
  const [message = ''] = await world.requestsFor(id);
  await world.delivery.onRequest(JSON.parse(message), world.run());
}

describe('POST /v1/uploads', () => {
  it('answers for a large file with a request for each part', async () => {
    const { status, headers, body, parts } = await create();

    expect(status).toBe(201);
    expect(headers).toMatchObject({ etag: '"1-0"' });
    expect(body['staging']).toEqual({
      mode: 'multipart',
      bytesStored: 0,
      partSize: PART,
      parts: expect.any(Array),
      expiresInSeconds: 3600,
    });
    const url = expect.stringContaining('X-Amz-Signature=');
    expect(parts()).toEqual([
      { number: 1, offset: 0, length: PART, url, headers: { 'content-length': String(PART) } },
      { number: 2, offset: PART, length: PART, url, headers: { 'content-length': String(PART) } },
      { number: 3, offset: 2 * PART, length: 7, url, headers: { 'content-length': '7' } },
    ]);
  });

  it.each([
    [{ size: 2 * PART }, 'single'],
    [{ size: 2 * PART + 1 }, 'multipart'],
    [{ size: 2 * PART + 1, mode: 'auto' }, 'multipart'],
    [{ size: 52_428_800, mode: 'single' }, 'single'],
    [{ size: 1, mode: 'multipart' }, 'multipart'],
    [{ size: 1, mode: 'auto' }, 'single'],
  ])('of %j stages in the mode %s', async (more, mode) => {
    const { status, body, id } = await create({ ...file, ...more });

    expect(status).toBe(201);
    expect(body).toMatchObject({ staging: { mode } });
    expect(await underWay(world, { id })).toHaveLength(mode === 'multipart' ? 1 : 0);
  });

  it('answers 200 to the same key with requests for what is missing', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await create(inParts, headers);
    await putParts(first.parts().slice(1), bytes, world.putFile);

    const second = await create(inParts, headers);

    expect(second).toMatchObject({ status: 200, id: first.id, headers: { etag: `"1-${PART + 7}"` } });
    expect(numbersOf(second)).toEqual([1]);
    expect(await underWay(world, first)).toHaveLength(1);
  });

  it('answers 422 to the same key in another mode', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    await create({ ...inParts, size: 5 }, headers);

    const second = await create({ ...inParts, size: 5, mode: 'single' }, headers);

    expect(second).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  });
});

describe('GET /v1/uploads/{id} of an upload in parts', () => {
  it('shows what storage has, under an ETag of its own, and no URLs', async () => {
    const { id, parts } = await create();
    await putParts(parts().slice(0, 1), bytes, world.putFile);

    const first = await on('GET ', id);
    await putParts(parts().slice(2), bytes, world.putFile);
    const second = await on('GET ', id, { headers: { 'if-none-match': `"1-${PART}"` } });
    const third = await on('GET ', id, { headers: { 'if-none-match': `"1-${PART + 7}"` } });

    expect(first).toMatchObject({ status: 200, headers: { etag: `"1-${PART}"`, 'retry-after': '1' } });
    expect(first.body['staging']).toEqual({ mode: 'multipart', bytesStored: PART, partSize: PART });
    expect(second).toMatchObject({ status: 200, body: { staging: { bytesStored: PART + 7 } } });
    expect(third.status).toBe(304);
  });
});

describe('POST /v1/uploads/{id}/urls of an upload in parts', () => {
  it('answers with requests for the parts that are missing, which work', async () => {
    const { id, parts } = await create();
    await putParts(parts().slice(1, 2), bytes, world.putFile);

    const answer = await on('POST /urls', id);
    await putParts(answer.parts(), bytes, world.putFile);
    const nothing = await on('POST /urls', id);

    expect(answer.status).toBe(200);
    expect(numbersOf(answer)).toEqual([1, 3]);
    expect(nothing).toMatchObject({ status: 200, body: { staging: { parts: [], bytesStored: file.size } } });
  });
});

describe('POST /v1/uploads/{id}/complete', () => {
  it('names the parts that are missing', async () => {
    const { id, parts } = await create();
    await putParts(parts().slice(1, 2), bytes, world.putFile);

    const answer = await on('POST /complete', id);

    expect(answer).toMatchObject({
      status: 409,
      headers: { 'content-type': 'application/problem+json' },
      body: {
        code: 'upload_incomplete',
        retryable: false,
        detail: 'part 1 is not stored (and 1 more)',
        message: 'The file has not been uploaded completely. Try again.',
        errors: [
          { pointer: 'part:1', detail: 'is not stored' },
          { pointer: 'part:3', detail: 'is not stored' },
        ],
      },
    });
  });

  it('names at most 100 of them', async () => {
    const services = world.build({ config: { maxFileBytes: 1024 ** 3 } });
    const { upload } = await services.intake.create(
      { owner: 'user-1', projects: '*' },
      { ...file, size: 1024 ** 3 },
    );

    const answer = await on('POST /complete', upload.id);

    expect(answer.pointers()).toHaveLength(100);
    expect(answer.body).toMatchObject({ detail: 'part 1 is not stored (and 204 more)' });
  });

  it('says that a single file is missing', async () => {
    const { id } = await create({ ...file, size: 5 });

    expect(await on('POST /complete', id)).toMatchObject({
      status: 409,
      body: { code: 'upload_incomplete', errors: [{ pointer: 'file', detail: 'is not stored' }] },
    });
  });

  it('takes a single file that is there', async () => {
    const { id, signed } = await create({ ...file, size: 7 });
    await putParts([{ ...signed(), offset: 0, length: 7 }], bytes, world.putFile);

    const answer = await on('POST /complete', id);

    expect(answer).toMatchObject({ status: 200, body: { status: 'staged', staging: { bytesStored: 7 } } });
    expect(await world.requestsFor(id)).toHaveLength(1);
  });

  it('answers 200 once all parts are stored, and again after the delivery', async () => {
    const { id, parts } = await create();
    await putParts(parts(), bytes, world.putFile);

    const first = await on('POST /complete', id);
    const second = await on('POST /complete', id);
    await deliver(id);
    const third = await on('POST /complete', id);

    expect(first).toMatchObject({
      status: 200,
      body: { id, status: 'staged', staging: { mode: 'multipart', bytesStored: file.size } },
    });
    expect(second.body).toEqual(first.body);
    expect(third).toMatchObject({ status: 200, body: { status: 'delivered' } });
    expect(await world.received()).toMatchObject([{ size: file.size }]);
  });

  it('answers 200 for one that has failed since', async () => {
    const { id, parts } = await create();
    await putParts(parts(), bytes, world.putFile);
    await on('POST /complete', id);
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    await deliver(id);

    expect(await on('POST /complete', id)).toMatchObject({
      status: 200,
      body: { status: 'failed', error: { code: 'ipd_forbidden', retryable: true } },
    });
  });

  it('answers 409 for one that was cancelled, whose parts storage takes no more', async () => {
    const { id, parts } = await create();
    await on('DELETE ', id);

    expect(await on('POST /complete', id)).toMatchObject({
      status: 409,
      body: { code: 'upload_state_conflict' },
    });
    expect(await underWay(world, { id })).toEqual([]);
    await expect(putParts(parts(), bytes, world.putFile)).rejects.toThrow('NoSuchUpload');
  });

  it("is 404 for another user's", async () => {
    const { id } = await create({ ...file, size: 5 });

    expect(await on('POST /complete', id, { claims: { sub: 'user-2' } })).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    });
  });
});
