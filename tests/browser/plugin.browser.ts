import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { rememberFirmly, remembers } from '../support/golden-retriever.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';
import { bundlePlugin, startPages, visitPlugin } from './plugin-page.ts';
import type { PluginVisit } from './plugin-page.ts';
import { delayRequest, launchBrowser, MIB, partNumber, sampleFile, storedPart, VERSIONS } from './visit.ts';
import type { SampleFile } from './visit.ts';

const pages = await startPages();
const product = await useProduct({ environment: { ALLOWED_ORIGINS: pages.url } });
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await pages.close();
});

/** The names under which IPD has these bytes. */
async function received({ sha256 }: SampleFile): Promise<string[]> {
  const attachments = await product.received();
  return attachments.filter((attachment) => attachment.sha256 === sha256).map(({ filename }) => filename);
}

async function statusOf({ name }: SampleFile): Promise<unknown[]> {
  const { body } = await product.call('GET /v1/uploads?limit=100');
  const uploads = Array.isArray(body['uploads']) ? body['uploads'] : [];
  return uploads.filter(({ filename }) => filename === name).map(({ status }) => status);
}

/** The requests of a page from now on that go to the API or to storage, without the polling. */
function recordCalls(page: Page): string[] {
  const calls: string[] = [];
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (request.method() === 'GET' || request.method() === 'OPTIONS') return;
    const part = searchParams.get('partNumber');
    const action = pathname.split('/').slice(4).join('/');
    const isApi = pathname.startsWith('/v1/uploads');
    calls.push(isApi ? [request.method(), action].join(' ').trim() : `PUT ${part ?? 'file'}`);
  });
  return calls;
}

