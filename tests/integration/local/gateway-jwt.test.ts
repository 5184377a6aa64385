import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT, UnsecuredJWT, exportJWK, exportSPKI } from 'jose';
import type { JWTHeaderParameters, JWTPayload } from 'jose';
import { listen } from '../../../local/listen.ts';
import { startStack } from '../../../local/stack.ts';
import { expectContract } from '../../support/contract.ts';
import { createLogCollector, makeTemporaryDirectory } from '../../support/probe-stack.ts';
import { attachPath } from '../../support/product-stack.ts';
import { issueId, projectId } from '../../support/world.ts';

/** As serverless.yml has it. */
const AUDIENCE = 'ipd-attachment-bridge';
const HOUR = 3600;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let issuer: Awaited<ReturnType<typeof listen>>;
let evil: Awaited<ReturnType<typeof listen>>;
let stack: Awaited<ReturnType<typeof startStack>>;
let data: Awaited<ReturnType<typeof makeTemporaryDirectory>>;
const logs = createLogCollector();

beforeAll(async () => {
  const published = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' };
  issuer = await startIssuerOf(() => issuer.url, published);
  evil = await startIssuerOf(() => evil.url, { ...(await exportJWK(stranger.publicKey)), kid: 'k1' });
  data = await makeTemporaryDirectory();
  const environment = { ISSUER_URL: issuer.url };
  stack = await startStack({ ports: 'free', dataDirectory: data.path, environment, onLog: logs.log });
});
afterAll(async () => {
  await stack.stop();
  await Promise.all([issuer.close(), evil.close(), data.remove()]);
});

function startIssuerOf(url: () => string, key: object) {
  const server = createServer((request, response) => {
    const isKeys = request.url === '/keys';
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(isKeys ? { keys: [key] } : { issuer: url(), jwks_uri: `${url()}/keys` }));
  });
  return listen(server, 0);
}

/** `undefined` takes a claim away. */
function claims(changes: Record<string, unknown> = {}): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  return { iss: issuer.url, aud: AUDIENCE, sub: 'user-1', iat: now, exp: now + HOUR, ...changes };
}

function sign(changes: Record<string, unknown> = {}, header: Partial<JWTHeaderParameters> = {}) {
  return new SignJWT(claims(changes))
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
    .sign(privateKey);
}

function signAsStranger(header: Partial<JWTHeaderParameters>) {
  return new SignJWT(claims({ sub: 'admin' }))
    .setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header })
    .sign(stranger.privateKey);
}

function signByHmac(secret: string) {
  return new SignJWT(claims())
    .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
    .sign(new TextEncoder().encode(secret));
}

/** Signed by our key, with any header. */
function signPlainly(header: object): string {
  const signed = `${encode({ alg: 'RS256', kid: 'k1', ...header })}.${encode(claims())}`;
  return `${signed}.${signBytes('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`;
}

