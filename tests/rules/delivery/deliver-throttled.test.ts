import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { onUpload } from '../../support/doubts.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

describe('a delivery that IPD throttles', () => {
  it.each([
    { seconds: 10, after: { status: 'delivered', attempts: 1 }, requests: 2 },
    { seconds: 11, after: { status: 'waiting', lastError: { code: 'ipd_throttled' } }, requests: 1 },
  ])(
    'sleeps through a pause of ten seconds, and leaves a longer one to the sweep: $seconds s',
    async ({ seconds, after, requests }) => {
      await onUpload(world, { kind: 'throttled', retryAfterSeconds: seconds });

      expect(await world.deliver()).toMatchObject(after);
      expect(world.uploadRequests()).toHaveLength(requests);
    },
  );

  it.each([
    { ms: 70_000, after: { status: 'delivered' }, requests: 2 },
    { ms: 69_999, after: { status: 'unconfirmed', lastError: { code: 'ipd_throttled' } }, requests: 1 },
  ])(
    'sleeps through ten seconds where a minute is left then, and not where less is: $ms ms',
    async ({ ms, after, requests }) => {
      await onUpload(world, { kind: 'lostAnswer' });
      const { id, attempts, dueAt } = await world.deliver();
      const throttle = { kind: 'throttled', retryAfterSeconds: 10 };
      await world.faults([{ match: { operation: 'list' }, count: 1, fault: throttle }]);
      const read = world.listRequests().length;
      world.clock.set(Date.parse(dueAt ?? ''));

      await world.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run(ms));

      expect(await world.find(id)).toMatchObject(after);
      expect(world.listRequests()).toHaveLength(read + requests);
      expect(world.uploadRequests()).toHaveLength(1);
    },
  );

  it('uses no attempt where too little time would be left to pass the fence', async () => {
    await onUpload(world, { kind: 'throttled', retryAfterSeconds: 10 });
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run(40_000));

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      failedAttempts: 0,
      lastError: { code: 'ipd_throttled' },
    });
  });

  it('sends nothing before its pause is over', async () => {
    await onUpload(world, { kind: 'throttled', retryAfterSeconds: 10 });
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const [asleep, awake] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const sleep = (): Promise<void> => {
      asleep.resolve();
      return awake.promise;
    };
    const { delivery } = world.build({ clock: { ...world.clock, sleep } });

    const delivered = delivery.onArrival(world.arrival(upload, bytes), world.run());
    await asleep.promise;
    await new Promise(setImmediate);
    const before = world.uploadRequests().length;
    awake.resolve();
    await delivered;

    expect([before, world.uploadRequests().length]).toEqual([1, 2]);
  });
});
