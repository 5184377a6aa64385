import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import { inDoubt } from '../../support/doubts.ts';
import { useWorld } from '../../support/use-world.ts';

const kept = z.looseObject({ version: z.int() });

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

/** Tries are counted from now on, in a minute of which nothing is counted yet. */
async function beginCounting(): Promise<void> {
  world.clock.advance(MINUTE_MS);
  const { version } = kept.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
  await world.ledger.writeState('breaker', version, { openings: 0, countingSince: 0 });
}

/** The tries and throttles of this minute, by which the shared rate is set. */
const counted = () => world.ledger.readState(`tries#${Math.floor(world.clock.now() / MINUTE_MS)}`);

describe('the tries of a minute', () => {
  it('are one for a delivery that IPD takes', async () => {
    await beginCounting();

    await world.deliver();

    expect(await counted()).toMatchObject({ tries: 1, throttled: 0 });
  });

  it('are kept for an hour after their minute', async () => {
    await beginCounting();

    await world.deliver();

    const minute = Math.floor(world.clock.now() / MINUTE_MS);
    expect(await counted()).toMatchObject({ expiresAt: (minute + 1) * 60 + 3_600 });
  });

  it('are none for a delivery that another upload of its size keeps waiting', async () => {
    const bytes = randomBytes(1000);
    await inDoubt(world, bytes);
    await beginCounting();

    const { lastError } = await world.deliver(randomBytes(1000));

    expect(lastError).toMatchObject({ code: 'work_item_busy' });
    expect(await counted()).toBeUndefined();
  });

  it('are those of the one that has the upload, where two functions deliver it at the same moment', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await beginCounting();

    await Promise.all(
      [world.build(), world.build()].map(({ delivery }) =>
        delivery.onArrival(world.arrival(upload, bytes), world.run()),
      ),
    );

    expect(world.uploadRequests()).toHaveLength(1);
    expect(await counted()).toMatchObject({ tries: 1, throttled: 0 });
  });

  it('are not counted where nothing was throttled', async () => {
    const { version } = kept.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
    await world.ledger.writeState('breaker', version, { openings: 0 });
    world.clock.advance(MINUTE_MS);
    const bytes = randomBytes(1000);
    await inDoubt(world, bytes);
    await world.deliver(randomBytes(1000));
    const upload = await world.stage(bytes, { issueId: '956239067176935499' });
    await Promise.all(
      [world.build(), world.build()].map(({ delivery }) =>
        delivery.onArrival(world.arrival(upload, bytes), world.run()),
      ),
    );

    expect(await world.ledger.readState('breaker')).not.toHaveProperty('countingSince');
    expect(await counted()).toBeUndefined();
  });
});
