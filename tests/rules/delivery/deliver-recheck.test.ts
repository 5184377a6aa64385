import { describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { MINUTE_MS } from '../../../lib/domain/units.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { inDoubt } from '../../support/doubts.ts';
import { useWorld } from '../../support/use-world.ts';

const kept = z.looseObject({ version: z.int(), countingSince: z.int().optional() });

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

const breakerState = async () => kept.parse((await world.ledger.readState('breaker')) ?? { version: 0 });

async function setBreaker(value: object): Promise<void> {
  const { version } = await breakerState();
  await world.ledger.writeState('breaker', version, { openings: 0, ...value });
}

/** A delivered upload whose check for a second copy is due, in a minute in which nothing is counted yet. */
async function dueForCheck(): Promise<Upload> {
  const { id } = await world.deliver();
  world.clock.advance(MINUTE_MS);
  const recheckAt = new Date(world.clock.now()).toISOString();
  const { upload } = await world.ledger.change(id, (before) =>
    before.status === 'delivered' ? { ...before, recheckAt, dueAt: recheckAt } : undefined,
  );
  return upload;
}

const check = ({ id }: Upload, delivery = world.delivery): Promise<void> =>
  delivery.onRequest({ uploadId: id, attempt: 99 }, world.run());

/** The tries and throttles of this minute, by which the shared rate is set. */
const counted = () => world.ledger.readState(`tries#${Math.floor(world.clock.now() / MINUTE_MS)}`);

describe('the check for a second copy', () => {
  it('counts as a throttled try when IPD throttles its list', async () => {
    const upload = await dueForCheck();
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'throttled' } }]);

    await check(upload);

    expect(await counted()).toMatchObject({ tries: 1, throttled: 1 });
    expect(await breakerState()).toMatchObject({ countingSince: world.clock.now() });
    expect(await world.find(upload.id)).toMatchObject({ recheckAt: expect.any(String) });
  });

  it('counts as a try, while tries are counted, when IPD answers its list', async () => {
    const upload = await dueForCheck();
    await setBreaker({ countingSince: 0 });

    await check(upload);

    expect(await counted()).toMatchObject({ tries: 1, throttled: 0 });
    expect(await world.find(upload.id)).not.toHaveProperty('recheckAt');
  });

  it('counts as no try when another upload occupies the work item', async () => {
    const upload = await dueForCheck();
    await inDoubt(world, randomBytes(1000));
    await setBreaker({ countingSince: 0 });
    const asked = world.ipd.requests.length;

    await check(upload);

    expect(world.ipd.requests).toHaveLength(asked);
    expect(await counted()).toBeUndefined();
    expect(await world.find(upload.id)).toMatchObject({ recheckAt: expect.any(String) });
  });

  it('counts for the breaker as an outage when its list fails', async () => {
    const upload = await dueForCheck();
    const recentOutages = Array.from({ length: 4 }, (_, n) => ({ issueId: String(n), call: 'list' }));
    await setBreaker({ recentOutages });
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    await check(upload);

    expect((await world.intake.limits()).breaker).toEqual({ state: 'open', retryAfterSeconds: 30 });
  });

  it('counts for its work item and its owner, each as what it is', async () => {
    const upload = await dueForCheck();
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    await check(upload);

    const owner = createHash('sha256').update(upload.owner).digest('hex');
    expect(await breakerState()).toMatchObject({
      recentOutages: [{ issueId: upload.issueId, owner: expect.stringContaining(owner.slice(0, 8)) }],
    });
  });

  it('is due again when the IPD credentials cannot be read', async () => {
    const upload = await dueForCheck();
    const { delivery } = world.build({ config: { ipd: { ...world.config.ipd, credentials: undefined } } });

    await check(upload, delivery);
    const unread = await world.find(upload.id);
    await check(upload);

    expect(unread).toEqual(upload);
    expect(await world.find(upload.id)).not.toHaveProperty('recheckAt');
  });

  it('waits while the breaker is open, and is due again', async () => {
    const upload = await dueForCheck();
    await setBreaker({ openUntil: world.clock.now() + 30_000 });
    const asked = world.ipd.requests.length;

    await check(upload);

    expect(world.ipd.requests).toHaveLength(asked);
    expect(await world.find(upload.id)).toEqual(upload);
  });

  it('does not begin a trial of the breaker when it is not due', async () => {
    const delivered = await world.deliver();
    await setBreaker({ openings: 1, openUntil: world.clock.now() });
    const before = await breakerState();

    await check(delivered);

    expect(await breakerState()).toEqual(before);
  });
});
