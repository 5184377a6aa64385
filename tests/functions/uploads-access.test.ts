import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { handler } from '../../functions/uploads.ts';
import { callHttp } from '../support/http-event.ts';
import { issueId, projectId, startWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const otherProjectId = 'f'.repeat(32);
const file = { projectId, issueId, filename: 'a.png', contentType: 'image/png', size: 5 };

let world: World;
beforeAll(async () => {
  world = await startWorld({ environment: { PROJECTS_CLAIM: 'projects' } });
});
afterAll(() => world.stop());

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

  it.each([`[${otherProjectId}]`, '[]', '', '*', '[*]', `[x${projectId}]`, projectId.slice(1), '<nil>'])(
    'opens no other project: %j',
    async (projects) => {
      const answer = await create({ sub: 'user-1', projects });

      expect(answer).toMatchObject({
        status: 403,
        body: { code: 'project_forbidden', errors: [{ pointer: '/projectId' }] },
      });
    },
  );

  it('opens no project when it is missing, whatever IPD_PROJECTS says', async () => {
    expect(process.env['IPD_PROJECTS']).toBe('*');

    expect(await create({ sub: 'user-1' })).toMatchObject({
      status: 403,
      headers: { 'content-type': 'application/problem+json' },
      body: { code: 'project_forbidden' },
    });
  });
});

describe('a token without a subject', () => {
  it.each([
    ['POST /v1/uploads', {}],
    ['GET /v1/uploads/{id}', { sub: '' }],
    ['DELETE /v1/uploads/{id}', {}],
    ['POST /v1/uploads/{id}/urls', {}],
  ])('is refused on %s', async (route, claims) => {
    const answer = await callHttp(handler, { route, claims, body: file, parameters: { id: 'x' } });

    expect(answer).toMatchObject({
      status: 401,
      headers: { 'content-type': 'application/problem+json' },
      body: { code: 'no_subject' },
    });
  });
});
