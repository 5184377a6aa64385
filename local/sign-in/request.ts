/**
 * Reads an authorization request: OpenID Connect's code flow with PKCE, for public clients whose pages or listeners are
 * on this machine. There is no list of clients: a development issuer serves any client id. Pure.
 * https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
 * https://www.rfc-editor.org/rfc/rfc7636#section-4.3
 */

/** What a client asks for, checked. `maxAgeSeconds`: the longest time since the user signed in. */
export type AuthorizationRequest = {
  clientId: string;
  redirectUri: string;
  state?: string | undefined;
  nonce?: string | undefined;
  /** The SHA-256 of the code verifier, in base64url. */
  challenge: string;
  scope: string;
  prompts: string[];
  loginHint?: string | undefined;
  maxAgeSeconds?: number | undefined;
};

/** An error that the client may learn of: https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1 */
export type Refusal = { redirectUri: string; state?: string | undefined; error: string; description: string };

export type Reading =
  | { kind: 'asked'; request: AuthorizationRequest }
  | { kind: 'refused'; refusal: Refusal }
  /** It is not clear where the client is, so only the user learns of it. */
  | { kind: 'unsafe'; message: string };

export const SCOPES = ['openid', 'profile', 'offline_access'];
export const PROMPTS = ['none', 'login', 'consent', 'select_account'];

/** https://www.rfc-editor.org/rfc/rfc6749#appendix-A.1 */
const CLIENT_ID = /^[\u0020-\u007e]{1,200}$/;
/** Of 32 bytes: https://www.rfc-editor.org/rfc/rfc7636#section-4.2 */
const CHALLENGE = /^[\w-]{43}$/;

/** `isOwn` says whether the host of a URL is this machine. */
export function readRequest(query: URLSearchParams, isOwn: (url: string) => boolean): Reading {
  const clientId = query.get('client_id') ?? '';
  const redirectUri = query.get('redirect_uri') ?? '';
  if (!CLIENT_ID.test(clientId)) return unsafe('client_id is missing, or is no text of up to 200 letters.');
  if (!isReturnAddress(redirectUri, isOwn)) {
    return unsafe('redirect_uri must be a URL of this machine, without a fragment.');
  }
  const twice = [...query.keys()].find((name) => query.getAll(name).length > 1);
  if (twice === 'client_id' || twice === 'redirect_uri') return unsafe(`${twice} is given twice.`);

  const read = (name: string): string | undefined => query.get(name) || undefined;
  const state = read('state');
  const refuse = (error: string, description: string): Reading => ({
    kind: 'refused',
    refusal: { redirectUri, state, error, description },
  });
  if (twice !== undefined) return refuse('invalid_request', `${twice} is given twice`);
  if (query.has('request')) return refuse('request_not_supported', 'send the parameters in the query');
  if (query.has('request_uri'))
    return refuse('request_uri_not_supported', 'send the parameters in the query');
  if (read('response_type') !== 'code') {
    return refuse('unsupported_response_type', 'response_type must be code');
  }
  if ((read('response_mode') ?? 'query') !== 'query') {
    return refuse('invalid_request', 'response_mode must be query');
  }
  const asked = read('scope')?.split(' ') ?? [];
  if (!asked.includes('openid')) return refuse('invalid_scope', 'scope must contain openid');
  if (read('code_challenge_method') !== 'S256') {
    return refuse('invalid_request', 'code_challenge_method must be S256');
  }
  const challenge = read('code_challenge') ?? '';
  if (!CHALLENGE.test(challenge)) {
    return refuse('invalid_request', 'code_challenge must be the SHA-256 of the verifier, in base64url');
  }
  const prompts = read('prompt')?.split(' ') ?? [];
  if (
    !prompts.every((prompt) => PROMPTS.includes(prompt)) ||
    (prompts.includes('none') && prompts.length > 1)
  ) {
    return refuse('invalid_request', `prompt must be of ${PROMPTS.join(', ')}; none stands alone`);
  }
  const maxAge = read('max_age');
  if (maxAge !== undefined && !/^\d{1,9}$/.test(maxAge)) {
    return refuse('invalid_request', 'max_age must be a number of seconds');
  }
  return {
    kind: 'asked',
    request: {
      clientId,
      redirectUri,
      state,
      nonce: read('nonce'),
      challenge,
      // A scope that is not understood is left out: https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest
      scope: SCOPES.filter((scope) => asked.includes(scope)).join(' '),
      prompts,
      loginHint: read('login_hint'),
      maxAgeSeconds: maxAge === undefined ? undefined : Number(maxAge),
    },
  };
}

/** True for a URL to which a browser may be sent back. */
export function isReturnAddress(url: string, isOwn: (url: string) => boolean): boolean {
  return /^https?:\/\//i.test(url) && !url.includes('#') && isOwn(url);
}

function unsafe(message: string): Reading {
  return { kind: 'unsafe', message };
}
