import { describe, expect, it } from '@jest/globals';
import type { Context } from 'aws-lambda';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { createHandler } from '../../../functions/uploads.ts';
import type { HttpEvent } from '../../../lib/http/gateway.ts';
import { callHttp } from '../../support/http-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const file = { projectId, issueId, filename: 'clip.mp4', contentType: 'video/mp4', size: 5 };
const listed = z.object({ uploads: z.array(z.object({ id: z.string() })) });
const problemType = { 'content-type': 'application/problem+json' };

const world = await useWorld();
const handler = createHandler(() => world.services);

/** The gateway passes on the query string as one text for each name. */
function list(query: Record<string, string> = {}, sub = 'user-1') {
  const withQuery = (event: HttpEvent, context: Context) =>
    handler({ ...event, queryStringParameters: query }, context);
  return callHttp(withQuery, { route: 'GET /v1/uploads', claims: { sub } });
}

async function create(sub: string, body: object = {}): Promise<string> {
  const claims = { sub };
  const { id } = await callHttp(handler, { route: 'POST /v1/uploads', body: { ...file, ...body }, claims });
  return id;
}

async function createAll(sub: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.push(await create(sub));
  return ids;
}

describe('GET /v1/uploads', () => {
  it('answers with whole uploads, without URLs, and no cursor where nothing is left', async () => {
    const sub = randomUUID();
    const id = await create(sub, { mode: 'multipart' });

    const { status, headers, body } = await list({}, sub);

    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'cache-control': 'no-store' });
    expect(body).toMatchObject({
      uploads: [
        {
          ...file,
          id,
          status: 'awaiting_upload',
          staging: { mode: 'multipart', bytesStored: 0, partSize: 5_242_880 },
        },
      ],
      nextCursor: null,
    });
    expect(JSON.stringify(body)).not.toMatch(/X-Amz|owner/);
  });

  it('goes on at the cursor, the newest first, to the end', async () => {
    const sub = randomUUID();
    const ids = await createAll(sub, 5);

    const found: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const { body } = await list({ limit: '2', ...(cursor && { cursor }) }, sub);
      found.push(...idsOf(body));
      cursor = typeof body['nextCursor'] === 'string' ? body['nextCursor'] : undefined;
      pages += 1;
    } while (cursor !== undefined);

    expect(new Set(found)).toEqual(new Set(ids));
    expect(found).toHaveLength(5);
    expect(pages).toBe(3);
  });

  it('shows nothing of another user, whose cursor is of no use', async () => {
    const [mine, theirs] = [randomUUID(), randomUUID()];
    await createAll(theirs, 2);
    const { body } = await list({ limit: '1' }, theirs);

    const answer = await list({ cursor: String(body['nextCursor']) }, mine);

    expect(answer).toMatchObject({ status: 200, body: { uploads: [], nextCursor: null } });
  });

  it('has 20 on a page where nothing else is said, and 100 at most', async () => {
    const sub = randomUUID();
    await createAll(sub, 21);

    const [usual, most] = [await list({}, sub), await list({ limit: '100' }, sub)];

    expect([idsOf(usual.body).length, idsOf(most.body).length]).toEqual([20, 21]);
  });

  it('filters by state, project and work item', async () => {
    const sub = randomUUID();
    const other = { projectId: 'f'.repeat(32), issueId: '956239067176935499' };
    const [open, ended, elsewhere] = [await create(sub), await create(sub), await create(sub, other)];
    const parameters = { id: ended };
    await callHttp(handler, { route: 'DELETE /v1/uploads/{id}', parameters, claims: { sub } });

    const idsFor = async (query: Record<string, string>) => new Set(idsOf((await list(query, sub)).body));

    expect(await idsFor({ state: 'open' })).toEqual(new Set([open, elsewhere]));
    expect(await idsFor({ projectId })).toEqual(new Set([open, ended]));
    expect(await idsFor({ state: 'open', projectId, issueId })).toEqual(new Set([open]));
    expect(await idsFor({ projectId, issueId: other.issueId })).toEqual(new Set());
  });

  const cursorOf = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const id = randomUUID();

  it.each<[string, Record<string, string>]>([
    ['limit', { limit: '0' }],
    ['limit', { limit: '101' }],
    ['limit', { limit: '1.5' }],
    ['limit', { limit: '-1' }],
    ['limit', { limit: '' }],
    ['limit', { limit: 'ten' }],
    ['limit', { limit: '1,2' }],
    ['state', { state: 'closed' }],
    ['state', { state: '' }],
    ['projectId', { projectId: 'short' }],
    ['issueId', { issueId: '12' }],
    ['cursor', { cursor: '' }],
    ['cursor', { cursor: 'nonsense' }],
    ['cursor', { cursor: cursorOf(null) }],
    ['cursor', { cursor: cursorOf({ id }) }],
    ['cursor', { cursor: cursorOf({ id: 'x', createdAt: new Date().toISOString() }) }],
    ['cursor', { cursor: cursorOf({ id, createdAt: 'yesterday' }) }],
    ['cursor', { cursor: cursorOf({ id, createdAt: '0001-01-01T00:00:00.000Z' }) }],
    // Longer than any key of the index.
    ['cursor', { cursor: cursorOf({ id, createdAt: `2026-01-01T00:00:00.${'0'.repeat(2000)}Z` }) }],
    ['cursor', { cursor: cursorOf({ id, createdAt: '2026-01-01T00:00:00Z' }) }],
    ['cursor', { cursor: cursorOf({ id: [id], createdAt: [new Date().toISOString()] }) }],
    ['page', { page: '2' }],
  ])('refuses %s in %j', async (name, query) => {
    const answer = await list(query);

    expect(answer).toMatchObject({ status: 400, headers: problemType, body: { code: 'invalid_request' } });
    expect(answer.pointers()).toEqual([`query:${name}`]);
  });

  it('names every parameter at fault in one answer', async () => {
    const { pointers } = await list({ state: 'x', limit: 'x', cursor: 'x', sort: 'x' });

    expect(pointers()).toEqual(['query:cursor', 'query:limit', 'query:sort', 'query:state']);
  });

  it('needs a subject', async () => {
    expect(await list({}, '')).toMatchObject({ status: 401, body: { code: 'no_subject' } });
  });
});

function idsOf(body: object): string[] {
  return listed.parse(body).uploads.map(({ id }) => id);
}
