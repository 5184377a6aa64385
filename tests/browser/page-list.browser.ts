import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { delayRequest, sampleFile } from './visit.ts';

let site: Site;
let here: PageVisit;
let users = 0;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

beforeEach(async () => {
  here = await site.open(LINK);
  // A list of one's own.
  users += 1;
  await here.signIn(`user ${users}`);
});

afterEach(async () => {
  await site.faults([]);
  await here.close();
});

async function untilDelivered(): Promise<void> {
  while ((await site.uploadsOf(`user ${users}`)).some(({ status }) => status !== 'delivered'))
    await delay(25);
}

describe('the list', () => {
  it.each([
    ['of open uploads', true],
    ['of the last uploads', false],
  ])('has a file once that is delivered before the answer %s', async (_which, isOpen) => {
    const file = sampleFile(`meanwhile ${users}.txt`, 100_000);
    await site.faults([
      { match: { operation: 'upload' }, fault: { kind: 'stall', afterBytes: 10_000, seconds: 3600 } },
    ]);
    await here.pick(file);
    await here.row(file.name).getByText('You can close this page').waitFor();
    const reading = await delayRequest(
      here.page,
      ({ pathname, searchParams }, method) =>
        method === 'GET' && pathname === '/v1/uploads' && searchParams.has('state') === isOpen,
    );
    await here.page.reload();
    await reading.delayed;

    await site.faults([]);
    await untilDelivered();
    reading.letGo();

    await here.attached(file.name);
    expect(await here.page.getByRole('listitem').count()).toBe(1);
    expect(here.troubles()).toEqual([]);
  });

  it('is called empty only when it was read', async () => {
    const empty = here.page.getByText('Nothing here yet.');
    await empty.waitFor();
    await site.begin(`user ${users}`, 'mine.txt');
    const reading = await delayRequest(
      here.page,
      ({ pathname }, method) => method === 'GET' && pathname === '/v1/uploads',
    );

    await here.page.reload();
    await reading.delayed;
    expect(await empty.isVisible()).toBe(false);
    reading.letGo();

    await here.row('mine.txt').waitFor();
    expect(await empty.isVisible()).toBe(false);
  });

  it('leaves out an unfinished file that was hidden, until it is picked again', async () => {
    const file = sampleFile('hidden.txt', 1000);
    const refusal = { status: 400, headers: { 'access-control-allow-origin': '*' } };
    await here.page.route(`${site.urls.s3Url}/**`, (route) => route.fulfill(refusal));
    await here.pick(file);
    await here.page.getByRole('button', { name: `Hide: ${file.name}` }).click();
    await here.page.unroute(`${site.urls.s3Url}/**`);
    await site.begin(`user ${users}`, 'shown.txt');

    await here.page.reload();
    await here.row('shown.txt').waitFor();
    const before = await here.page.getByRole('listitem').count();
    await here.pick(file);
    await here.attached(file.name);
    await here.page.reload();

    await here.attached(file.name);
    expect(before).toBe(1);
    expect(await here.page.getByRole('listitem').count()).toBe(2);
  });
});
