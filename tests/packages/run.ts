/**
 * `npm run check:packages [-- NAME…]`: packs each package that has exports, has its contents judged, and installs it into
 * the projects beside this file as an app would get it. A project is a folder with a package.json and a lockfile of its
 * own; its check.json says which packages it gets, what is run in it (API_URL and TOKEN are those of a stack), and which
 * folder is then visited with Chromium: a page there sets its title to `ended: delivered`.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { listen } from '../../local/listen.ts';
import { startStack } from '../../local/stack.ts';
import { installTools } from '../../tools/install.ts';
import { launchBrowser } from '../browser/visit.ts';

type Row = { name: string; result: 'passed' | 'failed' | 'NOT RUN'; seconds: number; words: string };
type Place = { directory: string; tarballs: Map<string, string>; env: Record<string, string> };

const ROOT = join(import.meta.dirname, '../..');
const TOOLS = join(ROOT, 'tools/node_modules/.bin');
const VISIT_MS = 60_000;
const QUIET = '--no-audit --no-fund --loglevel=error';
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

const manifest = z.object({ exports: z.unknown().optional() });
const packed = z.tuple([
  z.object({
    filename: z.string(),
    size: z.number(),
    unpackedSize: z.number(),
    files: z.array(z.object({ path: z.string(), size: z.number() })),
  }),
]);
const check = z.strictObject({
  /** Folders of packages/. */
  packages: z.array(z.string()),
  run: z.array(z.string()),
  visit: z.string().optional(),
});
const tokenAnswer = z.object({ access_token: z.string() });

installTools();
process.exitCode = await run(process.argv.slice(2));

async function run(wanted: string[]): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'packages-'));
  const pages = await servePages();
  const stack = await startStack({
    ports: 'free',
    dataDirectory: join(directory, 'stack'),
    environment: { ALLOWED_ORIGINS: pages.url },
    onLog: () => undefined,
  });
  const rows: Row[] = [];
  const note = (row: Row): void => {
    rows.push(row);
    console.log(
      `${row.name.padEnd(34)} ${row.result.padEnd(8)} ${row.seconds.toFixed(1).padStart(6)} s  ${row.words}`,
    );
  };
  try {
    const { apiUrl, tokenUrl } = stack.urls;
    const answer = await fetch(tokenUrl, { method: 'POST', body: JSON.stringify({ sub: 'packages' }) });
    const env = { API_URL: apiUrl, TOKEN: tokenAnswer.parse(await answer.json()).access_token };
    const tarballs = new Map<string, string>();
    for (const folder of await packagesWithExports()) {
      note(await timed(`${folder}: npm pack`, async () => pack(folder, directory, tarballs)));
      const tarball = tarballs.get(folder);
      if (tarball === undefined) continue;
      note(await timed(`${folder}: publint`, () => judged(`publint run --strict ${tarball}`, directory)));
      const attw = `attw --profile esm-only --no-emoji ${tarball}`;
      note(await timed(`${folder}: are the types wrong?`, () => judged(attw, directory)));
    }
    for (const name of await projects(wanted)) {
      note(await timed(name, () => inProject(name, { directory, tarballs, env }, pages)));
    }
  } finally {
    await stack.stop();
    await pages.close();
    await rm(directory, { recursive: true, force: true });
  }
  const count = (result: Row['result']) => rows.filter((row) => row.result === result).length;
  console.log(`${count('passed')} passed, ${count('failed')} failed`);
  return count('failed') === 0 ? 0 : 1;
}

async function packagesWithExports(): Promise<string[]> {
  const folders = globSync(join(ROOT, 'packages/*/package.json')).map(dirname);
  const found = await Promise.all(
    folders.map(async (folder) => ({
      name: basename(folder),
      ...manifest.parse(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))),
    })),
  );
  return found
    .filter((one) => one.exports !== undefined)
    .map(({ name }) => name)
    .toSorted();
}

async function projects(wanted: string[]): Promise<string[]> {
  const files = globSync(join(import.meta.dirname, '*/check.json'));
  const names = files.map((file) => basename(dirname(file))).toSorted();
  return wanted.length === 0 ? names : names.filter((name) => wanted.includes(name));
}

