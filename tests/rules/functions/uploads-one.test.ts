import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createHandler } from '../../../functions/uploads.ts';
import { callHttp } from '../../support/http-event.ts';
import type { HttpCall } from '../../support/lambda-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const file = {
  projectId,
  issueId,
  filename: 'clip.mp4',
  contentType: 'video/mp4',
  size: 5,
};
const problemType = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };

const world = await useWorld({
  environment: { MAX_OPEN_UPLOADS: '200', UPLOADS_PER_MINUTE: '300' },
});
const handler = createHandler(() => world.services);

const create = (body: object = file, more: Partial<HttpCall> = {}) =>
  callHttp(handler, { route: 'POST /v1/uploads', body, ...more });

const on = (route: string, id: string, more: Partial<HttpCall> = {}) =>
  callHttp(handler, { route: route.replace(' ', ' /v1/uploads/{id}'), parameters: { id }, ...more });

const hello = Buffer.from('hello');

async function deliver(id: string): Promise<void> {
  const upload = await world.find(id);
  await world.delivery.onArrival(world.arrival(upload, hello), world.run());
}

describe('GET /v1/uploads/{id}', () => {
  it('answers with the status, an ETag and how soon to ask again', async () => {
    const { id } = await create();

    const { status, headers, body } = await on('GET ', id);

    expect(status).toBe(200);
    expect(headers).toMatchObject({ etag: '"1"', 'retry-after': expect.stringMatching(/^[1-9]\d?$/) });
    expect(body).toMatchObject({ id, status: 'awaiting_upload', staging: { mode: 'single' } });
    expect(JSON.stringify(body)).not.toContain('X-Amz');
  });

  it.each(['"1"', 'W/"1"', '"7", "1"'])('answers 304 without a body to If-None-Match %s', async (tag) => {
    const { id } = await create();

    const answer = await statusUnless(id, tag);

    expect(answer.status).toBe(304);
    expect(answer.headers).toEqual({
      'content-language': 'en',
      vary: 'accept-language',
      etag: '"1"',
      'retry-after': expect.stringMatching(/^[1-9]\d?$/),
    });
    expect(answer.body).toEqual({});
  });

  it('answers 200 once the upload has changed, and nothing more to wait for at its end', async () => {
    const { id, signed } = await create();
    await world.putFile(signed(), hello);
    await deliver(id);

    const answer = await statusUnless(id, '"1"');

    const [attachment] = await world.received();
    expect(answer).toMatchObject({
      status: 200,
      body: {
        status: 'delivered',
        attachment: { id: attachment?.id },
        staging: { bytesStored: 5 },
        delivery: { attempts: 1, bytesSent: 5 },
      },
    });
    expect(answer.headers).not.toHaveProperty('retry-after');
  });

  const statusUnless = (id: string, tag: string) => on('GET ', id, { headers: { 'if-none-match': tag } });
});

describe('POST /v1/uploads/{id}/urls', () => {
  it('gives a fresh request while the file is awaited', async () => {
    const { id } = await create();

    const { status, signed } = await on('POST /urls', id);

    expect(status).toBe(200);
    expect((await world.putFile(signed(), hello)).status).toBe(200);
  });

  it('answers 409 when no file is awaited any more', async () => {
    const { id } = await create();
    await on('DELETE ', id);

    const answer = await on('POST /urls', id);

    expect(answer).toMatchObject({ status: 409, body: { code: 'upload_state_conflict' } });
  });
});

describe('DELETE /v1/uploads/{id}', () => {
  it('cancels and removes the file, and does no harm when repeated', async () => {
    const { id, signed } = await create();
    await world.putFile(signed(), hello);

    const first = await on('DELETE ', id);
    const second = await on('DELETE ', id);

    expect(first).toMatchObject({ status: 200, body: { status: 'cancelled' } });
    expect(second.body).toEqual(first.body);
    expect(await world.isStaged(id)).toBe(false);
  });

  it('answers 409 once IPD has the file', async () => {
    const { id, signed } = await create();
    await world.putFile(signed(), hello);
    await deliver(id);

    const answer = await on('DELETE ', id);

    expect(answer).toMatchObject({
      status: 409,
      headers: problemType,
      body: { code: 'upload_state_conflict', instance: `/v1/uploads/${id}` },
    });
  });
});

