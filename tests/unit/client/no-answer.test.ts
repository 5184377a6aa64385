import { describe, expect, it } from '@jest/globals';
import { explainSilence } from '../../../packages/client/src/no-answer.ts';
import type { Surroundings } from '../../../packages/client/src/platform.ts';

type Situation = {
  target?: string;
  url?: string;
  headers?: Record<string, string>;
  href?: string;
  answered?: boolean[];
  page?: Partial<Surroundings>;
  isInPage?: boolean;
};
type Asked = { url: string; mode?: string; method?: string; headers?: object };

/** What a page says of a silence, and how it asked. `answered`: which of its two requests get an answer. */
async function explain({
  target = 'https://api.example.com',
  url = 'https://api.example.com/v1/uploads',
  headers = { authorization: 'Bearer secret' },
  href = 'https://app.example.com/page',
  answered = [true, false],
  page = {},
  isInPage = true,
}: Situation = {}) {
  const asked: Asked[] = [];
  const location = { href, origin: new URL(href).origin, protocol: new URL(href).protocol };
  const reason = await explainSilence(
    {
      target,
      cause: new Error('no answer'),
      request: { method: 'POST', url, headers },
      signal: new AbortController().signal,
      fetch: async (given, init) => {
        const { signal: _signal, ...how } = init ?? {};
        asked.push(Object.assign({ url: new Request(given).url }, how));
        if (answered[asked.length - 1] === true) return new Response();
        throw new TypeError('failed');
      },
    },
    isInPage ? { location, ...page } : {},
  );
  return { reason, asked };
}

describe('a silence', () => {
  it('of a call with a token that is no ASCII needs another token, in Node, too', async () => {
    const { reason } = await explain({ headers: { authorization: 'Bearer é' }, isInPage: false });

    expect(reason).toMatchObject({ code: 'invalid_request' });
  });

  it('is not looked into outside of a page', async () => {
    expect(await explain({ isInPage: false })).toEqual({ reason: undefined, asked: [] });
  });

  it('in a page whose server answers others says that the origin is not allowed', async () => {
    const { reason, asked } = await explain();

    expect(reason).toMatchObject({
      code: 'origin_not_allowed',
      detail: expect.stringContaining(
        'Pages of https://app.example.com may not call https://api.example.com',
      ),
    });
    expect(asked).toEqual([
      { url: 'https://api.example.com/v1/limits', mode: 'no-cors' },
      { url: 'https://api.example.com/v1/limits', method: 'GET', headers: { authorization: 'Bearer' } },
    ]);
  });

  it('of storage is asked for without the signature', async () => {
    const given = { target: 'storage', url: 'https://s3.example.com/key?X-Amz-Signature=secret' };

    const { asked } = await explain(given);

    expect(asked[1]).toEqual({
      url: 'https://s3.example.com/key',
      method: 'POST',
      headers: { authorization: 'Bearer secret' },
    });
  });

  it.each([
    ['is nothing to mend where the server is silent for all', [false]],
    ['is over where the page itself gets an answer', [true, true]],
  ])('%s', async (_what, answered) => {
    expect((await explain({ answered })).reason).toBeUndefined();
  });

  it.each([
    ['https://app.example.com/', 'http://api.example.com', 'address_blocked'],
    ['https://app.example.com/', 'http://127.0.0.1:3000', 'origin_not_allowed'],
    ['http://app.example.com/', 'http://api.example.com', 'origin_not_allowed'],
  ])('of a page %s that calls %s: %s', async (href, target, code) => {
    expect((await explain({ href, target })).reason).toMatchObject({ code });
  });

  it('is that of the policy of the page where that says so', async () => {
    const blocking = (blockedURI: string): Partial<Surroundings> => ({
      addEventListener(type, listener) {
        if (type === 'securitypolicyviolation') setTimeout(() => listener({ blockedURI }), 1);
      },
    });

    expect((await explain({ page: blocking('https://api.example.com/x') })).reason).toEqual({
      code: 'address_blocked',
      detail: "connect-src of this page's Content-Security-Policy lacks https://api.example.com",
    });
    expect((await explain({ page: blocking('https://b.example.com/x') })).reason).toMatchObject({
      code: 'origin_not_allowed',
    });
  });

  it('is over at once where the network has come back meanwhile', async () => {
    const page: Partial<Surroundings> = {
      addEventListener(type, listener) {
        if (type === 'online') setTimeout(() => listener({}), 1);
      },
    };

    expect((await explain({ page, answered: [false] })).reason).toEqual({
      code: 'network',
      retryable: true,
      retryAfterMs: 0,
      detail: 'No answer from https://api.example.com',
    });
  });

  it.each([
    ['denied', 'https://app.example.com/', 'http://localhost:3000', [false], 'address_blocked'],
    ['granted', 'https://app.example.com/', 'http://localhost:3000', [false], undefined],
    ['denied', 'https://app.example.com/', 'http://localhost:3000', [true, false], 'origin_not_allowed'],
    ['denied', 'http://localhost:8080/', 'http://localhost:3000', [false], undefined],
    ['denied', 'http://app.example.com/', 'http://api.example.com', [false], undefined],
  ])('of a local address that is %s to %s: %s', async (state, href, target, answered, code) => {
    const page: Partial<Surroundings> = { navigator: { permissions: { query: async () => ({ state }) } } };

    expect((await explain({ page, href, target, answered })).reason?.code).toBe(code);
  });

  it('of a local address is nothing to mend where the browser knows no such permission', async () => {
    const given = { target: 'http://localhost:3000', answered: [false] };
    const query = async () => {
      throw new TypeError('unknown');
    };

    expect((await explain(given)).reason).toBeUndefined();
    expect(
      (await explain({ ...given, page: { navigator: { permissions: { query } } } })).reason,
    ).toBeUndefined();
  });
});
