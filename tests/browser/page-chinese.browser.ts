import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { zhCn } from '../../page/src/texts/zh-cn.ts';
import { LINK, startSite } from './page-site.ts';
import type { PageVisit, Site } from './page-site.ts';
import { MIB, sampleFile } from './visit.ts';

const SCENES = [
  { scene: 'phone', user: '李伟', viewport: { width: 390, height: 844 } },
  { scene: 'desktop', user: '王芳', viewport: { width: 1280, height: 800 } },
];
const LATIN = /[A-Za-z]{2,}/g;
/** Names, formats and units that a Chinese page writes as they are. */
const UNTRANSLATED = new Set(['IPD', 'ID', 'MB', 'kB', 'mp', 'txt', 'https', 'localhost']);

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

/**
 * What is wrong with the page as it is: by axe, because it is wider than its window, or because a word is not Chinese.
 * Takes a picture of it.
 */
async function faults(name: string): Promise<string[]> {
  await here.screenshot(`page-zh-cn-${name}`);
  const width = await here.page.evaluate<number>('document.documentElement.scrollWidth');
  const isTooWide = width > (here.page.viewportSize()?.width ?? 0);
  const text = await here.page.evaluate<string>('document.title + document.body.innerText');
  const untranslated = (text.match(LATIN) ?? []).filter((word) => !UNTRANSLATED.has(word));
  return [...(await here.violations()), ...(isTooWide ? [`${width} pixels wide`] : []), ...untranslated];
}

describe.each(SCENES)('the page in a Chinese browser on a $scene', ({ scene, user, viewport }) => {
  const options = { locale: 'zh-CN', timezoneId: 'Asia/Shanghai', viewport };

  it('is sound before the sign-in, and with a wrong link', async () => {
    here = await site.open(LINK, options, zhCn);
    await here.page.getByRole('button', { name: '登录' }).waitFor();
    expect(await here.page.evaluate('[document.documentElement.lang, document.title]')).toEqual([
      'zh-CN',
      '添加附件',
    ]);
    expect(await faults(`${scene}-sign-in`)).toEqual([]);

    await here.page.goto(`${site.origin}/?project=123&issue=42`);
    await here.page.getByRole('alert').waitFor();
    await here.page.getByRole('button', { name: '下一步' }).click();
    expect(await faults(`${scene}-wrong-link`)).toEqual([]);
  });

  it('is sound while a file is under way, offline, and when it is attached', async () => {
    here = await site.open(LINK, options, zhCn);
    await here.signIn(user);
    expect(await faults(`${scene}-empty`)).toEqual([]);

    await here.line({ bytesPerSecond: 100_000 });
    const film = sampleFile('现场视频.mp4', 6 * MIB);
    await here.pick(film);
    await here.row(film.name).getByText('正在上传 · 6.3 MB').waitFor();
    expect(await faults(`${scene}-in-progress`)).toEqual([]);

    await here.line({ offline: true });
    await here.row(film.name).getByText('已暂停，网络未连接').waitFor();
    expect(await faults(`${scene}-offline`)).toEqual([]);

    await here.line({});
    await here.attached(film.name);
    expect(await faults(`${scene}-done`)).toEqual([]);
  });

  it('is sound when files fail, and says why in Chinese', async () => {
    await site.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    here = await site.open(LINK, options, zhCn);
    await here.signIn(`${user}二`);

    await here.pick(sampleFile('相机日志.txt', 4000), sampleFile('空文件.txt', 0));

    await here.row('相机日志').getByText('服务账号没有权限向该工作项添加附件，请联系管理员。').waitFor();
    await here.row('空文件').getByText('文件为空，空文件不能作为附件。').waitFor();
    expect(await faults(`${scene}-failed`)).toEqual([]);
  });
});
