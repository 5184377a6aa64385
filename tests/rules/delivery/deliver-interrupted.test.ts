import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { markDelivered } from '../../../lib/domain/endings.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';

type Item = Record<string, unknown>;

const world = await useWorld();

/** Services of a function that dies: from the named write on, the ledger does not answer, or fails. */
function dying(isLast: (item: Item) => boolean, how: 'is killed' | 'throws') {
  const died = Promise.withResolvers<void>();
  let isDead = false;
  const { documents } = world.connectTable();
  documents.middlewareStack.add(
    (next) => async (args) => {
      if (!isDead && isWriteOf(args.input, isLast)) {
        isDead = true;
        died.resolve();
      }
      if (!isDead) return next(args);
      if (how === 'throws') throw new Error('the ledger is out of reach');
      return new Promise(() => undefined);
    },
    { step: 'initialize', name: 'die' },
  );
  return { delivery: world.build({ documents }).delivery, died: died.promise };
}

const put = z.object({ Item: z.record(z.string(), z.unknown()) });

function isWriteOf(input: unknown, wanted: (item: Item) => boolean): boolean {
  const { data } = put.safeParse(input);
  return data !== undefined && wanted(data.Item);
}

/** The last writes that a delivery makes after IPD's answer, in their order. */
const writes: Record<string, (item: Item) => boolean> = {
  'the candidate': (item) => item['status'] === 'delivering' && item['candidate'] !== undefined,
  'the claim': (item) => String(item['pk']).startsWith('attachment#'),
  'the state': (item) => item['status'] === 'delivered',
};

const cases = (['is killed', 'throws'] as const).flatMap((how) =>
  Object.keys(writes).map((write) => ({ how, write })),
);

describe('a function', () => {
  it.each(cases)(
    'that $how before it writes $write is repaired without sending again',
    async ({ how, write }) => {
      const bytes = randomBytes(1000);
      const upload = await world.stage(bytes);
      const { delivery, died } = dying(writes[write] ?? (() => false), how);
      // A function that throws gets its message again from the queue; this one is dead.
      void delivery.onArrival(world.arrival(upload, bytes), world.run()).catch(() => undefined);
      await died;

      world.clock.advance(400_000);
      await world.sweep.run(AbortSignal.timeout(300_000));
      const lapsed = await world.find(upload.id);
      const after = await world.next(upload.id);

      const [attachment, ...others] = await world.received();
      expect(lapsed).toMatchObject({ status: 'unconfirmed' });
      expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
      expect(others).toEqual([]);
      expect(world.uploadRequests()).toHaveLength(1);
      expect(await world.ledger.findClaims([attachment?.id ?? ''])).toEqual(
        new Map([[attachment?.id, upload.id]]),
      );
      expect(await world.isStaged(upload.id)).toBe(false);
    },
  );

  it('finishes the candidate of another function without a request to IPD', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const { delivery, died } = dying(writes['the claim'] ?? (() => false), 'is killed');
    void delivery.onArrival(world.arrival(upload, bytes), world.run());
    await died;
    world.clock.advance(400_000);
    await world.sweep.run(AbortSignal.timeout(300_000));
    const asked = world.ipd.requests.length;

    const after = await world.next(upload.id);

    expect(after).toMatchObject({ status: 'delivered' });
    expect(world.ipd.requests).toHaveLength(asked);
  });
});

describe('an answer that comes after the lease has ended', () => {
  /** IPD has the file; its answer is delayed until `release`. */
  async function delayAnswer(bytes: Buffer): Promise<{ upload: Upload; release: () => Promise<void> }> {
    const upload = await world.stage(bytes);
    const [stored, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { delivery } = world.build({
      send: async (request) => {
        const answer = await world.send(request);
        if (request.method !== 'POST') return answer;
        stored.resolve();
        await gate.promise;
        return answer;
      },
    });
    const outcome = delivery.onArrival(world.arrival(upload, bytes), world.run());
    await stored.promise;
    world.clock.advance(400_000);
    await world.sweep.run(AbortSignal.timeout(300_000));
    const release = async (): Promise<void> => {
      gate.resolve();
      await outcome;
    };
    return { upload, release };
  }

  it('is a fact all the same', async () => {
    const { upload, release } = await delayAnswer(randomBytes(1000));
    expect(await world.find(upload.id)).toMatchObject({ status: 'unconfirmed' });

    await release();

    const [attachment] = await world.received();
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
  });

  it('names no second copy when the file has been found meanwhile', async () => {
    const { upload, release } = await delayAnswer(randomBytes(1000));
    const found = await world.next(upload.id);

    await release();

    const after = await world.find(upload.id);
    expect(found).toMatchObject({ status: 'delivered' });
    expect(after).toEqual({ ...found, version: after.version });
  });

  it('names a second copy when the file has been sent again meanwhile', async () => {
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'listDelay', seconds: 1_000_000 } },
    ]);
    const { upload, release } = await delayAnswer(randomBytes(1000));
    world.clock.advance(660_000);
    await world.next(upload.id);
    const resent = await world.next(upload.id);

    await release();

    const [first, second] = await world.received();
    expect(resent).toMatchObject({ status: 'delivered', attachmentId: second?.id });
    expect(await world.find(upload.id)).toMatchObject({ attachmentId: second?.id, duplicates: [first?.id] });
  });
});

describe('a function that dies when all but the removal is written', () => {
  it('leaves a staged file that the sweep removes', async () => {
    const upload = await world.stage();
    await world.ledger.change(upload.id, (before) =>
      markDelivered(before, { attachmentId: '1', now: world.clock.now(), policy: world.policy }),
    );
    world.clock.advance(60_000);

    await world.sweep.run(AbortSignal.timeout(300_000));

    expect(await world.isStaged(upload.id)).toBe(false);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });
});

describe('a function that is delayed behind the fence', () => {
  it('releases no boundary once its lease has ended, and the file is sent later', async () => {
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args);
        if (isWriteOf(args.input, ({ sendingAt }) => sendingAt !== undefined)) world.clock.advance(400_000);
        return answer;
      },
      { step: 'initialize', name: 'holdUp' },
    );
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes);

    await world.build({ documents }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.received()).toEqual([]);
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
    expect((await world.next(upload.id)).status).toBe('delivered');
    expect(await world.received()).toHaveLength(1);
  });
});
