/**
 * A page with Uppy's Dashboard, Golden Retriever and the plugin, as an app would make it, on an origin of its own. Every
 * visit begins without a memory.
 */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { build as bundle, stop } from 'esbuild';
import type { Plugin } from 'esbuild';
import type { Browser } from 'playwright-core';
import { z } from 'zod';
import { listen } from '../../local/listen.ts';
import { newContext, pathsOf } from './visit.ts';
import type { SampleFile } from './visit.ts';

type Bundle = { js: string; css: string };

export type PluginVisit = Awaited<ReturnType<typeof visitPlugin>>;

const ROOT = join(import.meta.dirname, '..', '..');
/** Where the packages of each major are installed. */
const HOMES = { 5: join(ROOT, 'local', 'bench', 'uppy5'), 6: ROOT };
const PAGE = `<!doctype html><meta charset="utf-8"><title>Plugin</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="page.css"><div id="picker"></div>
<script type="application/json" id="settings">{settings}</script><script type="module" src="page.js"></script>`;
const SCRIPT = `
import Uppy from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import GoldenRetriever from '@uppy/golden-retriever';
import IpdAttachment from './packages/uppy/src/plugin.ts';

const settings = JSON.parse(document.getElementById('settings').textContent);
const indexedDB = { maxFileSize: 2 ** 30, maxTotalSize: 2 ** 30 };
const uppy = new Uppy()
  .use(Dashboard, { inline: true, target: '#picker', height: 400 })
  .use(IpdAttachment, settings)
  .use(GoldenRetriever, { indexedDB });
const events = [];
const note = (event, file, more) => events.push({ event, file: file.name, ...more });
uppy.on('upload-start', (files) => files.forEach((file) => note('start', file)));
uppy.on('upload-success', (file, { body }) =>
  note('success', file, { status: body.status, ...(body.link && { url: body.link.url }) }));
uppy.on('upload-error', (file, { message }) => note('error', file, { message }));
uppy.on('upload-stalled', (error, files) => files.forEach((file) => note('stalled', file)));
uppy.on('ipd-attachment:already-attached', (file, { status }) => note('already attached', file, { status }));
Object.assign(window, { uppy, events });
`;
const STYLES = `@import '@uppy/core/css/style.min.css';\n@import '@uppy/dashboard/css/style.min.css';`;

const noted = z.array(
  z.object({
    event: z.string(),
    file: z.string(),
    status: z.string().optional(),
    url: z.string().optional(),
    message: z.string().optional(),
  }),
);

/** The page's files with one major of Uppy. */
export async function bundlePlugin(version: 5 | 6): Promise<Bundle> {
  const make = async (contents: string, loader: 'js' | 'css') => {
    const { outputFiles } = await bundle({
      stdin: { contents, loader, resolveDir: ROOT },
      bundle: true,
      write: false,
      format: 'esm',
      target: 'es2022',
      logLevel: 'silent',
      plugins: [uppyOf(version)],
    });
    return outputFiles[0]?.text ?? '';
  };
  const [js, css] = await Promise.all([make(SCRIPT, 'js'), make(STYLES, 'css')]);
  // Otherwise the service process of esbuild would stay.
  await stop();
  return { js, css };
}

/** Has every import of Uppy's packages find those of one major. */
function uppyOf(version: 5 | 6): Plugin {
  return {
    name: 'uppy',
    setup(build) {
      build.onResolve({ filter: /^@uppy\// }, ({ path, kind, pluginData, importer }) => {
        if (pluginData === version || importer.includes('node_modules')) return undefined;
        return build.resolve(path, { kind, resolveDir: HOMES[version], pluginData: version });
      });
    },
  };
}

/** The origin of the pages; `serve` says what is there. */
export async function startPages() {
  let files: Record<string, { type: string; body: string }> = {};
  const server = createServer(({ url = '' }, response) => {
    const file = files[url];
    response.writeHead(file === undefined ? 404 : 200, { 'content-type': file?.type ?? 'text/plain' });
    response.end(file?.body);
  });
  const { url, close } = await listen(server, 0);
  return {
    url,
    close,
    serve({ js, css }: Bundle, settings: object): void {
      files = {
        '/': { type: 'text/html', body: PAGE.replace('{settings}', JSON.stringify(settings)) },
        '/page.js': { type: 'text/javascript', body: js },
        '/page.css': { type: 'text/css', body: css },
      };
    },
  };
}

/** Opens the page at this address. */
export async function visitPlugin(browser: Browser, url: string) {
  const context = await newContext(browser);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  await page.goto(url);
  const picker = page.locator('#picker');
  const statusBar = picker.locator('.uppy-StatusBar');

  return {
    page,
    statusBar,
    /** What the page's scripts have thrown. */
    faults,
    setOffline: (isOffline: boolean) => context.setOffline(isOffline),
    pick: (...files: SampleFile[]) =>
      picker.locator('input[type=file]').first().setInputFiles(pathsOf(files)),
    upload: () => picker.getByRole('button', { name: /^Upload \d+ file/ }).click(),
    press: (name: string) => statusBar.getByRole('button', { name }).click(),
    /** Resolves when the status bar shows this text. */
    shows: (text: string | RegExp) => statusBar.getByText(text).first().waitFor(),
    /** What Uppy has reported since the page was loaded. */
    events: async () => noted.parse(await page.evaluate('events')),
    close: () => context.close(),
  };
}
