/**
 * A visit to the test bench in a real browser: what a person does there, and what the browser noted meanwhile. Every
 * visit begins without a memory.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page, Request } from 'playwright-core';

const SCREENSHOTS = join(import.meta.dirname, '..', '..', '.local', 'screenshots');
/** Nothing but what the page itself asks for leaves this browser. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export type VisitOptions = { origin: string; version: 5 | 6 } & BrowserContextOptions;
export type Visit = Awaited<ReturnType<typeof visit>>;
export type SampleFile = ReturnType<typeof sampleFile>;

/** A page, and what it has asked for and not got yet, with the time when it began. */
export type WatchedPage = { page: Page; pending: Map<Request, number> };

export const openPages = new Set<WatchedPage>();

const sampleDirectories: string[] = [];

export const MIB = 1024 * 1024;

/** Both majors of Uppy that the page comes with. */
export const VERSIONS = [6, 5] as const;

export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM_PATH'] || '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(`There is no ${executablePath}: apt-get install chromium, or set CHROMIUM_PATH`);
  }
  // Every Linux has this locale; in one that is not installed, Chromium gives a download no Chinese name.
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const browser = await chromium.launch({ executablePath, args: ARGUMENTS, env });
  return browser.once('disconnected', removeSamples);
}

/** A file of random bytes on the disk; `sha256` is what has to arrive. */
export function sampleFile(name: string, size: number) {
  const directory = mkdtempSync(join(tmpdir(), 'sample-'));
  sampleDirectories.push(directory);
  const path = join(directory, name);
  const bytes = randomBytes(size);
  writeFileSync(path, bytes);
  return { name, path, sha256: createHash('sha256').update(bytes).digest('hex') };
}

export const pathsOf = (files: readonly SampleFile[]): string[] => files.map(({ path }) => path);

function removeSamples(): void {
  for (const directory of sampleDirectories.splice(0)) rmSync(directory, { recursive: true });
}

/** Notes what the browser calls an error, and every host but this machine that is asked for anything. */
export function watchTroubles(page: Page) {
  const errors: string[] = [];
  const hosts = new Set<string>();
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith('http')) hosts.add(hostname);
  });
  return { errors, troubles: () => [...errors, ...[...hosts].filter((host) => host !== '127.0.0.1')] };
}

export async function saveScreenshot(page: Page, name: string): Promise<void> {
  await mkdir(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
}

/**
 * A browser without a memory. A test waits there for as long as jest lets it run: a limit of its own would only fail, on
 * a busy machine, what comes a little later.
 */
export async function newContext(browser: Browser, options?: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(0);
  context.on('page', watchPage);
  return context;
}

function watchPage(page: Page): void {
  const watched: WatchedPage = { page, pending: new Map() };
  openPages.add(watched);
  page.once('close', () => openPages.delete(watched));
  page.on('request', (request) => watched.pending.set(request, Date.now()));
  page.on('requestfinished', (request) => watched.pending.delete(request));
  page.on('requestfailed', (request) => watched.pending.delete(request));
}

/** Opens the page of one version. */
export async function visit(browser: Browser, { origin, version, ...options }: VisitOptions) {
  const context = await newContext(browser, options);
  const page = await context.newPage();
  const { errors, troubles } = watchTroubles(page);
  await page.goto(`${origin}/bench${version === 6 ? '' : '?uppy=5'}`);
  const picker = page.locator('#picker');
  const statusBar = picker.locator('.uppy-StatusBar');

  return {
    page,
    /** What the browser's console calls an error. */
    errors,
    troubles,

    pick: (...files: SampleFile[]) =>
      picker.locator('input[type=file]').first().setInputFiles(pathsOf(files)),
    /** Picks another file where some are listed already. */
    async add({ path }: SampleFile): Promise<void> {
      await picker.getByRole('button', { name: 'Add more' }).click();
      await picker.locator('input[type=file]').first().setInputFiles(path);
    },
    upload: () => picker.getByRole('button', { name: /^Upload \d+ file/ }).click(),
    retry: () => statusBar.getByRole('button', { name: 'Retry upload' }).click(),
    cancel: () => statusBar.getByRole('button', { name: 'Cancel' }).click(),
    problem: page.getByRole('alert'),
    /** An upload in the list by its file's name. */
    row: (name: string) => page.locator('#uploads > li', { hasText: name }),
    /** Resolves when the page shows that IPD has these bytes. */
    async arrival({ name, sha256 }: SampleFile): Promise<void> {
      await page.locator('#uploads > li[data-status=delivered]', { hasText: name }).waitFor();
      const received = page.locator(`#received > li[data-sha256="${sha256}"]`);
      await received.getByText('same bytes as the file you picked').waitFor();
    },

    screenshot: (name: string) => saveScreenshot(page, name),
    close: () => context.close(),
  };
}

/** Delays the first request that fits, until `letGo` is called or the page is left. */
export async function delayRequest(page: Page, fits: (url: URL, method: string) => boolean) {
  const delayed = Promise.withResolvers<string>();
  const gate = Promise.withResolvers<void>();
  await page.route('**/*', async (route, request) => {
    const url = new URL(request.url());
    if (!fits(url, request.method())) return route.fallback();
    delayed.resolve(request.url());
    await gate.promise;
    // The page may be gone.
    await route.continue().catch(() => undefined);
  });
  return { delayed: delayed.promise, letGo: () => gate.resolve() };
}

/** Keeps the answers to what fits from the page until `letGo` is called; `delayed` resolves when there is one. */
export async function delayAnswers(page: Page, fits: (url: URL, method: string) => boolean) {
  const delayed = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  // Playwright's own routes cannot do it: they send a request again, and without a body that is a file.
  const devTools = await page.context().newCDPSession(page);
  devTools.on('Fetch.requestPaused', ({ requestId, request }) => {
    if (!fits(new URL(request.url), request.method)) return pass(requestId);
    delayed.resolve();
    void gate.promise.then(() => pass(requestId));
  });
  // The page may be gone.
  const pass = (requestId: string): void =>
    void devTools.send('Fetch.continueRequest', { requestId }).catch(() => undefined);
  await devTools.send('Fetch.enable', { patterns: [{ requestStage: 'Response' }] });
  return { delayed: delayed.promise, letGo: () => gate.resolve() };
}

/** The number of the part that a request brings to storage, if it brings one. */
export function partNumber(url: URL, method: string): number | undefined {
  const number = url.searchParams.get('partNumber');
  return method === 'PUT' && number !== null ? Number(number) : undefined;
}

/** Resolves when storage has answered that it has this part. */
export async function storedPart(page: Page, number: number): Promise<void> {
  const response = await page.waitForResponse((answer) => {
    const request = answer.request();
    return answer.ok() && partNumber(new URL(request.url()), request.method()) === number;
  });
  await response.finished();
}
