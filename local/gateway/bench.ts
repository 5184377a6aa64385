/**
 * Serves the test bench: `/bench` and all below it. The first request bundles it, so that the start of the stack is not
 * slower; the bundle stays in memory.
 */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterOthers } from './builds.ts';
import type { HttpAnswer } from './event.ts';
import { file, toOwnOrigin, urlAsked } from './static.ts';
import type { Page } from './static.ts';

/** The addresses of the stack that the bench needs. */
export interface BenchSettings {
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
/** Only the bench's own files load; requests may go to storage, the issuer and IPD. Uppy sets styles on elements. */
const POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' blob: data:",
  'connect-src *',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Answers requests for the bench. */
export function createBench(settings: BenchSettings): Page {
  let bundles: Promise<Map<string, Buffer>> | undefined;

  /** After a failure, the next request bundles again. */
  function bundle(): Promise<Map<string, Buffer>> {
    bundles ??= afterOthers(makeBundles).catch((error: unknown) => {
      bundles = undefined;
      throw error;
    });
    return bundles;
  }

  async function index(url: URL): Promise<HttpAnswer> {
    const text = await readFile(join(SOURCE, 'index.html'), 'utf8');
    const uppy = url.searchParams.get('uppy') === '5' ? 'uppy5' : 'uppy6';
    return file('html', text.replaceAll('{uppy}', uppy), { 'content-security-policy': POLICY });
  }

  return async (request) => {
    const url = urlAsked(request, settings.apiUrl);
    if (url === undefined) return undefined;
    if (url.pathname === '/bench') return toOwnOrigin(request, url, settings.apiUrl) ?? index(url);
    if (!url.pathname.startsWith('/bench/')) return undefined;
    const name = url.pathname.slice('/bench/'.length);
    if (name === 'settings.json') return file('json', JSON.stringify(settings));
    if (name === 'icon.svg') return file('svg', await readFile(join(SOURCE, name)));
    const made = /^uppy[56]\.(js|css)$/.test(name) ? (await bundle()).get(name) : undefined;
    return made === undefined ? undefined : file(name.endsWith('.js') ? 'js' : 'css', made);
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
  return new Map(result.outputFiles.map(({ path, contents }) => [basename(path), Buffer.from(contents)]));
}
