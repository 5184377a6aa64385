/**
 * Serves the demo page: `/` and all below `/page/`; the functions get the other requests. The first request bundles the
 * page, so that the start of the stack is not slower; the bundle stays in memory.
 */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { basename, join } from 'node:path';
import type { HttpAnswer } from './event.ts';

/** The addresses of the stack that the page needs. */
export interface PageSettings {
  apiUrl: string;
  tokenUrl: string;
  ipdAdminUrl: string;
}

const SOURCE = join(import.meta.dirname, '..', 'bench');
/** Node's resolution from the folder of an entry file decides which version of Uppy it gets. */
const ENTRIES = [
  { out: 'uppy6', in: join(SOURCE, 'uppy6.ts') },
  { out: 'uppy6', in: join(SOURCE, 'uppy6.css') },
  { out: 'uppy5', in: join(SOURCE, 'uppy5', 'entry.ts') },
  { out: 'uppy5', in: join(SOURCE, 'uppy5', 'entry.css') },
];
const TYPES = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  json: 'application/json',
};
/** Only the page's own files load; requests may go to storage, the issuer and IPD. Uppy sets styles on elements. */
const POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  'connect-src *',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The answer to a request for the page, or `undefined` when it is not for the page. */
export function createPage(settings: PageSettings) {
  let bundles: Promise<Map<string, Buffer>> | undefined;

  /** After a failure, the next request bundles again. */
  function bundle(): Promise<Map<string, Buffer>> {
    bundles ??= makeBundles().catch((error: unknown) => {
      bundles = undefined;
      throw error;
    });
    return bundles;
  }

  async function index(url: URL): Promise<HttpAnswer> {
    const text = await readFile(join(SOURCE, 'index.html'), 'utf8');
    const uppy = url.searchParams.get('uppy') === '5' ? 'uppy5' : 'uppy6';
    return ok('html', text.replaceAll('{uppy}', uppy), { 'content-security-policy': POLICY });
  }

  return async (request: IncomingMessage): Promise<HttpAnswer | undefined> => {
    const { method, headers } = request;
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const url = URL.parse(request.url ?? '/', settings.apiUrl);
    if (url === null) return undefined;
    // By default the API allows only the origin of `apiUrl`, so this redirects there from localhost.
    if (url.pathname === '/' && /^localhost(:|$)/.test(headers.host ?? '')) {
      return {
        ...ok('html', ''),
        statusCode: 302,
        headers: { location: `${settings.apiUrl}/${url.search}` },
      };
    }
    if (url.pathname === '/') return index(url);
    if (!url.pathname.startsWith('/page/')) return undefined;
    const name = url.pathname.slice('/page/'.length);
    if (name === 'settings.json') return ok('json', JSON.stringify(settings));
    if (name === 'icon.svg') return ok('svg', await readFile(join(SOURCE, name)));
    const made = /^uppy[56]\.(js|css)$/.test(name) ? (await bundle()).get(name) : undefined;
    return made === undefined ? undefined : ok(name.endsWith('.js') ? 'js' : 'css', made);
  };
}

async function makeBundles(): Promise<Map<string, Buffer>> {
  const { build, stop } = await import('esbuild');
  const result = await build({
    entryPoints: ENTRIES,
    outdir: SOURCE,
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  });
  // Otherwise the service process of esbuild would stay.
  await stop();
  return new Map(result.outputFiles.map((file) => [basename(file.path), Buffer.from(file.contents)]));
}

function ok(
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
