/**
 * The sign-in: OpenID Connect's code flow with PKCE, by oauth4webapi. Tokens live in memory and in this tab's
 * sessionStorage, never in an address. A token that ends is renewed silently where the issuer gives a refresh token;
 * else the person signs in again in a window of its own, so that uploads here only wait.
 */
import * as oauth from 'oauth4webapi';
import { isLoopback } from './config.ts';
import type { Config } from './config.ts';
import { fill, texts } from './texts.ts';

export type Session = ReturnType<typeof createSession>;

export type Start =
  | { kind: 'signed in' }
  | { kind: 'signed out'; problem?: string }
  /** The browser is on its way to the issuer. */
  | { kind: 'leaving' }
  /** This window was opened to sign in again; the page that opened it has the token now. */
  | { kind: 'handed over' };

type Tokens = {
  access: string;
  refresh: string | undefined;
  subject: string | undefined;
  name: string | undefined;
  /** When the issuer gave it, in milliseconds since 1970. */
  since: number;
  /** When the token is renewed, in milliseconds since 1970; undefined when the issuer did not say how long it lives. */
  until: number | undefined;
};

/** What the page remembers while the person is at the issuer. */
type Pending = { state: string; nonce: string; verifier: string; search: string; isAgain: boolean };

const TOKENS = 'attach-files.tokens';
const PENDING = 'attach-files.sign-in';
const CHANNEL = 'attach-files.tokens';
const AGAIN = '?sign-in';
/** A token is renewed this long before it ends, or a tenth of its life if that is less. */
const MARGIN_MS = 60_000;
const DAY_SECONDS = 86_400;
const RENEWAL_PAUSE_MS = 5_000;
/** A token of this age is not refused because it has ended. */
const NEW_MS = 10_000;

type SessionOptions = {
  config: Config;
  /** The page's own address without query: where the issuer sends the browser back to. */
  address: string;
  /** The person has to sign in again, or has done so. */
  onLapse: (isLapsed: boolean) => void;
};

