import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import { giveUpAt } from '../../../lib/domain/schedule.ts';
import { stage } from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { subscribe } from '../../support/subscriber.ts';
import { useWorld } from '../../support/use-world.ts';

const versioned = z.looseObject({ version: z.int() });
const breakerWrite = z.object({ Item: z.object({ pk: z.literal('state#breaker') }) });

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

async function setBreaker(value: object): Promise<void> {
  const { version } = versioned.parse((await world.ledger.readState('breaker')) ?? { version: 0 });
  await world.ledger.writeState('breaker', version, { openings: 1, ...value });
}

/** The breaker is open because IPD refuses our access key: until then no answer closes it. */
async function lockOut(): Promise<void> {
  const until = world.clock.now() + 5 * MINUTE_MS;
  await setBreaker({ openUntil: until, lockedUntil: until });
}

/** When an upload that still waits is given up. */
const endOf = ({ stagedAt = '', storedAt }: Upload): number => giveUpAt({ stagedAt, storedAt }, world.policy);

describe('while the breaker is open, a delivery', () => {
  it('ends an upload whose object has another size', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await lockOut();

    await world.delivery.onArrival({ ...world.arrival(upload, bytes), size: 11 }, world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'size_mismatch' },
    });
  });

  it('of a file that has just arrived is recorded, and says for what it waits', async () => {
    await lockOut();
    const until = world.clock.now() + 5 * MINUTE_MS;

    const upload = await world.deliver();

    expect(upload).toMatchObject({ status: 'staged', attempts: 0, lastError: { code: 'ipd_paused' } });
    expect(Date.parse(upload.dueAt ?? '')).toBeGreaterThanOrEqual(until);
    expect(world.ipd.requests).toEqual([]);
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it.each([
    [0, 0],
    [1, 30_000],
  ])(
    'waits until the breaker may close, and up to half a minute more: at random %s, %s ms',
    async (random, more) => {
      await lockOut();
      const until = world.clock.now() + 5 * MINUTE_MS;
      const bytes = randomBytes(1000);
      const upload = await world.stage(bytes);
      const { delivery } = world.build({ clock: { ...world.clock, random: () => random } });

      await delivery.onArrival(world.arrival(upload, bytes), world.run());

      expect(Date.parse((await world.find(upload.id)).dueAt ?? '') - until).toBe(more);
    },
  );

  it('that has waited for its whole time fails, and subscribers learn it at once', async () => {
    await lockOut();
    const waiting = await world.deliver();
    const { id } = waiting;
    const receive = await subscribe(world);
    world.clock.set(endOf(waiting));
    await lockOut();

    await world.delivery.onRequest({ uploadId: id, attempt: 1 }, world.run());

    const after = await world.find(id);
    expect(after).toMatchObject({ status: 'failed', lastError: { code: 'retries_exhausted' } });
    expect(after).not.toHaveProperty('notification');
    expect(await receive(id)).toMatchObject([{ type: 'UploadFailed' }]);
  });

  it('of a file that IPD has taken ends without an id after its whole time, and the file is removed at once', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 1_000_000 });
    const accepted = await world.deliver();
    const { id, attempts } = accepted;
    const receive = await subscribe(world);
    world.clock.set(endOf(accepted));
    await lockOut();

    await world.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());

    expect(accepted).toMatchObject({ status: 'unconfirmed', doubt: { accepted: true } });
    expect(await world.find(id)).toMatchObject({ status: 'delivered', attachmentId: null });
    expect(await world.isStaged(id)).toBe(false);
    expect(await receive(id)).toMatchObject([{ type: 'UploadDelivered' }]);
  });

  it.each(['list', 'upload'])('that IPD throttles waits as long as IPD says: %s', async (operation) => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const throttle = { kind: 'throttled', retryAfterSeconds: 7200 };
    await world.faults([{ match: { operation }, fault: throttle }]);
    const { delivery } = world.build({
      // Another delivery finds meanwhile that the key is refused.
      send: async (request) => {
        await lockOut();
        return world.send(request);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    const after = await world.find(upload.id);
    expect((await world.intake.limits()).breaker.state).toBe('open');
    expect(after).toMatchObject({ status: 'waiting', lastError: { code: 'ipd_throttled' } });
    expect(Date.parse(after.dueAt ?? '')).toBeGreaterThanOrEqual(world.clock.now() + 2 * HOUR_MS);
  });
});

