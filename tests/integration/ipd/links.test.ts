import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { createIpdClient } from '../../../lib/ipd/client.ts';
import type { IpdOptions } from '../../../lib/ipd/client.ts';
import { send } from '../../../lib/ipd/wire.ts';
import { credentials, issueId, projectId, startClient } from '../local/ipd-fixture.ts';
import type { Client } from '../local/ipd-fixture.ts';

const { accessKey, secretKey, domain, username, password } = credentials;
const key = { accessKey, secretKey };
const user = { domain, username, password };
const item = { projectId, issueId };
const soon = () => AbortSignal.timeout(300_000);
const url = 'https://bridge.example.com/v1/files/0b8e/secret-1';
const fence = async () => undefined;
const title = '录屏 "终稿".mp4 (312 MB)';
const shapes = ['docs', 'sdk'] as const;
const heldLinks = z.array(z.looseObject({ id: z.string(), title: z.string(), url: z.string() }));

let ipd: Client;
beforeAll(async () => {
  ipd = await startClient();
});
afterEach(() => ipd.admin('DELETE', ''));
afterAll(() => ipd.close());

function connect(options: Partial<IpdOptions> = {}) {
  const place = { endpoint: ipd.url, iamEndpoint: ipd.url, region: 'cn-north-4' };
  const who = { auth: 'auto', credentials: { accessKey: key, user } } as const;
  return createIpdClient({ ...place, ...who, send, clock: systemClock, ...options });
}

const settings = (values: object) => ipd.admin('PUT', '/settings', values);
const faults = (...rules: object[]) => ipd.admin('PUT', '/faults', rules);
const always = (operation: string, fault: object) => faults({ match: { operation }, fault });
const answers = (operation: string, body: unknown) =>
  always(operation, { kind: 'answer', status: 200, body });
const held = async () => heldLinks.parse(await ipd.admin('GET', '/links'));
const requests = (operation: string) => ipd.requests.filter((request) => request.operation === operation);

/** The id of a link that the work item has. */
async function planted(link: object = {}): Promise<string> {
  const added = await ipd.admin('POST', '/links', { ...item, title, url, ...link });
  return z.looseObject({ id: z.string() }).parse(added).id;
}

describe.each([
  { auth: 'aksk', credentials: { accessKey: key } },
  { auth: 'token', credentials: { user } },
] as const)('with $auth', (access) => {
  it.each(shapes)('a link is made, listed and deleted where IPD answers as in the %s', async (linkAnswer) => {
    await settings({ linkAnswer });
    const client = connect(access);

    const linked = await client.createLink({ ...item, title, url, fence }, soon());
    const [stored] = await held();
    const listed = await client.listLinks(item, soon());
    const deleted = await client.deleteLink({ ...item, id: stored?.id ?? '' }, soon());

    expect(stored).toMatchObject({ title, url });
    expect(linked).toEqual({ kind: 'linked', id: stored?.id });
    expect(listed).toEqual({ kind: 'listed', links: [{ id: stored?.id, title, url }], isCut: false });
    expect(deleted).toEqual({ kind: 'deleted' });
    expect(await held()).toEqual([]);
    const sent = ipd.requests.filter(({ operation }) => operation?.startsWith('link'));
    expect(sent.every((one) => one.auth === access.auth && one.complete && !one.chunked)).toBe(true);
    expect(requests('linkDelete')[0]?.contentLength).toBe(JSON.stringify({ id: stored?.id }).length);
  });
});

it('a signature covers the body, which the access key alone would not protect', async () => {
  const signed: Record<string, string>[] = [];
  const client = connect({
    auth: 'aksk',
    send: async (request) => {
      signed.push(request.headers);
      return send(request);
    },
  });

  const linked = await client.createLink({ ...item, title, url, fence }, soon());

  // The fake checks the signature with the bytes that came, unless the headers say that they are not covered.
  expect(linked).toMatchObject({ kind: 'linked' });
  expect(signed).toEqual([
    {
      accept: 'application/json',
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(JSON.stringify({ title, url }))),
      'x-sdk-date': expect.any(String),
      authorization: expect.stringContaining('SignedHeaders=host;x-sdk-date,'),
    },
  ]);
});