/** The parts of a good token, some of them exchanged. */
async function altered(change: (parts: [string, string, string]) => string[]): Promise<string> {
  const [header = '', payload = '', signature = ''] = (await sign()).split('.');
  return change([header, payload, signature]).join('.');
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const seconds = (fromNow: number): number => Math.floor(Date.now() / 1000) + fromNow;

const refused: [what: string, make: () => Promise<string> | string][] = [
  ['expired', () => sign({ exp: seconds(-HOUR) })],
  ['without an end', () => sign({ exp: undefined })],
  ['whose end is a text', () => sign({ exp: 'never' })],
  ['not yet valid', () => sign({ nbf: seconds(HOUR) })],
  ['issued in the time to come', () => sign({ iat: seconds(HOUR) })],
  ['for another audience', () => sign({ aud: 'another-service' })],
  ['for an audience that only begins like the valid one', () => sign({ aud: `${AUDIENCE}-test` })],
  ['for no audience', () => sign({ aud: undefined })],
  ['from another issuer', () => sign({ iss: evil.url })],
  ['from our issuer with a slash', () => sign({ iss: `${issuer.url}/` })],
  ['from no issuer', () => sign({ iss: undefined })],
  ['with alg none', () => new UnsecuredJWT(claims()).encode()],
  ['with alg None', () => `${encode({ alg: 'None', kid: 'k1' })}.${encode(claims())}.`],
  ['with HS256 and the public key as its secret', async () => signByHmac(await exportSPKI(publicKey))],
  [
    'with HS256 and the published key as its secret',
    async () => signByHmac(JSON.stringify(await exportJWK(publicKey))),
  ],
  ['with HS256 and an empty secret', () => altered(([, payload]) => [encode({ alg: 'HS256' }), payload, ''])],
  [
    'with another curve',
    () => new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(curve.privateKey),
  ],
  ['with RS512', () => sign({}, { alg: 'RS512' })],
  ['of an unknown key', () => sign({}, { kid: 'k2' })],
  ['of a key that is a path', () => signAsStranger({ kid: '../../../dev/null' })],
  ['of a stranger under our key id', () => signAsStranger({})],
  ['that brings its own key', async () => signAsStranger({ jwk: await exportJWK(stranger.publicKey) })],
  ['that names its own key set', () => signAsStranger({ jku: `${evil.url}/keys` })],
  ['that names its own certificate', () => signAsStranger({ x5u: `${evil.url}/keys` })],
  ['with an unknown extension', () => signPlainly({ crit: ['endless'], endless: true })],
  [
    'with the payload of another user',
    () => altered(([head, , signature]) => [head, encode(claims({ sub: 'admin' })), signature]),
  ],
  [
    'with a cut signature',
    () => altered(([head, payload, signature]) => [head, payload, signature.slice(0, -4)]),
  ],
  ['without a signature', () => altered(([head, payload]) => [head, payload, ''])],
  ['of two parts', () => altered(([head, payload]) => [head, payload])],
  ['that is words', () => 'let me in'],
  ['that breaks a quoted string', () => 'a"b, error="c'],
];

/** A call that the authorizer decides about; a good token brings it as far as the function. */
const ways = [
  { name: 'userJwt', header: 'authorization', other: 'x-auth-token', request: 'GET /v1/limits', status: 200 },
  {
    name: 'ipdStyleJwt',
    header: 'x-auth-token',
    other: 'authorization',
    request: `POST ${attachPath({ projectId, issueId })}`,
    // What was sent is no form.
    status: 415,
  },
] as const;

async function call(request: string, headers: Record<string, string>) {
  const [method = '', path = ''] = request.split(' ');
  const response = await fetch(`${stack.urls.apiUrl}${path}`, { method, headers });
  const text = await response.text();
  expectContract({ request, status: response.status, headers: response.headers, body: text });
  const body: unknown = JSON.parse(text);
  return { status: response.status, challenge: response.headers.get('www-authenticate'), body };
}

/** What the functions behind the gateway have said so far; the schedule's may speak at any time. */
const linesOfApi = (): number => logs.lines.filter(({ functionKey }) => functionKey !== 'sweep').length;

describe.each(ways)('$name', ({ header, other, request, status }) => {
  it.each(refused)('refuses a token %s', async (_what, make) => {
    const ran = linesOfApi();

    const answer = await call(request, { [header]: `Bearer ${await make()}` });

    expect(answer).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
    // The same challenge for every bad token.
    expect(answer.challenge).toMatch(/^Bearer scope="" error="invalid_token" error_description="[^"]*"$/);
    expect(linesOfApi()).toBe(ran);
  });

  it('refuses a call without a token, and a token in another place', async () => {
    const token = await sign();

    const nothing = await call(request, {});
    const elsewhere = await call(request, { [other]: token });
    const inQuery = await call(`${request}?access_token=${token}&${header}=${token}`, {});

    expect([nothing, elsewhere, inQuery].map((answer) => answer.status)).toEqual([401, 401, 401]);
    expect(nothing.challenge).toBe('Bearer');
  });

  it('lets the plainest good token through', async () => {
    expect((await call(request, { [header]: signPlainly({}) })).status).toBe(status);
  });

  it('lets a good token through, the bare one as well', async () => {
    const token = await sign();

    expect((await call(request, { [header]: `Bearer ${token}` })).status).toBe(status);
    expect((await call(request, { [header]: token })).status).toBe(status);
  });

  it.each([
    ['no sub', undefined],
    ['an empty sub', ''],
    ['null for a sub', null],
  ])('leaves a token with %s to the function, which refuses it', async (_what, sub) => {
    const answer = await call(request, { [header]: await sign({ sub }) });

    expect(answer).toMatchObject({ status: 401, body: { code: 'no_subject' } });
  });
});

it('takes the owner from the sub of a good token, and from no other claim', async () => {
  const authorization = await sign({ sub: 'user-2', owner: 'user-1', username: 'user-1' });

  const { body } = await call('GET /v1/uploads', { authorization });

  expect(body).toEqual({ uploads: [], nextCursor: null });
});
