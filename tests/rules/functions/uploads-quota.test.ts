import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createHandler as createAttach } from '../../../functions/attach.ts';
import { createHandler } from '../../../functions/uploads.ts';
import { FORM_TYPE, filePart, form } from '../../support/form.ts';
import { callHttp } from '../../support/http-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const file = { projectId, issueId, filename: 'clip.mp4', contentType: 'video/mp4', size: 5 };

const limits = { MAX_OPEN_UPLOADS: '2', UPLOADS_PER_MINUTE: '3' };
const world = await useWorld({ environment: { ...limits } });
const attach = createAttach(() => world.services);
const handler = createHandler(() => world.services);

const create = (sub: string, headers: Record<string, string> = {}) =>
  callHttp(handler, { route: 'POST /v1/uploads', body: file, claims: { sub }, headers });

const cancel = (sub: string, id: string) =>
  callHttp(handler, { route: 'DELETE /v1/uploads/{id}', parameters: { id }, claims: { sub } });

describe('POST /v1/uploads over the quota', () => {
  it('answers 429 with Retry-After while too many uploads are unfinished, and 201 once one has ended', async () => {
    const sub = randomUUID();
    const { id } = await create(sub);
    await create(sub);

    const refused = await create(sub);
    await cancel(sub, id);
    const taken = await create(sub);

    expect(refused).toMatchObject({
      status: 429,
      headers: { 'content-type': 'application/problem+json', 'retry-after': '60' },
      body: {
        code: 'too_many_open_uploads',
        retryable: true,
        detail: 'you have 2 unfinished uploads; at most 2 are allowed: finish or cancel some',
      },
    });
    expect(taken.status).toBe(201);
  });

  it('answers 429 with Retry-After to one who begins uploads too fast', async () => {
    const sub = randomUUID();
    let refused = await create(sub);
    // Another minute may begin in between, and has room for three more.
    for (let count = 1; count < 7 && refused.status === 201; count += 1) {
      await cancel(sub, refused.id);
      refused = await create(sub);
    }

    expect(refused).toMatchObject({
      status: 429,
      headers: { 'retry-after': expect.stringMatching(/^([1-9]|[1-5]\d|60)$/) },
      body: { code: 'rate_limited', retryable: true },
    });
    expect((await create(randomUUID())).status).toBe(201);
  });

  it('answers 200 to a repeated key all the same', async () => {
    const sub = randomUUID();
    const headers = { 'idempotency-key': randomUUID() };
    const { id } = await create(sub, headers);
    await create(sub);

    for (let count = 0; count < 5; count += 1) {
      expect(await create(sub, headers)).toMatchObject({ status: 200, id });
    }
  });
});

describe("IPD's own upload route over the quota", () => {
  it('answers 429 with Retry-After, and stores nothing', async () => {
    const sub = randomUUID();
    for (let count = 0; count < 2; count += 1) await create(sub);

    const answer = await callHttp(attach, {
      route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
      parameters: { project_id: projectId, issue_id: issueId },
      headers: { 'content-type': FORM_TYPE },
      claims: { sub },
      body: form(filePart()),
    });

    expect(answer).toMatchObject({
      status: 429,
      headers: { 'content-type': 'application/problem+json', 'retry-after': '60' },
      body: { code: 'too_many_open_uploads', retryable: true },
    });
    expect(world.s3.requests.filter(({ operation }) => operation === 'PutObject')).toEqual([]);
  });
});
