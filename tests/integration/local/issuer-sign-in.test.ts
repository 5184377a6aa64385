import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';
import { createAuthorizer } from '../../../local/gateway/authorizer.ts';
import { startIssuer } from '../../../local/issuer.ts';

const REDIRECT = 'http://localhost:5173/back?kept=1';
const CLIENT = 'page';
const HOUR_SECONDS = 3600;

const discoverySchema = z.object({
  issuer: z.string(),
  authorization_endpoint: z.string(),
  token_endpoint: z.string(),
  end_session_endpoint: z.string(),
  jwks_uri: z.string(),
});
const tokensSchema = z.object({
  access_token: z.string(),
  token_type: z.string(),
  expires_in: z.number(),
  scope: z.string(),
  id_token: z.string(),
  refresh_token: z.string(),
});

let issuer: Awaited<ReturnType<typeof startIssuer>>;
let now: number;
let verifier: string;
let endpoints: z.infer<typeof discoverySchema>;

beforeEach(async () => {
  now = Date.now();
  issuer = await startIssuer({ port: 0, audience: 'bridge', clock: () => now });
  verifier = randomBytes(32).toString('base64url');
  const discovered = await fetch(`${issuer.url}/.well-known/openid-configuration`);
  endpoints = discoverySchema.parse(await discovered.json());
});

afterEach(async () => {
  await issuer.close();
});

type Parameters = Record<string, string | undefined>;

function encode(parameters: Parameters): URLSearchParams {
  const given = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return new URLSearchParams(given);
}

/** The address of a request that nothing is wrong with, but for the changes. */
function requestFor(changes: Parameters = {}): string {
  const query = encode({
    client_id: CLIENT,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'openid profile',
    state: 'st&1',
    nonce: 'n-1',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...changes,
  });
  return `${endpoints.authorization_endpoint}?${query.toString()}`;
}

async function read(response: Response) {
  const location = response.headers.get('location');
  const answer = location === null ? {} : Object.fromEntries(new URL(location, issuer.url).searchParams);
  const cookie = response.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  return { status: response.status, location, answer, cookie, text: await response.text() };
}

async function ask(address: string, cookie = '') {
  return read(await fetch(address, { redirect: 'manual', headers: { cookie } }));
}

async function post(address: string, fields: Parameters, headers: Record<string, string> = {}) {
  const init = { method: 'POST', redirect: 'manual', headers, body: encode(fields) } as const;
  return read(await fetch(address, init));
}

/** Signs a user in and returns the code and the cookie. */
async function signIn(fields: Parameters = {}, changes: Parameters = {}) {
  const { answer, cookie } = await post(requestFor(changes), { user: 'Alice 李', projects: '', ...fields });
  return { code: answer['code'] ?? '', cookie };
}

async function exchange(fields: Parameters, headers: Record<string, string> = {}) {
  const { status, text } = await post(
    endpoints.token_endpoint,
    {
      grant_type: 'authorization_code',
      client_id: CLIENT,
      redirect_uri: REDIRECT,
      code_verifier: verifier,
      ...fields,
    },
    headers,
  );
  return { status, json: z.record(z.string(), z.unknown()).parse(JSON.parse(text)) };
}

async function claimsOf(token: string) {
  const keys = createRemoteJWKSet(new URL(endpoints.jwks_uri));
  return (await jwtVerify(token, keys, { issuer: endpoints.issuer, currentDate: new Date(now) })).payload;
}

describe('the discovery document', () => {
  it('names the endpoints of the code flow and what they take', async () => {
    const response = await fetch(`${issuer.url}/.well-known/openid-configuration`);

    expect(await response.json()).toEqual({
      issuer: issuer.url,
      jwks_uri: `${issuer.url}/.well-known/jwks.json`,
      authorization_endpoint: `${issuer.url}/oauth2/authorize`,
      token_endpoint: `${issuer.url}/oauth2/token`,
      end_session_endpoint: `${issuer.url}/oauth2/end-session`,
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      scopes_supported: ['openid', 'profile', 'offline_access'],
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'name'],
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      authorization_response_iss_parameter_supported: true,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    });
  });
});

