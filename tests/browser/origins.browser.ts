import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { describeStockUppy } from '../support/stock-uppy.ts';
import { startBrowserStack, startElsewhere } from './stack.ts';
import type { BrowserStack } from './stack.ts';
import { MIB, sampleFile, VERSIONS } from './visit.ts';
import type { Visit } from './visit.ts';

let allowed: Awaited<ReturnType<typeof startElsewhere>>;
let stranger: Awaited<ReturnType<typeof startElsewhere>>;
let stack: BrowserStack;
let here: Visit;

beforeAll(async () => {
  allowed = await startElsewhere();
  stranger = await startElsewhere();
  stack = await startBrowserStack({ ALLOWED_ORIGINS: allowed.url });
  const { apiUrl, tokenUrl, ipdAdminUrl } = stack.urls;
  allowed.serve({ apiUrl, tokenUrl, ipdAdminUrl });
  stranger.serve({ apiUrl, tokenUrl, ipdAdminUrl });
});

afterAll(async () => {
  await stack?.stop();
  await allowed?.close();
  await stranger?.close();
});

afterEach(() => here.close());

describeStockUppy.each(VERSIONS)('a page of another origin with Uppy %d', (version) => {
  it.each([
    ['a small file', 10_000],
    ['a large file', 11 * MIB],
  ])('that is allowed brings %s to IPD', async (kind, size) => {
    here = await stack.visit({ origin: allowed.url, version });
    const file = sampleFile(`${kind} ${version}.bin`, size);

    await here.pick(file);
    await here.upload();

    await here.arrival(file);
    expect(await stack.received()).toContainEqual(expect.objectContaining({ sha256: file.sha256, size }));
    expect(here.troubles()).toEqual([]);
  });

  it('that is not allowed gets nothing, and says so', async () => {
    here = await stack.visit({ origin: stranger.url, version });

    await here.pick(sampleFile(`stray ${version}.bin`, 10_000));

    await here.problem.getByText('does not let this page in').waitFor();
    expect(here.errors.join()).toContain('blocked by CORS policy');
    expect(await stack.uploadsOf('me')).not.toContainEqual(
      expect.objectContaining({ filename: `stray ${version}.bin` }),
    );
  });
});
