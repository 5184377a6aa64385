import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import * as attempts from '../../../lib/domain/attempts.ts';
import type { Clock } from '../../../lib/runtime/clock.ts';
import { checkUntilOver, inDoubt, onUpload } from '../../support/doubts.ts';
import { sha256 } from '../../support/sha256.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

type Delivery = typeof world.delivery;
type Other = Awaited<ReturnType<typeof startOther>>;

const isList = ({ method, url }: Parameters<typeof world.send>[0]): boolean =>
  method === 'GET' && url.pathname.endsWith('/attachments');

/** The lease ends, and another function begins to deliver the upload. */
async function takeOver(id: string): Promise<Other> {
  await expireLease(id);
  const { attempts: last, dueAt } = await world.find(id);
  world.clock.set(Math.max(world.clock.now(), Date.parse(dueAt ?? '')));
  return startOther((delivery) => delivery.onRequest({ uploadId: id, attempt: last + 1 }, world.run()));
}

async function expireLease(id: string): Promise<void> {
  world.clock.advance(400_000);
  await world.ledger.change(id, (before) =>
    attempts.expireLease(before, { now: world.clock.now(), random: 0, policy: world.policy }),
  );
}

/**
 * Another function delivers. It stops at its upload request until `begin`, and its answer is delayed until `finish`;
 * `stored` resolves when IPD has its file.
 */
async function startOther(deliver: (delivery: Delivery) => Promise<void>) {
  const [asked, begun, stored, finished] = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const { delivery } = world.build({
    send: async (request) => {
      if (request.method !== 'POST') return world.send(request);
      asked?.resolve();
      await begun?.promise;
      const answer = await world.send(request);
      stored?.resolve();
      await finished?.promise;
      return answer;
    },
  });
  const done = deliver(delivery);
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
        return world.send(request);
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
        const answer = await world.send(request);
        if (isList(request)) other ??= await takeOver(id);
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

describe('a function that has lost the lease and finds the file of an equal upload', () => {
  /**
   * IPD throttles the function, and it stands still before it reads the list again. `lose` takes its lease away; then an
   * equal upload sends its file, whose answer comes when the function has ended.
   */
  async function findCopyOfEqual(lose: (id: string) => Promise<unknown>) {
    const bytes = randomBytes(1000);
    const late = await world.stage(bytes, { sha256: sha256(bytes) });
    const equal = await world.stage(bytes, { sha256: sha256(bytes) });
    await onUpload(world, { kind: 'throttled' });
    const { lines, telemetry } = collectTelemetry();
    let lists = 0;
    let other: Other | undefined;
    const { delivery } = world.build({
      telemetry,
      send: async (request) => {
        if (isList(request)) lists += 1;
        if (lists !== 2 || other !== undefined) return world.send(request);
        await lose(late.id);
        other = await startOther((begun) => begun.onArrival(world.arrival(equal, bytes), world.run()));
        other.begin();
        await other.stored;
        return world.send(request);
      },
    });

    await delivery.onArrival(world.arrival(late, bytes), world.run());
    const atRest = await world.find(late.id);
    await other?.finish();
    const messages = lines.map(({ message }) => message);
    return { late: atRest, equal: await world.find(equal.id), messages };
  }

  it('leaves it to that upload when its own was cancelled', async () => {
    const { late, equal, messages } = await findCopyOfEqual((id) => world.uploads.cancel(caller, id));

    const [attachment, ...others] = await world.received();
    expect(others).toEqual([]);
    expect(equal).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
    expect(late).toMatchObject({ status: 'cancelled', baseline: [] });
    expect(await world.find(late.id)).toEqual(late);
    expect(messages).not.toContain('IPD contradicts itself');
  });

  it('leaves it to that upload when its own is to be delivered again', async () => {
    const { late, equal } = await findCopyOfEqual(expireLease);

    const after = await world.next(late.id);

    const [first, second, ...others] = await world.received();
    expect(others).toEqual([]);
    expect(late).toMatchObject({ status: 'waiting', baseline: [] });
    expect(equal).toMatchObject({ status: 'delivered', attachmentId: first?.id });
    expect(after).toMatchObject({ status: 'delivered', attachmentId: second?.id });
  });

  it('leaves it to that upload when its own is delivered and was checked for a second copy', async () => {
    const bytes = randomBytes(1000);
    const { after: late } = await checkUntilOver(world, await inDoubt(world, bytes));
    const equal = await world.stage(bytes);
    world.clock.set(Date.parse(late.status === 'delivered' ? (late.recheckAt ?? '') : ''));
    let other: Other | undefined;
    const { delivery } = world.build({
      send: async (request) => {
        if (!isList(request) || other !== undefined) return world.send(request);
        world.clock.advance(400_000);
        other = await startOther((begun) => begun.onArrival(world.arrival(equal, bytes), world.run()));
        other.begin();
        await other.stored;
        return world.send(request);
      },
    });

    await delivery.onRequest({ uploadId: late.id, attempt: 99 }, world.run());
    const unfinished = await world.find(late.id);
    await other?.finish();
    await world.delivery.onRequest({ uploadId: late.id, attempt: 99 }, world.run());

    const [first, second, ...others] = (await world.received()).map(({ id }) => id);
    const [rechecked, delivered] = [await world.find(late.id), await world.find(equal.id)];
    expect(others).toEqual([]);
    expect(unfinished).toMatchObject({ recheckAt: expect.any(String) });
    expect(rechecked).toMatchObject({ status: 'delivered', attachmentId: first });
    expect(rechecked).not.toHaveProperty('recheckAt');
    expect(delivered).toMatchObject({ status: 'delivered', attachmentId: second });
    expect([rechecked, delivered].flatMap(({ duplicates = [] }) => duplicates)).toEqual([]);
  });
});
