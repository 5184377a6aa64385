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
  filename: '录屏 "终稿".mp4',
  contentType: 'video/mp4',
  size: 5,
};
const problemType = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };

const world = await useWorld();
const handler = createHandler(() => world.services);

const create = (body: object = file, more: Partial<HttpCall> = {}) =>
  callHttp(handler, { route: 'POST /v1/uploads', body, ...more });

const on = (route: string, id: string, more: Partial<HttpCall> = {}) =>
  callHttp(handler, { route: route.replace(' ', ' /v1/uploads/{id}'), parameters: { id }, ...more });

const hello = Buffer.from('hello');

describe('POST /v1/uploads', () => {
  it('answers 201 with the upload and a request that storage accepts', async () => {
    const { status, headers, body, id } = await create({ ...file, sha256: 'A'.repeat(64) });

    expect(status).toBe(201);
    expect(headers).toMatchObject({
      location: `/v1/uploads/${id}`,
      etag: '"1"',
      'cache-control': 'no-store',
    });
    expect(body).toMatchObject({
      ...file,
      status: 'awaiting_upload',
      sha256: 'a'.repeat(64),
      staging: {
        mode: 'single',
        bytesStored: 0,
        method: 'PUT',
        headers: {
          'content-type': 'video/mp4',
          'x-amz-checksum-sha256': Buffer.from('A'.repeat(64), 'hex').toString('base64'),
        },
        expiresInSeconds: 3600,
      },
      delivery: { attempts: 0, bytesSent: 0 },
      attachment: null,
      error: null,
    });
    expect(Object.keys(body)).not.toContain('owner');
  });

  it('gives a request that stores the file as it is', async () => {
    const { signed, id } = await create();

    const stored = await world.putFile(signed(), hello);

    expect(stored.status).toBe(200);
    expect(await world.isStaged(id)).toBe(true);
  });

  it('answers 200 with the same upload and a working URL when the key comes again', async () => {
    const headers = { 'idempotency-key': randomUUID() };

    const first = await create(file, { headers });
    const second = await create(file, { headers });

    expect([first.status, second.status]).toEqual([201, 200]);
    expect(second.id).toBe(first.id);
    expect((await world.putFile(second.signed(), hello)).status).toBe(200);
  });

  it('answers 422 when the key comes with another body', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    await create(file, { headers });

    const second = await create({ ...file, size: 6 }, { headers });

    expect(second).toMatchObject({
      status: 422,
      headers: problemType,
      body: { code: 'idempotency_key_reused', errors: [{ pointer: 'header:Idempotency-Key' }] },
    });
  });

  it('keeps the keys of two users apart', async () => {
    const headers = { 'idempotency-key': randomUUID() };

    const mine = await create(file, { headers });
    const theirs = await create(file, { headers, claims: { sub: 'user-2' } });

    expect(theirs.status).toBe(201);
    expect(theirs.id).not.toBe(mine.id);
  });

  it('starts anew under a key whose upload was cancelled', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const first = await create(file, { headers });
    await on('DELETE ', first.id);

    const second = await create(file, { headers });

    expect(second.status).toBe(201);
    expect(second.id).not.toBe(first.id);
  });

  it.each(['', 'with space', 'ü', 'k'.repeat(256)])('refuses the key "%.20s"', async (key) => {
    const { status, body } = await create(file, { headers: { 'idempotency-key': key } });

    expect(status).toBe(400);
    expect(body).toMatchObject({
      code: 'invalid_request',
      detail: 'header:Idempotency-Key must be 1 to 255 visible ASCII characters',
      errors: [{ pointer: 'header:Idempotency-Key', detail: 'must be 1 to 255 visible ASCII characters' }],
    });
  });

  it('names every problem by its JSON pointer in one answer', async () => {
    const { status, headers, body, pointers } = await create({
      projectId: 'short',
      issueId: '12',
      filename: 'a/b',
      contentType: 'png',
      size: 0,
      sha256: 'xyz',
      mode: 'huge',
      'odd/key~': 1,
    });

    expect(status).toBe(400);
    expect(headers).toMatchObject(problemType);
    expect(body).toMatchObject({
      type: 'urn:ipd-attachment-bridge:problem:invalid_request',
      title: 'The request is not valid',
      status: 400,
      detail: "/projectId must be the project's 32 letters and digits, and 7 more: see errors",
      userMessage: expect.stringContaining('name of the file'),
      instance: '/v1/uploads',
      code: 'invalid_request',
      retryable: false,
      traceId: 'gateway-request-1',
    });
    expect(pointers()).toEqual([
      '/contentType',
      '/filename',
      '/issueId',
      '/mode',
      '/odd~1key~0',
      '/projectId',
      '/sha256',
      '/size',
    ]);
  });

  it("refuses the project id of IPD's own example, which has 33 characters", async () => {
    const { status, body } = await create({ ...file, projectId: 'gdbdf969b32694524a949b5ef6b3e124a' });

    expect(status).toBe(400);
    expect(body).toMatchObject({
      detail: "/projectId must be the project's 32 letters and digits",
      errors: [{ pointer: '/projectId', detail: "must be the project's 32 letters and digits" }],
    });
  });

  it('says of a member that is missing that it is required', async () => {
    const { body } = await create({ filename: null });

    expect(body).toMatchObject({
      detail: '/projectId is required, and 4 more: see errors',
      errors: [
        { pointer: '/projectId', detail: 'is required' },
        { pointer: '/issueId', detail: 'is required' },
        { pointer: '/filename', detail: 'must be a string' },
        { pointer: '/contentType', detail: 'is required' },
        { pointer: '/size', detail: 'is required' },
      ],
    });
  });

  it('says that the whole body is not what it should be', async () => {
    const { body } = await create([]);

    expect(body).toMatchObject({
      detail: 'the body must be a JSON object',
      errors: [{ pointer: '', detail: 'must be a JSON object' }],
    });
  });

  it('says why an issue id must not be a number', async () => {
    const { body } = await create({ ...file, issueId: 956239067176935400, projectId: 1 });

    expect(body).toMatchObject({
      errors: [
        { pointer: '/projectId', detail: 'must be a string' },
        {
          pointer: '/issueId',
          detail: 'must be a string, since it has more digits than a number can carry',
        },
      ],
    });
  });

  it('refuses a file over the limit before anything is stored', async () => {
    const { status, body } = await create({ ...file, size: 52_428_801 });

    expect(status).toBe(413);
    expect(body).toMatchObject({
      code: 'file_too_large',
      errors: [{ pointer: '/size', detail: 'must be at most 52428800' }],
    });
  });

  it.each([
    ['missingIssues', 422, 'work_item_missing'],
    ['forbiddenIssues', 403, 'ipd_forbidden'],
    ['fullIssues', 409, 'work_item_full'],
  ] as const)('tells a work item of %s before the user pays for data', async (setting, status, code) => {
    await world.ipdSettings({ [setting]: [issueId] });

    const answer = await create();

    expect(answer).toMatchObject({ status, headers: problemType, body: { code, retryable: false } });
  });

  it('lets an upload pass when IPD cannot be asked', async () => {
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'badGateway' } }]);

    expect((await create()).status).toBe(201);
  });
});
