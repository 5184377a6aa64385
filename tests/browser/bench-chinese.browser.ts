import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { sampleFile, VERSIONS } from './visit.ts';

let stack: BrowserStack;

beforeAll(async () => {
  stack = await startBrowserStack();
});

afterAll(() => stack?.stop());

describe.each(VERSIONS)('Uppy %i on the bench in a Chinese browser', (version) => {
  it("speaks Chinese by Uppy's own locale, and uploads", async () => {
    const here = await stack.visit({ version, locale: 'zh-CN' });
    const file = sampleFile(`截图-${version}.png`, 2000 + version);

    await here.pick(file);
    await here.page
      .locator('#picker')
      .getByRole('button', { name: /^上传 1 个文件/ })
      .click();
    await here.arrival(file);

    await here.screenshot(`bench-zh-cn-uppy-${version}`);
    expect(here.troubles()).toEqual([]);
    await here.close();
  });
});
