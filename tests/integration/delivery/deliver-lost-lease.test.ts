import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import * as attempts from '../../../lib/domain/attempts.ts';
import type { Clock } from '../../../lib/runtime/clock.ts';
import { send } from '../../../lib/ipd/wire.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

type Other = Awaited<ReturnType<typeof takeOver>>;

/**
 * The lease ends and another function begins to deliver. It stops at its upload request until `begin`, and its answer
 * is delayed until `finish`; `stored` resolves when IPD has its file.
 */
async function takeOver(id: string) {
  world.clock.advance(400_000);
  await world.ledger.change(id, (before) =>
    attempts.expireLease(before, { now: world.clock.now(), random: 0, policy: world.policy }),
  );
  const { attempts: last, dueAt } = await world.find(id);
  world.clock.set(Math.max(world.clock.now(), Date.parse(dueAt ?? '')));
  const [asked, begun, stored, finished] = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const { delivery } = world.build({
    send: async (request) => {
      if (request.method !== 'POST') return send(request);
      asked?.resolve();
      await begun?.promise;
      const answer = await send(request);
      stored?.resolve();
      await finished?.promise;
      return answer;
    },
  });
  const done = delivery.onRequest({ uploadId: id, attempt: last + 1 }, world.run());
  await Promise.race([asked?.promise, done]);
  return {
    begin: () => begun?.resolve(),
    stored: Promise.race([stored?.promise, done]),
    finish: async () => {
      begun?.resolve();
      finished?.resolve();
      await done;
    },
  };
}

/** Before the function that woke up sends anything, the other function's file reaches IPD. */
async function giveWay(method: string, other: Other | undefined): Promise<void> {
  if (method !== 'POST' || other === undefined) return;
  other.begin();
  await other.stored;
}

describe('a function that wakes up when another has the lease', () => {
  it("does not go on with the other's lease after a throttle", async () => {
    const bytes = randomBytes(1000);
    const { id } = await world.stage(bytes);
    await onUpload(world, { kind: 'throttled' });
    let other: Other | undefined;
    const clock: Clock = {
      ...world.clock,
      sleep: async () => {
        other = await takeOver(id);
      },
    };
    const { delivery } = world.build({
      clock,
      send: async (request) => {
        await giveWay(request.method, other);
        return send(request);
      },
    });

    await delivery.onArrival(world.arrival(await world.find(id), bytes), world.run());
    await other?.finish();

    expect(other).toBeDefined();
    expect(await world.received()).toHaveLength(1);
    expect(await world.find(id)).toMatchObject({ status: 'delivered' });
  });

  it("does not go on with the other's lease after it has read that IPD has nothing", async () => {
    const { id } = await inDoubt(world, randomBytes(1000));
    await world.next(id);
    world.clock.advance(1_400_000);
    const { attempts: last } = await world.find(id);
    let other: Other | undefined;
    const { delivery } = world.build({
      send: async (request) => {
        await giveWay(request.method, other);
        const answer = await send(request);
        const isList = request.method === 'GET' && request.url.pathname.endsWith('/attachments');
        if (isList) other ??= await takeOver(id);
        return answer;
      },
    });

    await delivery.onRequest({ uploadId: id, attempt: last + 1 }, world.run());
    await other?.finish();

    expect(other).toBeDefined();
    expect(await world.received()).toHaveLength(1);
    expect(await world.find(id)).toMatchObject({ status: 'delivered' });
  });
});
