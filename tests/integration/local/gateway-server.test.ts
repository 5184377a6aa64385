import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { startGateway } from '../../../local/gateway/server.ts';
import type { Api } from '../../../local/gateway/server.ts';

const eventSchema = z.looseObject({
  headers: z.record(z.string(), z.string()),
  requestContext: z.looseObject({ requestId: z.string(), timeEpoch: z.number(), time: z.string() }),
});

let gateway: Awaited<ReturnType<typeof startGateway>>;
let answer: () => unknown = () => ({});
let events: object[] = [];

const api: Api = {
  routes: [
    { routeKey: 'GET /items/{id}', functionKey: 'items' },
    { routeKey: 'POST /items', functionKey: 'items' },
  ],
  authorizers: {},
  cors: {
    allowedOrigins: ['https://app.example.com'],
    allowedHeaders: ['authorization', 'content-type'],
    allowCredentials: false,
    exposedResponseHeaders: ['etag'],
    maxAge: 600,
  },
  invoke: async (_functionKey, event) => {
    events.push(event);
    return JSON.stringify(await answer()) ?? 'null';
  },
};

beforeAll(async () => {
  gateway = await startGateway({ port: 0 });
  gateway.serve(api);
});

afterAll(() => gateway.close());

async function capture(path: string, init: RequestInit = {}): Promise<z.infer<typeof eventSchema>> {
  events = [];
  answer = () => ({ statusCode: 200 });
  const response = await fetch(gateway.url + path, init);
  expect(response.status).toBe(200);
  return eventSchema.parse(events[0]);
}

async function reply(value: unknown): Promise<Response> {
  answer = () => value;
  return fetch(`${gateway.url}/items/1`);
}

function post(body: string | Buffer, contentType: string): Promise<Response> {
  const bytes = new Uint8Array(Buffer.from(body));
  return fetch(`${gateway.url}/items`, {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': contentType },
  });
}

describe('the event of payload format 2.0', () => {
  it('has exactly the fields that AWS sends', async () => {
    const event = await capture('/items/a%20b?x=1&y=%C3%A9&x=2', {
      headers: { 'User-Agent': 'probe', 'X-Own': 'v' },
    });

    const { port } = gateway;
    expect(event).toEqual({
      version: '2.0',
      routeKey: 'GET /items/{id}',
      rawPath: '/items/a b',
      rawQueryString: 'x=1&y=%C3%A9&x=2',
      headers: expect.objectContaining({
        host: `127.0.0.1:${port}`,
        'user-agent': 'probe',
        'x-own': 'v',
        'x-forwarded-for': '127.0.0.1',
        'x-forwarded-port': String(port),
        'x-forwarded-proto': 'http',
        'x-amzn-trace-id': expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/),
      }),
      queryStringParameters: { x: '1,2', y: 'é' },
      pathParameters: { id: 'a b' },
      requestContext: {
        accountId: '000000000000',
        apiId: 'local',
        domainName: '127.0.0.1',
        domainPrefix: '127',
        http: {
          method: 'GET',
          path: '/items/a b',
          protocol: 'HTTP/1.1',
          sourceIp: '127.0.0.1',
          userAgent: 'probe',
        },
        requestId: expect.any(String),
        routeKey: 'GET /items/{id}',
        stage: '$default',
        time: expect.stringMatching(/^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/),
        timeEpoch: expect.any(Number),
      },
      isBase64Encoded: false,
    });
  });

  it('moves cookies out of the headers and joins repeated headers by a comma', async () => {
    events = [];
    answer = () => ({ statusCode: 200 });
    const call = httpRequest(`${gateway.url}/items/1`, {
      headers: { cookie: ['a=1', 'b=2'], 'X-Many': ['1', '2'], 'X-Forwarded-For': '10.0.0.1' },
    }).end();
    const [response]: IncomingMessage[] = await once(call, 'response');
    response?.resume();

    const event = eventSchema.parse(events[0]);
    expect(event['cookies']).toEqual(['a=1', 'b=2']);
    expect(event.headers).toMatchObject({ 'x-many': '1,2', 'x-forwarded-for': '10.0.0.1, 127.0.0.1' });
    expect(event.headers).not.toHaveProperty('cookie');
  });

  it.each([
    ['application/json', false],
    ['Application/JSON; charset=utf-8', false],
    ['text/plain', false],
    ['application/xml', false],
    ['application/javascript', false],
    ['application/x-www-form-urlencoded', true],
    ['application/problem+json', true],
    ['multipart/form-data; boundary=x', true],
    ['image/png', true],
  ])('hands a body of type %s over as base64: %s', async (contentType, isBase64Encoded) => {
    const event = await capture('/items', {
      method: 'POST',
      body: 'é',
      headers: { 'content-type': contentType },
    });

    expect(event['isBase64Encoded']).toBe(isBase64Encoded);
    expect(event['body']).toBe(isBase64Encoded ? Buffer.from('é').toString('base64') : 'é');
  });

  it('hands a body without a type over as base64, and no body as nothing', async () => {
    const untyped = await capture('/items', { method: 'POST', body: new Uint8Array([0, 255]) });
    const empty = await capture('/items', { method: 'POST' });

    expect(untyped).toMatchObject({ body: 'AP8=', isBase64Encoded: true });
    expect(empty).not.toHaveProperty('body');
    expect(empty['isBase64Encoded']).toBe(false);
  });
});

