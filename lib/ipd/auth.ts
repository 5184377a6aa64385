/**
 * Authenticates us to IPD: with a token from IAM, or with a signature made with an access key (AK/SK). Owns the
 * token's cache and the signing rules; never logs or returns a secret except as a request header.
 */
import { createHash, createHmac } from 'node:crypto';
import * as z from 'zod';
import { percentEncode } from '../domain/percent-encoding.ts';
import type { Clock } from '../runtime/clock.ts';
import { classify, parseJson } from './errors.ts';
import type { Failure } from './errors.ts';
import { exchange } from './wire.ts';
import type { Send } from './wire.ts';
import { HOUR_MS } from '../domain/units.ts';

export type AccessKey = { accessKey: string; secretKey: string; securityToken?: string | undefined };
export type IamUser = { domain: string; username: string; password: string };

/** What a request is signed over. */
export type Signable = {
  method: string;
  url: URL;
  /** Hex SHA-256 of the body, or UNSIGNED-PAYLOAD: TLS alone then protects it. */
  payload: string;
};

/** An access key is documented for bodies up to 12 MB: https://support.huaweicloud.com/api-projectman/projectman_03_0008.html */
export const ACCESS_KEY_BODY_LIMIT = 12_000_000;

export const EMPTY_PAYLOAD = sha256('');
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

const TOKEN_TIMEOUT_MS = 10_000;

/**
 * The headers that sign a request with SDK-HMAC-SHA256.
 * https://support.huaweicloud.com/devg-apisign/api-sign-algorithm-001.md
 * Content-Type stays unsigned, since HTTP layers may rewrite it.
 */
export function signRequest(request: Signable, key: AccessKey, now: number): Record<string, string> {
  const date = `${new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
  const headers: Record<string, string> = { 'x-sdk-date': date };
  if (request.payload === UNSIGNED_PAYLOAD) headers['x-sdk-content-sha256'] = UNSIGNED_PAYLOAD;
  if (key.securityToken !== undefined) headers['x-security-token'] = key.securityToken;

  const canonical = canonicalRequest(request, headers);
  const stringToSign = `SDK-HMAC-SHA256\n${date}\n${sha256(canonical.text)}`;
  const signature = createHmac('sha256', key.secretKey).update(stringToSign).digest('hex');
  headers['authorization'] =
    `SDK-HMAC-SHA256 Access=${key.accessKey}, SignedHeaders=${canonical.signedHeaders}, Signature=${signature}`;
  return headers;
}

/** The text whose hash is signed; exported because the vendor's vectors give that hash. */
export function canonicalRequest(
  request: Signable,
  headers: Record<string, string>,
): { text: string; signedHeaders: string } {
  const signed = Object.entries({ ...headers, host: request.url.host }).toSorted(byKey);
  const signedHeaders = signed.map(([name]) => name).join(';');
  const path = request.url.pathname.split('/').map((segment) => percentEncode(decodeURIComponent(segment)));
  const query = [...request.url.searchParams].map(
    ([key, value]) => [percentEncode(key), percentEncode(value)] as const,
  );
  const text = [
    request.method,
    // For signing only, the path must end in a slash.
    `${path.join('/')}/`.replace(/\/\/$/, '/'),
    query
      .toSorted(byKey)
      .map(([key, value]) => `${key}=${value}`)
      .join('&'),
    ...signed.map(([name, value]) => `${name}:${value.trim()}`),
    '',
    signedHeaders,
    request.payload,
  ].join('\n');
  return { text, signedHeaders };
}

/** Headers that authenticate a request, or why there are none. */
export type Authorization = { kind: 'authorized'; headers: Record<string, string> } | Failure;

/**
 * Tokens from IAM: cached, refreshed an hour early with jitter, one call to IAM at a time.
 * https://support.huaweicloud.com/api-iam/iam_30_0001.html
 */
export function createTokenSource(options: {
  send: Send;
  clock: Clock;
  iamEndpoint: string;
  region: string;
  user: IamUser;
}) {
  const { send, clock, iamEndpoint, region, user } = options;
  let current: { token: string; refreshAt: number } | undefined;
  let flight: Promise<Authorization> | undefined;

  /** A caller that aborts does not abort the call to IAM: other callers wait for it, and its token is cached. */
  async function authorize(signal?: AbortSignal): Promise<Authorization> {
    if (current !== undefined && clock.now() < current.refreshAt) return asHeaders(current.token);
    flight ??= fetchToken().finally(() => {
      flight = undefined;
    });
    return signal === undefined ? flight : Promise.race([flight, givenUp(signal)]);
  }

  /** IPD did not accept the token of these headers: the next call asks IAM again. */
  function drop(headers: Record<string, string>): void {
    if (current !== undefined && headers['x-auth-token'] === current.token) current = undefined;
  }

  async function fetchToken(): Promise<Authorization> {
    const answer = await exchange(send, {
      method: 'POST',
      url: new URL('/v3/auth/tokens?nocatalog=true', iamEndpoint),
      headers: { 'content-type': 'application/json;charset=utf8' },
      body: Buffer.from(JSON.stringify(tokenRequest(user, region))),
      signal: clock.timeout(TOKEN_TIMEOUT_MS),
    });
    if (answer.kind !== 'answer') return outage(`IAM: ${answer.detail}`);
    const token = answer.headers['x-subject-token'];
    if (answer.status === 201 && token !== undefined) {
      current = { token, refreshAt: refreshTime(answer.text, clock) };
      return asHeaders(token);
    }
    const verdict = classify(answer, [user.username, user.domain]);
    if (verdict.kind === 'locked_out' || verdict.kind === 'throttled') return verdict;
    return outage(`IAM gave no token: HTTP ${answer.status}`);
  }

  return { authorize, drop };
}

/** https://support.huaweicloud.com/api-iam/iam_30_0001.html: password method, scoped to the region's IAM project. */
function tokenRequest(user: IamUser, region: string): unknown {
  return {
    auth: {
      identity: {
        methods: ['password'],
        password: {
          user: { name: user.username, password: user.password, domain: { name: user.domain } },
        },
      },
      scope: { project: { name: region } },
    },
  };
}

/**
 * An hour before the token's end, or halfway if it lives shorter; some minutes earlier at random, so that containers
 * do not ask at once.
 */
function refreshTime(text: string, clock: Clock): number {
  const parsed = tokenAnswer.safeParse(parseJson(text));
  const now = clock.now();
  const life = parsed.success ? Date.parse(parsed.data.token.expires_at) - now : HOUR_MS;
  return now + Math.max(life - HOUR_MS, life / 2) - clock.random() * Math.min(life / 10, HOUR_MS / 4);
}

const tokenAnswer = z.object({ token: z.object({ expires_at: z.string() }) });

async function givenUp(signal: AbortSignal): Promise<Authorization> {
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return outage('IAM: no answer in time');
}

/** Without a token, no call can be made. */
function outage(detail: string): Authorization {
  return { kind: 'unavailable', detail, isOutage: true };
}

function asHeaders(token: string): Authorization {
  return { kind: 'authorized', headers: { 'x-auth-token': token } };
}

function byKey(a: readonly [string, string], b: readonly [string, string]): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] < b[1] ? -1 : Number(a[1] > b[1]);
}

/** In hexadecimal digits, as a payload is signed. */
export function sha256(payload: string | Uint8Array): string {
  return createHash('sha256').update(payload).digest('hex');
}