describe('the code flow', () => {
  it('shows a form, signs in under the name, and gives tokens for the code', async () => {
    const form = await ask(requestFor());
    const signed = await post(requestFor(), { user: ' Alice 李 ', projects: 'p1, p2' });
    const { status, json } = await exchange({ code: signed.answer['code'] });

    expect(form.status).toBe(200);
    expect(form.text).toContain('<label for="user">Name</label>');
    expect(signed.status).toBe(303);
    expect(signed.location).toMatch(/^http:\/\/localhost:5173\/back\?kept=1&code=/);
    expect(signed.answer).toEqual({
      kept: '1',
      code: expect.stringMatching(/^[\w-]{43}$/),
      state: 'st&1',
      iss: issuer.url,
    });
    expect(status).toBe(200);
    const tokens = tokensSchema.parse(json);
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: HOUR_SECONDS, scope: 'openid profile' });
    const seconds = Math.floor(now / 1000);
    const shared = {
      iss: issuer.url,
      sub: 'Alice 李',
      name: 'Alice 李',
      iat: seconds,
      exp: seconds + HOUR_SECONDS,
    };
    expect(await claimsOf(tokens.id_token)).toEqual({
      ...shared,
      aud: CLIENT,
      nonce: 'n-1',
      auth_time: seconds,
    });
    expect(await claimsOf(tokens.access_token)).toEqual({
      ...shared,
      aud: 'bridge',
      projects: ['p1', 'p2'],
      client_id: CLIENT,
      scope: 'openid profile',
    });
  });

  it("gives an access token that the API's authorizer takes, and an identity token that it refuses", async () => {
    const authorize = createAuthorizer({
      type: 'jwt',
      identitySource: '$request.header.Authorization',
      issuerUrl: issuer.url,
      audience: ['bridge'],
    });
    const tokens = tokensSchema.parse((await exchange({ code: (await signIn()).code })).json);

    const access = await authorize({ headers: { authorization: `Bearer ${tokens.access_token}` } });
    const identity = await authorize({ headers: { authorization: `Bearer ${tokens.id_token}` } });

    expect(access).toMatchObject({ allowed: true, context: { jwt: { claims: { sub: 'Alice 李' } } } });
    expect(identity).toMatchObject({ allowed: false });
  });

  it('names no projects where the user gave none, and no nonce where the client sent none', async () => {
    const { code } = await signIn({}, { nonce: undefined });
    const tokens = tokensSchema.parse((await exchange({ code })).json);

    expect(await claimsOf(tokens.access_token)).not.toHaveProperty('projects');
    expect(await claimsOf(tokens.id_token)).not.toHaveProperty('nonce');
  });

  it('takes a request that is posted, too', async () => {
    const query = new URL(requestFor()).searchParams;

    const posted = await post(endpoints.authorization_endpoint, Object.fromEntries(query));

    expect(posted.status).toBe(303);
    expect(posted.location).toBe(`/oauth2/authorize?${query.toString()}`);
  });

  it('asks again for a name that is empty or too long, and keeps what was typed', async () => {
    const empty = await post(requestFor(), { user: ' ', projects: 'p1' });
    const long = await post(requestFor(), { user: 'x'.repeat(201), projects: '' });

    for (const { status, text, location } of [empty, long]) {
      expect([status, location]).toEqual([400, null]);
      expect(text).toContain('<p id="problem" role="alert">Give a name of up to 200 letters.</p>');
    }
    expect(empty.text).toContain('value="p1"');
  });

  it('writes nothing into its page as HTML', async () => {
    const { text } = await ask(requestFor({ login_hint: '"><script>', client_id: '<b>' }));

    expect(text).not.toContain('<script>');
    expect(text).toContain('value="&#34;&#62;&#60;script&#62;"');
    expect(text).toContain('<b>&#60;b&#62;</b>');
  });

  it('lets its page load nothing and be in no frame', async () => {
    const response = await fetch(requestFor());

    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' http:; base-uri 'none'; frame-ancestors 'none'",
    );
  });

  it('is closed to pages of other machines', async () => {
    const { status, cookie } = await post(requestFor(), { user: 'a' }, { origin: 'https://evil.example' });

    expect([status, cookie]).toEqual([403, '']);
  });
});