describe('the answer of a function', () => {
  it('is sent with its status, headers, cookies and bytes', async () => {
    const response = await reply({
      statusCode: 201,
      headers: { ETag: '"1"', 'X-Number': 5 },
      cookies: ['a=1', 'b=2'],
      body: 'AP8=',
      isBase64Encoded: true,
    });

    expect(response.status).toBe(201);
    expect(response.headers.get('etag')).toBe('"1"');
    expect(response.headers.get('x-number')).toBe('5');
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from([0, 255]));
    expect(response.headers.get('apigw-requestid')).toEqual(expect.any(String));
  });

  it('is JSON with status 200 when it has no statusCode', async () => {
    const response = await reply({ a: 1 });

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ a: 1 });
  });

  it('is sent as it is when it is a text', async () => {
    const response = await reply('plain');

    expect(await response.text()).toBe('plain');
  });

  it.each([[{ statusCode: 'soon' }], [{ statusCode: 200, body: 5 }], [{ statusCode: 99 }]])(
    'is a 500 when it is %j',
    async (value) => {
      const response = await reply(value);

      expect(response.status).toBe(500);
      expect(await response.json()).toEqual({ message: 'Internal Server Error' });
    },
  );

  it('keeps a 304 and a 204 without a body', async () => {
    expect((await reply({ statusCode: 304, headers: { etag: '"1"' } })).status).toBe(304);
    expect(await (await reply({ statusCode: 204 })).text()).toBe('');
  });

  it('is a 500 when the function fails', async () => {
    answer = () => {
      throw new Error('secret reason');
    };
    const response = await fetch(`${gateway.url}/items/1`);

    expect(response.status).toBe(500);
    expect(await response.text()).toBe('{"message":"Internal Server Error"}');
  });

  it('is a 503 when it takes longer than the gateway waits', async () => {
    const hasty = await startGateway({ port: 0, integrationLimitMs: 50 });
    hasty.serve(api);
    answer = () => new Promise(() => undefined);
    const response = await fetch(`${hasty.url}/items/1`);
    await hasty.close();

    expect(response.status).toBe(503);
    expect(await response.text()).toBe('{"message":"Service Unavailable"}');
  });
});

