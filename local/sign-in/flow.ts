/**
 * The code flow of the development issuer: signs users in by name, remembers them by a cookie, gives codes to clients
 * and exchanges each code and each refresh token once. Keeps all that in memory, so a restart signs everyone out. Owns
 * no socket and no key: `sign` makes the tokens.
 * https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
 * https://openid.net/specs/openid-connect-rpinitiated-1_0.html
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';
import { createExpiring } from './expiring.ts';
import { messagePage, signInPage } from './pages.ts';
import { isReturnAddress, PROMPTS, readRequest, SCOPES } from './request.ts';
import type { AuthorizationRequest } from './request.ts';

export type Answer = { status: number; headers?: Record<string, string>; json?: unknown; html?: string };

/** `url` as the server got it, with its query; `form` is the body of a POST. */
export type Call = { url: URL; cookie?: string | undefined; form?: URLSearchParams | undefined };

/** A token to be signed; `claims` are those without a name of their own here. */
export type SignedClaims = {
  sub: string;
  /** Absent: the API's. */
  audience?: string | string[] | undefined;
  projects?: string[] | undefined;
  lifeSeconds: number;
  claims: Record<string, string | number | undefined>;
};

/** `projects` is absent where the user named none; `signedInAt` in seconds. */
type Person = { user: string; projects?: string[] | undefined; signedInAt: number };

/** What a code or a refresh token stands for. */
type Grant = { person: Person; request: AuthorizationRequest };

export const AUTHORIZE_PATH = '/oauth2/authorize';
export const TOKEN_PATH = '/oauth2/token';
export const END_SESSION_PATH = '/oauth2/end-session';

/** Cookies of all ports of a host go to all its servers, so the name says whose it is. */
const COOKIE = 'local-issuer-session';
const TOKEN_SECONDS = HOUR_MS / 1000;
/** https://www.rfc-editor.org/rfc/rfc7636#section-4.1 */
const VERIFIER = /^[\w.~-]{43,128}$/;
const LONGEST_NAME = 200;

