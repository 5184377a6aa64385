import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  credentials,
  listPath,
  rawForm,
  rawFormType,
  requestToken,
  sign,
  startClient,
  tokenRequest,
  uploadPath,
  type Client,
} from './ipd-fixture.ts';

let now: number;
let ipd: Client;

beforeEach(async () => {
  now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  ipd = await startClient({ clock: () => now });
});

afterEach(() => ipd.close());

function signedList(options: Partial<Parameters<typeof sign>[0]> = {}): Promise<Response> {
  const url = `${ipd.url}${listPath}`;
  return fetch(url, { headers: sign({ url, method: 'GET', payload: '', at: now, ...options }) });
}

describe('POST /v3/auth/tokens', () => {
  it('answers 201 with the token in a header and its end in the body', async () => {
    const response = await requestToken(ipd.url);

    expect(response.status).toBe(201);
    expect(response.headers.get('x-subject-token')?.length).toBeGreaterThan(10);
    expect(await response.json()).toMatchObject({
      token: { expires_at: '2026-01-03T03:04:05.000000Z', methods: ['password'], catalog: [] },
    });
  });

  it('leaves the catalog out when asked to', async () => {
    const response = await requestToken(ipd.url, tokenRequest(), '?nocatalog=true');

    expect(await response.json()).not.toHaveProperty('token.catalog');
  });

  it('answers 401 in the shape of IAM to a wrong password', async () => {
    const response = await requestToken(ipd.url, tokenRequest({ password: 'wrong' }));

    expect(response.status).toBe(401);
    expect(response.headers.has('x-subject-token')).toBe(false);
    expect(await response.json()).toEqual({
      error: { code: 401, message: 'The username or password is wrong.', title: 'Unauthorized' },
    });
  });

  it('says what is missing in a body without a scope', async () => {
    const response = await requestToken(ipd.url, { auth: {} });

    expect(response.status).toBe(400);
    expect(await response.text()).toContain('auth.scope');
  });
});

describe('a token', () => {
  it('lives until its end', async () => {
    now += 24 * 3_600_000 - 1000;
    const before = await ipd.call(listPath);
    now += 1000;
    const after = await ipd.call(listPath);

    expect(before.status).toBe(200);
    expect(after.status).toBe(401);
    expect(await after.json()).toMatchObject({ error_code: 'APIGW.0307', request_id: expect.any(String) });
  });

  it('is refused by the service instead of the gateway when that is set', async () => {
    await ipd.admin('PUT', '/settings', { deadToken: 'service' });

    const response = await fetch(`${ipd.url}${listPath}`, { headers: { 'x-auth-token': 'unknown' } });

    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error_code: 'PM.10001002' });
  });

  it('outlives the next token', async () => {
    const first = ipd.token();
    await ipd.renewToken();

    const response = await ipd.call(listPath, { headers: { 'x-auth-token': first } });

    expect(response.status).toBe(200);
  });

  it('is required where there is no signature', async () => {
    const response = await fetch(`${ipd.url}${listPath}`);

    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({
      error_code: 'APIGW.0301',
      error_msg: expect.stringContaining('x-auth-token not found'),
    });
  });
});

