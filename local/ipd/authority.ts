/**
 * Authenticates a request: by a token, or by an AK/SK signature with its clock skew and its lock-out. A signature that
 * covers the body can only be checked after the body was read: `verify` does that, before anything is stored.
 */
import { createHash } from 'node:crypto';
import type { Credentials, createIam } from './iam.ts';
import { credentialRefusal, deadTokenRefusal, keyLockedRefusal, signatureRefusal } from './replies.ts';
import {
  ALGORITHM,
  canonicalRequestOf,
  parseAuthorization,
  parseSdkDate,
  signatureOf,
  UNSIGNED_PAYLOAD,
  type Authorization,
} from './signature.ts';
import { headerOf, type AuthKind, type Headers, type Reply } from './types.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';

/** https://support.huaweicloud.com/intl/en-us/api-vpcep/vpcep_03_0003.html */
const CLOCK_SKEW_MS = 15 * MINUTE_MS;

/** More failures in a row than this lock the key: https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-0001.html */
const FAILURES_ALLOWED = 5;
const LOCK_MS = 5 * MINUTE_MS;

const EMPTY_HASH = createHash('sha256').digest('hex');

type CallHead = { method: string; url: string; headers: Headers };

export type Session =
  | { refusal: Reply }
  | { refusal?: undefined; needsBodyHash: boolean; verify: (bodyHash: string) => Reply | undefined };

const accepted: Session = { needsBodyHash: false, verify: () => undefined };

/** How a request authenticates; nothing is checked here. */
export function authKindOf(headers: Headers): AuthKind {
  if (headerOf(headers, 'x-auth-token') !== undefined) return 'token';
  return headerOf(headers, 'authorization')?.startsWith(ALGORITHM) === true ? 'aksk' : 'none';
}

/** Authenticates requests; it remembers the failures of each access key. */
export function createAuthority(options: {
  credentials: Credentials;
  iam: ReturnType<typeof createIam>;
  clock: () => number;
}) {
  const { credentials, iam, clock } = options;
  const failuresOf = new Map<string, { inARow: number; lockedUntil: number }>();

  function open(call: CallHead, deadToken: 'gateway' | 'service'): Session {
    const token = headerOf(call.headers, 'x-auth-token');
    if (token !== undefined) return iam.isAlive(token) ? accepted : { refusal: deadTokenRefusal(deadToken) };
    const authorization = parseAuthorization(headerOf(call.headers, 'authorization') ?? '');
    if (authorization === undefined) return { refusal: credentialRefusal('x-auth-token not found') };
    return openSigned(call, authorization);
  }

  function openSigned(call: CallHead, authorization: Authorization): Session {
    const { accessKey, signedHeaders } = authorization;
    if ((failuresOf.get(accessKey)?.lockedUntil ?? 0) > clock()) return { refusal: keyLockedRefusal() };
    if (accessKey !== credentials.accessKey) {
      return {
        refusal: fail(accessKey, credentialRefusal(`Get secretKey failed, ak ${accessKey} not exist`)),
      };
    }
    const date = headerOf(call.headers, 'x-sdk-date') ?? '';
    if (!(Math.abs(parseSdkDate(date) - clock()) <= CLOCK_SKEW_MS)) {
      return {
        refusal: fail(accessKey, credentialRefusal('X-Sdk-Date is missing or too far from the time here')),
      };
    }
    if (!signsWhatItMust(call.headers, signedHeaders)) {
      return { refusal: fail(accessKey, signatureRefusal(expectedCanonicalRequest(call))) };
    }

    function judge(payloadHash: string): Reply | undefined {
      const canonicalRequest = canonicalRequestOf({ ...call, signedHeaders, payloadHash });
      const expected = signatureOf({ secretKey: credentials.secretKey, date, canonicalRequest });
      if (expected !== authorization.signature) return fail(accessKey, signatureRefusal(canonicalRequest));
      failuresOf.delete(accessKey);
      return undefined;
    }

    // If the signature covers the body, it is checked with the bytes that arrived, not with the hash in a header.
    const isHashed = headerOf(call.headers, 'x-sdk-content-sha256') !== UNSIGNED_PAYLOAD;
    if (isHashed) return { needsBodyHash: true, verify: judge };
    const refusal = judge(UNSIGNED_PAYLOAD);
    return refusal === undefined ? accepted : { refusal };
  }

  function signsWhatItMust(headers: Headers, signedHeaders: readonly string[]): boolean {
    const inOrder = signedHeaders.map((name) => name.toLowerCase()).toSorted();
    const required = ['x-sdk-date', 'x-sdk-content-sha256', 'x-security-token'].filter(
      (name) => name === 'x-sdk-date' || headers[name] !== undefined,
    );
    return (
      signedHeaders.join(';') === inOrder.join(';') &&
      required.every((name) => signedHeaders.includes(name)) &&
      headerOf(headers, 'x-security-token') === credentials.securityToken
    );
  }

  function fail(accessKey: string, refusal: Reply): Reply {
    const inARow = (failuresOf.get(accessKey)?.inARow ?? 0) + 1;
    const isLocked = inARow > FAILURES_ALLOWED;
    failuresOf.set(accessKey, {
      inARow: isLocked ? 0 : inARow,
      lockedUntil: isLocked ? clock() + LOCK_MS : 0,
    });
    return refusal;
  }

  return { open, unlock: () => failuresOf.clear() };
}

/** The canonical request that the gateway would show for this call, for an empty body; the signature may be wrong. */
export function expectedCanonicalRequest(call: CallHead): string {
  const authorization = parseAuthorization(headerOf(call.headers, 'authorization') ?? '');
  const signedHeaders = authorization?.signedHeaders ?? ['host'];
  const payloadHash = headerOf(call.headers, 'x-sdk-content-sha256') ?? EMPTY_HASH;
  return canonicalRequestOf({ ...call, signedHeaders, payloadHash });
}