export function createCodeFlow(deps: {
  /** The `iss` of all tokens. */
  issuer: () => string;
  isOwn: (url: string) => boolean;
  sign: (token: SignedClaims) => Promise<string>;
  /** Milliseconds since 1970. */
  clock: () => number;
}) {
  const { issuer, isOwn, sign, clock } = deps;
  const sessions = createExpiring<Person>({ lifeMs: DAY_MS, clock });
  const codes = createExpiring<Grant>({ lifeMs: MINUTE_MS, clock });
  const refreshes = createExpiring<Grant>({ lifeMs: 30 * DAY_MS, clock });

  /** Answers with a code, with the form, or with an error. The form is posted to the same address. */
  function authorize({ url, cookie, form }: Call): Answer {
    // A client, too, may post its request instead of putting it into the query.
    if (form?.has('client_id') === true) {
      return { status: 303, headers: { location: `${AUTHORIZE_PATH}?${form.toString()}` } };
    }
    const reading = readRequest(url.searchParams, isOwn);
    if (reading.kind === 'unsafe')
      return page(400, messagePage('This sign-in cannot go on', reading.message));
    if (reading.kind === 'refused') {
      const { redirectUri, state, error, description } = reading.refusal;
      return goBack(redirectUri, { error, error_description: description, state });
    }
    const { request } = reading;
    const present = sessionOf(cookie);
    if (form !== undefined) return signIn({ url, form, request });
    if (present !== undefined && isEnough(present, request)) return giveCode({ person: present, request });
    if (request.prompts.includes('none')) {
      const error_description = 'the user has to sign in';
      return goBack(request.redirectUri, {
        error: 'login_required',
        error_description,
        state: request.state,
      });
    }
    return showForm({
      url,
      request,
      user: request.loginHint ?? present?.user ?? '',
      projects: (present?.projects ?? []).join(', '),
    });
  }

  function signIn({
    url,
    form,
    request,
  }: {
    url: URL;
    form: URLSearchParams;
    request: AuthorizationRequest;
  }): Answer {
    const user = form.get('user')?.trim() ?? '';
    const named = form.get('projects') ?? '';
    if (user === '' || user.length > LONGEST_NAME) {
      const problem = `Give a name of up to ${LONGEST_NAME} letters.`;
      return showForm({ url, request, user, projects: named, problem });
    }
    const projects = named.split(/[\s,]+/).filter(Boolean);
    const person = {
      user,
      ...(projects.length > 0 && { projects }),
      signedInAt: Math.floor(clock() / 1000),
    };
    const { status, headers } = giveCode({ person, request });
    return { status, headers: { ...headers, 'set-cookie': cookieOf(sessions.add(person)) } };
  }

  function showForm(options: {
    url: URL;
    request: AuthorizationRequest;
    user: string;
    projects: string;
    problem?: string;
  }): Answer {
    const { url, request, ...fields } = options;
    const form = signInPage({
      ...fields,
      action: `${url.pathname}${url.search}`,
      clientId: request.clientId,
    });
    // Chromium applies form-action to the address that the answer to the form redirects to, too; a policy cannot name an
    // IPv6 address.
    return page(
      fields.problem === undefined ? 200 : 400,
      form,
      `'self' ${new URL(request.redirectUri).protocol}`,
    );
  }

  /** Whether someone who is signed in may go on without the form. */
  function isEnough({ user, signedInAt }: Person, request: AuthorizationRequest): boolean {
    const { prompts, loginHint = user, maxAgeSeconds = Infinity } = request;
    const mayPass = prompts.length === 0 || prompts[0] === 'none';
    return mayPass && loginHint === user && Math.floor(clock() / 1000) - signedInAt <= maxAgeSeconds;
  }

  function giveCode(grant: Grant): Answer {
    const { redirectUri, state } = grant.request;
    return goBack(redirectUri, { code: codes.add(grant), state });
  }

  /** https://www.rfc-editor.org/rfc/rfc9207: `iss` tells a client of several issuers whose answer it has. */
  function goBack(redirectUri: string, answer: Record<string, string | undefined>): Answer {
    return redirect(redirectUri, { ...answer, iss: issuer() });
  }

  /** https://www.rfc-editor.org/rfc/rfc6749#section-5 */
  async function exchange({ form }: Call): Promise<Answer> {
    if (form === undefined) {
      return refuse('invalid_request', 'send a form (application/x-www-form-urlencoded)');
    }
    const twice = [...form.keys()].find((name) => form.getAll(name).length > 1);
    if (twice !== undefined) return refuse('invalid_request', `${twice} is given twice`);
    const clientId = form.get('client_id');
    if (!clientId) return refuse('invalid_request', 'client_id is missing');
    switch (form.get('grant_type')) {
      case 'authorization_code':
        return exchangeCode(form, clientId);
      case 'refresh_token':
        return exchangeRefresh(form, clientId);
      case null:
        return refuse('invalid_request', 'grant_type is missing');
      default:
        return refuse('unsupported_grant_type', 'grant_type must be authorization_code or refresh_token');
    }
  }

  async function exchangeCode(form: URLSearchParams, clientId: string): Promise<Answer> {
    const verifier = form.get('code_verifier') ?? '';
    if (!VERIFIER.test(verifier)) {
      return refuse('invalid_request', 'code_verifier must have 43 to 128 letters, digits or -._~');
    }
    // The code is used up, even if the rest is wrong.
    const grant = codes.take(form.get('code') ?? '');
    if (grant === undefined) return refuse('invalid_grant', 'the code is unknown, used or too old');
    const { request } = grant;
    if (request.clientId !== clientId) return refuse('invalid_grant', 'the code is for another client_id');
    if (request.redirectUri !== form.get('redirect_uri')) {
      return refuse('invalid_grant', 'redirect_uri is not the one of the request');
    }
    if (!isSame(createHash('sha256').update(verifier).digest('base64url'), request.challenge)) {
      return refuse('invalid_grant', 'code_verifier does not fit code_challenge');
    }
    return giveTokens(grant);
  }

  /** A new refresh token takes the place of the used one: https://www.rfc-editor.org/rfc/rfc9700#section-4.14 */
  async function exchangeRefresh(form: URLSearchParams, clientId: string): Promise<Answer> {
    const grant = refreshes.take(form.get('refresh_token') ?? '');
    if (grant === undefined) return refuse('invalid_grant', 'the refresh token is unknown, used or too old');
    if (grant.request.clientId !== clientId) {
      return refuse('invalid_grant', 'the refresh token is for another client_id');
    }
    return giveTokens(grant);
  }

  async function giveTokens(grant: Grant): Promise<Answer> {
    const { person, request } = grant;
    const { user, projects, signedInAt } = person;
    const { clientId, nonce, scope } = request;
    const about = { sub: user, lifeSeconds: TOKEN_SECONDS };
    const [accessToken, idToken] = await Promise.all([
      sign({ ...about, projects, claims: { name: user, client_id: clientId, scope } }),
      sign({
        ...about,
        audience: clientId,
        claims: { name: user, auth_time: signedInAt, ...(nonce !== undefined && { nonce }) },
      }),
    ]);
    const json = {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: TOKEN_SECONDS,
      scope,
      id_token: idToken,
      refresh_token: refreshes.add(grant),
    };
    return { status: 200, json };
  }

  /** Signs the browser out; sends it back only to this machine. */
  function endSession({ url, cookie, form }: Call): Answer {
    const asked = form ?? url.searchParams;
    sessions.take(sessionIdOf(cookie));
    const back = asked.get('post_logout_redirect_uri');
    const headers = { 'set-cookie': cookieOf('', 'Max-Age=0') };
    if (back === null)
      return { ...page(200, messagePage('Signed out', 'You can close this page.')), headers };
    if (!isReturnAddress(back, isOwn)) {
      const message = 'You are signed out, but post_logout_redirect_uri is no URL of this machine.';
      return { ...page(400, messagePage('Signed out', message)), headers };
    }
    const { status, headers: location } = redirect(back, { state: asked.get('state') ?? undefined });
    return { status, headers: { ...location, ...headers } };
  }

  function sessionOf(cookie: string | undefined): Person | undefined {
    return sessions.find(sessionIdOf(cookie));
  }

  return { authorize, exchange, endSession };
}

