import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

describe('the outcome of an attempt', () => {
  it.each([
    ['reset in the body', { kind: 'reset', afterBytes: 50_000 }, 'ipd_unavailable'],
    ['IAM away', { kind: 'iamUnavailable' }, 'ipd_unavailable'],
    ['a 502 before the body was complete', { kind: 'badGateway', early: true }, 'ipd_unavailable'],
  ])('waits for the next attempt after a transient failure: %s', async (_name, fault, code) => {
    const bytes = randomBytes(3_000_000);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault }]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      failedAttempts: 1,
      lastError: { code },
    });
    expect(await world.received()).toEqual([]);
    await world.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());
    expect(await world.received()).toHaveLength(1);
  });

  it('waits for the next attempt when the list is answered with a 404 page of a gateway', async () => {
    const fault = { kind: 'answer', status: 404, body: '<html>404</html>' };
    await world.faults([{ match: { operation: 'list' }, fault }]);

    const waiting = await world.deliver();
    await world.faults([]);

    expect(waiting).toMatchObject({ status: 'waiting', lastError: { code: 'ipd_unavailable' } });
    expect(await world.next(waiting.id)).toMatchObject({ status: 'delivered' });
  });

  it.each([
    ['noPermission', 'ipd_forbidden'],
    ['projectMissing', 'work_item_missing'],
    ['error200', 'ipd_refused'],
    ['failed200', 'ipd_refused'],
    ['bodyTooLarge', 'too_large_for_ipd'],
  ])('ends with a reason after a refusal: %s', async (kind, code) => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'upload' }, fault: { kind } }]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'failed', lastError: { code } });
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it('fails at once when the work item is full', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 100 } }]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'work_item_full' },
    });
    expect(world.uploadRequests()).toEqual([]);
  });

  it('waits out a throttle in place without using an attempt', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'throttled', retryAfterSeconds: 7 } },
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'serviceThrottled' } },
    ]);
    // The test's random source always gives one half, here of 4 to 8 s.
    const before = world.clock.now();

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'delivered',
      attempts: 1,
      failedAttempts: 0,
    });
    expect(world.clock.now() - before).toBe(7000 + 6000);
    expect(world.uploadRequests()).toHaveLength(3);
  });

  it('ends the attempt when a throttle lasts longer than the function may run', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([
      { match: { operation: 'upload' }, fault: { kind: 'throttled', retryAfterSeconds: 600 } },
    ]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const after = await world.find(upload.id);
    expect(after).toMatchObject({
      status: 'waiting',
      failedAttempts: 0,
      lastError: { code: 'ipd_throttled' },
    });
    expect(Date.parse(after.dueAt ?? '')).toBeGreaterThanOrEqual(world.clock.now() + 600_000);
  });

  it('waits for a quota that opens in a day, and for the next one', async () => {
    const day = 86_400;
    await world.faults([
      { match: { operation: 'upload' }, count: 2, fault: { kind: 'throttled', retryAfterSeconds: day } },
    ]);
    const start = world.clock.now();

    const first = await world.deliver(randomBytes(10));
    const second = await world.next(first.id);
    const third = await world.next(first.id);

    expect([first, second]).toMatchObject([
      { status: 'waiting', lastError: { code: 'ipd_throttled' } },
      { status: 'waiting', lastError: { code: 'ipd_throttled' } },
    ]);
    expect(third).toMatchObject({ status: 'delivered', attempts: 3, failedAttempts: 0 });
    expect(world.clock.now() - start).toBeLessThan((2 * day + 60) * 1000);
  });

  it('backs off by itself while it is throttled, up to 5 min', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'throttled' } }]);
    const start = world.clock.now();
    let upload = await world.deliver(randomBytes(10));
    const waits: number[] = [];

    while (world.clock.now() < start + 3_600_000) {
      waits.push((Date.parse(upload.dueAt ?? '') - world.clock.now()) / 1000);
      upload = await world.next(upload.id);
    }

    // Two waits, 3 and 6 s, were in place. Then up to 30 s of jitter come on top.
    expect(waits.slice(0, 6)).toEqual([12, 24, 48, 96, 192, 225].map((seconds) => seconds + 15));
    expect(upload).toMatchObject({ status: 'waiting', failedAttempts: 0 });
    expect(world.uploadRequests().length).toBeLessThan(25);
  });
});
