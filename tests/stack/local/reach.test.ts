import { createServer, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { listen } from '../../../local/listen.ts';
import { reachOf } from '../../../local/settings.ts';
import { startStack } from '../../../local/stack.ts';
import { compileCache } from '../../support/compile-cache.ts';
import { makeTemporaryDirectory } from '../../support/probe-stack.ts';
import { issueId, projectId } from '../../support/world.ts';

/** Nothing resolves it: the requests of these tests name it as their Host. */
const PUBLIC_HOST = 'desk.test';
const BUCKET = 'ipd-attachment-bridge-dev-stagingbucket';
const OWN = [
  'http://localhost:5173',
  'https://localhost',
  'http://127.0.0.1',
  'https://127.0.0.1:8443',
  'http://[::1]:8081',
];
const OTHERS = ['https://evil.example', 'http://localhost.evil.example:80', 'http://192.0.2.7:3000', 'null'];

const tokenAnswer = z.object({ access_token: z.string() });
const uploadAnswer = z.object({
  id: z.string(),
  staging: z.object({ url: z.string(), headers: z.record(z.string(), z.string()) }),
});
const sessionAnswer = z.object({ companionEndpoint: z.string() });

type Call = { method?: string; headers?: Record<string, string>; body?: string };

/** A request to this machine as one that came to the URL's host. */
function send(url: string, { method = 'GET', headers = {}, body }: Call = {}) {
  const { host, port, pathname, search } = new URL(url);
  return new Promise<{ status: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path: `${pathname}${search}`,
        method,
        headers: { ...headers, host },
        agent: false,
      },
      (answer) => {
        text(answer).then(
          (said) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: said }),
          reject,
        );
      },
    );
    outgoing.on('error', reject).end(body);
  });
}

async function start(environment: Record<string, string>) {
  const data = await makeTemporaryDirectory();
  const stack = await startStack({
    ports: 'free',
    dataDirectory: data.path,
    cacheDirectory: compileCache(),
    environment,
  });
  return {
    ...stack,
    async stop(): Promise<void> {
      await stack.stop();
      await data.remove();
    },
  };
}

type Stack = Awaited<ReturnType<typeof start>>;

/** What each place says to a page of this origin that asks whether it may send a request. */
async function preflights({ urls }: Stack, origin: string) {
  const asked = { origin, 'access-control-request-method': 'POST' };
  const places = [
    `${urls.apiUrl}/v1/uploads`,
    `${urls.apiUrl}/v1/uppy/tk_1/s3/multipart`,
    `${urls.s3Url}/${BUCKET}/staging/x`,
  ];
  return Promise.all(
    places.map(async (url) => {
      const { headers } = await send(url, { method: 'OPTIONS', headers: asked });
      return headers['access-control-allow-origin'];
    }),
  );
}

describe('the stack, where nothing else is said', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await start({});
  });
  afterAll(() => stack.stop());

  it.each(OWN)('is open to a page of this machine at API, Uppy routes and storage: %s', async (origin) => {
    expect(await preflights(stack, origin)).toEqual([origin, origin, origin]);
  });

  it.each(OTHERS)('is closed to other pages there: %s', async (origin) => {
    expect(await preflights(stack, origin)).toEqual([undefined, undefined, undefined]);
  });

  it('lets a page of this machine read answers, errors too', async () => {
    const origin = 'http://localhost:5173';

    const answer = await send(`${stack.urls.apiUrl}/v1/uploads`, { headers: { origin } });

    expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([401, origin]);
  });
});

describe('the stack with ALLOWED_ORIGINS', () => {
  it('is open to each of them at API, Uppy routes and storage, and to no others', async () => {
    const allowed = ['https://app.example.com', 'http://localhost:4000'];
    const stack = await start({ ALLOWED_ORIGINS: allowed.join(',') });

    const answers = await Promise.all(
      [...allowed, ...OWN, ...OTHERS].map((origin) => preflights(stack, origin)),
    );
    await stack.stop();

    const [app, local, ...none] = answers;
    expect(app).toEqual(Array.from({ length: 3 }, () => 'https://app.example.com'));
    expect(local).toEqual(Array.from({ length: 3 }, () => 'http://localhost:4000'));
    expect(new Set(none.flat())).toEqual(new Set([undefined]));
  });
});

