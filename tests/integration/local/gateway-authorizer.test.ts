import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT, UnsecuredJWT, exportJWK, exportSPKI } from 'jose';
import type { JWTPayload } from 'jose';
import { createAuthorizer } from '../../../local/gateway/authorizer.ts';
import { listen } from '../../../local/listen.ts';

const AUDIENCE = 'probe-audience';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });

let issuer: Awaited<ReturnType<typeof listen>>;
let authorize: ReturnType<typeof createAuthorizer>;

beforeAll(async () => {
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }];
  const server = createServer((request, response) => {
    const documents: Record<string, object> = {
      '/.well-known/openid-configuration': { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` },
      '/keys': { keys },
    };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(documents[request.url ?? ''] ?? {}));
  });
  issuer = await listen(server, 0);
  authorize = createAuthorizer(settings('$request.header.Authorization'));
});

afterAll(() => issuer.close());

function settings(identitySource: `$request.header.${string}`) {
  return { type: 'jwt' as const, identitySource, issuerUrl: issuer.url, audience: [AUDIENCE] };
}

/** `undefined` takes a claim away. */
type Changes = Record<string, unknown>;

function claims(changes: Changes = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return { iss: issuer.url, aud: AUDIENCE, sub: 'user-1', iat: now, exp: now + 60, ...changes };
}

function sign(changes: Changes = {}, header: { kid?: string } = { kid: 'k1' }): Promise<string> {
  return new SignJWT(claims(changes)).setProtectedHeader({ alg: 'RS256', ...header }).sign(privateKey);
}

const allowed = (token: string) => authorize({ headers: { authorization: token } });

async function refusal(token: string): Promise<string> {
  const verdict = await allowed(token);
  return verdict.allowed ? 'allowed' : verdict.challenge;
}

describe('createAuthorizer', () => {
  it('accepts a token with and without Bearer', async () => {
    const token = await sign();

    expect(await allowed(`Bearer ${token}`)).toMatchObject({ allowed: true });
    expect(await allowed(token)).toMatchObject({ allowed: true });
  });

  it('reads the header that identitySource names', async () => {
    const ipdStyle = createAuthorizer(settings('$request.header.X-Auth-Token'));
    const token = await sign();

    expect(await ipdStyle({ headers: { 'x-auth-token': token } })).toMatchObject({ allowed: true });
    expect(await ipdStyle({ headers: { authorization: token } })).toEqual({
      allowed: false,
      challenge: 'Bearer',
    });
  });

  it('hands claims over as texts in the way of AWS', async () => {
    const exp = Math.floor(Date.now() / 1000) + 60;
    const verdict = await allowed(
      await sign({
        exp,
        projects: ['p1', 'p2'],
        none: [],
        admin: true,
        level: 1.5,
        nested: { b: 1, a: ['x'] },
      }),
    );

    expect(verdict).toMatchObject({
      context: {
        jwt: {
          claims: {
            sub: 'user-1',
            aud: AUDIENCE,
            exp: String(exp),
            projects: '[p1 p2]',
            none: '[]',
            admin: 'true',
            level: '1.5',
            nested: 'map[a:[x] b:1]',
          },
          scopes: null,
        },
      },
    });
  });

  it('takes client_id for the audience only when there is no aud', async () => {
    const byClient = await sign({ aud: undefined, client_id: AUDIENCE });
    const otherAudience = await sign({ aud: 'other', client_id: AUDIENCE });

    expect(await allowed(byClient)).toMatchObject({ allowed: true });
    expect(await refusal(otherAudience)).toContain('valid audience');
  });

  it('accepts a token of several audiences when one fits', async () => {
    expect(await allowed(await sign({ aud: ['other', AUDIENCE] }))).toMatchObject({ allowed: true });
  });

  it('challenges a request without a token', async () => {
    expect(await authorize({ headers: {} })).toEqual({ allowed: false, challenge: 'Bearer' });
    expect(await refusal('Bearer ')).toBe('Bearer');
  });

  it('says why in the form of AWS', async () => {
    expect(await refusal(await sign({ aud: 'other' }))).toBe(
      'Bearer scope="" error="invalid_token" error_description="the token does not have a valid audience"',
    );
    expect(await refusal(await sign({ exp: 1 }))).toContain('the token has expired');
  });

  it.each([
    ['not yet valid', { nbf: Math.floor(Date.now() / 1000) + 3600 }],
    ['issued in the time to come', { iat: Math.floor(Date.now() / 1000) + 3600 }],
    ['from another issuer', { iss: 'https://evil.example.com' }],
    ['without an end', { exp: undefined }],
    ['without an audience', { aud: undefined }],
  ])('refuses a token %s', async (_what, changes) => {
    expect(await refusal(await sign(changes))).toContain('invalid_token');
  });

  it('refuses a token that names no key or an unknown one', async () => {
    expect(await refusal(await sign({}, {}))).toContain('names no key');
    expect(await refusal(await sign({}, { kid: 'k2' }))).toContain('invalid_token');
  });

  it('refuses a token signed by a stranger under our key id', async () => {
    const token = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .sign(stranger.privateKey);

    expect(await refusal(token)).toContain('signature is invalid');
  });

  it('refuses a payload that was changed after signing', async () => {
    const [header, , signature] = (await sign()).split('.');
    const payload = Buffer.from(JSON.stringify(claims({ sub: 'admin' }))).toString('base64url');

    expect(await refusal(`${header}.${payload}.${signature}`)).toContain('signature is invalid');
  });

  it('refuses alg none', async () => {
    expect(await refusal(new UnsecuredJWT(claims()).encode())).toContain('invalid_token');
  });

  it('refuses HS256 with the public key as the secret', async () => {
    const secret = new TextEncoder().encode(await exportSPKI(publicKey));
    const token = await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: 'k1' }).sign(secret);

    expect(await refusal(token)).toContain('signing method is invalid');
  });

  it('refuses other RSA algorithms, as AWS would not expect them here', async () => {
    const token = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'RS512', kid: 'k1' })
      .sign(privateKey);

    expect(await refusal(token)).toContain('signing method is invalid');
  });

  it.each([['garbage'], ['a.b.c'], ['"quoted"']])('refuses %s without breaking the header', async (token) => {
    expect(await refusal(token)).toMatch(/^Bearer scope="" error="invalid_token" error_description="[^"]*"$/);
  });

  it('refuses all tokens while the issuer does not answer, and tries again later', async () => {
    const place = await listen(createServer(), 0);
    await place.close();
    const lonely = createAuthorizer({ ...settings('$request.header.Authorization'), issuerUrl: place.url });
    const request = { headers: { authorization: await sign({ iss: place.url }) } };
    expect(await lonely(request)).toMatchObject({
      allowed: false,
      challenge: expect.stringContaining('discovery'),
    });

    const back = await listen(
      createServer((_request, response) => {
        response.end(JSON.stringify({ issuer: place.url, jwks_uri: `${issuer.url}/keys` }));
      }),
      place.port,
    );
    expect(await lonely(request)).toMatchObject({ allowed: true });
    await back.close();
  });
});
