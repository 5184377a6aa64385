/**
 * The plugin in a stack without public routes (PUBLIC_ROUTES=off): every request of the page to the API needs the user's
 * token, and preflights are answered by the gateway. plugin.browser.ts has the plugin's rules; here each route is called once.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';
import { bundlePlugin, startPages, visitPlugin } from './plugin-page.ts';
import type { PluginVisit } from './plugin-page.ts';
import { delayRequest, launchBrowser, MIB, partNumber, sampleFile } from './visit.ts';

const pages = await startPages();
const product = await useProduct({ environment: { ALLOWED_ORIGINS: pages.url, PUBLIC_ROUTES: 'off' } });
let browser: Browser;
let here: PluginVisit;

beforeAll(async () => {
  browser = await launchBrowser();
  const { token, urls } = product;
  pages.serve(await bundlePlugin(6), { apiUrl: urls.apiUrl, token, projectId, issueId });
});

afterAll(async () => {
  await browser?.close();
  await pages.close();
});

beforeEach(async () => {
  here = await visitPlugin(browser, pages.url);
});

afterEach(() => here.close());

describe('the plugin where every route needs a token', () => {
  it('brings files to the work item, whole and in parts', async () => {
    const files = [sampleFile('现场照片.jpg', 200_000), sampleFile('video.mp4', 11 * MIB + 1)];

    await here.pick(...files);
    await here.upload();
    await here.shows('Complete');

    const received = (await product.received()).map((attachment) => attachment.sha256);
    expect(received.toSorted()).toEqual(files.map((file) => file.sha256).toSorted());
  });

  it('cancels an upload', async () => {
    const second = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    await here.pick(sampleFile('unwanted.bin', 12 * MIB));
    await here.upload();
    await second.delayed;

    const cancelled = here.page.waitForResponse((response) => response.request().method() === 'DELETE');
    await here.press('Cancel');

    expect((await cancelled).status()).toBe(200);
    second.letGo();
  });

  it('tries again what IPD did not take', async () => {
    const file = sampleFile('refused.bin', 100_000);
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    await here.pick(file);
    await here.upload();
    await here.shows('Upload failed');

    await here.press('Retry upload');
    await here.shows('Complete');

    expect(await product.received()).toMatchObject([{ sha256: file.sha256 }]);
  });
});
