import { randomBytes } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const { shown } = linksOf(world);

it('names the day on which the link ends in its title', async () => {
  const upload = await world.deliver(randomBytes(LARGEST_ATTACHMENT + 1), { filename: 'a.mp4' });

  const end = upload.status === 'delivered' ? upload.link?.expiresAt : undefined;
  expect((await shown()).map(({ title }) => title)).toEqual([`a.mp4 (10 kB, until ${end?.slice(0, 10)})`]);
});
