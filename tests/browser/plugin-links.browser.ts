import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { Browser } from 'playwright-core';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';
import { bundlePlugin, startPages, visitPlugin } from './plugin-page.ts';
import type { PluginVisit } from './plugin-page.ts';
import { launchBrowser, MIB, sampleFile, VERSIONS } from './visit.ts';

const pages = await startPages();
const product = await useProduct({
  environment: { ALLOWED_ORIGINS: pages.url, OVERSIZE: 'link', MAX_FILE_BYTES: String(MIB) },
});
let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterAll(async () => {
  await browser?.close();
  await pages.close();
});

describe.each(VERSIONS)(
  'the plugin in a page with Uppy %d, and a file that is larger than IPD takes',
  (version) => {
    let here: PluginVisit;

    beforeAll(async () => {
      const { token, urls } = product;
      pages.serve(await bundlePlugin(version), { apiUrl: urls.apiUrl, token, projectId, issueId });
    });

    beforeEach(async () => {
      here = await visitPlugin(browser, pages.url);
    });

    afterEach(async () => {
      const { faults } = here;
      await here.close();
      if (faults.length > 0) throw new Error(faults.join('\n'));
    });

    /** What the browser saves when a person follows a link. */
    async function download(url: string): Promise<{ filename: string; sha256: string }> {
      const saving = here.page.waitForEvent('download');
      await here.page.evaluate(
        `document.body.append(Object.assign(document.createElement('a'), { href: ${JSON.stringify(url)}, id: 'link' })),
        document.getElementById('link').click()`,
      );
      const saved = await saving;
      const sha256 = createHash('sha256');
      for await (const chunk of await saved.createReadStream()) sha256.update(chunk);
      return { filename: saved.suggestedFilename(), sha256: sha256.digest('hex') };
    }

    it('brings one link to the work item, which leads a browser to its bytes', async () => {
      const film = sampleFile(`现场视频 ${version}.mp4`, 12 * MIB);

      await here.pick(film);
      await here.upload();
      await here.shows('Complete');

      const links = await product.links();
      const url = links[0]?.url ?? '';
      expect(links).toMatchObject([{ title: expect.stringContaining(film.name) }]);
      expect(await here.events()).toContainEqual({
        event: 'success',
        file: film.name,
        status: 'delivered',
        url,
      });
      expect(await product.received()).toEqual([]);
      expect(await download(url)).toEqual({ filename: film.name, sha256: film.sha256 });
    });
  },
);
