/**
 * Serves the page that people get, at `/`, as a web server would after `npm run build:page`; only its config.json is made
 * here. The first request builds it, so that the start of the stack is not slower; the files stay in memory.
 */
import { buildPage } from '../../page/build.ts';
import type { BuiltPage } from '../../page/build.ts';
import { afterOthers } from './builds.ts';
import { file, toOwnOrigin, typeOf, urlAsked } from './static.ts';
import type { Page } from './static.ts';

export interface PageSettings {
  apiUrl: string;
  issuer: string;
  clientId: string;
  ipdUrl?: string;
  /** Where the page sends files. */
  storage: string;
}

/** Answers requests for the page. */
export function createPage({ storage, ...config }: PageSettings): Page {
  const connect = [config.apiUrl, config.issuer, storage].map((url) => new URL(url).origin);
  let files: Promise<BuiltPage> | undefined;

  /** After a failure, the next request builds again. */
  function built(): Promise<BuiltPage> {
    files ??= afterOthers(() => buildPage({ connect })).catch((error: unknown) => {
      files = undefined;
      throw error;
    });
    return files;
  }

  return async (request) => {
    const url = urlAsked(request, config.apiUrl);
    if (url === undefined) return undefined;
    const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    if (name === 'config.json') return file('json', JSON.stringify(config));
    // Other paths are the API's: they need no build.
    const type = name.includes('/') ? undefined : typeOf(name);
    if (type === undefined) return undefined;
    if (name === 'index.html') {
      const moved = toOwnOrigin(request, url, config.apiUrl);
      if (moved !== undefined) return moved;
    }
    const content = (await built()).get(name);
    return content && file(type, content, { 'content-security-policy': "frame-ancestors 'none'" });
  };
}