describe('a request signed with AK/SK', () => {
  it('is accepted with a hashed body, and refused when another body comes', async () => {
    const url = `${ipd.url}${uploadPath}`;
    const payload = rawForm({ disposition: 'name="attachment"; filename="a.txt"' });
    const headers = { ...sign({ url, method: 'POST', payload, at: now }), 'content-type': rawFormType };

    const genuine = await fetch(url, { method: 'POST', headers, body: payload });
    const altered = await fetch(url, { method: 'POST', headers, body: payload.replace('hello', 'HELLO') });

    expect(genuine.status).toBe(200);
    expect(altered.status).toBe(401);
    expect(await ipd.attachments()).toHaveLength(1);
  });

  it('is accepted with an unsigned payload and any body', async () => {
    const url = `${ipd.url}${uploadPath}`;
    const body = rawForm({ disposition: 'name="attachment"; filename="a.txt"' });
    const signed = sign({ url, method: 'POST', payload: 'UNSIGNED-PAYLOAD', at: now });

    const response = await fetch(url, {
      method: 'POST',
      headers: { ...signed, 'content-type': rawFormType },
      body,
    });

    expect(response.status).toBe(200);
    expect(ipd.requests.at(-1)).toMatchObject({ auth: 'aksk', operation: 'upload', status: 200 });
  });

  it.each(['x-sdk-content-sha256', 'x-sdk-date'])('must sign the header %s', async (unsignedHeader) => {
    const response = await signedList({ payload: 'UNSIGNED-PAYLOAD', unsignedHeader });

    expect(response.status).toBe(401);
  });

  it.each([
    { minutes: 15, status: 200 },
    { minutes: 16, status: 401 },
    { minutes: -15, status: 200 },
    { minutes: -16, status: 401 },
  ])('answers $status when its clock is $minutes minutes off', async ({ minutes, status }) => {
    const response = await signedList({
      at: Math.floor(now / 1000) * 1000 + minutes * 60_000 - (minutes < 0 ? -1000 : 0),
    });

    expect(response.status).toBe(status);
  });

  it('gets its canonical request back, header values included, when the signature differs', async () => {
    const response = await signedList({ secretKey: 'wrong' });

    expect(response.status).toBe(401);
    const { host, pathname } = new URL(`${ipd.url}${listPath}`);
    expect(await response.json()).toMatchObject({
      error_code: 'APIGW.0301',
      error_msg: expect.stringMatching(
        new RegExp(`verify aksk signature fail.*GET\\|${pathname}/\\|issue_id=\\d+\\|host:${host}\\|`),
      ),
    });
  });

  it('is refused with an unknown key', async () => {
    const response = await signedList({ accessKey: 'UNKNOWN' });

    expect(response.status).toBe(401);
    expect(await response.text()).toContain('ak UNKNOWN not exist');
  });

  it('must carry the security token of a temporary key, and only of one', async () => {
    const temporary = await startClient({
      clock: () => now,
      credentials: { ...credentials, securityToken: 'session' },
    });
    const url = `${temporary.url}${listPath}`;
    const signed = { url, method: 'GET', payload: '', at: now };

    const withToken = await fetch(url, { headers: sign({ ...signed, securityToken: 'session' }) });
    const withoutToken = await fetch(url, { headers: sign(signed) });
    const permanentWithToken = await signedList({ securityToken: 'session' });
    await temporary.close();

    expect(withToken.status).toBe(200);
    expect(withoutToken.status).toBe(401);
    expect(permanentWithToken.status).toBe(401);
  });

  async function failTimes(times: number): Promise<void> {
    for (let failure = 1; failure <= times; failure += 1) await signedList({ secretKey: 'wrong' });
  }

  it('locks its key for five minutes after more than five failures in a row', async () => {
    await failTimes(6);
    const locked = await signedList();
    now += 5 * 60_000;
    const later = await signedList();

    expect(locked.status).toBe(401);
    expect(await locked.text()).toContain('AK access failed to reach the limit');
    expect(later.status).toBe(200);
  });

  it('starts counting again after a success', async () => {
    await failTimes(5);
    const first = await signedList();
    await failTimes(5);
    const second = await signedList();

    expect([first.status, second.status]).toEqual([200, 200]);
  });

  it('is no longer locked out when everything was emptied', async () => {
    await failTimes(6);
    await ipd.admin('DELETE', '');

    expect((await signedList()).status).toBe(200);
  });

  it('is limited to a body of 12 MB, which a token is not', async () => {
    const url = `${ipd.url}${uploadPath}`;
    const bytes = 'x'.repeat(12_000_000);
    const body = rawForm({ disposition: 'name="attachment"; filename="a.bin"', content: bytes });
    const signed = sign({ url, method: 'POST', payload: 'UNSIGNED-PAYLOAD', at: now });

    const byKey = await fetch(url, {
      method: 'POST',
      headers: { ...signed, 'content-type': rawFormType },
      body,
    });
    const byToken = await ipd.upload({ bytes });

    expect(byKey.status).toBe(413);
    expect(ipd.requests.find(({ auth }) => auth === 'aksk')).toMatchObject({ bytes: 0, complete: false });
    expect(byToken.status).toBe(200);
  });
});
