import { describe, expect, it } from '@jest/globals';
import { createSlotLease } from '../../../lib/pacing/slot-lease.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../../lib/domain/units.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();
const now = (): number => world.clock.now();

describe('the lease of a minute’s slots', () => {
  it('goes to one of ten runs that begin at the same moment, and to the run of the next minute', async () => {
    const { take } = createSlotLease({ sharedState: world.ledger });

    const taken = await Promise.all(Array.from({ length: 10 }, () => take(now())));

    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await take(now() + 40 * SECOND_MS)).toBe(false);
    expect(await take(now() + MINUTE_MS)).toBe(true);
  });

  it('is over after 45 seconds', async () => {
    const { take } = createSlotLease({ sharedState: world.ledger });
    world.clock.advance(DAY_MS);
    await take(now());

    expect(await take(now() + 45 * SECOND_MS - 1)).toBe(false);
    expect(await take(now() + 45 * SECOND_MS)).toBe(true);
  });

  it('is held against a clock that is a minute behind, and no more', async () => {
    const { take } = createSlotLease({ sharedState: world.ledger });
    world.clock.advance(DAY_MS);
    await take(now() + MINUTE_MS);

    expect(await take(now())).toBe(false);
    expect(await take(now() - 1)).toBe(true);
  });

  it('is not held for ever by a run whose clock was wrong', async () => {
    const { take } = createSlotLease({ sharedState: world.ledger });
    world.clock.advance(DAY_MS);

    expect(await take(now() + DAY_MS)).toBe(true);
    expect(await take(now())).toBe(true);
    expect(await take(now())).toBe(false);
  });
});