describe('the stack with PUBLIC_HOST', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await start({ PUBLIC_HOST });
  });
  afterAll(() => stack.stop());

  async function mint(): Promise<string> {
    const { body } = await send(stack.urls.tokenUrl, { method: 'POST', body: '{"sub":"me"}' });
    return tokenAnswer.parse(JSON.parse(body)).access_token;
  }

  it('names that host in the URLs of what devices reach, and loopback in the others', () => {
    const { apiUrl, tokenUrl, s3Url, ipdUrl, ipdAdminUrl, ...others } = stack.urls;

    for (const url of [apiUrl, tokenUrl, s3Url, ipdUrl, ipdAdminUrl]) {
      expect(new URL(url).hostname).toBe(PUBLIC_HOST);
    }
    for (const url of Object.values(others)) expect(new URL(url).hostname).toBe('127.0.0.1');
  });

  it('gives tokens that its API takes, and URLs that storage takes, all of that host', async () => {
    const token = await mint();
    const authorization = `Bearer ${token}`;
    const { apiUrl, tokenUrl, s3Url, ipdAdminUrl } = stack.urls;
    const file = { projectId, issueId, filename: 'a.txt', contentType: 'text/plain', size: 5 };
    const json = { authorization, 'content-type': 'application/json' };

    const created = await send(`${apiUrl}/v1/uploads`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify(file),
    });
    const { id, staging } = uploadAnswer.parse(JSON.parse(created.body));
    const stored = await send(staging.url, { method: 'PUT', headers: staging.headers, body: 'hello' });
    const session = await send(`${apiUrl}/v1/uppy-sessions`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ projectId, issueId }),
    });
    const readUpload = () => send(`${apiUrl}/v1/uploads/${id}`, { headers: { authorization } });
    let state = await readUpload();
    while (!state.body.includes('"status":"delivered"')) state = await readUpload();
    const received = await send(`${ipdAdminUrl}/attachments`);

    expect(decodeJwt(token).iss).toBe(new URL(tokenUrl).origin);
    expect(new URL(staging.url).origin).toBe(new URL(s3Url).origin);
    expect([created.status, stored.status, session.status]).toEqual([201, 200, 201]);
    const { companionEndpoint } = sessionAnswer.parse(JSON.parse(session.body));
    expect(new URL(companionEndpoint).host).toBe(new URL(apiUrl).host);
    expect(received.body).toContain('"filename":"a.txt"');
  });

  it('is open to pages of that host, with any port, and closed to other names', async () => {
    const page = `http://${PUBLIC_HOST}:5173`;
    const stranger = await send(stack.urls.apiUrl.replace(PUBLIC_HOST, 'other.test'));
    const token = await send(stack.urls.tokenUrl, {
      method: 'POST',
      headers: { origin: page },
      body: '{"sub":"me"}',
    });

    expect(await preflights(stack, page)).toEqual([page, page, page]);
    expect(await preflights(stack, 'http://other.test')).toEqual([undefined, undefined, undefined]);
    expect([token.status, token.headers['access-control-allow-origin']]).toEqual([200, page]);
    expect([stranger.status, stranger.body]).toEqual([
      403,
      `{"message":"this is reached as 127.0.0.1, localhost or ${PUBLIC_HOST} only"}`,
    ]);
  });

  it('does not serve its table and queues under that name', async () => {
    for (const url of [stack.urls.sqsUrl, stack.urls.dynamodbUrl]) {
      const answer = await send(url.replace('127.0.0.1', PUBLIC_HOST), { method: 'POST', body: '{}' });

      expect([answer.status, answer.body]).toEqual([
        403,
        '{"message":"this is reached as 127.0.0.1 or localhost only"}',
      ]);
    }
  });
});

describe('a port', () => {
  it.each([
    [{ bind: '127.0.0.1' } as const, '127.0.0.1', '127.0.0.1'],
    [{ bind: '127.0.0.1', publicHost: '10.0.2.2' } as const, '127.0.0.1', '10.0.2.2'],
    [{ bind: '0.0.0.0', publicHost: 'desk.test' } as const, '0.0.0.0', 'desk.test'],
  ])('with %j listens on %s and is named %s', async (reach, bound, named) => {
    const server = createServer();
    const { url, publicUrl, port, close } = await listen(server, 0, { reach });
    const address = server.address();
    await close();

    expect(address).toMatchObject({ address: bound, port });
    expect(url).toBe(`http://127.0.0.1:${port}`);
    expect(publicUrl).toBe(`http://${named}:${port}`);
  });
});

describe('HOST and PUBLIC_HOST', () => {
  it.each([
    [{}, { bind: '127.0.0.1' }],
    [{ HOST: '', PUBLIC_HOST: '' }, { bind: '127.0.0.1' }],
    [{ PUBLIC_HOST: '10.0.2.2' }, { bind: '127.0.0.1', publicHost: '10.0.2.2' }],
    [
      { HOST: '0.0.0.0', PUBLIC_HOST: 'Desk.Local' },
      { bind: '0.0.0.0', publicHost: 'desk.local' },
    ],
    [
      { HOST: '::', PUBLIC_HOST: '[fd00::1]' },
      { bind: '::', publicHost: '[fd00::1]' },
    ],
  ])('mean: %j', (env, reach) => {
    expect(reachOf(env)).toEqual(reach);
  });

  it.each([
    [{ HOST: '192.168.1.20' }, 'HOST must be 127.0.0.1 for this machine alone, or 0.0.0.0 or :: for all'],
    [{ HOST: '0.0.0.0' }, 'HOST=0.0.0.0 needs PUBLIC_HOST, the name or address by which devices reach this'],
    ...['http://desk.local', 'desk.local:3000', 'desk.local/', 'fd00::1', 'a b', 'me@desk'].map(
      (wrong) => [{ PUBLIC_HOST: wrong }, 'PUBLIC_HOST must be a name or an address alone'] as const,
    ),
  ])('are refused: %j', (env, message) => {
    expect(() => reachOf(env)).toThrow(message);
  });
});
