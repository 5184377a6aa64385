import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { systemClock } from '../../../lib/runtime/clock.ts';
import type { Clock } from '../../../lib/runtime/clock.ts';
import {
  canonicalRequest,
  createTokenSource,
  EMPTY_PAYLOAD,
  signRequest,
  UNSIGNED_PAYLOAD,
} from '../../../lib/ipd/auth.ts';
import { send } from '../../../lib/ipd/wire.ts';
import { credentials, listPath, startClient, uploadPath } from '../local/ipd-fixture.ts';
import type { Client } from '../local/ipd-fixture.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const host = 'https://projectman-ext.cn-north-4.myhuaweicloud.com';
const { accessKey, secretKey } = credentials;
const noon = Date.UTC(2026, 0, 2, 12);

describe('signRequest', () => {
  it.each([
    {
      name: 'a list call with a hashed empty body',
      request: { method: 'GET', url: new URL(listPath, host), payload: EMPTY_PAYLOAD },
      key: { accessKey, secretKey },
      signedHeaders: 'host;x-sdk-date',
      hash: '5dba5c64d2be8e20886f4c466ff854cda2027b4ae04952957b687c812d6ea377',
      signature: '5df037132d5c1d69a7f1f504b51d874a64e543453faa426d1df42756d69d5fcf',
    },
    {
      name: 'an upload with an unsigned payload',
      request: { method: 'POST', url: new URL(uploadPath, host), payload: UNSIGNED_PAYLOAD },
      key: { accessKey, secretKey },
      signedHeaders: 'host;x-sdk-content-sha256;x-sdk-date',
      hash: 'fb4be8e9d11d59b274518be66e3f497fca8f4ec6ef548ccac576e666f3fdfc50',
      signature: '000a491dcff8f69e8a9c00a6e80647878acea47881241da82343ea7c36ff3284',
    },
    {
      name: 'an upload with a temporary key',
      request: { method: 'POST', url: new URL(uploadPath, host), payload: UNSIGNED_PAYLOAD },
      key: { accessKey, secretKey, securityToken: 'exampleToken' },
      signedHeaders: 'host;x-sdk-content-sha256;x-sdk-date;x-security-token',
      hash: 'f6058a06f746f0f8d06359c5640ac12670a01a8a26cc8c81836c8fb8078fdad0',
      signature: '0ddac5f2ac5e76ed330e03382175c7c9a8502c352429750d0ba76dbe6d924594',
    },
  ])('equals the vendor SDK for $name', ({ request, key, signedHeaders, hash, signature }) => {
    const { authorization, ...headers } = signRequest(request, key, Date.UTC(2026, 0, 2, 3, 4, 5));

    const canonical = canonicalRequest(request, headers);
    expect(createHash('sha256').update(canonical.text).digest('hex')).toBe(hash);
    expect(authorization).toBe(
      `SDK-HMAC-SHA256 Access=${accessKey}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    );
    expect(headers['x-sdk-date']).toBe('20260102T030405Z');
  });

  it('encodes path and query strictly and sorts the query', () => {
    const url = new URL("/a%20b/it's?z=1&a=%2F*&empty=&a=!", host);

    const { text } = canonicalRequest({ method: 'GET', url, payload: UNSIGNED_PAYLOAD }, {});

    expect(text.split('\n').slice(1, 3)).toEqual(['/a%20b/it%27s/', 'a=%21&a=%2F%2A&empty=&z=1']);
  });

  it('never puts the secret key into a header', () => {
    const request = { method: 'GET', url: new URL(listPath, host), payload: EMPTY_PAYLOAD };

    const headers = signRequest(request, { accessKey, secretKey }, noon);

    expect(JSON.stringify(headers)).not.toContain(secretKey);
  });
});

describe('the token source', () => {
  let ipd: Client;
  let now = noon;
  beforeAll(async () => {
    ipd = await startClient({ clock: () => now });
    await ipd.admin('DELETE', '');
  });
  afterEach(async () => {
    now = noon;
    await ipd.admin('DELETE', '');
  });
  afterAll(() => ipd.close());

  const tokenCalls = (): number => ipd.requests.filter(({ operation }) => operation === 'token').length;
  const clock = (random: number): Clock => ({
    ...systemClock,
    now: () => now,
    random: () => random,
    sleep: async () => undefined,
  });

  function source(given: { random?: number; password?: string; iamEndpoint?: string } = {}) {
    const { random = 0, password = credentials.password, iamEndpoint = ipd.url } = given;
    const { domain, username } = credentials;
    const user = { domain, username, password };
    return createTokenSource({ send, clock: clock(random), iamEndpoint, region: 'cn-north-4', user });
  }

  async function headersFrom(tokens: ReturnType<typeof source>): Promise<Record<string, string>> {
    const authorization = await tokens.authorize();
    if (authorization.kind !== 'authorized') throw new Error(authorization.detail);
    return authorization.headers;
  }

  it('gives a token that IPD takes, and asks IAM once', async () => {
    const tokens = source();

    const first = await headersFrom(tokens);
    const second = await headersFrom(tokens);

    expect(second).toEqual(first);
    expect(tokenCalls()).toBe(1);
    expect((await fetch(`${ipd.url}${listPath}`, { headers: first })).status).toBe(200);
  });

  it.each([
    { random: 0, refreshedAfter: 23 * HOUR_MS },
    { random: 0.5, refreshedAfter: 23 * HOUR_MS - 7.5 * MINUTE_MS },
    { random: 0.9, refreshedAfter: 23 * HOUR_MS - 13.5 * MINUTE_MS },
  ])(
    'refreshes an hour early and at random somewhat earlier ($random)',
    async ({ random, refreshedAfter }) => {
      const tokens = source({ random });
      const first = await headersFrom(tokens);

      now = noon + refreshedAfter - 1;
      expect(await headersFrom(tokens)).toEqual(first);
      now = noon + refreshedAfter;
      const second = await headersFrom(tokens);

      expect(second).not.toEqual(first);
      expect(tokenCalls()).toBe(2);
    },
  );

  it('refreshes a short-lived token at half its life', async () => {
    await ipd.admin('PUT', '/settings', { tokenLifeSeconds: 600 });
    const tokens = source();
    const first = await headersFrom(tokens);

    now = noon + 299_000;
    expect(await headersFrom(tokens)).toEqual(first);
    now = noon + 300_000;

    expect(await headersFrom(tokens)).not.toEqual(first);
  });

  it('asks IAM once for many callers at the same time', async () => {
    const tokens = source();

    const all = await Promise.all(Array.from({ length: 20 }, () => headersFrom(tokens)));

    expect(new Set(all.map((headers) => headers['x-auth-token'])).size).toBe(1);
    expect(tokenCalls()).toBe(1);
  });

  it('asks IAM once more when many callers meet the same dead token', async () => {
    const tokens = source();
    const dead = await headersFrom(tokens);

    const fresh = await Promise.all(
      Array.from({ length: 20 }, async () => {
        tokens.drop(dead);
        return headersFrom(tokens);
      }),
    );
    tokens.drop(dead);
    const later = await headersFrom(tokens);

    expect(tokenCalls()).toBe(2);
    expect(fresh).toEqual(Array.from({ length: 20 }, () => later));
    expect(later).not.toEqual(dead);
  });

  it('says that the credentials are wrong when IAM refuses them, without naming them', async () => {
    const authorization = await source({ password: 'wrong-secret' }).authorize();

    expect(authorization).toMatchObject({ kind: 'locked_out', detail: expect.stringContaining('401') });
    expect(JSON.stringify(authorization)).not.toContain('wrong-secret');
  });

  it('keeps a token that IAM repeats in its refusal out of the failure', async () => {
    const body = {
      error: { code: 401, message: 'X-Subject-Token: secret-token-1|x-auth-token=secret-token-2' },
    };
    await ipd.admin('PUT', '/faults', [
      { match: { operation: 'token' }, fault: { kind: 'answer', status: 401, body } },
    ]);

    const authorization = await source().authorize();

    expect(authorization).toMatchObject({ kind: 'locked_out' });
    expect(JSON.stringify(authorization)).not.toContain('secret-token');
  });

  it.each([
    ['an error', { kind: 'answer', status: 500, body: 'oops' }, 'unavailable'],
    ['a refusal', { kind: 'answer', status: 403, body: {} }, 'unavailable'],
    ['a created token without the token', { kind: 'answer', status: 201, body: {} }, 'unavailable'],
    ['a lost connection', { kind: 'lostAnswer' }, 'unavailable'],
    ['a throttle', { kind: 'throttled', retryAfterSeconds: 3 }, 'throttled'],
  ])('passes over %s of IAM and asks again at the next call', async (_name, fault, kind) => {
    await ipd.admin('PUT', '/faults', [{ match: { operation: 'token' }, count: 1, fault }]);
    const tokens = source();

    expect(await tokens.authorize()).toMatchObject({ kind });

    expect(await headersFrom(tokens)).toHaveProperty('x-auth-token');
  });

  it('is unavailable while IAM cannot be reached', async () => {
    const gone = await startClient();
    await gone.close();

    const authorization = await source({ iamEndpoint: gone.url }).authorize();

    expect(authorization).toMatchObject({
      kind: 'unavailable',
      detail: expect.stringMatching(/^IAM: /),
    });
  });

  it('lets a caller go when its signal ends, and keeps the token that comes later', async () => {
    await ipd.admin('PUT', '/faults', [
      { match: { operation: 'token' }, fault: { kind: 'slowAnswer', seconds: 0.3 } },
    ]);
    const tokens = source();
    const waiting = tokens.authorize();

    expect(await tokens.authorize(AbortSignal.abort())).toMatchObject({ kind: 'unavailable' });

    expect(await waiting).toHaveProperty('headers');
    expect(await tokens.authorize(AbortSignal.abort())).toEqual(await waiting);
    expect(tokenCalls()).toBe(1);
  });
});
