import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Download, Page } from 'playwright-core';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { delayRequest, MIB, partNumber, sampleFile } from './visit.ts';

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

/** What a press on the file's link saves, in whichever tab. */
async function open(name: string): Promise<{ filename: string; sha256: string }> {
  const saved = Promise.withResolvers<Download>();
  const listen = (page: Page): void => void page.on('download', saved.resolve);
  here.context.pages().forEach(listen);
  here.context.on('page', listen);
  await here.page.getByRole('link', { name: `Open: ${name}` }).click();
  const download = await saved.promise;
  const sha256 = createHash('sha256');
  for await (const chunk of await download.createReadStream()) sha256.update(chunk);
  return { filename: download.suggestedFilename(), sha256: sha256.digest('hex') };
}

/** Resolves once the work item has this link no more. */
async function untilGone(url: string): Promise<void> {
  while ((await site.links()).some((link) => link.url === url)) await delay(25);
}

describe('a file that is larger than IPD takes', () => {
  it('is sent as a link, which the page says before, and the link leads to its bytes', async () => {
    const film = sampleFile('现场视频.mp4', 12 * MIB);
    const photo = sampleFile('现场照片.jpg', 200_000);
    await here.page.getByText('Up to 5.4 GB each, above 1 MB as a link').waitFor();
    const last = await delayRequest(here.page, (url, method) => partNumber(url, method) === 3);

    await here.pick(film, photo);
    await here.row(film.name).getByText('the work item gets a link to it').waitFor();
    await here.screenshot('page-goes-as-link');
    last.letGo();
    await here
      .row(film.name)
      .getByText(/^Linked, /)
      .waitFor();
    await here.attached(photo.name);

    const links = await site.links();
    expect(links).toMatchObject([{ title: expect.stringContaining(film.name) }]);
    expect(await here.page.getByRole('link', { name: `Open: ${film.name}` }).getAttribute('href')).toBe(
      links[0]?.url,
    );
    expect(await open(film.name)).toEqual({ filename: film.name, sha256: film.sha256 });
    expect((await site.received()).map(({ filename }) => filename)).toEqual([photo.name]);
    await here.screenshot('page-linked');
    expect(await here.violations()).toEqual([]);
    expect(here.troubles()).toEqual([]);
  });

  it('is removed after a question, with a keyboard alone, also after a reload', async () => {
    const film = sampleFile('regretted.mp4', 2 * MIB);
    await here.pick(film);
    await here
      .row(film.name)
      .getByText(/^Linked, /)
      .waitFor();
    await here.page.reload();
    await here
      .row(film.name)
      .getByText(/^Linked, /)
      .waitFor();
    const url = await here.page.getByRole('link', { name: `Open: ${film.name}` }).getAttribute('href');
    const question = here.page.getByRole('dialog', { name: `Remove ${film.name}?` });

    await here.tabTo(`Remove: ${film.name}`);
    await here.page.keyboard.press('Enter');
    await question.waitFor();
    await here.screenshot('page-remove-link');
    const violations = await here.violations();
    await here.page.keyboard.press('Escape');
    await question.waitFor({ state: 'detached' });
    const focused = await here.page.evaluate<string>('document.activeElement?.ariaLabel');
    const kept = await fetch(String(url), { redirect: 'manual' });
    await here.page.keyboard.press('Enter');
    await question.waitFor();
    await here.page.keyboard.press('Tab');
    await here.page.keyboard.press('Enter');

    await here.row(film.name).getByText('Removed, the link does not work any more').waitFor();
    expect(violations).toEqual([]);
    expect(focused).toBe(`Remove: ${film.name}`);
    expect(kept.status).toBe(302);
    expect((await fetch(String(url), { redirect: 'manual' })).status).toBe(404);
    await untilGone(String(url));
    await here.page.reload();
    await here.page.getByText('Nothing here yet.').waitFor();
    expect(here.troubles()).toEqual([]);
  });

  it('is shown as removed, although it cannot be read afterwards', async () => {
    const film = sampleFile('removed.mp4', 2 * MIB);
    await here.pick(film);
    await here
      .row(film.name)
      .getByText(/^Linked, /)
      .waitFor();
    await here.page.route('**/v1/uploads/*', (route, request) =>
      request.method() === 'GET'
        ? route.fulfill({ status: 403, headers: { 'access-control-allow-origin': '*' } })
        : route.fallback(),
    );

    await here.page.getByRole('button', { name: `Remove: ${film.name}` }).click();
    await here.page.getByRole('button', { name: 'Remove the file' }).click();

    await here.row(film.name).getByText('Removed, the link does not work any more').waitFor();
    expect(await here.page.getByRole('link', { name: `Open: ${film.name}` }).isVisible()).toBe(false);
    expect(here.troubles()).toEqual([]);
  });
});
