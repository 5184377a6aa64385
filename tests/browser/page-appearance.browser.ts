import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { delayRequest, MIB, partNumber, sampleFile } from './visit.ts';

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 800 };
/** Each with a user, and so a list, of its own. */
const SCENES = [
  { scene: 'phone-light', user: 'Li Wei', viewport: PHONE, colorScheme: 'light' as const },
  { scene: 'phone-dark', user: 'Zhang Min', viewport: PHONE, colorScheme: 'dark' as const },
  { scene: 'desktop-light', user: 'Wang Fang', viewport: DESKTOP, colorScheme: 'light' as const },
  { scene: 'desktop-dark', user: 'Chen Jie', viewport: DESKTOP, colorScheme: 'dark' as const },
];

let site: Site;
let here: PageVisit;

beforeAll(async () => {
  site = await startSite();
});

afterAll(() => site?.stop());

afterEach(async () => {
  await site.faults([]);
  await here.close();
});

/** What is wrong with the page as it is: by axe, or because it is wider than its window. Takes a picture of it. */
async function faults(name: string): Promise<string[]> {
  await here.screenshot(`page-${name}`);
  const width = await here.page.evaluate<number>('document.documentElement.scrollWidth');
  const isTooWide = width > (here.page.viewportSize()?.width ?? 0);
  return [...(await here.violations()), ...(isTooWide ? [`${width} pixels wide`] : [])];
}

describe.each(SCENES)('the page on a $scene', ({ scene, user, ...options }) => {
  it('is sound before the sign-in, and with a wrong link', async () => {
    here = await site.open(LINK, options);
    await here.page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await faults(`${scene}-sign-in`)).toEqual([]);

    await here.page.goto(`${site.origin}/?project=123&issue=42`);
    await here.page.getByRole('alert').waitFor();
    await here.page.getByRole('button', { name: 'Go on' }).click();
    expect(await faults(`${scene}-wrong-link`)).toEqual([]);
  });

  it('is sound while files are under way, offline, and when they are attached', async () => {
    here = await site.open(LINK, options);
    await here.signIn(user);
    expect(await faults(`${scene}-empty`)).toEqual([]);

    const last = await delayRequest(here.page, (url, method) => partNumber(url, method) === 3);
    // Of different sizes: IPD gets files of one size to a work item one after the other.
    const films = [12, 11].map((mib, index) => sampleFile(`现场视频 ${index + 1}.mp4`, mib * MIB));
    await here.pick(
      ...films,
      sampleFile('Protocol of the third inspection, with all appendices.pdf', 90_000),
    );
    await here
      .row('现场视频 2')
      .getByText(/^[1-9]\d?%/)
      .waitFor();
    expect(await faults(`${scene}-in-progress`)).toEqual([]);

    await here.line({ offline: true });
    last.letGo();
    await here.row('现场视频 1').getByText('Paused, no connection').waitFor();
    expect(await faults(`${scene}-offline`)).toEqual([]);

    await here.line({});
    for (const { name } of films) await here.attached(name);
    await here.attached('Protocol');
    expect(await faults(`${scene}-done`)).toEqual([]);
  });

  it('is sound when files fail', async () => {
    await site.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    here = await site.open(LINK, options);
    await here.signIn(`${user} II`);

    await here.pick(sampleFile('camera log.txt', 4000), sampleFile('nothing.txt', 0));

    await here.row('camera log').getByText('Not attached').waitFor();
    expect(await faults(`${scene}-failed`)).toEqual([]);
  });
});
