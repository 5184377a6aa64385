import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { z } from 'zod';
import { issueId, projectId, startClient, type Client } from './ipd-fixture.ts';

const path = `/v1/ipdprojectservice/projects/${projectId}/issues/${issueId}/comments`;
const comment = { category: 'comment', description: '<p>text</p>' };
const envelope = z.looseObject({ status: z.string().optional(), result: z.unknown().optional() });
const row = z.looseObject({ id: z.string(), description: z.string() });
const page = z.object({ total: z.number(), comment_list: z.array(row) });

let now: number;
let ipd: Client;

beforeEach(async () => {
  now = Date.UTC(2026, 0, 2);
  ipd = await startClient({ clock: () => now });
});
afterEach(() => ipd.close());

const settings = (values: object) => ipd.admin('PUT', '/settings', values);
const bodyOf = async (answered: Promise<Response>) => envelope.parse(await (await answered).json());
const create = (other: object = {}) =>
  bodyOf(ipd.call(path, { method: 'POST', body: JSON.stringify({ ...comment, ...other }) }));
const ask = (query: object) =>
  bodyOf(ipd.call(`${path}?${String(new URLSearchParams({ page_no: '1', page_size: '200', ...query }))}`));
const list = async (query: object = {}) => page.parse((await ask({ category: 'comment', ...query })).result);
const texts = async (query?: object) =>
  (await list(query)).comment_list.map(({ description }) => description);
const held = async () => z.array(row).parse(await ipd.admin('GET', '/comments'));

it('a comment is kept and listed, its category with a capital', async () => {
  const { status, result } = await create();

  expect(status).toBe('success');
  expect(result).toMatchObject({ description: comment.description, category: 'Comment', issue_id: issueId });
  expect(await list()).toMatchObject({ total: 1, comment_list: [{ id: row.parse(result).id }] });
  expect(await held()).toMatchObject([{ description: comment.description }]);
});

it('comments come newest first, in pages, and in their order on request', async () => {
  for (const description of ['1', '2', '3']) await create({ description });

  expect(await texts()).toEqual(['3', '2', '1']);
  expect(await texts({ date_desc: 'false' })).toEqual(['1', '2', '3']);
  expect(await list({ page_no: '2', page_size: '2' })).toMatchObject({
    total: 3,
    comment_list: [{ description: '1' }],
  });
});

it('a list without a category fails inside a 200, and one of too large a page is refused', async () => {
  expect(await ask({})).toMatchObject({ status: 'failed' });
  expect(await ask({ category: 'comment', page_size: '201' })).toHaveProperty('error_code');
});

it.each([{ description: '' }, { description: 'x'.repeat(10_001) }, { category: 'operation' }])(
  'a comment is refused: %j',
  async (other) => {
    expect(await create(other)).toHaveProperty('error_code');
    expect(await held()).toEqual([]);
  },
);

it('mark-up is lost, and characters of four bytes are refused, where the settings say so', async () => {
  await settings({ commentMarkup: 'stripped', rejectEmoji: true });

  await create();

  expect(await texts()).toEqual(['text']);
  expect(await create({ description: '😀' })).toMatchObject({ error_code: 'PM.02101004' });
});

it('a comment is changed, and deleted once', async () => {
  const { id } = row.parse((await create()).result);
  const call = (method: string, body?: object) =>
    bodyOf(ipd.call(`${path}/${id}`, { method, ...(body && { body: JSON.stringify(body) }) }));

  expect(await call('PUT', { description: 'new' })).toMatchObject({ result: { description: 'new' } });
  expect(await texts()).toEqual(['new']);
  expect(await call('DELETE')).toMatchObject({ status: 'success', result: { id } });
  expect(await call('DELETE')).toMatchObject({ status: 'error' });
  expect(await call('PUT', { description: 'new' })).toMatchObject({ status: 'error' });
  expect(await held()).toEqual([]);
});

it('a comment can be stored later, or twice, or lost', async () => {
  const fault = (kind: string, options: object = {}) =>
    ipd.admin('PUT', '/faults', [{ match: { operation: 'commentCreate' }, fault: { kind, ...options } }]);
  await fault('storedTwice');
  await create({ description: 'twice' });
  await fault('storedLater', { afterSeconds: 30 });
  await create({ description: 'later' });
  await fault('reset');
  await expect(create({ description: 'lost' })).rejects.toThrow('fetch failed');

  expect(await texts()).toEqual(['twice', 'twice']);
  now += 30_000;
  expect(await texts()).toEqual(['later', 'twice', 'twice']);
});
