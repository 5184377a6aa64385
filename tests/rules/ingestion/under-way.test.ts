import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { stagingKey } from '../../../lib/domain/upload.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';
import { useUnderWay } from '../../support/under-way.ts';
import { useIngest } from '../../support/use-ingest.ts';

const world = await useIngest();
const watched = useUnderWay(world);

describe('a function that has ended has nothing under way', () => {
  it('of a drop', async () => {
    const drop = await world.put();
    const { services, leftBy } = watched();

    expect(await leftBy(services.ingestion.onMessage(drop.event, 'message'))).toEqual([]);
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
  });

  it('of a drop that goes before it is copied', async () => {
    const drop = await world.put();
    const { id } = drop;
    const full = world.buildWatched(async ({ name }) => {
      if (name === 'CopyObject') throw new Error('the function is gone');
    });
    await expect(full.ingestion.onMessage(drop.event, 'message')).rejects.toThrow('copying');
    await world.staging.remove(drop.key);
    const { services, leftBy } = watched();

    expect(await leftBy(services.ingestion.onMessage(JSON.stringify({ resume: id }), 'message'))).toEqual([]);
    expect(await world.find(id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_source_missing' },
    });
  });

  it('of a drop whose place another copy has', async () => {
    const drop = await world.put();
    const dying = world.buildWatched(async ({ name }) => {
      if (name === 'CopyObject') throw new Error('the function is gone');
    });
    await expect(dying.ingestion.onMessage(drop.event, 'message')).rejects.toThrow('copying');
    const place = stagingKey(drop.id);
    await world.clients.s3.send(
      new PutObjectCommand({ Bucket: world.config.bucket, Key: place, Body: randomBytes(5) }),
    );
    const { services, leftBy } = watched();

    const work = services.ingestion.onMessage(drop.event, 'message');

    expect(await leftBy(work)).toEqual([]);
    await expect(work).rejects.toThrow('an earlier one was in its place');
    expect(await world.exists(place)).toBe(false);
  });

  it('of a sweep that lists drops', async () => {
    await world.put();
    world.clock.advance(HOUR_MS);
    const { services, leftBy } = watched();

    expect(await leftBy(services.sweep.run(AbortSignal.timeout(60_000)))).toEqual([]);
    expect(await world.queued()).toHaveLength(1);
  });
});
