/**
 * `config.json`, which lies beside index.html: where the API and the issuer are. It is checked before anything else, and
 * every problem is shown at once, to the person who sets the page up. Pure, but for `readConfig`.
 */
import { fill, texts } from './texts.ts';

export type Config = {
  apiUrl: string;
  /** The `iss` of the tokens, to the letter. */
  issuer: string;
  clientId: string;
  /** Of the sign-in: `openid` if not given. */
  scope: string;
  /** For issuers that ask which API the token is for. */
  audience: string | undefined;
  /** The address of a work item in IPD with `{project}` and `{issue}`; without it the page shows no link. */
  ipdUrl: string | undefined;
};

export type Checked = { kind: 'config'; config: Config } | { kind: 'problems'; problems: string[] };

const MEMBERS = ['apiUrl', 'issuer', 'clientId', 'scope', 'audience', 'ipdUrl'];
const LOOPBACK = /^(?:127\.0\.0\.1|\[::1\]|localhost)$/;

/** Reads config.json; never rejects. */
export async function readConfig(base: string): Promise<Checked> {
  const url = new URL('config.json', base);
  try {
    const response = await fetch(url, { cache: 'no-cache' });
    if (!response.ok) return problem(fill(texts.config.missing, { status: response.status }));
    return parseConfig(await response.text());
  } catch {
    return problem(texts.config.unreachable);
  }
}

export function parseConfig(text: string): Checked {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return problem(texts.config.noJson);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return problem(texts.config.noJson);
  const members = new Map<string, unknown>(Object.entries(value));
  const problems: string[] = [];

  function textOf(name: string, isNeeded: boolean): string | undefined {
    const member = members.get(name);
    if (typeof member === 'string' && member.trim() !== '') return member;
    if (member !== undefined) problems.push(fill(texts.config.noText, { name }));
    else if (isNeeded) problems.push(fill(texts.config.needed, { name }));
    return undefined;
  }
  function addressOf(name: string): string {
    const address = textOf(name, true);
    if (address !== undefined && !isSafeAddress(address)) {
      problems.push(fill(texts.config.noAddress, { name, value: address }));
    }
    return address ?? '';
  }

  const config = {
    apiUrl: addressOf('apiUrl').replace(/\/+$/, ''),
    issuer: addressOf('issuer'),
    clientId: textOf('clientId', true) ?? '',
    scope: textOf('scope', false) ?? 'openid',
    audience: textOf('audience', false),
    ipdUrl: textOf('ipdUrl', false),
  };
  const { ipdUrl } = config;
  if (ipdUrl !== undefined && !(isSafeAddress(withoutIds(ipdUrl)) && ipdUrl.includes('{issue}'))) {
    problems.push(fill(texts.config.noPattern, { name: 'ipdUrl', value: ipdUrl }));
  }
  for (const name of members.keys()) {
    if (!MEMBERS.includes(name)) {
      problems.push(fill(texts.config.unknown, { name, names: MEMBERS.join(', ') }));
    }
  }
  return problems.length === 0 ? { kind: 'config', config } : { kind: 'problems', problems };
}

/** https, or http on this machine: a token never goes over an open line. */
function isSafeAddress(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.search !== '' || url.hash !== '' || url.username !== '') return false;
  return url.protocol === 'https:' || isLoopback(url);
}

/** Whether it is an http address of this machine, as in development. */
export function isLoopback({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && LOOPBACK.test(hostname);
}

/** A pattern may have the ids in its query or fragment, as single-page applications do. */
function withoutIds(pattern: string): string {
  return pattern
    .replace(/[?#].*$/s, '')
    .replaceAll('{project}', 'p')
    .replaceAll('{issue}', 'i');
}

function problem(text: string): Checked {
  return { kind: 'problems', problems: [text] };
}