describe('someone who is signed in', () => {
  it('comes back at once, with and without prompt=none', async () => {
    const { cookie } = await signIn({ projects: 'p1' });

    const silent = await ask(requestFor({ prompt: 'none', login_hint: 'Alice 李' }), `other=1; ${cookie}`);
    const usual = await ask(requestFor(), cookie);
    const tokens = tokensSchema.parse((await exchange({ code: silent.answer['code'] })).json);

    expect(usual.answer).toEqual({ kept: '1', code: expect.any(String), state: 'st&1', iss: issuer.url });
    expect(await claimsOf(tokens.access_token)).toMatchObject({ sub: 'Alice 李', projects: ['p1'] });
  });

  it('keeps the time of the sign-in', async () => {
    const { cookie } = await signIn();
    const signedInAt = Math.floor(now / 1000);
    now += 60_000;
    const { answer } = await ask(requestFor({ max_age: '60' }), cookie);
    const late = await ask(requestFor({ max_age: '59', prompt: 'none' }), cookie);
    const tokens = tokensSchema.parse((await exchange({ code: answer['code'] })).json);

    expect(await claimsOf(tokens.id_token)).toMatchObject({ auth_time: signedInAt });
    expect(late.answer['error']).toBe('login_required');
  });

  it.each(['login', 'consent', 'select_account'])('sees the form again for prompt=%s', async (prompt) => {
    const { cookie } = await signIn({ projects: 'p1' });

    const { status, text } = await ask(requestFor({ prompt }), cookie);

    expect(status).toBe(200);
    expect(text).toContain('value="Alice 李"');
    expect(text).toContain('value="p1"');
  });

  it('sees the form for the name of another user', async () => {
    const { cookie } = await signIn();

    const { status, text } = await ask(requestFor({ login_hint: 'bob' }), cookie);

    expect(status).toBe(200);
    expect(text).toContain('value="bob"');
  });

  it.each<[string, Parameters, string]>([
    ['no cookie', {}, ''],
    ['a cookie of an earlier start', {}, 'local-issuer-session=gone'],
    ['another user', { login_hint: 'bob' }, 'own'],
  ])('is asked to sign in with prompt=none and %s', async (_case, changes, cookie) => {
    const signed = await signIn();

    const { status, answer } = await ask(
      requestFor({ prompt: 'none', ...changes }),
      cookie === 'own' ? signed.cookie : cookie,
    );

    expect(status).toBe(303);
    expect(answer).toEqual({
      kept: '1',
      error: 'login_required',
      error_description: 'the user has to sign in',
      state: 'st&1',
      iss: issuer.url,
    });
  });

  it('is signed out after a day, and by the end of the session', async () => {
    const { cookie } = await signIn();
    const out = await ask(
      `${endpoints.end_session_endpoint}?post_logout_redirect_uri=http://127.0.0.1:1/out&state=x`,
      cookie,
    );
    const after = await ask(requestFor({ prompt: 'none' }), cookie);
    const other = await signIn();
    now += 86_400_000;
    const late = await ask(requestFor({ prompt: 'none' }), other.cookie);

    expect([out.status, out.location]).toEqual([303, 'http://127.0.0.1:1/out?state=x']);
    expect(out.cookie).toBe('local-issuer-session=');
    expect(after.answer['error']).toBe('login_required');
    expect(late.answer['error']).toBe('login_required');
  });

  it('is sent nowhere else by the end of the session', async () => {
    const plain = await post(endpoints.end_session_endpoint, {});
    const astray = await post(endpoints.end_session_endpoint, {
      post_logout_redirect_uri: 'https://evil.example/',
    });

    expect([plain.status, plain.location, plain.cookie]).toEqual([200, null, 'local-issuer-session=']);
    expect([astray.status, astray.location, astray.cookie]).toEqual([400, null, 'local-issuer-session=']);
  });
});

