import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import { useIngest } from '../../support/use-ingest.ts';

const ROUND_MS = 15 * MINUTE_MS;
const world = await useIngest();
const services = world.build();
const namedDrops = z.object({ drops: z.array(z.object({ key: z.string() })) });

/** The keys of the drops that runs of the sweep have put on the queue of ingestion, run by run. */
async function runs(count: number, { sweep } = services): Promise<string[][]> {
  const found: string[][] = [];
  for (let run = 0; run < count; run += 1) {
    await sweep.run(AbortSignal.timeout(300_000));
    const named = (await world.queued()).map((body) => namedDrops.safeParse(JSON.parse(body)));
    found.push(named.flatMap(({ data }) => data?.drops ?? []).map(({ key }) => key));
  }
  return found;
}

describe('the listing of drops', () => {
  it('passes over folders, and over drops whose event may still come', async () => {
    const folder = await world.put(Buffer.alloc(0), { key: world.dropKey('') });
    const young = await world.put();

    world.clock.advance(14 * MINUTE_MS);
    const early = await runs(1);
    world.clock.advance(ROUND_MS);
    const later = await runs(1);

    expect([early, later]).toEqual([[[]], [[young.key]]]);
    for (const { key } of [young, folder]) await world.staging.remove(key);
  });

  it('goes page by page, and begins anew a quarter of an hour after its end', async () => {
    const put = [await world.put(), await world.put(), await world.put()];
    const keys = put.map(({ key }) => key).toSorted();
    // Storage may answer with fewer keys than it is asked for.
    const short = world.buildWatched(async ({ name, input }) => {
      if (name === 'ListObjectsV2') Object.assign(input, { MaxKeys: 2 });
    });

    world.clock.advance(2 * ROUND_MS);
    const round = await runs(3, short);
    world.clock.advance(ROUND_MS);
    const next = await runs(1, short);

    expect(round).toEqual([keys.slice(0, 2), keys.slice(2), []]);
    expect(next).toEqual([keys.slice(0, 2)]);
    for (const { key } of put) await world.staging.remove(key);
  });

  it('is made again by the next sweep where the queue did not take its drops', async () => {
    const drop = await world.put();
    const sqs = world.connectQueues();
    sqs.middlewareStack.add(
      () => async () => {
        throw new Error('the queue is out');
      },
      { step: 'initialize', name: 'break-off' },
    );
    world.clock.advance(2 * ROUND_MS);

    const found = [await runs(1, world.build({ sqs })), await runs(1)];

    expect(found).toEqual([[[]], [[drop.key]]]);
    sqs.destroy();
    await world.staging.remove(drop.key);
  });

  it('puts nothing on the queue where no drop waits', async () => {
    world.clock.advance(2 * ROUND_MS);

    await services.sweep.run(AbortSignal.timeout(300_000));

    expect(await world.queued()).toEqual([]);
  });

  it('that fails is no failure of the sweep', async () => {
    const broken = world.buildWatched(async ({ name }) => {
      if (name === 'ListObjectsV2') throw new Error('storage is out');
    });
    world.clock.advance(2 * ROUND_MS);

    await expect(runs(1, broken)).resolves.toEqual([[]]);
  });

  it('is not made while ingestion is off', async () => {
    const drop = await world.put();
    world.clock.advance(2 * ROUND_MS);

    const found = await runs(1, world.build({ ingest: { admission: undefined } }));

    expect(found).toEqual([[]]);
    await expect(runs(1)).resolves.toEqual([[drop.key]]);
    await world.staging.remove(drop.key);
  });
});