describe('listLinks', () => {
  const row = { id: '956239067176935401', title, url };
  const link = { id: row.id, title, url };
  const list = (data: unknown, count?: unknown): unknown => ({
    status: 'success',
    result: { data, count },
  });

  it.each([
    ['a count that is a text', list({ result: [row], page: { count: '1' } }, '1'), [link], false],
    ['a count that is a number', list({ result: [row], page: { count: 1 } }, 1), [link], false],
    ['no count', list({ result: [row] }), [link], false],
    ['a count that is no number', list({ result: [row] }, 'many'), [link], false],
    ['a row without a title', list({ result: [{ id: '1', url }] }), [{ id: '1', url, title: '' }], false],
    ['no rows, and a count of none', list({ result: null }, '0'), [], false],
    ['no rows, and no count', list({ result: null }), [], true],
    ['no data, and a count of one', list(null, '1'), [], true],
    ['no result', { status: 'success', result: null }, [], true],
    ['a count above its rows', list({ result: [row] }, '2'), [link], true],
    ['a page that counts more than its rows', list({ result: [row], page: { count: '2' } }), [link], true],
    [
      'an id that has lost its digits',
      list({ result: [row, { ...row, id: 9562390671769354 }] }),
      [link],
      true,
    ],
    ['a row without a URL', list({ result: [row, { id: '1', title }] }), [link], true],
  ])('reads %s', async (_what, body, links, isCut) => {
    await answers('linkList', body);

    expect(await connect().listLinks(item, soon())).toEqual({ kind: 'listed', links, isCut });
  });

  it.each([
    { status: 'success', result: 'none' },
    { status: 'success', result: [] },
  ])('does not take for a list: %j', async (body) => {
    await answers('linkList', body);

    expect(await connect().listLinks(item, soon())).toMatchObject({ kind: 'unconfirmed' });
  });

  it('is cut where IPD shows fewer links than it counts', async () => {
    await settings({ linksShown: 1 });
    const id = await planted();
    await planted({ url: `${url}-other` });

    expect(await connect().listLinks(item, soon())).toEqual({
      kind: 'listed',
      links: [{ id, title, url }],
      isCut: true,
    });
  });

  it('is asked for again with a fresh token when the token was dead', async () => {
    const client = connect({ auth: 'token', credentials: { user } });
    await client.listLinks(item, soon());
    await faults({ match: { operation: 'linkList' }, count: 1, fault: { kind: 'tokenDeath' } });

    expect(await client.listLinks(item, soon())).toMatchObject({ kind: 'listed' });
    expect(requests('token')).toHaveLength(2);
  });
});

describe('createLink', () => {
  const element = { id: '956239067176935401', title, url };

  it.each([
    ['one element', element, element.id],
    ['a list of one', [element], element.id],
    ['a success', { success: [element], fail: [] }, element.id],
    ['a success, and nothing about failures', { success: [element] }, element.id],
    ['no failures', { success: [element], fail: null }, element.id],
    ['an element of another URL', { ...element, url: `${url}/` }, null],
    ['two elements of this URL', [element, { ...element, id: '1' }], null],
    ['an id that has lost its digits', { ...element, id: 9562390671769354 }, null],
    ['nothing', null, null],
    ['a text', 'created', null],
    ['an empty list', [], null],
  ])('knows that IPD has the link when the result is %s', async (_what, result, id) => {
    await answers('linkCreate', { status: 'success', message: null, result });

    expect(await connect().createLink({ ...item, title, url, fence }, soon())).toEqual({
      kind: 'linked',
      id,
    });
  });

  it.each([
    ['only a failure', { success: [], fail: [element] }, 'refused'],
    ['a failure that is no list', { fail: { url } }, 'refused'],
    ['both a success and a failure', { success: [element], fail: [element] }, 'unconfirmed'],
  ])('believes no success that names %s', async (_what, result, kind) => {
    await answers('linkCreate', { status: 'success', message: null, result });

    const linked = await connect().createLink({ ...item, title, url, fence }, soon());

    expect(linked).toMatchObject({ kind });
    expect(JSON.stringify(linked)).not.toContain('secret-1');
  });

  it('refuses what a status other than success says, even if it names the link', async () => {
    await answers('linkCreate', { status: 'error', message: `${url} is not allowed`, result: element });

    expect(await connect().createLink({ ...item, title, url, fence }, soon())).toEqual({
      kind: 'refused',
      code: 'ipd_refused',
      detail: expect.stringContaining('/v1/files/0b8e/[redacted] is not allowed'),
    });
  });
});

