import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import { useIngest } from '../../support/use-ingest.ts';

const world = await useIngest();
const { sweep } = world.build();
const namedDrops = z.object({ drops: z.array(z.object({ key: z.string() })) });

it('names each drop of a long page once, ten in a message', async () => {
  const keys: string[] = [];
  for (let count = 0; count < 21; count += 1) keys.push((await world.put()).key);
  world.clock.advance(30 * MINUTE_MS);

  await sweep.run(AbortSignal.timeout(300_000));

  const named = (await world.queued()).map((body) => namedDrops.parse(JSON.parse(body)).drops);
  expect(named.map(({ length }) => length).toSorted((a, b) => a - b)).toEqual([1, 10, 10]);
  expect(named.flatMap((drops) => drops.map(({ key }) => key)).toSorted()).toEqual(keys.toSorted());
});
