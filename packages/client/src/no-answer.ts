/**
 * Why a request got no answer, as far as that can be found out; loaded when one got none. A browser says nothing but
 * that it failed (https://fetch.spec.whatwg.org/#concept-network-error), so two more requests ask in other ways.
 */
import type { Fetch, FileBody, Signal, Surroundings } from './platform.ts';

type Request = { method: string; url: string; headers: Record<string, string>; file?: FileBody };

export type Silence = {
  /** What was called, as the error names it: the API's address, or storage. */
  target: string;
  cause: unknown;
  request: Request;
  signal: Signal;
  fetch: Fetch;
};

type Reason = { code: string; detail: string; retryable?: true; retryAfterMs?: 0 };

const VISIBLE_ASCII = /^[ -~]*$/;
const LOOPBACK = /^(localhost|127\..+|\[::1\])$/;
const EVENT_MS = 50;

/**
 * What has to be mended: `invalid_request`, or in a page `invalid_api_url`, `address_blocked` or `origin_not_allowed`;
 * undefined where time may cure it, and `network` where the time is over: the network has come back meanwhile, and the
 * wait that follows would not hear of it.
 */
export async function explainSilence(
  { target, request, signal, fetch }: Silence,
  page: Surroundings,
): Promise<Reason | undefined> {
  // fetch refuses to send such a header.
  if (!VISIBLE_ASCII.test(Object.values(request.headers).join(''))) {
    return { code: 'invalid_request', detail: 'A token or key is not ASCII' };
  }
  if (!page.location) return undefined;

  const { href, origin: here, protocol } = page.location;
  const { url, ...probe } = probeOf(target, request);
  const address = parse(url, href);
  if (!address) return { code: 'invalid_api_url', detail: `${target} is no URL` };
  const { origin, hostname } = address;
  if (protocol === 'https:' && address.protocol === 'http:' && !LOOPBACK.test(hostname)) {
    return {
      code: 'address_blocked',
      detail: `A page on https may not call ${origin}: that needs https, too`,
    };
  }

  const isAnswered = (how: object) =>
    fetch(url, { signal, ...how }).then(
      () => true,
      () => false,
    );
  const watching = new AbortController();
  let isForbidden = false;
  let back: Reason | undefined;
  const watch = ({ blockedURI = '' }) => {
    isForbidden ||= blockedURI.startsWith(origin);
  };
  page.addEventListener?.('securitypolicyviolation', watch, watching);
  const noteReturn = () => {
    back = { code: 'network', retryable: true, retryAfterMs: 0, detail: `No answer from ${target}` };
  };
  page.addEventListener?.('online', noteReturn, watching);
  // This answer may not be read, but it shows that the server is there: for that no page needs a permission.
  const isThere = await isAnswered({ mode: 'no-cors' });
  // The event comes after the rejection.
  await new Promise((resolve) => setTimeout(resolve, EVENT_MS));
  watching.abort();
  if (isForbidden) {
    const detail = `connect-src of this page's Content-Security-Policy lacks ${origin}`;
    return { code: 'address_blocked', detail };
  }
  if (!isThere && LOOPBACK.test(hostname) && !LOOPBACK.test(new URL(here).hostname)) {
    // https://wicg.github.io/local-network-access/: a page of elsewhere needs the person's leave.
    const leave = page.navigator?.permissions?.query({ name: 'local-network-access' });
    const { state } = (await leave?.catch(() => undefined)) ?? {};
    if (state === 'denied') {
      const detail = `The browser keeps ${here} from calling ${origin}: allow it the local network in the site settings`;
      return { code: 'address_blocked', detail };
    }
  }
  // Asked second: a network that has come back between the two must not pass for a refusal.
  if (!isThere || (await isAnswered(probe))) return back;
  const detail = `Pages of ${here} may not call ${target}: add this origin to the bridge's ALLOWED_ORIGINS`;
  return { code: 'origin_not_allowed', detail };
}

/** A request that needs the same permissions of a page, and changes nothing. */
function probeOf(target: string, { method, url, headers }: Request): Request {
  // Without its signature it stores nothing.
  if (target === 'storage') return { method, url: url.replace(/\?.*/, ''), headers };
  return { method: 'GET', url: `${target}/v1/limits`, headers: { authorization: 'Bearer' } };
}

function parse(url: string, base: string | undefined): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