/** What a call that changes something says about each fault, and whether IPD has done what was asked. */
const MEANINGS = [
  ['lostAnswer', {}, 'unconfirmed', true],
  ['reset', {}, 'unconfirmed', false],
  ['truncatedJson', {}, 'unconfirmed', true],
  ['htmlSuccess', {}, 'unconfirmed', true],
  ['storedLater', { afterSeconds: 0 }, 'unconfirmed', true],
  ['gatewayTimeout', { stored: true }, 'unconfirmed', true],
  ['gatewayTimeout', {}, 'unconfirmed', false],
  ['undefinedError', {}, 'unconfirmed', false],
  ['tryLater200', { stored: true }, 'unconfirmed', true],
  ['iamUnavailable', {}, 'unavailable', false],
  ['notPublished', {}, 'unavailable', false],
  ['throttled', {}, 'throttled', false],
  ['serviceThrottled', {}, 'throttled', false],
  ['invalidToken', {}, 'token_dead', false],
  ['signatureFailed', {}, 'locked_out', false],
  ['noPermission', {}, 'refused', false],
  ['projectMissing', {}, 'refused', false],
  ['emojiRefused', {}, 'refused', false],
  ['failed200', {}, 'refused', false],
  ['namedAsFailed', {}, 'refused', false],
] as const;

describe.each(MEANINGS)('%s %j', (kind, options, meaning, isDone) => {
  it(`of a link that is made is ${meaning}`, async () => {
    await always('linkCreate', { kind, ...options });

    expect(await connect().createLink({ ...item, title, url, fence }, soon())).toMatchObject({
      kind: meaning,
    });
    expect(await held()).toHaveLength(isDone ? 1 : 0);
    expect(requests('linkCreate')).toHaveLength(1);
  });

  it(`of a link that is deleted is ${meaning}`, async () => {
    const id = await planted();
    await always('linkDelete', { kind, ...options });

    expect(await connect().deleteLink({ ...item, id }, soon())).toMatchObject({ kind: meaning });
    expect(await held()).toHaveLength(isDone ? 0 : 1);
    expect(requests('linkDelete')).toHaveLength(1);
  });
});

describe('deleteLink', () => {
  it.each(shapes)('is refused for a link that is gone (%s)', async (linkAnswer) => {
    await settings({ linkAnswer });
    const id = await planted();
    const client = connect();
    await client.deleteLink({ ...item, id }, soon());

    expect(await client.deleteLink({ ...item, id }, soon())).toMatchObject({
      kind: 'refused',
      code: 'ipd_refused',
    });
  });

  it('is in doubt where IPD says both that it was done and that it was not', async () => {
    await answers('linkDelete', { status: 'success', result: { success: ['1'], fail: ['2'] } });

    expect(await connect().deleteLink({ ...item, id: '1' }, soon())).toMatchObject({ kind: 'unconfirmed' });
  });
});

describe('an account that may not', () => {
  it.each(['linkList', 'linkCreate', 'linkDelete'])(
    'is refused with the action to ask for: %s',
    async (op) => {
      const id = await planted();
      await settings({ forbiddenOperations: [op] });
      const client = connect();

      const outcomes = {
        linkList: await client.listLinks(item, soon()),
        linkCreate: await client.createLink({ ...item, title, url, fence }, soon()),
        linkDelete: await client.deleteLink({ ...item, id }, soon()),
      };

      const refused = Object.entries(outcomes).filter(([, { kind }]) => kind === 'refused');
      const detail = expect.stringMatching(/codeartsreq:[a-z]+:[a-z]+/);
      expect(refused).toEqual([[op, { kind: 'refused', code: 'ipd_forbidden', detail }]]);
    },
  );
});

describe('the fence of a link', () => {
  it('is not touched where no server listens, and the link is not in doubt', async () => {
    const gone = await startClient();
    await gone.close();
    const touched: string[] = [];
    const noted = async (): Promise<void> => {
      touched.push('fence');
    };

    const client = connect({ endpoint: gone.url });
    const linked = await client.createLink({ ...item, title, url, fence: noted }, soon());

    expect(linked).toMatchObject({ kind: 'unavailable' });
    expect(touched).toEqual([]);
  });

  it('lets nothing of the request out where it throws, and what it throws is passed on', async () => {
    const failure = new Error('the lease is gone');

    const work = connect().createLink({ ...item, title, url, fence: () => Promise.reject(failure) }, soon());

    await expect(work).rejects.toBe(failure);
    expect(requests('linkCreate')).toEqual([]);
    expect(await held()).toEqual([]);
  });

  it('does not keep the body from being signed', async () => {
    const sent: Record<string, string>[] = [];
    const client = connect({
      auth: 'aksk',
      credentials: { accessKey: key },
      send: (request) => {
        sent.push(request.headers);
        return send(request);
      },
    });

    expect(await client.createLink({ ...item, title, url, fence }, soon())).toMatchObject({ kind: 'linked' });

    expect(sent).toHaveLength(1);
    expect(sent[0]).not.toHaveProperty('x-sdk-content-sha256');
  });
});