/** The members that the flow adds to the discovery document. */
export function describeFlow(issuer: string): object {
  return {
    authorization_endpoint: `${issuer}${AUTHORIZE_PATH}`,
    token_endpoint: `${issuer}${TOKEN_PATH}`,
    end_session_endpoint: `${issuer}${END_SESSION_PATH}`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    scopes_supported: SCOPES,
    prompt_values_supported: PROMPTS,
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'auth_time', 'nonce', 'name'],
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    authorization_response_iss_parameter_supported: true,
  };
}

function refuse(error: string, description: string): Answer {
  return { status: 400, json: { error, error_description: description } };
}

/** Keeps the query that the address has: https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2 */
function redirect(address: string, more: Record<string, string | undefined>): Answer {
  const added = Object.entries(more).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  const glue = address.includes('?') ? '&' : '?';
  const location = added.length === 0 ? address : `${address}${glue}${added.join('&')}`;
  return { status: 303, headers: { location } };
}

function page(status: number, html: string, formAction = "'none'"): Answer {
  const policy = [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `form-action ${formAction}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return { status, html, headers: { 'content-security-policy': policy.join('; ') } };
}

function cookieOf(value: string, ...more: string[]): string {
  return [`${COOKIE}=${value}`, 'Path=/oauth2', 'HttpOnly', 'SameSite=Lax', ...more].join('; ');
}

function sessionIdOf(cookie = ''): string {
  const own = cookie.split(/;\s*/).find((pair) => pair.startsWith(`${COOKIE}=`));
  return own?.slice(COOKIE.length + 1) ?? '';
}

function isSame(one: string, other: string): boolean {
  const [expected, given] = [Buffer.from(one), Buffer.from(other)];
  return expected.length === given.length && timingSafeEqual(expected, given);
}
