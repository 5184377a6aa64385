/**
 * JWT authorizer of an HTTP API: checks signatures against the issuer's published keys, RS256 only, and passes claims
 * in the unusual form that AWS uses. When a check cannot be made, it refuses the request.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
 */
import type { IncomingHttpHeaders } from 'node:http';
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import type { Authorizer } from '../template.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';

export interface AuthorizerContext {
  jwt: { claims: Record<string, string>; scopes: null };
}

export type Verdict =
  | { allowed: true; context: AuthorizerContext }
  /** `challenge` is the WWW-Authenticate header of the 401. */
  | { allowed: false; challenge: string };

/** The URL by which an issuer calls itself, and the one by which this machine reaches it. */
export type IssuerAddress = { publicUrl: string; url: string };

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });
const IDENTITY_PREFIX = '$request.header.';

/** Makes the check of one authorizer; keys are fetched on first use and kept, as AWS does. */
export function createAuthorizer(
  settings: Authorizer,
  address?: IssuerAddress,
): (request: { headers: IncomingHttpHeaders }) => Promise<Verdict> {
  const header = settings.identitySource.slice(IDENTITY_PREFIX.length).toLowerCase();
  let keys: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;

  async function fetchKeys(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    keys ??= discoverKeys(settings.issuerUrl, address);
    try {
      return await keys;
    } catch (cause) {
      keys = undefined;
      throw new Error('OIDC discovery endpoint communication error', { cause });
    }
  }

  async function verify(token: string): Promise<JWTPayload> {
    const { payload, protectedHeader } = await jwtVerify(token, await fetchKeys(), {
      algorithms: ['RS256'],
      issuer: settings.issuerUrl,
      requiredClaims: ['exp'],
    });
    if (protectedHeader.kid === undefined) throw new Error('the token names no key');
    // `iat` "must be before the current time in UTC", says the page above; jose does not check that.
    if ((payload.iat ?? 0) * 1000 > Date.now()) throw new Error('the token does not have a valid iat');
    if (!hasAudience(payload, settings.audience)) throw new Error('the token does not have a valid audience');
    return payload;
  }

  return async ({ headers }) => {
    const token = String(headers[header] ?? '')
      .replace(/^Bearer\s+/i, '')
      .trim();
    if (token === '') return { allowed: false, challenge: 'Bearer' };
    try {
      return { allowed: true, context: { jwt: { claims: toClaims(await verify(token)), scopes: null } } };
    } catch (error) {
      return {
        allowed: false,
        challenge: `Bearer scope="" error="invalid_token" error_description="${describe(error)}"`,
      };
    }
  };
}

/** https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig */
async function discoverKeys(
  issuerUrl: string,
  address: IssuerAddress | undefined,
): Promise<ReturnType<typeof createRemoteJWKSet>> {
  const reach = (url: string): string =>
    address !== undefined && url.startsWith(`${address.publicUrl}/`)
      ? address.url + url.slice(address.publicUrl.length)
      : url;
  const response = await fetch(reach(`${issuerUrl.replace(/\/$/, '')}/.well-known/openid-configuration`));
  if (!response.ok) throw new Error(`The issuer answered ${response.status}`);
  const discovery = discoverySchema.parse(await response.json());
  // The issuer is on this machine, which may be busy.
  return createRemoteJWKSet(new URL(reach(discovery.jwks_uri)), { timeoutDuration: MINUTE_MS });
}

/** `client_id` counts only when there is no `aud`. */
function hasAudience(payload: JWTPayload, accepted: string[]): boolean {
  const named = payload.aud ?? payload['client_id'];
  return (Array.isArray(named) ? named : [named]).some((name) => accepted.includes(String(name)));
}

/** HTTP APIs print claims as Go does: arrays as `[a b]`, numbers and booleans as text. */
function toClaims(payload: JWTPayload): Record<string, string> {
  return Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, printClaim(value)]));
}

function printClaim(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printClaim).join(' ')}]`;
  if (value === null || value === undefined) return '<nil>';
  if (typeof value !== 'object') return typeof value === 'string' ? value : JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${printClaim(item)}`).join(' ')}]`;
}

function describe(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'signing method is invalid';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'the signature is invalid';
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the token does not have a valid ${error.claim}`;
  const message = error instanceof Error ? error.message : 'the token is invalid';
  // The message becomes part of a quoted string in a header.
  return message.replaceAll(/[^ -~]|"/g, "'");
}
