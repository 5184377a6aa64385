import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { delayRequest, MIB, partNumber, sampleFile } from './visit.ts';
import type { Visit } from './visit.ts';

let stack: BrowserStack;
let here: Visit;

beforeAll(async () => {
  stack = await startBrowserStack();
});

afterAll(() => stack?.stop());

afterEach(() => here.close());

async function visitAs(user: string): Promise<void> {
  here = await stack.visit({ version: 6 });
  const listed = here.page.waitForResponse(/\/v1\/uploads\?/);
  await here.page.getByLabel('You are').fill(user);
  await here.page.keyboard.press('Tab');
  await (await listed).finished();
}

describeStockUppy('the list of uploads', () => {
  it('shows ten, and older ones on request', async () => {
    for (let number = 1; number <= 12; number += 1) await stack.begin('reader', `note ${number}.txt`);
    await visitAs('reader');
    const rows = here.page.locator('#uploads > li');

    await here.row('note 12.txt').waitFor();
    expect(await rows.count()).toBe(10);
    await here.page.getByRole('button', { name: 'Show older ones' }).click();

    await here.row('note 1.txt').waitFor();
    expect(await rows.count()).toBe(12);
    expect(await here.page.getByRole('button', { name: 'Show older ones' }).isVisible()).toBe(false);
    expect(here.troubles()).toEqual([]);
  });

  it('cancels an upload, which is then no open one', async () => {
    await stack.begin('doubter', 'kept.txt');
    await stack.begin('doubter', 'regretted.txt');
    await visitAs('doubter');

    await here.page.getByRole('button', { name: 'Cancel regretted.txt' }).click();
    await here.row('regretted.txt').getByText('Cancelled').waitFor();
    await here.page.getByLabel('only open ones').check();

    await here.row('regretted.txt').waitFor({ state: 'detached' });
    await here.row('kept.txt').waitFor();
    expect(await stack.uploadsOf('doubter')).toMatchObject([
      { status: 'cancelled' },
      { status: 'awaiting_upload' },
    ]);
    expect(here.troubles()).toEqual([]);
  });

  it('shows how far a large file is and, cancelled there, takes it from Uppy as well', async () => {
    const file = sampleFile('halfway.bin', 12 * MIB);
    await visitAs('stroller');
    const { delayed, letGo } = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    await here.pick(file);
    await here.upload();
    await delayed;

    await here.row('halfway.bin').getByText('41 %').waitFor();
    await here.page.getByRole('button', { name: 'Cancel halfway.bin' }).click();

    await here.row('halfway.bin').getByText('Cancelled').waitFor();
    await here.page.getByText('Drop files here').waitFor();
    letGo();
    expect(await stack.openMultiparts()).toEqual([]);
    expect(here.troubles()).toEqual([]);
  });

  it('says why IPD did not take a file, and sends it again on request', async () => {
    const file = sampleFile('second try.bin', 1000);
    await visitAs('insister');
    await stack.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    await here.pick(file);
    await here.upload();

    await here.row('second try.bin').getByText('Failed').waitFor();
    await here.screenshot('failed');
    await stack.faults([]);
    await here.page.getByRole('button', { name: 'Try second try.bin again' }).click();

    await here.arrival(file);
    expect(here.troubles()).toEqual([]);
  });
});
