import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { rememberFirmly } from '../support/golden-retriever.ts';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { delayRequest, MIB, partNumber, sampleFile, storedPart, VERSIONS } from './visit.ts';
import type { Visit } from './visit.ts';

let stack: BrowserStack;
let here: Visit;

beforeAll(async () => {
  stack = await startBrowserStack();
});

afterAll(() => stack?.stop());

/** Sends all parts of a file but the second one, then leaves the page and comes back. */
async function interrupt(): Promise<void> {
  const second = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
  const first = storedPart(here.page, 1);
  await here.upload();
  await Promise.all([first, second.delayed]);
  await rememberFirmly(here.page, 'uploadId', { bytes: true });
  await here.page.reload();
  second.letGo();
}

function recordParts(page: Page): number[] {
  const parts: number[] = [];
  page.on('request', (request) => {
    const number = partNumber(new URL(request.url()), request.method());
    if (number !== undefined) parts.push(number);
  });
  return parts;
}

describeStockUppy.each(VERSIONS)('a reload in the middle of a large upload with Uppy %d', (version) => {
  beforeEach(async () => {
    here = await stack.visit({ version });
  });

  afterEach(() => here.close());

  it('goes on where it stopped and sends no stored part again', async () => {
    const file = sampleFile(`recording ${version}.mp4`, 11 * MIB);
    await here.pick(file);
    await interrupt();

    const parts = recordParts(here.page);
    await here.screenshot(`uppy${version}-restored`);
    await here.upload();

    await here.arrival(file);
    expect(parts).toContain(2);
    expect(parts).not.toContain(1);
    expect((await stack.received()).filter(({ sha256 }) => sha256 === file.sha256)).toHaveLength(1);
    expect(await stack.openMultiparts()).toEqual([]);
    expect(here.troubles()).toEqual([]);
  });

  it('begins anew when the work item is changed, and leaves nothing of the old one', async () => {
    const file = sampleFile(`moved ${version}.mp4`, 11 * MIB);
    await here.pick(file);
    await interrupt();
    await here.page.getByText('Session restored').waitFor();

    const cancelling = await delayRequest(here.page, (_url, method) => method === 'DELETE');
    await here.page.getByLabel('Work item').fill('956239067176935402');
    await here.page.keyboard.press('Tab');
    await cancelling.delayed;
    // A user who presses the button now must not resume the upload that is being cancelled.
    await here.page.locator('#picker[inert]').waitFor();
    cancelling.letGo();
    await here.upload();

    await here.arrival(file);
    expect((await stack.received()).filter(({ sha256 }) => sha256 === file.sha256)).toMatchObject([
      { issueId: '956239067176935402' },
    ]);
    expect(await stack.openMultiparts()).toEqual([]);
    expect(here.troubles()).toEqual([]);
  });
});
