import { describe, expect, it } from '@jest/globals';
import { createRoom } from '../../../lib/pacing/room.ts';
import { SECOND_MS } from '../../../lib/domain/units.ts';
import { useWorld } from '../../support/use-world.ts';
import { request } from '../../support/ways-to-end.ts';

const world = await useWorld();
const caller = { owner: 'ingest#p', projects: '*' } as const;

describe('the room for what producers offer', () => {
  it('is counted anew after ten seconds, and not before', async () => {
    const { upload } = await world.intake.create(caller, request);
    const room = createRoom({ ledger: world.ledger, clock: world.clock, maxOpen: 1 });

    const whileOpen = await room.take(caller.owner);
    await world.uploads.cancel(caller, upload.id);
    world.clock.advance(10 * SECOND_MS - 1);
    const atOnce = await room.take(caller.owner);
    world.clock.advance(1);
    const later = await room.take(caller.owner);

    expect([whileOpen, atOnce, later]).toEqual([false, false, true]);
  });

  it('is taken by what was let in since it was counted', async () => {
    const room = createRoom({ ledger: world.ledger, clock: world.clock, maxOpen: 2 });

    const taken = [await room.take('ingest#q'), await room.take('ingest#q'), await room.take('ingest#q')];

    expect(taken).toEqual([true, true, false]);
    expect(await room.take('ingest#other')).toBe(true);
  });
});
