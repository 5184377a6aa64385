import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

describe('an idempotency key', () => {
  const binding = () => ({ uploadId: randomUUID(), fingerprint: randomUUID() });

  it('is bound to the first upload', async () => {
    const key = randomUUID();
    const first = binding();

    expect(await world.ledger.findKey('user-1', key)).toBeUndefined();
    expect(await world.ledger.bindKey('user-1', key, first)).toEqual(first);
    expect(await world.ledger.bindKey('user-1', key, binding())).toEqual(first);

    expect(await world.ledger.findKey('user-1', key)).toEqual(first);
  });

  it("is an owner's own", async () => {
    const key = randomUUID();
    const [first, second] = [binding(), binding()];
    await world.ledger.bindKey('user-1', key, first);

    expect(await world.ledger.findKey('user-2', key)).toBeUndefined();
    expect(await world.ledger.bindKey('user-2', key, second)).toEqual(second);
  });

  it('is taken over from the upload that ended, and from no other', async () => {
    const key = randomUUID();
    const [first, second, third] = [binding(), binding(), binding()];
    await world.ledger.bindKey('user-1', key, first);

    const taken = await world.ledger.bindKey('user-1', key, { ...second, instead: first.uploadId });
    const refused = await world.ledger.bindKey('user-1', key, { ...third, instead: first.uploadId });

    expect(taken).toEqual(second);
    expect(refused).toEqual(second);
  });

  it.each(['fresh', 'taken over'])('has one winner among ten binders (%s)', async (kind) => {
    const key = randomUUID();
    const old = binding();
    if (kind === 'taken over') await world.ledger.bindKey('user-1', key, old);

    const winners = await Promise.all(
      Array.from({ length: 10 }, () =>
        world.ledger.bindKey('user-1', key, { ...binding(), instead: old.uploadId }),
      ),
    );

    expect(new Set(winners.map(({ uploadId }) => uploadId)).size).toBe(1);
    expect(winners[0]).not.toEqual(old);
    expect(await world.ledger.findKey('user-1', key)).toEqual(winners[0]);
  });

  it('is over, and may be bound anew, when the record of its upload may be gone', async () => {
    const key = randomUUID();
    const [first, second] = [binding(), binding()];
    await world.ledger.bindKey('user-1', key, first);
    const until = Math.ceil((world.clock.now() + world.config.recordRetentionMs) / 1000) * 1000;

    world.clock.set(until - 1001);
    const before = await world.ledger.findKey('user-1', key);
    const refused = await world.ledger.bindKey('user-1', key, second);
    world.clock.set(until);
    const after = await world.ledger.findKey('user-1', key);
    const bound = await world.ledger.bindKey('user-1', key, second);

    expect([before, refused, after, bound]).toEqual([first, first, undefined, second]);
  });
});