describe.each(VERSIONS)('the plugin in a page with Uppy %d', (version) => {
  let here: PluginVisit;

  beforeAll(async () => {
    const { token, urls } = product;
    pages.serve(await bundlePlugin(version), { apiUrl: urls.apiUrl, token, projectId, issueId });
  });

  beforeEach(async () => {
    here = await visitPlugin(browser, pages.url);
  });

  afterEach(async () => {
    const { faults } = here;
    await here.close();
    if (faults.length > 0) throw new Error(faults.join('\n'));
  });

  it('brings files to the work item and says so when IPD has them', async () => {
    const small = sampleFile(`现场照片 ${version}.jpg`, 200_000);
    const large = sampleFile(`video ${version}.mp4`, 11 * MIB + 1);

    await here.pick(small, large);
    await here.upload();
    await here.shows('Complete');

    expect(await received(small)).toEqual([small.name]);
    expect(await received(large)).toEqual([large.name]);
    const events = await here.events();
    expect(events.filter(({ event }) => event !== 'start')).toHaveLength(2);
    for (const { name } of [small, large]) {
      expect(events).toContainEqual({ event: 'success', file: name, status: 'delivered' });
    }
  });

  it('waits while there is no network, and goes on by itself', async () => {
    const file = sampleFile(`tunnel ${version}.mp4`, 11 * MIB);
    const calls = recordCalls(here.page);
    const second = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    const first = storedPart(here.page, 1);
    await here.pick(file);
    await here.upload();
    await Promise.all([first, second.delayed]);

    await here.setOffline(true);
    second.letGo();
    await here.shows(/^Paused/);
    const paused = await here.events();
    await here.setOffline(false);
    await here.shows('Complete');

    expect(paused).toContainEqual({ event: 'stalled', file: file.name });
    expect(await received(file)).toEqual([file.name]);
    // How often it stalls follows from when the browser takes each of the three parts for lost.
    const others = (await here.events()).filter(({ event }) => event !== 'stalled');
    expect(others.map(({ event }) => event)).toEqual(['start', 'success']);
    expect(calls.filter((call) => call === 'POST')).toHaveLength(1);
    expect(calls.filter((call) => call === 'PUT 1')).toHaveLength(1);
  });

  it('says that a delivery goes on while there is no network here', async () => {
    const file = sampleFile(`away ${version}.bin`, 100_000);
    await product.faults([
      { match: { operation: 'upload' }, fault: { kind: 'stall', afterBytes: 10_000, seconds: 3600 } },
    ]);
    await here.pick(file);
    await here.upload();
    await here.shows(/Attaching to the work item/);

    await here.setOffline(true);
    await here.shows(/its state cannot be seen now/);
    await product.faults([]);
    await here.setOffline(false);
    await here.shows('Complete');

    expect(await received(file)).toEqual([file.name]);
    expect((await here.events()).map(({ event }) => event)).toEqual(['start', 'success']);
  });

  it('pauses and goes on when the person says so', async () => {
    const file = sampleFile(`lunch ${version}.mp4`, 11 * MIB);
    const second = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    await here.pick(file);
    await here.upload();
    await second.delayed;

    await here.press('Pause');
    await here.shows(/^Paused/);
    second.letGo();
    await here.press('Resume');
    await here.shows('Complete');

    expect(await received(file)).toEqual([file.name]);
    expect((await here.events()).map(({ event }) => event)).toEqual(['start', 'success']);
  });

  it('goes on after a reload and sends no stored part again', async () => {
    const file = sampleFile(`recording ${version}.mp4`, 11 * MIB);
    const second = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    const first = storedPart(here.page, 1);
    await here.pick(file);
    await here.upload();
    await Promise.all([first, second.delayed]);
    await rememberFirmly(here.page, '"uploadId"', { bytes: true });
    await here.page.reload();
    second.letGo();

    const calls = recordCalls(here.page);
    await here.upload();
    await here.shows('Complete');

    expect(await received(file)).toEqual([file.name]);
    expect(await statusOf(file)).toEqual(['delivered']);
    expect(calls).toContain('PUT 2');
    expect(calls).not.toContain('PUT 1');
    expect((await here.events()).map(({ event }) => event)).toEqual(['success']);
  });

  it('follows the delivery after a reload without being asked', async () => {
    const file = sampleFile(`slow ${version}.bin`, 100_000);
    await product.faults([
      { match: { operation: 'upload' }, fault: { kind: 'stall', afterBytes: 10_000, seconds: 3600 } },
    ]);
    await here.pick(file);
    await here.upload();
    await here.shows(/Attaching to the work item/);
    await here.page.waitForFunction(remembers('"follow"', { bytes: false }));
    // Golden Retriever writes at most twice a second, and may have begun before Uppy's state said so.
    await rememberFirmly(here.page, '"uploadComplete":true', { bytes: false });

    await here.page.reload();
    const calls = recordCalls(here.page);
    await here.shows(/Attaching to the work item/);
    await product.faults([]);
    await here.shows('Complete');

    expect(await received(file)).toEqual([file.name]);
    expect(calls).toEqual([]);
    expect(await here.events()).toEqual([{ event: 'success', file: file.name, status: 'delivered' }]);
  });

  it('cancels the upload of a file that the person takes back', async () => {
    const file = sampleFile(`unwanted ${version}.bin`, 12 * MIB);
    const second = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    await here.pick(file);
    await here.upload();
    await second.delayed;

    const cancelled = here.page.waitForResponse((response) => response.request().method() === 'DELETE');
    await here.press('Cancel');
    expect((await cancelled).status()).toBe(200);
    second.letGo();

    expect(await statusOf(file)).toEqual(['cancelled']);
    expect((await here.events()).map(({ event }) => event)).toEqual(['start']);
  });

  it('says why IPD did not take a file, and tries again from storage', async () => {
    const file = sampleFile(`refused ${version}.bin`, 100_000);
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    await here.pick(file);
    await here.upload();
    await here.shows('Upload failed');
    const failed = await here.events();

    const calls = recordCalls(here.page);
    await here.press('Retry upload');
    await here.shows('Complete');

    expect(failed).toContainEqual({
      event: 'error',
      file: file.name,
      message: 'IPD does not let the bridge account attach files to this work item.',
    });
    expect(calls).toEqual(['POST retry']);
    expect(await received(file)).toEqual([file.name]);
  });

  it('attaches nothing twice, unless the person asks for it', async () => {
    const file = sampleFile(`twice ${version}.bin`, 100_000);
    await here.pick(file);
    await here.upload();
    await here.shows('Complete');
    const id = await here.page.evaluate('uppy.getFiles()[0].id');
    // The same file of the disk, as its time of change says.
    await here.page.evaluate(
      'window.again = uppy.getFiles()[0].data, uppy.removeFile(uppy.getFiles()[0].id)',
    );

    const calls = recordCalls(here.page);
    await here.page.evaluate('uppy.addFile(again), uppy.upload()');
    const second = [await received(file), [...calls], (await here.events()).slice(2)];
    await here.page.evaluate(`uppy.getPlugin('IpdAttachment').attachAgain(${JSON.stringify(id)})`);

    expect(second).toEqual([
      [file.name],
      ['POST'],
      [
        { event: 'start', file: file.name },
        { event: 'already attached', file: file.name, status: 'delivered' },
        { event: 'success', file: file.name, status: 'delivered' },
      ],
    ]);
    expect(await received(file)).toEqual([file.name, file.name]);
  });
});
