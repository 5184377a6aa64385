import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import { send } from '../../../lib/ipd/wire.ts';
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

  it.each(['list', 'upload'])('that IPD throttles waits as long as IPD says: %s', async (operation) => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const throttle = { kind: 'throttled', retryAfterSeconds: 7200 };
    await world.faults([{ match: { operation }, fault: throttle }]);
    const { delivery } = world.build({
      // Another delivery finds meanwhile that the key is refused.
      send: async (request) => {
        await lockOut();
        return send(request);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    const after = await world.find(upload.id);
    expect((await world.intake.limits()).breaker.state).toBe('open');
    expect(after).toMatchObject({ status: 'waiting', lastError: { code: 'ipd_throttled' } });
    expect(Date.parse(after.dueAt ?? '')).toBeGreaterThanOrEqual(world.clock.now() + 2 * HOUR_MS);
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