describe('the limits of the gateway', () => {
  const TOO_LARGE = '{"message":"Request Entity Too Large"}';

  it('answers 404 where there is no route', async () => {
    const response = await fetch(`${gateway.url}/nowhere`);

    expect(response.status).toBe(404);
    expect(await response.text()).toBe('{"message":"Not Found"}');
  });

  it('answers 413 to a request above 10 MB', async () => {
    events = [];
    const response = await post(Buffer.alloc(10_485_761), 'text/plain');

    expect(response.status).toBe(413);
    expect(await response.text()).toBe(TOO_LARGE);
    expect(events).toEqual([]);
  });

  it('answers 413 to an event above the payload limit of Lambda: 4.5 MB pass as base64, 4.8 MB do not', async () => {
    answer = () => ({ statusCode: 200 });

    expect((await post(Buffer.alloc(4_500_000), 'image/png')).status).toBe(200);
    const response = await post(Buffer.alloc(4_800_000), 'image/png');
    expect(response.status).toBe(413);
    expect(await response.text()).toBe(TOO_LARGE);
  });

  it('counts text as it is escaped in the event', async () => {
    answer = () => ({ statusCode: 200 });

    expect((await post('a'.repeat(6_000_000), 'text/plain')).status).toBe(200);
    expect((await post('"'.repeat(4_000_000), 'text/plain')).status).toBe(413);
  });

  it('answers 503 until it has an API to serve', async () => {
    const idle = await startGateway({ port: 0 });
    const response = await fetch(idle.url);
    await idle.close();

    expect(response.status).toBe(503);
  });
});

describe('CORS', () => {
  const origin = 'https://app.example.com';
  const preflight = (from: string): Promise<Response> =>
    fetch(`${gateway.url}/items/1`, {
      method: 'OPTIONS',
      headers: { origin: from, 'access-control-request-method': 'GET' },
    });

  it('answers a preflight without asking a function', async () => {
    events = [];
    const response = await preflight(origin);

    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    expect(response.headers.get('access-control-allow-methods')).toBe('OPTIONS,GET,POST');
    expect(response.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    expect(response.headers.get('access-control-max-age')).toBe('600');
    expect(events).toEqual([]);
  });

  it('leaves the status of a preflight to the function where $default takes it', async () => {
    const open = await startGateway({ port: 0 });
    open.serve({ ...api, routes: [...api.routes, { routeKey: '$default', functionKey: 'items' }] });
    answer = () => ({ statusCode: 418, headers: { 'access-control-allow-methods': 'NONE' } });
    const headers = { origin, 'access-control-request-method': 'GET' };
    const response = await fetch(`${open.url}/items/1`, { method: 'OPTIONS', headers });
    await open.close();

    expect(response.status).toBe(418);
    expect(response.headers.get('access-control-allow-methods')).toContain('DELETE');
  });

  it('allows nothing to another origin', async () => {
    const response = await preflight('https://evil.example.com');

    expect([...response.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it("puts its own headers in place of the function's", async () => {
    answer = () => ({ statusCode: 200, headers: { 'Access-Control-Allow-Origin': '*' } });
    const allowed = await fetch(`${gateway.url}/items/1`, { headers: { origin } });
    const other = await fetch(`${gateway.url}/items/1`, { headers: { origin: 'https://evil.example.com' } });

    expect(allowed.headers.get('access-control-allow-origin')).toBe(origin);
    expect(allowed.headers.get('access-control-expose-headers')).toBe('etag');
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('lets a browser read errors of the gateway itself', async () => {
    const response = await fetch(`${gateway.url}/nowhere`, { headers: { origin } });

    expect(response.headers.get('access-control-allow-origin')).toBe(origin);
  });
});

describe('a client that goes away', () => {
  it('leaves the gateway at work', async () => {
    const call = httpRequest(`${gateway.url}/items`, {
      method: 'POST',
      headers: { 'content-length': '1000' },
    });
    call.write('some');
    call.on('error', () => undefined);
    await once(call, 'socket');
    call.destroy();

    answer = () => 'still here';
    const next = httpRequest(`${gateway.url}/items/1`).end();
    const [response]: IncomingMessage[] = await once(next, 'response');
    expect(response === undefined ? '' : await text(response)).toBe('still here');
  });
});
