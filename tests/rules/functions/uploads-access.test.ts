import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { createHandler as createAttach } from '../../../functions/attach.ts';
import { createHandler } from '../../../functions/uploads.ts';
import { FORM_TYPE, filePart, form } from '../../support/form.ts';
import { callHttp } from '../../support/http-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const otherProjectId = 'f'.repeat(32);
const file = { projectId, issueId, filename: 'a.png', contentType: 'image/png', size: 5 };

const world = await useWorld({
  environment: { PROJECTS_CLAIM: 'projects', MAX_FILE_BYTES: '5' },
});
const attach = createAttach(() => world.services);
const handler = createHandler(() => world.services);

const create = (claims: Record<string, string>) =>
  callHttp(handler, { route: 'POST /v1/uploads', body: file, claims });

describe('the projects claim', () => {
  it.each([
    `[${otherProjectId} ${projectId}]`,
    `[${projectId}]`,
    projectId,
    `${otherProjectId},${projectId}`,
  ])('opens the projects that it names: %s', async (projects) => {
    expect((await create({ sub: 'user-1', projects })).status).toBe(201);
  });

  it.each([
    `[${otherProjectId}]`,
    '[]',
    '',
    '*',
    '[*]',
    `[x${projectId}]`,
    projectId.slice(1),
    '<nil>',
    // One element of a list, which may be a name that a user has chosen.
    `[team,${projectId}]`,
  ])('opens no other project: %j', async (projects) => {
    const answer = await create({ sub: 'user-1', projects });

    expect(answer).toMatchObject({
      status: 403,
      body: { code: 'project_forbidden', errors: [{ pointer: '/projectId' }] },
    });
  });

  it('opens no project when it is missing, even with IPD_PROJECTS=*', async () => {
    expect(world.config.projects).toEqual(['*']);

    expect(await create({ sub: 'user-1' })).toMatchObject({
      status: 403,
      headers: { 'content-type': 'application/problem+json' },
      body: { code: 'project_forbidden' },
    });
  });
});

describe('a project that is not open to its user any more', () => {
  const inProject = (sub: string) => ({ sub, projects: `[${projectId}]` });
  const outOfProject = (sub: string) => ({ sub, projects: `[${otherProjectId}]` });

  const on = (route: string, id: string, claims: Record<string, string>) =>
    callHttp(handler, { route, parameters: { id }, claims });

  const forbidden = { status: 403, body: { code: 'project_forbidden', retryable: false } };

  it('gives no URLs', async () => {
    const { id } = await create(inProject('user-1'));

    const answer = await on('POST /v1/uploads/{id}/urls', id, outOfProject('user-1'));

    expect(answer).toMatchObject(forbidden);
    expect(answer.body).not.toHaveProperty('errors');
    expect((await on('POST /v1/uploads/{id}/urls', id, inProject('user-1'))).status).toBe(200);
  });

  it('tells another user nothing', async () => {
    const { id } = await create(inProject('user-1'));

    for (const call of ['urls', 'complete', 'retry']) {
      const answer = await on(`POST /v1/uploads/{id}/${call}`, id, outOfProject('user-2'));
      expect(answer).toMatchObject({ status: 404, body: { code: 'not_found' } });
    }
  });

  it('refuses the completion, and still delivers a file that is in storage', async () => {
    const bytes = randomBytes(5);
    const created = await create(inProject('user-1'));
    await world.putFile(created.signed(), bytes);

    const answer = await on('POST /v1/uploads/{id}/complete', created.id, outOfProject('user-1'));
    expect(answer).toMatchObject(forbidden);
    await world.delivery.onArrival(world.arrival(await world.find(created.id), bytes), world.run());

    expect(await world.find(created.id)).toMatchObject({ status: 'delivered' });
  });

  it('is sent nothing more by a retry', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const bytes = randomBytes(5);
    const created = await create(inProject('user-1'));
    await world.putFile(created.signed(), bytes);
    await world.delivery.onArrival(world.arrival(await world.find(created.id), bytes), world.run());

    const answer = await on('POST /v1/uploads/{id}/retry', created.id, outOfProject('user-1'));

    expect(answer).toMatchObject(forbidden);
    expect(await world.find(created.id)).toMatchObject({ status: 'failed' });
    expect((await on('POST /v1/uploads/{id}/retry', created.id, inProject('user-1'))).status).toBe(202);
  });

  it('still shows its uploads, and lets the user cancel them', async () => {
    const { id } = await create(inProject('user-1'));

    expect((await on('GET /v1/uploads/{id}', id, outOfProject('user-1'))).status).toBe(200);
    expect((await on('DELETE /v1/uploads/{id}', id, outOfProject('user-1'))).status).toBe(200);
  });
});

describe("what is at fault on IPD's own route", () => {
  const send = (claims: Record<string, string>, content = 'hello') =>
    callHttp(attach, {
      route: 'POST /v1/ipdprojectservice/projects/{project_id}/issues/{issue_id}/attachments/upload',
      parameters: { project_id: projectId, issue_id: issueId },
      headers: { 'content-type': FORM_TYPE },
      claims: { sub: randomUUID(), ...claims },
      body: form(filePart('a.txt', content)),
    });

  it('is the path where the project is not open', async () => {
    expect(await send({ projects: `[${otherProjectId}]` })).toMatchObject({
      status: 403,
      body: { code: 'project_forbidden', errors: [{ pointer: 'path:project_id' }] },
    });
  });

  it('is the form where the file is too large', async () => {
    expect(await send({ projects: projectId }, 'hello!')).toMatchObject({
      status: 413,
      body: { code: 'file_too_large', errors: [{ pointer: 'form:attachment' }] },
    });
  });
});

describe('a token without a subject', () => {
  it.each([
    ['POST /v1/uploads', {}],
    ['GET /v1/uploads/{id}', { sub: '' }],
    ['DELETE /v1/uploads/{id}', {}],
    ['POST /v1/uploads/{id}/urls', {}],
    ['GET /v1/limits', {}],
    // What a gateway may make of `"sub": null`.
    ['GET /v1/uploads', { sub: '<nil>' }],
    ['GET /v1/uploads', { sub: 'null' }],
    // The owners of what producers offer, and of what was erased.
    ['GET /v1/uploads', { sub: 'ingest#0123456789abcdef0123456789abcdef' }],
    ['POST /v1/uploads', { sub: 'ingest#' }],
    ['DELETE /v1/uploads/{id}', { sub: 'erased#0197a1b2-0000-7000-8000-000000000000' }],
  ])('is refused on %s: %j', async (route, claims) => {
    const answer = await callHttp(handler, { route, claims, body: file, parameters: { id: 'x' } });

    expect(answer).toMatchObject({
      status: 401,
      headers: { 'content-type': 'application/problem+json' },
      body: { code: 'no_subject' },
    });
  });
});
