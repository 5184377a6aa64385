import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { MIB, sampleFile, VERSIONS } from './visit.ts';
import type { Visit } from './visit.ts';

let stack: BrowserStack;
let here: Visit;

beforeAll(async () => {
  stack = await startBrowserStack({ OVERSIZE: 'link', MAX_FILE_BYTES: String(MIB) });
});

afterAll(() => stack?.stop());

describeStockUppy.each(VERSIONS)('the test bench with Uppy %d', (version) => {
  beforeEach(async () => {
    here = await stack.visit({ version });
  });

  afterEach(() => here.close());

  it.each([
    ['in one piece', 2 * MIB],
    ['in parts', 12 * MIB],
  ])(
    'shows the link of a file that is larger than IPD takes, sent %s, and removes it',
    async (_way, size) => {
      const film = sampleFile(`film ${version} ${size}.mp4`, size);
      const row = here.row(film.name);

      await here.pick(film);
      await here.upload();
      await row.getByText('Linked in IPD').waitFor();
      const link = (await stack.links()).find(({ title }) => title.startsWith(film.name));
      const href = await row.getByRole('link').getAttribute('href');
      await row.getByRole('button', { name: `Remove ${film.name}` }).click();
      await row.getByText('Removed').waitFor();

      expect(href).toBe(link?.url);
      expect((await fetch(String(href))).status).toBe(404);
      expect(here.troubles()).toEqual([]);
    },
  );
});
