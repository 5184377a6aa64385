import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { delayRequest, MIB, partNumber, sampleFile, VERSIONS } from './visit.ts';
import type { SampleFile, Visit } from './visit.ts';

let stack: BrowserStack;
let here: Visit;

beforeAll(async () => {
  stack = await startBrowserStack();
});

afterAll(() => stack?.stop());

/** What IPD has of a file, once the page says that it has arrived. */
async function arrived({ sha256, ...file }: SampleFile) {
  await here.arrival({ sha256, ...file });
  return (await stack.received()).filter((attachment) => attachment.sha256 === sha256);
}

describeStockUppy.each(VERSIONS)('the page with Uppy %d', (version) => {
  beforeEach(async () => {
    here = await stack.visit({ version });
  });

  afterEach(() => here.close());

  it('brings a small file with a Chinese name to IPD', async () => {
    const file = sampleFile(`现场照片 ${version}.jpg`, 200_000);

    await here.pick(file);
    await here.upload();

    expect(await arrived(file)).toMatchObject([{ filename: file.name }]);
    await here.screenshot(`uppy${version}-delivered`);
    expect(here.troubles()).toEqual([]);
  });

  it('brings a large file to IPD in parts', async () => {
    const file = sampleFile(`video ${version}.mp4`, 11 * MIB + 1);
    const parts: number[] = [];
    here.page.on('request', (request) => {
      const number = partNumber(new URL(request.url()), request.method());
      if (number !== undefined) parts.push(number);
    });

    await here.pick(file);
    await here.upload();

    expect(await arrived(file)).toMatchObject([{ filename: file.name }]);
    expect(parts.toSorted((one, other) => one - other)).toEqual([1, 2, 3]);
    expect(here.troubles()).toEqual([]);
  });

  it('brings several files in one go', async () => {
    const files = [1, 2, 3].map((number) => sampleFile(`log ${version}-${number}.txt`, number * 1000));

    await here.pick(...files);
    await here.upload();

    for (const file of files) expect(await arrived(file)).toMatchObject([{ filename: file.name }]);
    expect(here.troubles()).toEqual([]);
  });

  it('takes files that are added while another one is under way', async () => {
    const first = sampleFile(`first ${version}.bin`, 11 * MIB);
    const second = sampleFile(`second ${version}.bin`, 12 * MIB);
    const { delayed, letGo } = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);

    await here.pick(first);
    await here.upload();
    await delayed;
    await here.add(second);
    await here.upload();
    letGo();

    expect(await arrived(first)).toMatchObject([{ filename: first.name }]);
    expect(await arrived(second)).toMatchObject([{ filename: second.name }]);
    expect(here.troubles()).toEqual([]);
  });

  it('leaves nothing in storage when an upload in parts is cancelled', async () => {
    const file = sampleFile(`unwanted ${version}.bin`, 12 * MIB);
    const { delayed, letGo } = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    await here.pick(file);
    await here.upload();
    await delayed;
    expect(await stack.openMultiparts()).toHaveLength(1);

    const aborted = here.page.waitForResponse((response) => response.request().method() === 'DELETE');
    await here.cancel();
    expect((await aborted).status()).toBe(200);
    letGo();

    expect(await stack.openMultiparts()).toEqual([]);
    expect(await stack.uploadsOf('me')).toContainEqual(
      expect.objectContaining({ filename: file.name, status: 'cancelled' }),
    );
    expect(here.troubles()).toEqual([]);
  });
});
