import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { issueId, projectId, startClient, type Client } from './ipd-fixture.ts';

const item = { projectId, issueId };
const path = `/v2/projects/${projectId}/issues/${issueId}/associate-third-party`;
const link = { title: 'film.mp4', url: 'https://bridge.example.com/v1/files/1/s' };

const envelope = z.looseObject({ status: z.string().optional(), result: z.unknown().optional() });
const row = z.looseObject({ id: z.string(), title: z.string(), url: z.string() });
const listing = z.object({
  data: z.object({ result: z.array(row), page: z.record(z.string(), z.unknown()) }),
  count: z.string(),
});

let now: number;
let ipd: Client;

beforeEach(async () => {
  now = Date.UTC(2026, 0, 2);
  ipd = await startClient({ clock: () => now });
});
afterEach(() => ipd.close());

const settings = (values: object) => ipd.admin('PUT', '/settings', values);
const fault = (operation: string, kind: string, options: object = {}) =>
  ipd.admin('PUT', '/faults', [{ match: { operation }, fault: { kind, ...options } }]);
const send = (method: string, body: object): Promise<Response> =>
  ipd.call(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
const bodyOf = async (answered: Promise<Response>) => envelope.parse(await (await answered).json());
const create = (other: object = {}) => bodyOf(send('POST', { ...link, ...other }));
const list = async () => listing.parse((await bodyOf(ipd.call(path))).result);
const titles = async () => (await list()).data.result.map(({ title }) => title);
const held = async () =>
  z.array(row.extend({ goneAt: z.string().nullable() })).parse(await ipd.admin('GET', '/links'));

async function made(other: object = {}): Promise<string> {
  return row.parse((await create(other)).result).id;
}

describe('a link', () => {
  it('is answered as the element itself, or under what succeeded', async () => {
    const asDocumented = await create();
    await settings({ linkAnswer: 'sdk' });
    const asPublished = await create({ title: 'other' });

    expect(asDocumented).toMatchObject({ status: 'success', result: { ...link, workitem_id: issueId } });
    expect(asPublished).toMatchObject({ result: { success: [{ ...link, title: 'other' }], fail: [] } });
  });

  it('has an id of 18 or 19 digits, and is listed with a count', async () => {
    const id = await made();
    await made({ title: 'second' });

    expect(id).toMatch(/^\d{18,19}$/);
    expect(await list()).toMatchObject({
      data: { result: [{ id, ...link }, { title: 'second' }], page: { page: 1, size: 2, count: 2 } },
      count: '2',
    });
    await settings({ linkAnswer: 'sdk' });
    expect(await list()).toMatchObject({ data: { page: { page: '1', size: '2', count: '2' } } });
  });

  it.each([
    { title: '' },
    { title: 'x'.repeat(257) },
    { url: 'http://127.0.0.1:3000/v1/files/1/s' },
    { url: 'ftp://bridge.example.com' },
    { title: undefined },
    { url: 7 },
  ])('is refused: %j', async (other) => {
    const response = await send('POST', { ...link, ...other });

    expect(response.status).toBe(400);
    expect(await held()).toEqual([]);
  });

  it('may have 256 characters, and http where the settings say so', async () => {
    await settings({ linkProtocols: ['https', 'http'] });

    await create({ title: '终'.repeat(256), url: 'http://127.0.0.1:3000/v1/files/1/s' });

    expect(await held()).toHaveLength(1);
  });

  it('is refused for what is no JSON, a character of four bytes, a work item that is not there', async () => {
    await settings({ rejectEmoji: true, missingIssues: ['956239067176935401'] });

    const garbage = await ipd.call(path, { method: 'POST', body: '{' });
    const emoji = await create({ title: 'smile 😀' });
    const missing = await ipd.call(path.replace(issueId, '956239067176935401'));

    expect([garbage.status, missing.status]).toEqual([400, 400]);
    expect(emoji).toMatchObject({ error_code: 'PM.02101004' });
  });

  it('may be there twice, unless the settings refuse an equal URL', async () => {
    await create();
    await create();
    await settings({ equalLinks: 'refused' });

    expect(await create()).toMatchObject({ status: 'error' });
    expect(await held()).toHaveLength(2);
  });

  it('is changed as a whole', async () => {
    const id = await made();

    const changed = await bodyOf(send('PUT', { id, ...link, title: 'new' }));
    await settings({ linkAnswer: 'sdk' });
    const again = await bodyOf(send('PUT', { id, ...link, title: 'newer' }));

    expect(changed).toMatchObject({ status: 'success', result: ['title'] });
    expect(again).toMatchObject({ result: { success: [['title']], fail: [] } });
    expect(await titles()).toEqual(['newer']);
  });

  it.each([
    { linkAnswer: 'docs', first: (id: string) => [id], second: { status: 'error' } },
    {
      linkAnswer: 'sdk',
      first: (id: string) => ({ success: [id], fail: [] }),
      second: { status: 'success', result: { success: [], fail: [expect.any(String)] } },
    },
  ])('is deleted once, by a body ($linkAnswer)', async ({ linkAnswer, first, second }) => {
    const id = await made();
    await settings({ linkAnswer });

    expect(await bodyOf(send('DELETE', { id }))).toMatchObject({ result: first(id) });
    expect(await bodyOf(send('DELETE', { id }))).toMatchObject(second);
    expect((await ipd.call(path, { method: 'DELETE' })).status).toBe(400);
    expect(await held()).toEqual([]);
  });

  it('is not found from another work item', async () => {
    const id = await made();
    const elsewhere = path.replace(issueId, '956239067176935401');

    await ipd.call(elsewhere, { method: 'DELETE', body: JSON.stringify({ id }) });

    expect(await held()).toHaveLength(1);
  });

  it.each(['linkCreate', 'linkList', 'linkUpdate', 'linkDelete'])(
    'can be forbidden: %s',
    async (operation) => {
      const id = await made();
      await settings({ forbiddenOperations: [operation] });

      const answered = {
        linkCreate: await send('POST', link),
        linkList: await ipd.call(path),
        linkUpdate: await send('PUT', { id, ...link }),
        linkDelete: await send('DELETE', { id }),
      };

      const forbidden = Object.entries(answered).filter(([, { status }]) => status === 403);
      expect(forbidden.map(([name]) => name)).toEqual([operation]);
    },
  );
});

describe('the list of links', () => {
  it('shows at most as many as the settings say, and counts all', async () => {
    await made();
    await made({ title: 'second' });
    await settings({ linksShown: 1 });

    expect(await list()).toMatchObject({ data: { result: [link], page: { count: 2 } }, count: '2' });
  });

  it('shows a link, and that it is gone, only after a delay', async () => {
    await settings({ listDelaySeconds: 60 });
    const id = await made();
    expect(await titles()).toEqual([]);
    now += 60_000;
    expect(await titles()).toEqual([link.title]);

    await send('DELETE', { id });

    expect(await held()).toEqual([]);
    expect(await titles()).toEqual([link.title]);
    now += 60_000;
    expect(await titles()).toEqual([]);
  });

  it('hides the newest row on request', async () => {
    await made();
    await made({ title: 'second' });
    await fault('linkList', 'hiddenRow');

    expect(await list()).toMatchObject({ data: { result: [link], page: { count: 1 } }, count: '1' });
  });
});

describe('a fault', () => {
  it('stores a link later, twice, or shows it later', async () => {
    await fault('linkCreate', 'storedLater', { afterSeconds: 30 });
    await send('POST', { ...link, title: 'later' });
    await fault('linkCreate', 'storedTwice');
    await send('POST', { ...link, title: 'twice' });
    await fault('linkCreate', 'listDelay', { seconds: 10 });
    await send('POST', { ...link, title: 'shown later' });

    expect(await titles()).toEqual(['twice', 'twice']);
    now += 10_000;
    expect(await titles()).toEqual(['twice', 'twice', 'shown later']);
    now += 20_000;
    expect(await titles()).toEqual(['later', 'twice', 'twice', 'shown later']);
  });

  it('deletes a link later', async () => {
    const id = await made();
    await fault('linkDelete', 'storedLater', { afterSeconds: 30 });

    const response = await send('DELETE', { id });

    expect(response.status).toBe(504);
    expect(await held()).toMatchObject([{ id, goneAt: new Date(now + 30_000).toISOString() }]);
    now += 30_000;
    expect(await held()).toEqual([]);
  });

  it.each([
    ['resultWithoutId', { result: { title: 'new', url: link.url } }],
    ['emptyResult', { result: [] }],
    ['earlierResult', { result: { title: link.title } }],
    ['wholeResult', { result: [{ title: link.title }, { title: 'new' }] }],
    ['namedAsFailed', { result: { success: [] } }],
  ])('names other elements: %s', async (kind, expected) => {
    await made();
    await fault('linkCreate', kind);

    const answered = await create({ title: 'new' });

    expect(answered).toMatchObject({ status: 'success', ...expected });
  });

  it('leaves the refusal of what IPD would refuse', async () => {
    await fault('linkCreate', 'lostAnswer');

    expect((await send('POST', { ...link, title: '' })).status).toBe(400);
  });
});

describe('a person', () => {
  it('adds a link, and deletes one', async () => {
    const planted = row.parse(await ipd.admin('POST', '/links', { ...item, ...link }));
    expect(await titles()).toEqual([link.title]);

    await ipd.admin('DELETE', `/links/${planted.id}`);

    expect(await titles()).toEqual([]);
    expect(await ipd.admin('DELETE', `/links/${planted.id}`)).toEqual({
      message: `there is no link ${planted.id}`,
    });
    expect(await ipd.admin('POST', '/links', { ...item, title: 7 })).toHaveProperty('message');
  });
});

it('a reset leaves no link', async () => {
  await made();

  await ipd.admin('DELETE', '');

  expect(await held()).toEqual([]);
});