/** One person's sign-in at one issuer. Call `start` before anything else. */
export function createSession({ config, address, onLapse }: SessionOptions) {
  const issuer = new URL(config.issuer);
  const insecure = { [oauth.allowInsecureRequests]: isLoopback(issuer) };
  // The ID token comes straight from the issuer and only names the person: a device's wrong clock must not stop them.
  const client: oauth.Client = { client_id: config.clientId, [oauth.clockTolerance]: DAY_SECONDS };
  const channel = new BroadcastChannel(CHANNEL);
  let tokens: Tokens | undefined;
  let discovered: Promise<oauth.AuthorizationServer> | undefined;
  let renewal: Promise<boolean> | undefined;
  let lapse: PromiseWithResolvers<void> | undefined;

  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (!isTokens(data)) return;
    const isOther = data.subject !== tokens?.subject;
    // A renewal under way may be refused: then these are what the page would ask for. It stays with its person.
    if (lapse === undefined && (renewal === undefined || isOther)) return;
    adopt(data);
    // The list and what is under way are the other person's.
    if (isOther) location.reload();
  });

  /** Reads what is kept, or finishes a sign-in; afterwards the address has no trace of it. Never rejects. */
  async function start(): Promise<Start> {
    const here = new URL(location.href);
    const { searchParams } = here;
    try {
      if (searchParams.has('state') && (searchParams.has('code') || searchParams.has('error'))) {
        return await finish(here);
      }
      if (here.search === AGAIN) {
        await leave({ search: '', isAgain: true });
        return { kind: 'leaving' };
      }
    } catch (error) {
      return { kind: 'signed out', problem: explain(error) };
    }
    const kept = read(TOKENS);
    if (!isTokens(kept) || (isOver(kept) && kept.refresh === undefined)) return { kind: 'signed out' };
    tokens = kept;
    return { kind: 'signed in' };
  }

  async function finish(here: URL): Promise<Start> {
    const pending = read(PENDING);
    sessionStorage.removeItem(PENDING);
    const isOwn = isPending(pending);
    history.replaceState(null, '', `${address}${isOwn ? pending.search : ''}`);
    if (!isOwn) return { kind: 'signed out', problem: texts.signIn.unexpected };
    adopt(await exchange(here, pending));
    if (!pending.isAgain) return { kind: 'signed in' };
    channel.postMessage(tokens);
    window.close();
    return { kind: 'handed over' };
  }

  /** Leaves for the issuer; the page comes back with the query it has now. Rejects with a text for the person. */
  async function signIn(): Promise<void> {
    try {
      await leave({ search: location.search, isAgain: false });
    } catch (error) {
      throw new Error(explain(error), { cause: error });
    }
  }

  /** Opens a window to sign in again; to be called on a click, or the browser blocks it. */
  function signInAgain(): void {
    window.open(`${address}${AGAIN}`, 'sign-in', 'popup,width=480,height=720');
  }

  async function leave(way: Pick<Pending, 'search' | 'isAgain'>): Promise<void> {
    const server = await discover();
    const endpoint = server.authorization_endpoint;
    if (endpoint === undefined) throw new Error(texts.signIn.noEndpoint);
    const pending: Pending = {
      ...way,
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
    };
    const url = new URL(endpoint);
    const parameters = {
      response_type: 'code',
      client_id: config.clientId,
      redirect_uri: address,
      scope: config.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      ...(config.audience !== undefined && { audience: config.audience }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    location.assign(url);
  }

  async function exchange(here: URL, { state, nonce, verifier }: Pending): Promise<Tokens> {
    const server = await discover();
    const parameters = oauth.validateAuthResponse(server, client, here, state);
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.None(),
      parameters,
      address,
      verifier,
      insecure,
    );
    // Without the scope openid there is no ID token.
    const expectedNonce = config.scope.split(' ').includes('openid') ? nonce : oauth.expectNoNonce;
    return toTokens(
      await oauth.processAuthorizationCodeResponse(server, client, response, { expectedNonce }),
    );
  }

  function discover(): Promise<oauth.AuthorizationServer> {
    discovered ??= oauth
      .discoveryRequest(issuer, insecure)
      .then((response) => oauth.processDiscoveryResponse(issuer, response))
      .catch((error: unknown) => {
        discovered = undefined;
        throw error;
      });
    return discovered;
  }

  /**
   * A token that is valid for a while. Waits, as long as it takes, when the person has to sign in again. One that the
   * API has just refused is replaced, unless it is new: then another would be refused as well.
   */
  async function token(refused?: string): Promise<string> {
    if (tokens !== undefined && tokens.access === refused && Date.now() - tokens.since > NEW_MS) {
      tokens.until = 0;
    }
    for (;;) {
      if (tokens !== undefined && !isOver(tokens)) return tokens.access;
      if (!(await renew())) await signedInAgain();
    }
  }

  /** One renewal at a time, for all that wait for it. False when the issuer does not renew these tokens. */
  function renew(): Promise<boolean> {
    renewal ??= renewOnce().finally(() => (renewal = undefined));
    return renewal;
  }

  async function renewOnce(): Promise<boolean> {
    const kept = tokens;
    if (kept?.refresh === undefined) return false;
    // Once the person has signed in again, or out, no answer counts any more.
    while (tokens === kept) {
      try {
        const server = await discover();
        const response = await oauth.refreshTokenGrantRequest(
          server,
          client,
          oauth.None(),
          kept.refresh,
          insecure,
        );
        const renewed = toTokens(await oauth.processRefreshTokenResponse(server, client, response), kept);
        if (tokens === kept) adopt(renewed);
      } catch (error) {
        if (!isNetworkFailure(error)) return tokens !== kept;
        await untilOnline();
      }
    }
    return true;
  }

  function signedInAgain(): Promise<void> {
    if (lapse === undefined) {
      lapse = Promise.withResolvers();
      onLapse(true);
    }
    return lapse.promise;
  }

  function adopt(given: Tokens): void {
    tokens = given;
    sessionStorage.setItem(TOKENS, JSON.stringify(given));
    if (lapse === undefined) return;
    lapse.resolve();
    lapse = undefined;
    onLapse(false);
  }

  /** Forgets the person here, and at the issuer where it offers that. */
  async function signOut(): Promise<void> {
    sessionStorage.removeItem(TOKENS);
    tokens = undefined;
    const server = await discover().catch(() => undefined);
    if (server?.end_session_endpoint === undefined) return location.assign(address);
    const url = new URL(server.end_session_endpoint);
    url.searchParams.set('client_id', config.clientId);
    url.searchParams.set('post_logout_redirect_uri', address);
    location.assign(url);
  }

  function explain(error: unknown): string {
    if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
      if (error.error === 'access_denied') return texts.signIn.denied;
      return fill(texts.signIn.refused, { reason: error.error_description ?? error.error });
    }
    if (isNetworkFailure(error)) return fill(texts.signIn.unreachable, { host: issuer.host });
    return fill(texts.signIn.failed, { reason: error instanceof Error ? error.message : String(error) });
  }

  return { start, signIn, signInAgain, signOut, token, name: () => tokens?.name };
}

function toTokens(response: oauth.TokenEndpointResponse, earlier?: Tokens): Tokens {
  const claims = oauth.getValidatedIdTokenClaims(response);
  const named = [claims?.['name'], claims?.['preferred_username'], claims?.['email']];
  const life = response.expires_in === undefined ? undefined : response.expires_in * 1000;
  return {
    access: response.access_token,
    // An issuer that does not rotate refresh tokens leaves the earlier one valid.
    refresh: response.refresh_token ?? earlier?.refresh,
    subject: claims?.sub ?? earlier?.subject,
    name: named.find((name) => typeof name === 'string') ?? earlier?.name,
    since: Date.now(),
    until: life === undefined ? undefined : Date.now() + life - Math.min(MARGIN_MS, life / 10),
  };
}

function isOver({ until }: Tokens): boolean {
  return until !== undefined && Date.now() >= until;
}

/** fetch rejects with a TypeError when no answer comes; oauth4webapi passes it on. */
function isNetworkFailure(error: unknown): boolean {
  return error instanceof TypeError && !('code' in error);
}

/** Waits for the browser to come online, or a while: a browser may be online without reaching the issuer. */
async function untilOnline(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, RENEWAL_PAUSE_MS);
  window.addEventListener('online', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}

function read(name: string): unknown {
  const text = sessionStorage.getItem(name);
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isTokens(value: unknown): value is Tokens {
  return typeof value === 'object' && value !== null && 'access' in value && typeof value.access === 'string';
}

function isPending(value: unknown): value is Pending {
  return typeof value === 'object' && value !== null && 'verifier' in value && 'search' in value;
}
