import { describe, expect, it } from '@jest/globals';
import {
  callerOf,
  idempotencyKey,
  isUnchanged,
  json,
  languageHeaders,
  originOf,
  pathParameter,
  routed,
} from '../../../lib/http/gateway.ts';
import { zhCn } from '../../../lib/texts/zh-cn.ts';
import { httpEvent } from '../../support/lambda-event.ts';
import type { HttpCall } from '../../support/lambda-event.ts';

const event = (call: Partial<HttpCall> = {}) => httpEvent({ route: 'GET /v1/uploads', ...call });

describe('the routes', () => {
  const call = routed({ 'GET /v1/uploads': async () => json(200, { isList: true }) });

  it('are called by their key', async () => {
    expect(await call(event())).toMatchObject({ statusCode: 200, body: '{"isList":true}' });
  });

  it('answer the preflight of a browser', async () => {
    expect(await call(event({ route: 'OPTIONS /v1/uploads' }))).toEqual({ statusCode: 204 });
  });

  it('are not found by any other key, and the message names no ticket and no secret', async () => {
    const paths = ['/v1/nothing', '/v1/uppy/t-1/params', '/v1//files/u-1/s-1/x'];

    const messages = paths.map((path) => call(event({ route: `GET ${path}` })).catch(String));

    expect(await Promise.all(messages)).toEqual([
      'AppError: there is no GET /v1/nothing',
      'AppError: there is no GET /v1/uppy/{ticket}/params',
      'AppError: there is no GET /v1//files/{id}/{secret}',
    ]);
    await expect(call(event({ route: 'GET /v1/nothing' }))).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a JSON answer', () => {
  it('is not stored, and may have more headers', () => {
    expect(json(201, { a: 1, b: undefined }, { etag: '"1"' })).toEqual({
      statusCode: 201,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store', etag: '"1"' },
      body: '{"a":1}',
    });
  });

  it('says its language', () => {
    expect(languageHeaders(zhCn)).toEqual({ 'content-language': 'zh-CN', vary: 'accept-language' });
  });
});

describe('the caller', () => {
  const who = (claims: Record<string, unknown> | null, given: object = {}) => {
    const call = event({ claims: null });
    if (claims !== null) Object.assign(call.requestContext, { authorizer: { jwt: { claims } } });
    return callerOf(call, { uploadedByClaim: 'name', ...given });
  };

  it('is the subject of the token, with the call and a name for people', () => {
    expect(who({ sub: 'user-1', name: 'Li\u200bWei' })).toEqual({
      owner: 'user-1',
      uploadedBy: 'Li Wei',
      requestId: 'gateway-request-1',
      projects: [],
    });
  });

  it.each([[''], ['<nil>'], ['null'], [7], [undefined]])(
    'has its own name where the token has %j',
    (name) => {
      expect(who({ sub: 'user-1', name }).uploadedBy).toBe('user-1');
    },
  );

  it.each([
    [null],
    [{}],
    [{ sub: '' }],
    [{ sub: '<nil>' }],
    [{ sub: 'null' }],
    [{ sub: 7 }],
    [{ sub: 'ingest#p' }],
  ])('is none with the claims %j', (claims) => {
    expect(() => who(claims)).toThrow(expect.objectContaining({ code: 'no_subject' }));
  });

  it.each([
    [{}, []],
    [{ projects: [] }, []],
    [{ projects: ['p', 'q'] }, ['p', 'q']],
    [{ projects: ['p', '*'] }, '*'],
  ])('may use the projects of the settings: %j', (given, projects) => {
    expect(who({ sub: 'user-1' }, given).projects).toEqual(projects);
  });

  it.each([
    [undefined, []],
    [7, []],
    ['', []],
    ['p', ['p']],
    ['p, q r', ['p', 'q', 'r']],
    ['[p q]', ['p', 'q']],
    ['[p\nq]', ['p', 'q']],
    ['[]', []],
    [
      ['p', 7],
      ['p', '7'],
    ],
    ['*', ['*']],
  ])('may use the projects of a claim, where one is named: %j', (claim, projects) => {
    const given = { projectsClaim: 'projects', projects: ['*'] };

    expect(who({ sub: 'user-1', projects: claim }, given)).toEqual({ ...who({ sub: 'user-1' }), projects });
  });
});

describe('an idempotency key', () => {
  it.each([undefined, 'a', '!~', 'k'.repeat(255)])('is taken: %j', (key) => {
    const headers = key === undefined ? {} : { 'idempotency-key': key };

    expect(idempotencyKey(event({ headers }))).toBe(key);
  });

  it.each(['', 'a b', 'é', 'k'.repeat(256)])('is refused: %j', (key) => {
    expect(() => idempotencyKey(event({ headers: { 'idempotency-key': key } }))).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        places: [{ pointer: 'header:Idempotency-Key', detail: 'must be 1 to 255 visible ASCII characters' }],
      }),
    );
  });
});

describe('the origin that the caller used', () => {
  it.each([
    [{ host: 'up.example.com' }, 'https://up.example.com'],
    [{ host: '[::1]:3000', 'x-forwarded-proto': 'http' }, 'http://[::1]:3000'],
    [{ host: 'a.example.com', 'x-forwarded-proto': 'ftp' }, 'https://a.example.com'],
    [{ host: 'a/b' }, 'https://api.example.com'],
    [{ host: '' }, 'https://api.example.com'],
  ])('of %j', (headers, origin) => {
    expect(originOf(event({ headers }))).toBe(origin);
  });

  it('is the domain of the API where there is no host', () => {
    const call = event();
    delete call.headers['host'];

    expect(originOf(call)).toBe('https://api.example.com');
  });
});

describe('a path parameter', () => {
  it('is empty where the route has none', () => {
    expect(pathParameter(event({ parameters: { id: 'u-1' } }), 'id')).toBe('u-1');
    expect(pathParameter(event({ parameters: { id: 'u-1' } }), 'secret')).toBe('');
    expect(pathParameter(event(), 'id')).toBe('');
  });
});

describe('the copy of a caller', () => {
  it.each([
    [undefined, false],
    ['"1"', true],
    ['W/"1"', true],
    ['"0", W/"1" ,"2"', true],
    ['"2"', false],
    ['1', false],
  ])('is current where its tags are %j: %s', (tags, expected) => {
    const headers: Record<string, string> = tags === undefined ? {} : { 'if-none-match': tags };

    expect(isUnchanged(event({ headers }), '"1"')).toBe(expected);
  });
});