describe('a request that is wrong', () => {
  it.each<[string, Parameters]>([
    ['client_id is missing', { client_id: undefined }],
    ['client_id is missing', { client_id: 'x'.repeat(201) }],
    ['redirect_uri must be a URL of this machine', { redirect_uri: undefined }],
    ['redirect_uri must be a URL of this machine', { redirect_uri: 'https://evil.example/' }],
    ['redirect_uri must be a URL of this machine', { redirect_uri: 'http://localhost@evil.example/' }],
    ['redirect_uri must be a URL of this machine', { redirect_uri: 'http://localhost:1/#part' }],
    // The browser would run it as a script of this page.
    ['redirect_uri must be a URL of this machine', { redirect_uri: 'javascript://localhost/?%0Aopen()' }],
  ])('is shown to the user alone where the client is unclear: %s %j', async (message, changes) => {
    const { status, location, text } = await ask(requestFor(changes));

    expect([status, location]).toEqual([400, null]);
    expect(text).toContain(message);
  });

  it('is shown to the user alone where two addresses are given', async () => {
    const { status, location, text } = await ask(`${requestFor()}&redirect_uri=http://localhost:2/`);

    expect([status, location]).toEqual([400, null]);
    expect(text).toContain('redirect_uri is given twice');
  });

  it.each<[string, Parameters, string]>([
    ['unsupported_response_type', { response_type: 'token' }, 'response_type must be code'],
    ['unsupported_response_type', { response_type: undefined }, 'response_type must be code'],
    ['invalid_request', { response_mode: 'fragment' }, 'response_mode must be query'],
    ['invalid_scope', { scope: 'profile' }, 'scope must contain openid'],
    ['invalid_request', { code_challenge_method: 'plain' }, 'code_challenge_method must be S256'],
    ['invalid_request', { code_challenge_method: undefined }, 'code_challenge_method must be S256'],
    [
      'invalid_request',
      { code_challenge: 'x' },
      'code_challenge must be the SHA-256 of the verifier, in base64url',
    ],
    [
      'invalid_request',
      { prompt: 'none login' },
      'prompt must be of none, login, consent, select_account; none stands alone',
    ],
    [
      'invalid_request',
      { prompt: 'silent' },
      'prompt must be of none, login, consent, select_account; none stands alone',
    ],
    ['invalid_request', { max_age: '-1' }, 'max_age must be a number of seconds'],
    ['request_not_supported', { request: 'e30.e30.' }, 'send the parameters in the query'],
    ['request_uri_not_supported', { request_uri: 'urn:x' }, 'send the parameters in the query'],
  ])('comes back to the client as %s for %j: %s', async (error, changes, description) => {
    const { status, answer } = await ask(requestFor(changes));

    expect(status).toBe(303);
    expect(answer).toEqual({
      kept: '1',
      error,
      error_description: description,
      state: 'st&1',
      iss: issuer.url,
    });
  });

  it('comes back without a state where it had none, and with a doubled one unanswered', async () => {
    const bare = await ask(requestFor({ state: undefined, response_type: 'token' }));
    const twice = await ask(`${requestFor()}&scope=openid`);

    expect(Object.keys(bare.answer)).toEqual(['kept', 'error', 'error_description', 'iss']);
    expect(twice.answer).toMatchObject({
      error: 'invalid_request',
      error_description: 'scope is given twice',
    });
  });
});

