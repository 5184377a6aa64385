/**
 * Why a page's request got no answer, as far as a page can find out; loaded when one got none. A browser says
 * nothing but that it failed (https://fetch.spec.whatwg.org/#concept-network-error), so two more requests ask in
 * other ways.
 */
import type { Fetch, Surroundings } from './platform.ts';

export type Silence = {
  /** What was called, as the error names it. */
  target: string;
  cause: unknown;
  /** A request that changes nothing and needs the same permissions. */
  url: string;
  init: { method: string; headers: Record<string, string>; signal: AbortSignal };
  fetch: Fetch;
};

type Reason = { code: string; detail: string };

const LOOPBACK = /^(localhost|127\..+|\[::1\])$/;
const VIOLATION = 'securitypolicyviolation';

/** What has to be mended: `invalid_api_url`, `address_blocked` or `origin_not_allowed`; undefined where time may cure it. */
export async function explainSilence(
  { target, url, init, fetch }: Silence,
  page: Surroundings,
): Promise<Reason | undefined> {
  const { href, origin: here = '', protocol } = page.location ?? {};
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
    fetch(url, { signal: init.signal, ...how }).then(
      () => true,
      () => false,
    );
  let isForbidden = false;
  const watch = ({ blockedURI = '' }) => {
    isForbidden ||= blockedURI.startsWith(origin);
  };
  page.addEventListener?.(VIOLATION, watch);
  // This answer may not be read, but it shows that the server is there: for that no page needs a permission.
  const isThere = await isAnswered({ mode: 'no-cors' });
  page.removeEventListener?.(VIOLATION, watch);
  if (isForbidden) {
    const detail = `connect-src of this page's Content-Security-Policy lacks ${origin}`;
    return { code: 'address_blocked', detail };
  }
  // Asked second: a network that has come back between the two must not pass for a refusal.
  if (!isThere || (await isAnswered(init))) return undefined;
  const detail = `Pages of ${here} may not call ${target}: add this origin to the bridge's ALLOWED_ORIGINS`;
  return { code: 'origin_not_allowed', detail };
}

function parse(url: string, base: string | undefined): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}
