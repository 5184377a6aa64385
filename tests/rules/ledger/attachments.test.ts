import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

describe('an attachment', () => {
  it('belongs to the upload that claims it first, for good', async () => {
    const [id, first, second] = [randomUUID(), randomUUID(), randomUUID()];

    expect(await world.ledger.claimAttachment(id, first)).toBe(first);
    expect(await world.ledger.claimAttachment(id, second)).toBe(first);
    expect(await world.ledger.claimAttachment(id, first)).toBe(first);

    expect(await world.ledger.findClaims([id, randomUUID()])).toEqual(new Map([[id, first]]));
  });

  it('has one owner among ten uploads that claim it at the same time', async () => {
    const id = randomUUID();

    const owners = await Promise.all(
      Array.from({ length: 10 }, () => world.ledger.claimAttachment(id, randomUUID())),
    );

    expect(new Set(owners).size).toBe(1);
  });
});
