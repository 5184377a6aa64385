import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { sampleFile, VERSIONS } from './visit.ts';
import type { Visit } from './visit.ts';

const WINDOWS = [
  { name: 'narrow', width: 320, height: 640 },
  { name: 'tablet', width: 768, height: 1024 },
  { name: 'wide', width: 1440, height: 900 },
];

let stack: BrowserStack;
let here: Visit;

beforeAll(async () => {
  stack = await startBrowserStack();
});

afterAll(() => stack?.stop());

afterEach(() => here.close());

describeStockUppy.each(VERSIONS)('the appearance of the page with Uppy %d', (version) => {
  const scenes = WINDOWS.flatMap((window) => [
    { ...window, colorScheme: 'light' as const },
    { ...window, colorScheme: 'dark' as const },
  ]);

  it.each(scenes)(
    'fits a $name window in $colorScheme colours',
    async ({ name, colorScheme, ...viewport }) => {
      here = await stack.visit({ version, colorScheme, viewport });
      const file = sampleFile(
        `A report with a rather long name, ${name} ${colorScheme} ${version}.pdf`,
        5000,
      );
      await here.pick(file);
      await here.upload();
      await here.arrival(file);

      const { width, background } = await here.page.evaluate<{ width: number; background: string }>(
        `({ width: document.documentElement.scrollWidth,
          background: getComputedStyle(document.body).backgroundColor })`,
      );

      await here.screenshot(`uppy${version}-${name}-${colorScheme}`);
      expect(width).toBeLessThanOrEqual(viewport.width);
      expect(background).toBe(colorScheme === 'dark' ? 'rgb(16, 20, 28)' : 'rgb(243, 245, 249)');
      expect(here.troubles()).toEqual([]);
    },
  );

  it('can be used with the keyboard alone', async () => {
    here = await stack.visit({ version });
    const file = sampleFile(`typed ${version}.txt`, 2000);
    const browse = here.page.getByRole('button', { name: 'browse files' });
    await browse.waitFor();

    await here.page.getByLabel('You are').focus();
    await tabToButton(here.page, 'browse files');
    const chooser = here.page.waitForEvent('filechooser');
    // Uppy may redraw the button and so take the focus from it: the key goes to the button itself.
    await browse.press('Enter');
    await (await chooser).setFiles(file.path);
    await here.page.getByRole('button', { name: /^Upload 1 file/ }).press('Enter');

    await here.arrival(file);
    expect(await here.page.getByRole('status').allTextContents()).toContain(`${file.name}: In IPD`);
  });

  it('names every field and button', async () => {
    here = await stack.visit({ version });
    await here.page.getByText('Drop files here').waitFor();

    const nameless = await here.page.evaluate<string[]>(`
      [...document.querySelectorAll('body > *:not(.unseen) button, form input, label input')]
        .filter((node) => !node.textContent.trim() && !node.ariaLabel && !node.labels?.length && !node.title)
        .map((node) => node.outerHTML)`);

    expect(nameless).toEqual([]);
  });
});

/** Past the fields before it, and no further than a person would try. */
async function tabToButton(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 10; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate<string>(
      `document.activeElement?.closest('button')?.textContent ?? ''`,
    );
    if (focused === name) return;
  }
  throw new Error('the keyboard does not get there');
}
