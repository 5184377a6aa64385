import { expect, it } from '@jest/globals';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import { useIngest } from '../../support/use-ingest.ts';

const world = await useIngest();
const { sweep } = world.build();

// In a world of its own, since the next listing is made a quarter of an hour later.
it('the listing finds a drop whose event is late by a quarter of an hour to the millisecond', async () => {
  const drop = await world.put();
  const { Contents: [listed] = [] } = await world.clients.s3.send(
    new ListObjectsV2Command({ Bucket: world.config.bucket, Prefix: drop.key }),
  );
  world.clock.set(Number(listed?.LastModified) + 15 * MINUTE_MS);

  await sweep.run(AbortSignal.timeout(300_000));

  expect(await world.queued()).toEqual([JSON.stringify({ drops: [{ key: drop.key, etag: drop.etag }] })]);
});
