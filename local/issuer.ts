/**
 * A token issuer for development: OpenID discovery, a key set, a token for any name (`POST /token`), and the code flow
 * with PKCE (sign-in/flow.ts). It checks no identity, so it answers programs and web pages of this machine only, and is
 * never deployed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose';
import { z } from 'zod';
import { listen } from './listen.ts';
import type { Reach } from './listen.ts';
import { makePrivateDirectory } from './private.ts';
import {
  AUTHORIZE_PATH,
  createCodeFlow,
  describeFlow,
  END_SESSION_PATH,
  TOKEN_PATH,
} from './sign-in/flow.ts';
import type { Answer, Call, SignedClaims } from './sign-in/flow.ts';
import { corsFor, isOwn } from './visitors.ts';

export type IssuerOptions = {
  /** 0: any free port. */
  port: number;
  /** Where the key is kept, so that tokens survive a restart. */
  dataDirectory?: string;
  /** The `aud` of tokens whose request names none. */
  audience: string;
  projectsClaim?: string;
  /** Web origins whose pages may request tokens, beside those of this machine. */
  origins?: string[];
  reach?: Reach;
  /** Milliseconds since 1970. */
  clock?: () => number;
};

const tokenRequestSchema = z.strictObject({
  sub: z.string().min(1),
  /** A user's name, for `uploadedBy`: https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims */
  name: z.string().optional(),
  preferred_username: z.string().optional(),
  email: z.string().optional(),
  projects: z.array(z.string()).optional(),
  /** A negative number makes a token that has expired already. */
  expiresInSeconds: z.number().int().default(3600),
  audience: z.union([z.string(), z.array(z.string())]).optional(),
});

const JWKS_PATH = '/.well-known/jwks.json';
const FORM_TYPE = /^application\/x-www-form-urlencoded\s*(?:;|$)/i;

const CORS = {
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': '*',
};

/** Starts the issuer; its `publicUrl` is the `iss` of its tokens. */
export async function startIssuer(options: IssuerOptions) {
  const {
    port,
    dataDirectory,
    audience,
    projectsClaim = 'projects',
    origins = [],
    reach,
    clock = Date.now,
  } = options;
  const privateJwk = await loadKey(dataDirectory);
  const { kty, n, e, kid } = privateJwk;
  const privateKey = await importJWK(privateJwk, 'RS256');
  let url = '';

  function sign({ sub, audience: asked, projects, lifeSeconds, claims }: SignedClaims): Promise<string> {
    const now = Math.floor(clock() / 1000);
    return new SignJWT({ ...claims, ...(projects !== undefined && { [projectsClaim]: projects }) })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
      .setIssuer(url)
      .setAudience(asked ?? audience)
      .setSubject(sub)
      .setIssuedAt(now)
      .setExpirationTime(now + lifeSeconds)
      .sign(privateKey);
  }

  async function mint(body: string): Promise<unknown> {
    const wanted = tokenRequestSchema.parse(JSON.parse(body));
    const { sub, projects, expiresInSeconds: lifeSeconds, audience: asked, ...claims } = wanted;
    const token = await sign({ sub, audience: asked, projects, lifeSeconds, claims });
    return { access_token: token, token_type: 'Bearer', expires_in: lifeSeconds };
  }

  const flow = createCodeFlow({
    issuer: () => url,
    isOwn: (address) => isOwn(address, reach?.publicHost),
    sign,
    clock,
  });

  async function answer(request: IncomingMessage): Promise<Answer> {
    const at = new URL(`${url}${request.url}`);
    switch (`${request.method} ${at.pathname}`) {
      case 'GET /.well-known/openid-configuration':
        return { status: 200, json: discovery(url) };
      case `GET ${JWKS_PATH}`:
        return { status: 200, json: { keys: [{ kty, n, e, kid, alg: 'RS256', use: 'sig' }] } };
      case 'POST /token':
        return { status: 200, json: await mint(await text(request)) };
      case `GET ${AUTHORIZE_PATH}`:
      case `POST ${AUTHORIZE_PATH}`:
        return flow.authorize(await callOf(request, at));
      case `POST ${TOKEN_PATH}`:
        return flow.exchange(await callOf(request, at));
      case `GET ${END_SESSION_PATH}`:
      case `POST ${END_SESSION_PATH}`:
        return flow.endSession(await callOf(request, at));
      default:
        return request.method === 'OPTIONS'
          ? { status: 204 }
          : { status: 404, json: { message: `there is no ${request.method} ${at.pathname}` } };
    }
  }

  const server = createServer((request, response) => {
    answer(request)
      .catch(explain)
      .then((answered) => send(response, { ...answered, cors: corsFor(request) }))
      .catch(() => response.destroy());
  });
  const listening = await listen(server, port, { pages: { kind: 'local', origins }, reach });
  url = listening.publicUrl;
  return listening;
}

/** https://openid.net/specs/openid-connect-discovery-1_0.html */
function discovery(url: string): object {
  return {
    issuer: url,
    jwks_uri: `${url}${JWKS_PATH}`,
    ...describeFlow(url),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  };
}

async function callOf(request: IncomingMessage, url: URL): Promise<Call> {
  const isForm = FORM_TYPE.test(request.headers['content-type'] ?? '');
  const form = isForm ? new URLSearchParams(await text(request)) : undefined;
  return { url, cookie: request.headers.cookie, form };
}

function explain(error: unknown): Answer {
  const wanted = 'send {"sub": "…"} as JSON';
  if (error instanceof SyntaxError) return { status: 400, json: { message: `${wanted}: ${error.message}` } };
  if (error instanceof z.ZodError) {
    return { status: 400, json: { message: `${wanted}: ${z.prettifyError(error)}` } };
  }
  return { status: 500, json: { message: error instanceof Error ? error.message : 'unknown error' } };
}

function send(
  response: ServerResponse,
  { status, headers = {}, json, html, cors }: Answer & { cors: Record<string, string> },
): void {
  const type = html === undefined ? 'application/json' : 'text/html; charset=utf-8';
  const body = html ?? (json === undefined ? '' : JSON.stringify(json));
  response
    .writeHead(status, { ...CORS, ...cors, 'content-type': type, 'cache-control': 'no-store', ...headers })
    .end(body);
}

async function loadKey(dataDirectory: string | undefined): Promise<JWK> {
  if (dataDirectory === undefined) return makeKey();
  const path = join(dataDirectory, 'issuer-key.json');
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return keySchema.parse(JSON.parse(kept));

  const key = await makeKey();
  await makePrivateDirectory(dataDirectory);
  await writeFile(path, JSON.stringify(key), { mode: 0o600 });
  return key;
}

const keySchema = z.looseObject({
  kty: z.literal('RSA'),
  n: z.string(),
  e: z.string(),
  d: z.string(),
  kid: z.string(),
});

async function makeKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk) };
}
