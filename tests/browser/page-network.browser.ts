import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { delayRequest, MIB, partNumber, sampleFile } from './visit.ts';

let site: Site;
let here: PageVisit;
let users = 0;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

beforeEach(async () => {
  here = await site.open(LINK);
  users += 1;
  await here.signIn(`user ${users}`);
});

afterEach(async () => {
  await site.faults([]);
  await here.close();
});

function recordParts(): number[] {
  const parts: number[] = [];
  here.page.on('request', (request) => {
    const number = partNumber(new URL(request.url()), request.method());
    if (number !== undefined) parts.push(number);
  });
  return parts;
}

/** Resolves when a part is stored. */
async function firstPart(): Promise<void> {
  const response = await here.page.waitForResponse(
    (answer) => partNumber(new URL(answer.url()), answer.request().method()) !== undefined,
  );
  await response.finished();
}

describe('an upload', () => {
  it('waits while the browser is offline, and goes on by itself', async () => {
    const file = sampleFile('tunnel.mp4', 12 * MIB);
    const last = await delayRequest(here.page, (url, method) => partNumber(url, method) === 3);
    await here.pick(file);
    await here
      .row(file.name)
      .getByText(/^[1-9]\d?%/)
      .waitFor();

    await here.line({ offline: true });
    last.letGo();
    await here.page.getByText('You are offline.').first().waitFor();
    await here.row(file.name).getByText('Paused, no connection').waitFor();
    expect(await here.page.getByRole('status').textContent()).toContain('You are offline.');
    await here.line({});

    await here.attached(file.name);
    expect((await site.received()).filter(({ sha256 }) => sha256 === file.sha256)).toHaveLength(1);
    expect(await here.page.locator('#offline').isVisible()).toBe(false);
  });

  it('asks for its file after a reload in the middle, and sends only what is missing', async () => {
    const file = sampleFile('recording.mp4', 18 * MIB);
    const last = await delayRequest(here.page, (url, method) => partNumber(url, method) === 4);
    const stored = firstPart();
    await here.pick(file);
    await Promise.all([stored, last.delayed]);
    here.page.once('dialog', (dialog) => void dialog.accept());
    await here.page.reload();
    last.letGo();

    const row = here.row(file.name);
    await row.getByText('Not uploaded completely').waitFor();
    await here.screenshot('page-unfinished');
    expect(await here.violations()).toEqual([]);
    const parts = recordParts();
    const chooser = here.page.waitForEvent('filechooser');
    await here.page.getByRole('button', { name: `Pick the file: ${file.name}` }).click();
    await (await chooser).setFiles(file.path);

    await here.attached(file.name);
    expect(await here.page.getByRole('heading', { level: 3 }).count()).toBe(1);
    expect(parts.length).toBeGreaterThan(0);
    expect(parts.length).toBeLessThan(4);
    expect((await site.received()).filter(({ sha256 }) => sha256 === file.sha256)).toHaveLength(1);
  });

  it('says that another file was picked for it', async () => {
    await site.begin(`user ${users}`, 'begun on the phone.txt');
    await here.page.reload();
    const chooser = here.page.waitForEvent('filechooser');
    await here.page.getByRole('button', { name: 'Pick the file: begun on the phone.txt' }).click();

    await (await chooser).setFiles(sampleFile('other.txt', 11).path);

    await here.row('begun on the phone.txt').getByText('This is another file').waitFor();
    expect(here.troubles()).toEqual([]);
  });

  it('that is with the bridge is followed after a reload', async () => {
    const file = sampleFile('follow me.txt', 100_000);
    await site.faults([
      { match: { operation: 'upload' }, fault: { kind: 'stall', afterBytes: 10_000, seconds: 3600 } },
    ]);
    await here.pick(file);
    await here.row(file.name).getByText('You can close this page').waitFor();

    await here.page.reload();
    await here.row(file.name).getByText('You can close this page').waitFor();
    await site.faults([]);

    await here.attached(file.name);
    expect((await site.received()).filter(({ sha256 }) => sha256 === file.sha256)).toHaveLength(1);
    expect(here.troubles()).toEqual([]);
  });
});