describe('a delivery that IPD does not answer', () => {
  const outages = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ owner: `user-${n}`, issueId: String(n), call: 'upload' }));

  it('uses an attempt while the breaker stays closed, and none when it opens with it', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'badGateway', early: true } }]);
    await setBreaker({ openings: 0, recentOutages: outages(3) });

    const alone = await world.deliver(randomBytes(1000), {}, 'user-4');
    const one = (await world.intake.limits()).breaker.state;
    const oneOfMany = await world.deliver(randomBytes(1000), {}, 'user-5');
    const { breaker } = await world.intake.limits();

    expect([one, breaker.state]).toEqual(['closed', 'open']);
    expect(alone).toMatchObject({ status: 'waiting', failedAttempts: 1 });
    expect(oneOfMany).toMatchObject({ status: 'waiting', failedAttempts: 0 });
  });

  it('to the list after it took the file is no outage: IPD answers uploads', async () => {
    await setBreaker({ openings: 0, recentOutages: outages(4) });
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'nullResult' } },
      { match: { operation: 'list' }, skip: 1, fault: { kind: 'internalError' } },
    ]);

    const upload = await world.deliver();

    expect(upload).toMatchObject({ status: 'unconfirmed', doubt: { accepted: true } });
    expect(world.listRequests()).toHaveLength(2);
    expect(await world.ledger.readState('breaker')).toMatchObject({ recentOutages: [] });
  });
});

describe('while the rate is reduced', () => {
  it('a file whose event comes waits for a slot of the sweep', async () => {
    await setBreaker({ openings: 0, rate: 5 });

    const upload = await world.deliver();

    expect(upload).toMatchObject({ status: 'staged', dueAt: new Date(world.clock.now()).toISOString() });
    expect(upload.lastError).toBeUndefined();
    expect(world.ipd.requests).toEqual([]);
  });

  it('a file that its owner has reported waits for a slot of the sweep, and is delivered in it', async () => {
    const bytes = randomBytes(1000);
    const { id } = await world.stage(bytes);
    await world.ledger.change(id, (before) =>
      stage(before, world.arrival(before, bytes), { now: world.clock.now(), policy: world.policy }),
    );
    await setBreaker({ openings: 0, rate: 5 });

    await world.delivery.onRequest({ uploadId: id, attempt: 1, isArrival: true }, world.run());
    const waiting = await world.find(id);
    const asked = world.ipd.requests.length;
    await world.delivery.onRequest({ uploadId: id, attempt: 1 }, world.run());

    expect(waiting).toMatchObject({ status: 'staged', attempts: 0 });
    expect(asked).toBe(0);
    expect(await world.find(id)).toMatchObject({ status: 'delivered' });
  });
});

describe('the trial of the breaker', () => {
  it('uses an attempt when the IPD credentials cannot be read, as any other delivery', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await setBreaker({ openUntil: world.clock.now() });
    const { delivery } = world.build({ config: { ipd: { ...world.config.ipd, credentials: undefined } } });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      failedAttempts: 1,
      lastError: { code: 'ipd_unavailable' },
    });
  });
});

describe('a delivery whose report to the breaker fails', () => {
  it('is recorded all the same', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await setBreaker({ openings: 0, recentOutages: [{ issueId: '1', call: 'upload' }] });
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (breakerWrite.safeParse(args.input).success) throw new Error('the ledger is out of reach');
        return next(args);
      },
      { step: 'initialize', name: 'refuse' },
    );

    const outcome = world.build({ documents }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    await expect(outcome).rejects.toThrow('the ledger is out of reach');
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });
});