/** Answers with the words of its row, or throws what is to be shown. */
async function timed(name: string, work: () => Promise<string>): Promise<Row> {
  const startedAt = performance.now();
  const row = (result: Row['result'], words: string): Row => {
    return { name, result, words, seconds: (performance.now() - startedAt) / 1000 };
  };
  try {
    const words = await work();
    return row(words.startsWith('NOT RUN') ? 'NOT RUN' : 'passed', words.replace(/^NOT RUN: /, ''));
  } catch (error) {
    return row('failed', `\n${error instanceof Error ? error.message : String(error)}\n`);
  }
}

async function pack(folder: string, directory: string, tarballs: Map<string, string>): Promise<string> {
  const stdout = await command(
    `npm pack --json --pack-destination ${directory} -w packages/${folder} ${QUIET}`,
    ROOT,
  );
  const [{ filename, size, unpackedSize, files }] = packed.parse(JSON.parse(stdout));
  tarballs.set(folder, join(directory, filename));
  const list = files.map((file) => `\n    ${String(file.size).padStart(7)}  ${file.path}`).join('');
  return `${filename}: ${size} B packed, ${unpackedSize} B in ${files.length} files${list}`;
}

async function inProject(
  name: string,
  { directory, tarballs, env }: Place,
  pages: Awaited<ReturnType<typeof servePages>>,
): Promise<string> {
  const source = join(import.meta.dirname, name);
  const place = join(directory, name);
  const plan = check.parse(JSON.parse(await readFile(join(source, 'check.json'), 'utf8')));
  const browser =
    plan.visit === undefined ? undefined : await launchBrowser().catch(() => 'NOT RUN: no Chromium');
  if (typeof browser === 'string') return browser;
  try {
    await cp(source, place, {
      recursive: true,
      filter: (file) => !['node_modules', 'dist'].includes(basename(file)),
    });
    const files = plan.packages.map((folder) => tarballs.get(folder) ?? `${folder}-was-not-packed.tgz`);
    await command(`npm ci ${QUIET}`, place);
    await command(`npm install --no-save ${QUIET} ${files.join(' ')}`, place);
    let last = '';
    for (const line of plan.run) last = await command(line, place, env);
    if (browser === undefined || plan.visit === undefined) {
      return plan.run.length > 1 ? `${plan.run.length} commands` : last.trim();
    }
    pages.serve(join(place, plan.visit));
    const page = await browser.newPage();
    const about = new URLSearchParams({ apiUrl: env['API_URL'] ?? '', token: env['TOKEN'] ?? '' });
    await page.goto(`${pages.url}/index.html#${about.toString()}`);
    await page.waitForFunction("document.title.startsWith('ended: ')", undefined, { timeout: VISIT_MS });
    const title = await page.title();
    if (title !== 'ended: delivered') throw new Error(title);
    return `Chromium ${browser.version()}: delivered`;
  } finally {
    await browser?.close();
  }
}

/** Runs a judge, which fails where it finds something. */
async function judged(line: string, cwd: string): Promise<string> {
  await command(line, cwd);
  return 'nothing found';
}

/** Serves one folder after the other at one address, which the stack allows. */
async function servePages() {
  let root = import.meta.dirname;
  const server = createServer((request, response) => {
    void answer(request, response);
  });

  async function answer({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(url, 'http://localhost');
    const content = await readFile(join(root, pathname)).catch(() => undefined);
    const type = TYPES[extname(pathname)] ?? 'application/octet-stream';
    response.writeHead(content === undefined ? 404 : 200, { 'content-type': type });
    response.end(content);
  }

  const { url, close } = await listen(server, 0);
  return { url, close, serve: (folder: string) => void (root = folder) };
}

/** Runs a command line; answers with its standard output, or throws with all that it printed. */
async function command(line: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  const path = [join(cwd, 'node_modules/.bin'), TOOLS, process.env['PATH']].join(delimiter);
  const child = spawn(line, {
    cwd,
    env: { ...process.env, ...env, PATH: path },
    shell: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${line}\n${stdout}${stderr}`.trim());
  return stdout;
}