describe('POST /oauth2/token', () => {
  it('takes a code once, even when the first try was wrong', async () => {
    const first = await signIn();
    const wrong = await exchange({ code: first.code, code_verifier: 'x'.repeat(43) });
    const again = await exchange({ code: first.code });
    const second = await signIn();
    const granted = await exchange({ code: second.code });
    const replay = await exchange({ code: second.code });

    const used = { error: 'invalid_grant', error_description: 'the code is unknown, used or too old' };
    expect(wrong).toEqual({
      status: 400,
      json: { error: 'invalid_grant', error_description: 'code_verifier does not fit code_challenge' },
    });
    expect([again, replay]).toEqual([
      { status: 400, json: used },
      { status: 400, json: used },
    ]);
    expect(granted.status).toBe(200);
  });

  it('takes no code that is a minute old', async () => {
    const { code } = await signIn();
    now += 60_000;

    expect((await exchange({ code })).json['error']).toBe('invalid_grant');
  });

  it.each<[string, Parameters, string]>([
    ['invalid_grant', { client_id: 'other' }, 'the code is for another client_id'],
    [
      'invalid_grant',
      { redirect_uri: 'http://localhost:5173/back' },
      'redirect_uri is not the one of the request',
    ],
    ['invalid_request', { client_id: undefined }, 'client_id is missing'],
    ['invalid_request', { grant_type: undefined }, 'grant_type is missing'],
    [
      'unsupported_grant_type',
      { grant_type: 'password' },
      'grant_type must be authorization_code or refresh_token',
    ],
    [
      'invalid_request',
      { code_verifier: undefined },
      'code_verifier must have 43 to 128 letters, digits or -._~',
    ],
  ])('answers %s to %j: %s', async (error, changes, description) => {
    const { code } = await signIn();

    const answer = await exchange({ code, ...changes });

    expect(answer).toEqual({ status: 400, json: { error, error_description: description } });
  });

  it('takes forms only, and no parameter twice', async () => {
    const { code } = await signIn();
    const json = await fetch(endpoints.token_endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ grant_type: 'authorization_code', code }),
    });
    const twice = await fetch(endpoints.token_endpoint, {
      method: 'POST',
      body: new URLSearchParams([
        ['client_id', 'a'],
        ['client_id', 'b'],
      ]),
    });

    expect(await json.json()).toEqual({
      error: 'invalid_request',
      error_description: 'send a form (application/x-www-form-urlencoded)',
    });
    expect(await twice.json()).toEqual({
      error: 'invalid_request',
      error_description: 'client_id is given twice',
    });
  });

  it('renews the tokens with each refresh token once', async () => {
    const { code } = await signIn({ projects: 'p1' });
    const first = tokensSchema.parse((await exchange({ code })).json);
    now += 2 * HOUR_SECONDS * 1000;
    const renewal = { grant_type: 'refresh_token', refresh_token: first.refresh_token };
    const renewed = tokensSchema.parse((await exchange(renewal)).json);
    const replay = await exchange(renewal);
    const stranger = await exchange({
      ...renewal,
      refresh_token: renewed.refresh_token,
      client_id: 'other',
    });

    expect(renewed.refresh_token).not.toBe(first.refresh_token);
    expect(await claimsOf(renewed.access_token)).toMatchObject({
      sub: 'Alice 李',
      projects: ['p1'],
      iat: Math.floor(now / 1000),
    });
    expect([replay.status, replay.json['error']]).toEqual([400, 'invalid_grant']);
    expect([stranger.status, stranger.json['error']]).toEqual([400, 'invalid_grant']);
  });

  it('is open to pages of this machine, keeps its answers out of caches, and to no others', async () => {
    const { code } = await signIn();
    const form = encode({
      grant_type: 'authorization_code',
      client_id: CLIENT,
      redirect_uri: REDIRECT,
      code_verifier: verifier,
      code,
    });
    const call = (origin: string) =>
      fetch(endpoints.token_endpoint, { method: 'POST', headers: { origin }, body: form });

    const stranger = await call('https://evil.example');
    const own = await call('http://localhost:5173');

    expect(stranger.status).toBe(403);
    expect(own.status).toBe(200);
    expect(own.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    expect(own.headers.get('cache-control')).toBe('no-store');
  });
});
