import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { delayAnswers, sampleFile } from './visit.ts';
import type { Visit } from './visit.ts';

let stack: BrowserStack;
let here: Visit;

beforeAll(async () => {
  stack = await startBrowserStack();
  await stack.begin('me', 'earlier.txt');
});

afterAll(() => stack?.stop());

beforeEach(async () => {
  here = await stack.visit({ version: 6 });
});

afterEach(() => here.close());

const reload = () => here.page.getByRole('button', { name: 'Reload' }).click();

/** Asks for something: what the page had received before, it has dealt with by then. */
const roundTrip = () => here.page.evaluate(`fetch('/bench/settings.json').then((answer) => answer.text())`);

/** An upload begun somewhere else, shown here. */
async function beginHere(filename: string): Promise<string> {
  await stack.begin('me', filename);
  await reload();
  await here.row(filename).waitFor();
  return String(await here.row(filename).getAttribute('data-id'));
}

describeStockUppy('the page, when an answer comes late', () => {
  it('compares the bytes of a file that IPD has before the limits come', async () => {
    const file = sampleFile('late limits.bin', 1000);
    const limits = await delayAnswers(here.page, ({ pathname }) => pathname === '/v1/limits');
    await here.page.reload();
    await limits.delayed;

    await here.pick(file);
    await here.upload();

    await here.arrival(file);
    limits.letGo();
    expect(here.troubles()).toEqual([]);
  });

  it('compares the bytes of a file that the list has before Uppy has the answer of storage', async () => {
    const file = sampleFile('late success.bin', 1000);
    const stored = await delayAnswers(
      here.page,
      ({ origin }, method) => method === 'POST' && origin === stack.urls.s3Url,
    );
    await here.pick(file);
    await here.upload();
    await stored.delayed;
    while (!(await stack.received()).some(({ sha256 }) => sha256 === file.sha256)) await delay(25);
    await reload();
    await here.row(file.name).waitFor();

    stored.letGo();

    await here.arrival(file);
    expect(here.troubles()).toEqual([]);
  });

  it('keeps an upload that a late answer for the list does not have yet', async () => {
    const file = sampleFile('late list.bin', 1000);
    const list = await delayAnswers(
      here.page,
      ({ pathname, search }) => pathname === '/v1/uploads' && search !== '',
    );
    await here.page.reload();
    await list.delayed;
    await here.pick(file);
    await here.upload();
    await here.arrival(file);

    list.letGo();
    await here.row('earlier.txt').waitFor();

    await here.row(file.name).waitFor();
    expect(here.troubles()).toEqual([]);
  });

  it('keeps an attachment that a late answer of IPD does not have yet', async () => {
    const file = sampleFile('late attachments.bin', 1000);
    const bench = here.page.url();
    await here.page.goto('about:blank');
    let asked = 0;
    const early = await delayAnswers(here.page, ({ pathname }) => {
      if (!pathname.endsWith('/attachments')) return false;
      asked += 1;
      return asked === 1;
    });
    await here.page.goto(bench);
    await early.delayed;
    await here.pick(file);
    await here.upload();
    await here.arrival(file);
    const late = here.page.waitForEvent('requestfinished', (request) =>
      request.url().endsWith('/attachments'),
    );

    early.letGo();
    await late;

    await here.arrival(file);
    expect(here.troubles()).toEqual([]);
  });

  it('lets nothing be typed before it listens', async () => {
    await stack.begin('typist', 'typed.txt');
    const settings = await delayAnswers(here.page, ({ pathname }) => pathname === '/bench/settings.json');
    await here.page.reload();
    await settings.delayed;
    const early = await here.page.locator('#target input:enabled').count();

    settings.letGo();
    await here.page.getByLabel('You are').fill('typist');
    await here.page.keyboard.press('Tab');

    await here.row('typed.txt').waitFor();
    expect(early).toBe(0);
    expect(here.troubles()).toEqual([]);
  });

  it('shows a cancelled upload in no list that was loaded since', async () => {
    await beginHere('cancelled late.txt');
    const cancelled = await delayAnswers(here.page, (_url, method) => method === 'DELETE');
    await here.page.getByRole('button', { name: 'Cancel cancelled late.txt' }).click();
    await cancelled.delayed;
    await here.row('cancelled late.txt').getByText('Cancelled').waitFor();
    await here.page.getByLabel('only open ones').check();
    await here.row('cancelled late.txt').waitFor({ state: 'detached' });
    const late = here.page.waitForEvent('requestfinished', (request) => request.method() === 'DELETE');

    cancelled.letGo();
    await late;
    await roundTrip();

    expect(await here.row('cancelled late.txt').count()).toBe(0);
    expect(here.troubles()).toEqual([]);
  });

  it('shows an upload as cancelled although an earlier poll says otherwise', async () => {
    const id = await beginHere('polled late.txt');
    const poll = await delayAnswers(
      here.page,
      ({ pathname }, method) => method === 'GET' && pathname === `/v1/uploads/${id}`,
    );
    await reload();
    await poll.delayed;
    await here.page.getByRole('button', { name: 'Cancel polled late.txt' }).click();
    await here.row('polled late.txt').getByText('Cancelled').waitFor();
    const late = here.page.waitForEvent('requestfinished', (request) => request.url().endsWith(id));

    poll.letGo();
    await late;
    await roundTrip();

    expect(await here.row('polled late.txt').getByText('Cancelled').isVisible()).toBe(true);
    expect(here.troubles()).toEqual([]);
  });

  it('shows no failure of an earlier load of the list', async () => {
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await here.row('earlier.txt').waitFor();
    await here.page.route(
      /\/v1\/uploads\?/,
      async (route) => {
        asked.resolve();
        await gate.promise;
        await route.fulfill({ status: 500 });
      },
      { times: 1 },
    );
    await reload();
    await asked.promise;
    await beginHere('begun since.txt');
    const failed = here.page.waitForResponse((answer) => answer.status() === 500);

    gate.resolve();
    await (await failed).finished();
    await roundTrip();

    expect(await here.problem.isVisible()).toBe(false);
    await here.row('begun since.txt').waitFor();
  });
});
