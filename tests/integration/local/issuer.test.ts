import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { z } from 'zod';
import { startIssuer, type IssuerOptions } from '../../../local/issuer.ts';

type Issuer = Awaited<ReturnType<typeof startIssuer>>;

const tokenSchema = z.object({ access_token: z.string(), token_type: z.string(), expires_in: z.number() });
const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.string(), token_endpoint: z.string() });

let dataDirectory: string;
let issuer: Issuer;

function start(options: Partial<IssuerOptions> = {}): Promise<Issuer> {
  return startIssuer({ port: 0, dataDirectory, audience: 'bridge', ...options });
}

function post(body: string, at: Issuer = issuer): Promise<Response> {
  return fetch(`${at.url}/token`, { method: 'POST', body });
}

async function mint(request: object, at: Issuer = issuer) {
  return tokenSchema.parse(await (await post(JSON.stringify(request), at)).json());
}

async function verify(token: string, at: Issuer = issuer) {
  const discovery = await fetch(`${at.url}/.well-known/openid-configuration`);
  const { issuer: iss, jwks_uri: keys } = discoverySchema.parse(await discovery.json());
  return jwtVerify(token, createRemoteJWKSet(new URL(keys)), { issuer: iss, algorithms: ['RS256'] });
}

beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'issuer-'));
  issuer = await start();
});

afterEach(async () => {
  await issuer.close();
  await rm(dataDirectory, { recursive: true });
});

describe('POST /token', () => {
  it('mints a token that verifies against the published key', async () => {
    const token = await mint({ sub: 'alice', projects: ['p1', 'p2'] });

    const { payload, protectedHeader } = await verify(token.access_token);

    expect(token).toMatchObject({ token_type: 'Bearer', expires_in: 3600 });
    expect(payload).toMatchObject({ iss: issuer.url, aud: 'bridge', sub: 'alice', projects: ['p1', 'p2'] });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(3600);
    expect(protectedHeader.kid).toEqual(expect.any(String));
  });

  it('leaves the projects out when none are given', async () => {
    const { payload } = await verify((await mint({ sub: 'alice' })).access_token);

    expect(payload).not.toHaveProperty('projects');
  });

  it("puts the user's name into the token, and what else names a person", async () => {
    const names = { name: 'Alice 李', preferred_username: 'alice', email: 'alice@example.com' };
    const { payload } = await verify((await mint({ sub: 'a', ...names })).access_token);

    expect(payload).toMatchObject({ sub: 'a', ...names });
  });

  it('takes another audience, another life and another claim name', async () => {
    const other = await start({ projectsClaim: 'ipd_projects' });
    const token = await mint(
      { sub: 'a', projects: ['p'], audience: ['x', 'y'], expiresInSeconds: 7000 },
      other,
    );

    const { payload } = await verify(token.access_token, other);
    await other.close();

    expect(payload).toMatchObject({ aud: ['x', 'y'], ipd_projects: ['p'] });
    expect(token.expires_in).toBe(7000);
  });

  it('mints an expired token on request', async () => {
    const token = await mint({ sub: 'alice', expiresInSeconds: -10 });

    await expect(verify(token.access_token)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
  });

  it.each([
    { body: 'sub=alice', says: 'is not valid JSON' },
    { body: '{}', says: 'at sub' },
    { body: '{"sub":"a","project":[]}', says: 'project' },
    { body: '{"sub":"a","expiresInSeconds":"1h"}', says: 'expiresInSeconds' },
    { body: '{"sub":"a","name":5}', says: 'name' },
    { body: '{"sub":"a","iss":"https://other.example"}', says: 'iss' },
  ])('says what is wrong with $body', async ({ body, says }) => {
    const response = await post(body);

    expect(response.status).toBe(400);
    const { message } = z.object({ message: z.string() }).parse(await response.json());
    expect(message).toMatch(/^send \{"sub": "…"\} as JSON: /);
    expect(message).toContain(says);
  });
});

describe('the key', () => {
  it('outlives a restart in its directory, readable by the owner only', async () => {
    const { access_token: token } = await mint({ sub: 'alice' });
    await issuer.close();
    issuer = await start({ port: issuer.port });

    const { payload } = await verify(token);
    const { mode } = await stat(join(dataDirectory, 'issuer-key.json'));

    expect(payload.sub).toBe('alice');
    expect(mode & 0o077).toBe(0);
  });

  it('is published without its private part', async () => {
    const response = await fetch(`${issuer.url}/.well-known/jwks.json`);

    const { keys } = z
      .object({ keys: z.array(z.record(z.string(), z.string())) })
      .parse(await response.json());
    expect(Object.keys(keys[0] ?? {}).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
  });
});

describe('any route', () => {
  it('is open to pages of this machine, and to no others', async () => {
    const here = { headers: { origin: 'http://localhost:5173' } };
    const preflight = await fetch(`${issuer.url}/token`, { method: 'OPTIONS', ...here });
    const unknown = await fetch(`${issuer.url}/nowhere`, here);
    const stranger = await fetch(`${issuer.url}/token`, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: '{"sub":"me"}',
    });

    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    expect(unknown.status).toBe(404);
    expect(unknown.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
    expect(stranger.status).toBe(403);
    expect(stranger.headers.get('access-control-allow-origin')).toBeNull();
  });
});
