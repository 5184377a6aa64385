/**
 * The page as it is deployed: its built files on a plain web server, at an origin that is not the API's, and a stack that
 * lets that origin in. Every visit begins without a memory.
 */
import { createServer } from 'node:http';
import axe from 'axe-core';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { z } from 'zod';
import { listen } from '../../local/listen.ts';
import { buildPage } from '../../page/build.ts';
import { en } from '../../page/src/texts/en.ts';
import type { Texts } from '../../page/src/texts/en.ts';
import { startBrowserStack } from './stack.ts';
import { newContext, pathsOf, saveScreenshot, watchTroubles } from './visit.ts';
import type { SampleFile } from './visit.ts';

export type Site = Awaited<ReturnType<typeof startSite>>;
export type PageVisit = Awaited<ReturnType<Site['open']>>;

export const PROJECT = '0123456789abcdef0123456789abcdef';
export const ISSUE = '956239067176935400';
export const LINK = `/?project=${PROJECT}&issue=${ISSUE}`;
const IPD = 'http://127.0.0.1:9/ipdproject/{project}/workitem/{issue}';

/** https://www.w3.org/TR/WCAG22/ and what axe holds to be good practice. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  json: 'application/json',
};
const violations = z.object({
  violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })),
});

/** Starts everything; `stop` leaves nothing behind. */
export async function startSite(environment: Record<string, string> = {}) {
  let files = new Map<string, Buffer>();
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://site');
    const name = pathname === '/' ? 'index.html' : pathname.slice(1);
    const content = files.get(name);
    const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
    response.writeHead(content === undefined ? 404 : 200, type === undefined ? {} : { 'content-type': type });
    response.end(content);
  });
  const { url: origin, close } = await listen(server, 0);
  const stack = await startBrowserStack({ ALLOWED_ORIGINS: origin, ...environment }).catch(
    async (error: unknown) => {
      await close();
      throw error;
    },
  );
  const { apiUrl, tokenUrl, s3Url } = stack.urls;
  const issuer = new URL(tokenUrl).origin;
  const built = await buildPage({ connect: [apiUrl, issuer, s3Url] });
  const config = { apiUrl, issuer, clientId: 'attach-files', ipdUrl: IPD };
  configure(config);

  /** Puts another config.json beside the page. */
  function configure(given: object | string): void {
    const text = typeof given === 'string' ? given : JSON.stringify(given);
    files = new Map([...built, ['config.json', Buffer.from(text)]]);
  }

  return {
    ...stack,
    origin,
    issuer,
    config,
    configure,
    /** The address of the work item in IPD. */
    ipdAddress: IPD.replace('{project}', PROJECT).replace('{issue}', ISSUE),

    /** `texts`: what the page is to speak to a browser with these options. */
    async open(path: string, options: BrowserContextOptions = {}, texts: Texts = en) {
      const context = await newContext(stack.browser, {
        viewport: { width: 390, height: 844 },
        ...options,
      });
      const page = await context.newPage();
      const { errors, troubles } = watchTroubles(page);
      await page.goto(`${origin}${path}`);
      const devTools = await context.newCDPSession(page);
      return {
        ...actionsOf(page, texts),
        /** The line of this browser: nothing passes, or no more than so many bytes a second. */
        line: ({ offline = false, bytesPerSecond = -1 }) =>
          devTools.send('Network.emulateNetworkConditions', {
            offline,
            latency: 0,
            downloadThroughput: -1,
            uploadThroughput: bytesPerSecond,
          }),
        context,
        page,
        errors,
        troubles,
        close: () => context.close(),
      };
    },

    async stop(): Promise<void> {
      await stack.stop();
      await close();
    },
  };
}

/** What a person does on the page. */
function actionsOf(page: Page, texts: Texts) {
  const row = (name: string) => page.getByRole('listitem').filter({ hasText: name });
  const picker = page.getByLabel(texts.picker.action);

  return {
    picker,
    row,

    /** Signs in at the issuer, which sends the browser back. */
    async signIn(user: string): Promise<void> {
      await page.getByRole('button', { name: texts.signIn.action }).click();
      await page.getByLabel('Name').fill(user);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await picker.waitFor({ state: 'attached' });
    },

    pick: (...files: SampleFile[]) => picker.setInputFiles(pathsOf(files)),

    /** Resolves when the page says that IPD has the file. */
    attached: (name: string) => row(name).getByText(texts.state.deliveredAt.replace('{time}', '')).waitFor(),

    /** Presses the tab key until the focus is on the element of that id or name, no further than a person would. */
    async tabTo(name: string): Promise<void> {
      for (let presses = 0; presses < 12; presses += 1) {
        await page.keyboard.press('Tab');
        const focused = await page.evaluate<string[]>(
          '[document.activeElement?.id, document.activeElement?.ariaLabel].map(String)',
        );
        if (focused.includes(name)) return;
      }
      throw new Error(`the keyboard does not get to ${name}`);
    },

    /** Has the page think that its token has ended. */
    endToken: () =>
      page.evaluate(`sessionStorage.setItem('attach-files.tokens',
        JSON.stringify({ ...JSON.parse(sessionStorage.getItem('attach-files.tokens')), until: 0 }))`),

    /** What axe finds wrong with the page as it is now. */
    async violations(): Promise<string[]> {
      await page.evaluate(axe.source);
      const options = JSON.stringify({ runOnly: { type: 'tag', values: RULES } });
      const found = violations.parse(await page.evaluate(`axe.run(document, ${options})`));
      return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    },

    screenshot: (name: string) => saveScreenshot(page, name),
  };
}
