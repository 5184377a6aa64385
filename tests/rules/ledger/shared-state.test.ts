import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

describe('a shared state', () => {
  it('is written by a writer that read its last version', async () => {
    const name = randomUUID();

    expect(await world.ledger.readState(name)).toBeUndefined();
    expect(await world.ledger.writeState(name, 0, { word: 'a' })).toBe(true);
    expect(await world.ledger.writeState(name, 0, { word: 'b' })).toBe(false);
    expect(await world.ledger.writeState(name, 1, { word: 'c' })).toBe(true);

    expect(await world.ledger.readState(name)).toMatchObject({ word: 'c', version: 2 });
  });

  it('is written by one of ten writers that read the same version', async () => {
    const name = randomUUID();

    const written = await Promise.all(
      Array.from({ length: 10 }, (_, index) => world.ledger.writeState(name, 0, { index })),
    );

    expect(written.filter(Boolean)).toHaveLength(1);
  });
});
