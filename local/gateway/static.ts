/** What the pages of the stack have in common: the answer to a request for a file, and the origin they are visited at. */
import type { IncomingMessage } from 'node:http';
import type { HttpAnswer } from './event.ts';

/** The answer to a request, or `undefined` when it is not for the page. */
export type Page = (request: IncomingMessage) => Promise<HttpAnswer | undefined>;

const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  json: 'application/json',
};

/** The URL that a page may answer: of a GET or HEAD request. */
export function urlAsked({ method, url }: IncomingMessage, base: string): URL | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  return URL.parse(url ?? '/', base) ?? undefined;
}

/** A browser at localhost is sent to `apiUrl`: a page has one origin, and what the browser keeps for it is in one place. */
export function toOwnOrigin({ headers }: IncomingMessage, url: URL, apiUrl: string): HttpAnswer | undefined {
  if (!/^localhost(:|$)/.test(headers.host ?? '')) return undefined;
  const location = `${apiUrl}${url.pathname}${url.search}`;
  return { ...file('html', ''), statusCode: 302, headers: { location } };
}

/** A file that the browser asks for again each time, so that a change shows. */
export function file(
  type: keyof typeof TYPES,
  body: string | Buffer,
  headers: Record<string, string> = {},
): HttpAnswer {
  return {
    statusCode: 200,
    headers: {
      'content-type': TYPES[type],
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
    cookies: [],
    body: Buffer.from(body),
  };
}

/** The type of a file by the end of its name. */
export function typeOf(name: string): keyof typeof TYPES | undefined {
  const end = name.slice(name.lastIndexOf('.') + 1);
  return isType(end) ? end : undefined;
}

function isType(end: string): end is keyof typeof TYPES {
  return Object.hasOwn(TYPES, end);
}
