import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createUploads } from '../../../packages/expo/src/uploads.ts';
import { createPhone } from '../../support/phone.ts';
import { sha256 } from '../../support/sha256.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

const product = await useProduct({ environment: { OVERSIZE: 'link', MAX_FILE_BYTES: '65536' } });
const directory = await useDirectory();

it('ends a file that is larger than IPD takes as a link, and takes it back after a restart', async () => {
  const bytes = randomBytes(70_000);
  const picked = join(directory, 'picked');
  await writeFile(picked, bytes);
  const folder = join(directory, 'phone');
  await mkdir(folder);
  const phone = createPhone(folder);
  const launch = () =>
    createUploads({
      apiUrl: product.urls.apiUrl,
      token: async () => product.token,
      timing: { firstDelayMs: 1, longestDelayMs: 5, pollMs: 10 },
      ...phone.launch(),
    });
  const about = { projectId, issueId, filename: 'film.mp4', contentType: 'video/mp4' };

  const { key, done } = await launch().start({ ...about, uri: pathToFileURL(picked).href });
  const outcome = await done;
  const upload = outcome.kind === 'ended' ? outcome.upload : undefined;
  const arrived = await (await fetch(String(upload?.link?.url))).bytes();
  const later = launch();
  await later.cancel(key);

  expect(upload).toMatchObject({ status: 'delivered', attachment: null });
  expect(sha256(arrived)).toBe(sha256(bytes));
  expect(await later.list()).toEqual([]);
  const { body } = await product.call(`GET /v1/uploads/${upload?.id}`);
  expect(body).toMatchObject({ status: 'removed', link: null, removal: { by: 'owner' } });
});
