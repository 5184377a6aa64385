import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { delayRequest, MIB, partNumber, sampleFile } from './visit.ts';
import type { SampleFile } from './visit.ts';

const LARGEST = 20 * MIB;

let site: Site;
let here: PageVisit;
let users = 0;

beforeAll(async () => {
  site = await startSite({ MAX_FILE_BYTES: String(LARGEST) });
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

async function arrived({ sha256 }: SampleFile) {
  return (await site.received()).filter((attachment) => attachment.sha256 === sha256);
}

describe('files on the page', () => {
  it('reach IPD under their Chinese names, two of them and in parts', async () => {
    const photo = sampleFile('现场照片.jpg', 200_000);
    const film = sampleFile('现场视频.mp4', 11 * MIB + 1);

    await here.pick(photo, film);

    await here.attached(photo.name);
    await here.attached(film.name);
    expect(await arrived(photo)).toMatchObject([{ filename: photo.name }]);
    expect(await arrived(film)).toMatchObject([{ filename: film.name }]);
    const names = await here.page.getByRole('heading', { level: 3 }).allTextContents();
    expect(names).toEqual([photo.name, film.name]);
    // The latest news: of both, where they end together.
    const announced = await here.page.getByRole('status').textContent();
    expect(announced).toMatch(/现场(?:照片\.jpg|视频\.mp4) is attached\.$/);
    expect(here.troubles()).toEqual([]);
  });

  it('can be dropped on the page', async () => {
    const dropped = await here.page.evaluateHandle(`(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(['dropped here'], 'dropped.txt', { type: 'text/plain' }));
      return transfer;
    })()`);

    for (const type of ['dragenter', 'dragover']) {
      await here.page.dispatchEvent('body', type, { dataTransfer: dropped });
    }
    await here.page.getByText('Drop to attach').waitFor();
    await here.page.dispatchEvent('body', 'drop', { dataTransfer: dropped });

    await here.attached('dropped.txt');
    expect(await here.page.getByText('Drop to attach').isVisible()).toBe(false);
    expect(here.troubles()).toEqual([]);
  });

  it('that IPD refuses say why, and are sent again on request', async () => {
    const file = sampleFile('second try.bin', 1000);
    await site.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    await here.pick(file);
    await here.row(file.name).getByText('IPD does not let this service attach files').waitFor();
    expect(await here.page.getByRole('status').textContent()).toContain(`${file.name}: Not attached.`);

    await site.faults([]);
    await here.page.reload();
    await here.row(file.name).getByText('Not attached').waitFor();
    await here.page.getByRole('button', { name: `Try again: ${file.name}` }).click();

    await here.attached(file.name);
    expect(await arrived(file)).toHaveLength(1);
    expect(here.troubles()).toEqual([]);
  });

  it('that are too large or empty are refused at once', async () => {
    await here.page.getByText('Up to 21 MB each').waitFor();

    await here.pick(sampleFile('huge.bin', LARGEST + 1), sampleFile('empty.txt', 0));

    await here.row('huge.bin').getByText('The file is too large: at most 21 MB can be attached.').waitFor();
    await here.row('empty.txt').getByText('The file is empty').waitFor();
    expect(await site.uploadsOf(`user ${users}`)).toEqual([]);
    await here.page.getByRole('button', { name: 'Hide: huge.bin' }).click();
    await here.row('huge.bin').waitFor({ state: 'detached' });
    expect(here.troubles()).toEqual([]);
  });

  it('are not sent again when they are attached already, unless a person wants that', async () => {
    const file = sampleFile('twice.bin', 3000);
    await here.pick(file);
    await here.attached(file.name);

    await here.page.reload();
    await here.pick(file);
    await here.row(file.name).getByText('It was not sent again.').waitFor();
    expect(await here.page.getByRole('listitem').count()).toBe(1);
    expect(await arrived(file)).toHaveLength(1);
    await here.screenshot('page-attached-before');
    expect(await here.violations()).toEqual([]);
    await here.page.getByRole('button', { name: `Attach again: ${file.name}` }).click();

    await here.attached(file.name);
    expect(await arrived(file)).toHaveLength(2);
    expect(await here.page.getByRole('listitem').count()).toBe(1);
    expect(here.troubles()).toEqual([]);
  });

  it('can be cancelled, and nothing of them stays in storage', async () => {
    const file = sampleFile('regretted.bin', 12 * MIB);
    const last = await delayRequest(here.page, (url, method) => partNumber(url, method) === 3);
    await here.pick(file);
    await here
      .row(file.name)
      .getByText(/^[1-9]\d?%/)
      .waitFor();

    await here.page.getByRole('button', { name: `Cancel: ${file.name}` }).click();

    await here.row(file.name).getByText('Cancelled').waitFor();
    last.letGo();
    expect(await site.openMultiparts()).toEqual([]);
    expect(await site.uploadsOf(`user ${users}`)).toMatchObject([{ status: 'cancelled' }]);
  });

  it('need nothing but a keyboard', async () => {
    const { keyboard } = here.page;
    const file = sampleFile('typed.txt', 2000);
    await site.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    // Chromium must know before the key is pressed that the test answers the dialog.
    const chooser = here.page.waitForEvent('filechooser');
    await here.tabTo('files');
    await keyboard.press('Enter');
    await (await chooser).setFiles(file.path);
    await here.row(file.name).getByText('Not attached').waitFor();

    await site.faults([]);
    await here.tabTo(`Try again: ${file.name}`);
    await keyboard.press('Enter');

    await here.attached(file.name);
    // The pressed button is gone; the focus is still with the file.
    const focused = await here.page.evaluate<string>(`document.activeElement?.textContent ?? ''`);
    expect(focused).toContain(file.name);
    expect(here.troubles()).toEqual([]);
  });
});
