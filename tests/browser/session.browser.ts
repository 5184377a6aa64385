import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { delayRequest, MIB, partNumber, sampleFile, VERSIONS } from './visit.ts';
import type { Visit } from './visit.ts';

const LARGEST = 20 * MIB;
const RENEWED = 'The upload session had expired. A new one is open: press Retry.';

let stack: BrowserStack;
let directory: string;
let here: Visit;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'browser-'));
  stack = await startBrowserStack({ MAX_FILE_BYTES: String(LARGEST) });
});

afterAll(async () => {
  await stack?.stop();
  await rm(directory, { recursive: true, force: true });
});

/** From now on the API is shown another ticket for the page's present one, and refuses it as any that is over. */
async function expireTicket(version: number): Promise<void> {
  const ticket = await presentTicket(version);
  await here.page.route(`**/${ticket}/**`, (route, request) =>
    route.continue({ url: request.url().replace(ticket, 'tk_over') }),
  );
}

async function presentTicket(version: number): Promise<string> {
  for (;;) {
    const kept = await here.page.evaluate<string>(
      `localStorage.getItem('ipd-bridge:ticket:uppy${version}') ?? ''`,
    );
    const [ticket] = /tk_[\w-]+/.exec(kept) ?? [];
    if (ticket !== undefined) return ticket;
    // The page keeps it only after it has read the answer.
    await delay(25);
  }
}

/** The browser reports the refusals by itself, and so does each Uppy. */
function isExpected(trouble: string): boolean {
  return /status of 401|Companion request failed: Unauthorized|Authorization required/.test(trouble);
}

describeStockUppy.each(VERSIONS)('the upload session of the page with Uppy %d', (version) => {
  beforeEach(async () => {
    here = await stack.visit({ version });
  });

  afterEach(() => here.close());

  it('that has expired is reported and replaced, and a retry brings the file to IPD', async () => {
    const file = sampleFile(`late ${version}.bin`, 50_000);
    await here.pick(file);
    await expireTicket(version);

    await here.upload();
    await here.problem.getByText(RENEWED).waitFor();
    await here.screenshot(`uppy${version}-expired`);
    await here.retry();

    await here.arrival(file);
    expect((await stack.received()).filter(({ sha256 }) => sha256 === file.sha256)).toHaveLength(1);
    expect(here.troubles().filter((trouble) => !isExpected(trouble))).toEqual([]);
  });

  it('that expires in the middle of a large file is replaced, and nothing of the first try stays', async () => {
    const file = sampleFile(`long ${version}.bin`, 11 * MIB);
    const second = await delayRequest(here.page, (url, method) => partNumber(url, method) === 2);
    await here.pick(file);
    await here.upload();
    await second.delayed;
    await expireTicket(version);

    second.letGo();
    await here.problem.getByText(RENEWED).waitFor();
    expect(await stack.openMultiparts()).toEqual([]);
    await here.retry();

    await here.arrival(file);
    expect((await stack.received()).filter(({ sha256 }) => sha256 === file.sha256)).toHaveLength(1);
    expect(await stack.openMultiparts()).toEqual([]);
    expect(here.troubles().filter((trouble) => !isExpected(trouble))).toEqual([]);
  });

  it('is not opened for a file that is too large', async () => {
    const path = join(directory, `huge ${version}.bin`);
    const handle = await open(path, 'w');
    await handle.truncate(LARGEST + 1);
    await handle.close();
    await here.page.getByText('Up to 20 MB each').waitFor();

    await here.page.locator('#picker input[type=file]').first().setInputFiles(path);

    await here.page
      .getByText(/exceeds maximum allowed size of 20 MB/)
      .first()
      .waitFor();
    await here.screenshot(`uppy${version}-too-large`);
    expect(await stack.uploadsOf('me')).not.toContainEqual(
      expect.objectContaining({ filename: `huge ${version}.bin` }),
    );
    expect(here.troubles()).toEqual([]);
  });

  it('is refused in the words of the API when the page does not know the limit', async () => {
    await here.page.route('**/v1/limits', (route) => route.abort());
    await here.page.reload();
    const path = join(directory, `unknown ${version}.bin`);
    const handle = await open(path, 'w');
    await handle.truncate(LARGEST + 1);
    await handle.close();

    await here.page.locator('#picker input[type=file]').first().setInputFiles(path);

    await here.problem.getByText(/“unknown \d\.bin”: .*20971520/).waitFor();
    expect(await here.page.locator('#picker .uppy-Dashboard-Item').count()).toBe(0);
  });

  it('is opened for the user and the work item in the fields', async () => {
    await here.page.getByLabel('You are').fill(`user-${version}`);
    await here.page.keyboard.press('Tab');
    const file = sampleFile(`mine ${version}.bin`, 1000);

    await here.pick(file);
    await here.upload();

    await here.arrival(file);
    expect(await stack.uploadsOf(`user-${version}`)).toMatchObject([
      { filename: file.name, status: 'delivered' },
    ]);
  });

  it('is neither opened nor used while a field is wrong, and then for what the fields say', async () => {
    const issueId = `95623906717693541${version}`;
    const careful = `careful-${version}`;
    await stack.begin(careful, 'begun before.txt');
    const file = sampleFile(`elsewhere ${version}.bin`, 1000);
    const opened = here.page.waitForResponse('**/v1/uppy-sessions');
    await here.pick(file);
    await (await opened).finished();

    await here.page.getByLabel('Work item').fill('12');
    await here.page.keyboard.press('Tab');
    await here.page.getByText('Needs 18 or 19 digits').waitFor();
    await here.page.locator('#picker[inert]').waitFor();
    await here.screenshot(`uppy${version}-wrong-field`);
    await here.page
      .getByRole('button', { name: /^Upload 1 file/, includeHidden: true })
      .dispatchEvent('click');
    await here.page.getByLabel('You are').fill(careful);
    await here.page.keyboard.press('Tab');
    await here.row('begun before.txt').waitFor();
    await here.page.getByLabel('Work item').fill(issueId);
    await here.page.keyboard.press('Tab');
    await here.page.locator('#picker:not([inert])').waitFor();
    await here.upload();

    await here.arrival(file);
    const received = (await stack.received()).filter(({ sha256 }) => sha256 === file.sha256);
    expect(received).toMatchObject([{ issueId }]);
    expect(await stack.uploadsOf(careful)).toContainEqual(expect.objectContaining({ filename: file.name }));
    expect(here.troubles()).toEqual([]);
  });
});