describe('POST /v1/uploads/{id}/retry', () => {
  async function fail(): Promise<string> {
    const { id, signed } = await create();
    await world.putFile(signed(), hello);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    await deliver(id);
    return id;
  }

  it('answers 202 and brings the upload back to delivery', async () => {
    const id = await fail();

    const { status, body } = await on('POST /retry', id);
    const [message = ''] = await world.requestsFor(id);
    await world.delivery.onRequest(JSON.parse(message), world.run());

    expect(status).toBe(202);
    expect(body).toMatchObject({ id, status: 'staged' });
    expect((await on('GET ', id)).body).toMatchObject({ status: 'delivered', error: null });
  });

  it('answers 202 and the present state when asked twice', async () => {
    const id = await fail();
    const { body } = await on('POST /retry', id);

    expect(await on('POST /retry', id)).toMatchObject({ status: 202, body });
  });

  it('answers 409 when the file is gone', async () => {
    const id = await fail();
    await world.staging.remove(`staging/${id}`);

    expect(await on('POST /retry', id)).toMatchObject({
      status: 409,
      headers: problemType,
      body: { code: 'upload_state_conflict' },
    });
  });

  it('answers 409 when no file has come', async () => {
    const { id } = await create();

    expect(await on('POST /retry', id)).toMatchObject({
      status: 409,
      body: { code: 'upload_state_conflict' },
    });
  });
});

describe('GET /v1/limits', () => {
  it('tells what to know before data is spent', async () => {
    const { status, body } = await callHttp(handler, { route: 'GET /v1/limits' });

    expect(status).toBe(200);
    expect(body).toEqual({
      maxFileBytes: 52_428_800,
      maxAttachmentBytes: 52_428_800,
      oversize: 'refuse',
      multipartThresholdBytes: 10_485_760,
      partSizeBytes: 5_242_880,
      maxOpenUploads: 200,
      uploadsPerMinute: 300,
      stagingUrlTtlSeconds: 3600,
      uploadDeadlineSeconds: 259_200,
      breaker: { state: 'closed' },
    });
  });

  it('tells that deliveries wait, and how long', async () => {
    const { id, signed } = await create();
    await world.putFile(signed(), hello);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
    await deliver(id);

    const { body } = await callHttp(handler, { route: 'GET /v1/limits' });

    expect(body).toMatchObject({ breaker: { state: 'open', retryAfterSeconds: expect.any(Number) } });
  });
});

describe('an upload that the caller does not have', () => {
  it.each(['GET ', 'DELETE ', 'POST /urls', 'POST /retry'])(
    "is 404 on '%s' when it is another user's",
    async (route) => {
      const { id } = await create();

      const answer = await on(route, id, { claims: { sub: 'user-2' } });

      expect(answer).toMatchObject({ status: 404, headers: problemType, body: { code: 'not_found' } });
      expect(await world.find(id)).toMatchObject({ status: 'awaiting_upload' });
    },
  );

  it.each([randomUUID(), 'nonsense', '..', '\u0000', '😀', 'x'.repeat(3000)])(
    'is 404 under the id %.40j',
    async (id) => {
      for (const route of ['GET ', 'DELETE ', 'POST /urls']) {
        expect(await on(route, id)).toMatchObject({ status: 404, body: { code: 'not_found' } });
      }
    },
  );
});

describe('any other route', () => {
  it('is a problem document that names what was asked for', async () => {
    const event = { route: '$default', claims: null };

    const { status, headers, body } = await callHttp(handler, event);

    expect(status).toBe(404);
    expect(headers).toMatchObject(problemType);
    expect(body).toMatchObject({ code: 'not_found', status: 404, retryable: false });
  });
});
