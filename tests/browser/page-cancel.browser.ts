import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { delayAnswers, delayRequest, MIB, sampleFile } from './visit.ts';

let site: Site;
let here: PageVisit;
let users = 0;

beforeAll(async () => {
  site = await startSite({ OVERSIZE: 'link', MAX_FILE_BYTES: String(MIB) });
});

afterAll(() => site?.stop());

beforeEach(async () => {
  here = await site.open(LINK);
  // A list of one's own.
  users += 1;
  await here.signIn(`user ${users}`);
});

afterEach(() => here.close());

function isCreation({ pathname }: URL, method: string): boolean {
  return method === 'POST' && pathname === '/v1/uploads';
}

function isStorage({ origin }: URL, method: string): boolean {
  return method === 'PUT' && origin === site.urls.s3Url;
}

const press = (action: string, name: string) =>
  here.page.getByRole('button', { name: `${action}: ${name}` }).click();

async function statusOf(name: string): Promise<string | undefined> {
  const uploads = await site.uploadsOf(`user ${users}`);
  return uploads.find(({ filename }) => filename === name)?.status;
}

async function linked(name: string): Promise<boolean> {
  return (await site.links()).some(({ title }) => title.includes(name));
}

describe('a file that is cancelled', () => {
  it('before the API has answered is cancelled there, too', async () => {
    const file = sampleFile('second thoughts.bin', 1000);
    const created = await delayAnswers(here.page, isCreation);
    await here.pick(file);
    await created.delayed;

    await press('Cancel', file.name);
    created.letGo();

    await here.row(file.name).getByText('Cancelled').waitFor();
    expect(await statusOf(file.name)).toBe('cancelled');
    expect(here.troubles()).toEqual([]);
  });

  it('before the API has refused it is gone from the list', async () => {
    const file = sampleFile('refused.bin', 1000);
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await here.page.route('**/v1/uploads', async (route) => {
      asked.resolve();
      await gate.promise;
      await route.fulfill({
        status: 403,
        headers: { 'access-control-allow-origin': '*' },
        json: { code: 'project_forbidden', detail: 'not open to you' },
      });
    });
    await here.pick(file);
    await asked.promise;

    await press('Cancel', file.name);
    await here.row(file.name).getByText('Cancelling').waitFor();
    gate.resolve();

    await here.page.getByText('Nothing here yet.').waitFor();
    expect(await here.page.getByRole('status').textContent()).toBe('');
  });

  it('before the API says that it is linked already keeps its link', async () => {
    const film = sampleFile('linked.mp4', 2 * MIB);
    await here.pick(film);
    await here
      .row(film.name)
      .getByText(/^Linked, /)
      .waitFor();
    await here.page.reload();
    const created = await delayAnswers(here.page, isCreation);
    await here.pick(film);
    await created.delayed;

    await press('Cancel', film.name);
    created.letGo();

    await here.row(film.name).getByText('Linked before').waitFor();
    expect(await statusOf(film.name)).toBe('delivered');
    expect(await linked(film.name)).toBe(true);
  });

  it('while it waits for others to be tried again is cancelled in the API, too', async () => {
    const file = sampleFile('tried again.bin', 1000);
    // Of different sizes: IPD gets files of one size to a work item one after the other.
    const others = [sampleFile('one.bin', 1000), sampleFile('two.bin', 1001)];
    const refusal = { status: 400, headers: { 'access-control-allow-origin': '*' } };
    await here.page.route(`${site.urls.s3Url}/**`, (route) => route.fulfill(refusal));
    await here.pick(file);
    await here.row(file.name).getByText('Not attached').waitFor();
    await here.page.unroute(`${site.urls.s3Url}/**`);
    const created = await delayAnswers(here.page, isCreation);
    await here.pick(...others);
    await created.delayed;

    await press('Try again', file.name);
    await here.row(file.name).getByText('Waits for the others').waitFor();
    await press('Cancel', file.name);

    await here.row(file.name).getByText('Cancelled').waitFor();
    expect(await statusOf(file.name)).toBe('cancelled');
    created.letGo();
    for (const { name } of others) await here.attached(name);
  });

  it('after it was linked, which the page has not read yet, is not removed without a question', async () => {
    const film = sampleFile('just linked.mp4', 2 * MIB);
    let isBlind = true;
    const reads = await delayAnswers(
      here.page,
      ({ pathname }, method) => isBlind && method === 'GET' && pathname.startsWith('/v1/uploads/'),
    );
    await here.pick(film);
    await reads.delayed;
    while ((await statusOf(film.name)) !== 'delivered') await delay(25);
    isBlind = false;

    await press('Cancel', film.name);

    await here
      .row(film.name)
      .getByText(/^Linked, /)
      .waitFor();
    expect(await statusOf(film.name)).toBe('delivered');
    expect(await linked(film.name)).toBe(true);
    expect(here.troubles()).toEqual([]);
  });

  it('can be picked again at once', async () => {
    const file = sampleFile('after all.bin', 1000);
    const sent = await delayRequest(here.page, isStorage);
    const cancelled = await delayAnswers(here.page, (_url, method) => method === 'DELETE');
    await here.pick(file);
    await sent.delayed;
    await press('Cancel', file.name);
    await cancelled.delayed;

    await here.pick(file);
    sent.letGo();
    cancelled.letGo();

    await here.attached(file.name);
    expect((await site.received()).filter(({ sha256 }) => sha256 === file.sha256)).toHaveLength(1);
    expect(here.troubles()).toEqual([]);
  });
});
