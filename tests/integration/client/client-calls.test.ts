import { describe, expect, it } from '@jest/globals';
import { createClient } from '../../../packages/client/src/node.ts';
import type { Upload } from '../../../packages/client/src/node.ts';
import { refusal } from '../../support/refusal.ts';
import { LIMITS, LINK, problem, useUploadApi } from '../../support/upload-api.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const about = {
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
  filename: '需求.png',
  contentType: 'image/png',
};

/** No system assigns this port. */
const NO_LISTENER = 'http://127.0.0.1:2';

const api = await useUploadApi({ maxAttachmentBytes: 100_000 });
const client = createClient({ apiUrl: `${api.url}/`, token: 'jwt', timing });

describe('the calls', () => {
  it('gives what each route answers', async () => {
    const created = await client.create({ ...about, size: 1 });
    const renewed = await client.urls(created.id);
    const cancelled = await client.cancel(created.id);

    expect(cancelled).toMatchObject({ id: created.id, status: 'cancelled' });
    expect(renewed.staging).toMatchObject({ mode: 'single', url: expect.stringContaining(created.id) });
    expect(renewed.staging).not.toEqual(created.staging);
    expect(await client.status(created.id)).toMatchObject({ id: created.id, status: 'cancelled' });
    expect(await client.follow(created.id)).toMatchObject({ status: 'cancelled' });
    expect(await client.limits()).toEqual(LIMITS);
  });

  it('follows a file to its link, and takes it back', async () => {
    const seen: Upload[] = [];
    const file = new Blob([Buffer.alloc(100_001)]);

    const { id, status, attachment, link } = await client.upload({
      ...about,
      file,
      onStatus: (one) => seen.push(one),
    });
    await client.cancel(id);

    expect(seen[0]).toMatchObject({ status: 'awaiting_upload', delivery: { endsAs: 'link' }, link: null });
    expect({ status, attachment, link }).toEqual({ status: 'delivered', attachment: null, link: LINK });
    expect(await client.follow(id)).toMatchObject({ status: 'removed', link: null });
  });

  it('asks for a token before every call', async () => {
    let count = 0;
    const renewing = createClient({ apiUrl: api.url, token: async () => `jwt-${(count += 1)}`, timing });

    const { id } = await renewing.create({ ...about, size: 1 });
    await renewing.status(id);

    expect(api.log.map(({ headers }) => headers.authorization)).toEqual(['Bearer jwt-1', 'Bearer jwt-2']);
  });

  it('lists open uploads page by page, newest first', async () => {
    const first = await client.create({ ...about, size: 1 });
    await client.create({ ...about, issueId: '956239067176935401', size: 2 });
    const third = await client.create({ ...about, size: 3 });
    await client.create({ ...about, size: 4 });
    api.end('cancelled');

    const filter = { state: 'open', issueId: about.issueId, projectId: about.projectId, limit: 1 } as const;
    const page = await client.list(filter);
    const last = await client.list({ ...filter, cursor: page.nextCursor ?? undefined });

    expect(page.uploads.map(({ id }) => id)).toEqual([third.id]);
    expect(last).toMatchObject({ uploads: [{ id: first.id }], nextCursor: null });
    expect((await client.list()).uploads).toHaveLength(4);
  });

  it('does not send a filter that is not given', async () => {
    const page = await client.list({ state: 'open', cursor: undefined });

    expect(page).toEqual({ uploads: [], nextCursor: null });
  });

  it('tells which filter the API does not take', async () => {
    const error = await refusal(client.list({ limit: 1000 }));

    expect(error).toMatchObject({ code: 'invalid_request', errors: [{ pointer: 'query:limit' }] });
  });

  it('does not take any other 200 for a list', async () => {
    api.fault('GET /uploads', { status: 200, body: { uploads: [{ id: 'x' }] } });

    expect(await refusal(client.list())).toMatchObject({ code: 'invalid_api_url', retryable: false });
  });

  it('tells the parts that storage lacks when a completion comes too early', async () => {
    const { id } = await client.create({ ...about, size: 100_000, mode: 'multipart' });

    const error = await refusal(client.complete(id));

    expect(error).toMatchObject({ code: 'upload_incomplete', status: 409, retryable: false });
    expect(error.errors.map(({ pointer }) => pointer)).toEqual(['part:1', 'part:2', 'part:3']);
  });

  it('sends a failed upload on its way again', async () => {
    const { id } = await client.create({ ...about, size: 1 });
    api.end('failed');

    expect(await client.retry(id)).toMatchObject({ id, status: 'staged' });
  });

  it('answers with the upload whose retry was applied although no answer came', async () => {
    const { id } = await client.create({ ...about, size: 1 });
    api.end('failed');
    api.fault('POST /uploads/:id/retry', 'lose-answer');

    expect(await client.retry(id)).toMatchObject({ id, status: 'staged' });
  });

  it('says why an upload whose file has not come is not tried again', async () => {
    const { id } = await client.create({ ...about, size: 1 });

    expect(await refusal(client.retry(id))).toMatchObject({ code: 'upload_state_conflict' });
  });

  it.each(['too_many_open_uploads', 'rate_limited'])('waits and tries again after %s', async (code) => {
    const refused = problem(429, code, { retryable: true });
    const answer = { ...refused, headers: { ...refused.headers, 'retry-after': '0' } };
    api.fault('POST /uploads', answer, answer);

    expect(await client.create({ ...about, size: 1 })).toMatchObject({ status: 'awaiting_upload' });

    api.fault('POST /uploads', answer, answer, answer);
    expect(await refusal(client.create({ ...about, size: 1 }))).toMatchObject({ code, retryAfterMs: 0 });
  });

  it('uses the fetch it is given', async () => {
    const asked: unknown[] = [];
    const own = createClient({
      apiUrl: api.url,
      token: 'jwt',
      fetch: (input, init) => {
        asked.push(input);
        return fetch(input, init);
      },
    });

    await own.limits();

    expect(asked).toEqual([`${api.url}/v1/limits`]);
  });

  it('tells the fields that a problem document names', async () => {
    const errors = [{ pointer: '/issueId', detail: '18 or 19 digits' }];
    api.fault('POST /uploads', problem(400, 'invalid_request', { errors }));

    const error = await refusal(client.create({ ...about, size: 1 }));

    expect(error).toMatchObject({
      name: 'UploadError',
      code: 'invalid_request',
      status: 400,
      retryable: false,
      detail: 'About invalid_request',
      message: 'About invalid_request',
      traceId: 't-1',
      errors,
    });
    expect(api.calls()).toHaveLength(1);
  });

  it('repeats a call that a problem document calls retryable, with any status', async () => {
    api.fault('GET /limits', problem(409, 'busy', { retryable: true }));

    expect(await client.limits()).toEqual(LIMITS);
  });

  it('does not repeat a call that a problem document calls final, with any status', async () => {
    api.fault('GET /limits', problem(503, 'closed'));

    expect(await refusal(client.limits())).toMatchObject({ code: 'closed', status: 503 });
  });

  it.each([
    [401, 'Unauthorized', 'unauthorized', 1],
    [413, 'Request Entity Too Large', 'request_too_large', 1],
    [429, 'Too Many Requests', 'rate_limited', 3],
    [500, 'Internal Server Error', 'unavailable', 3],
    [503, 'Service Unavailable', 'unavailable', 3],
  ])("names the gateway's own %d", async (status, message, code, attempts) => {
    api.fault('GET /limits', ...Array.from({ length: attempts }, () => ({ status, body: { message } })));

    const error = await refusal(client.limits());

    expect(error).toMatchObject({ status, code, detail: message, retryable: attempts > 1 });
    expect(api.calls()).toHaveLength(attempts);
  });

  it('says which host did not answer, and why', async () => {
    const nowhere = createClient({ apiUrl: NO_LISTENER, token: 'jwt', timing });

    const error = await refusal(nowhere.limits());

    expect(error).toMatchObject({ code: 'network', status: 0, retryable: true });
    expect(error.detail).toMatch(/No answer from http:\/\/127\.0\.0\.1:\d+$/);
    expect(error.cause).toHaveProperty('cause.code', 'ECONNREFUSED');
  });

  it('does not take any other 200 for an upload', async () => {
    api.fault('GET /uploads/:id', { status: 200, body: '<html>Please log in to this network</html>' });

    expect(await refusal(client.status('x'))).toMatchObject({
      code: 'invalid_api_url',
      detail: `There is no upload API at ${api.url}`,
    });
  });
});

describe('the language', () => {
  it('is asked for where it was given, and what the API says to a person comes with the refusal', async () => {
    const chinese = createClient({ apiUrl: api.url, token: 'jwt', timing, language: 'zh-CN' });
    api.fault('GET /uploads', problem(404, 'not_found', { userMessage: '该上传任务不存在或已被清除。' }));

    const error = await refusal(chinese.list());
    await client.limits();

    expect(error).toMatchObject({ code: 'not_found', userMessage: '该上传任务不存在或已被清除。' });
    const asked = api.log.map(({ headers }) => headers['accept-language']);
    expect(asked[0]).toBe('zh-CN');
    expect(asked[1]).not.toBe('zh-CN');
  });

  it('has no text for a person where the API said nothing', async () => {
    const lost = createClient({ apiUrl: NO_LISTENER, token: 'jwt', timing });

    const error = await refusal(lost.limits());

    expect(error).toMatchObject({ code: 'network' });
    expect(Object(error).userMessage).toBeUndefined();
  });
});
