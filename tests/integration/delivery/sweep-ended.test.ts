import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { markDelivered } from '../../../lib/domain/endings.ts';
import { stagingKey } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const soon = () => AbortSignal.timeout(300_000);

const world = await useWorld();
const { policy } = world.config;

/** The function died directly after the write that says `delivered`. */
async function deliveredByTheDead(about: object = {}): Promise<string> {
  const { id } = await world.stage();
  await world.ledger.change(id, (before) => {
    const delivered = markDelivered(before, { attachmentId: '1', now: world.clock.now(), policy });
    return delivered && { ...delivered, ...about };
  });
  return id;
}

const at = (ms: number): string => new Date(ms).toISOString();

describe('a sweep', () => {
  it('notifies of a delivered upload and removes its file when its function has died', async () => {
    const id = await deliveredByTheDead();
    world.clock.advance(2 * MINUTE_MS);

    await world.sweep.run(soon());

    const closed = await world.find(id);
    expect([closed.notification, closed.dueAt]).toEqual([undefined, undefined]);
    expect(await world.isStaged(id)).toBe(false);
  });

  it('does so, too, where the check for a second copy is due', async () => {
    const recheckAt = at(world.clock.now());
    const id = await deliveredByTheDead({ recheckAt, dueAt: recheckAt });

    await world.sweep.run(soon());

    expect(await world.find(id)).toMatchObject({ recheckAt, isFileRemoved: true });
    expect(await world.find(id)).not.toHaveProperty('notification');
    expect(await world.isStaged(id)).toBe(false);
    expect(await world.requestsFor(id)).toHaveLength(1);
  });

  it('gives that check up, and says so, when it was not possible for a whole retry window', async () => {
    const { errors, telemetry } = collectErrors();
    const { sweep } = world.build({ telemetry });
    const recheckAt = world.clock.now();
    const id = await deliveredByTheDead({ recheckAt: at(recheckAt), dueAt: at(recheckAt) });

    world.clock.set(recheckAt + policy.retryWindowMs);
    await sweep.run(soon());
    const before = await world.find(id);
    world.clock.advance(15 * MINUTE_MS);
    await sweep.run(soon());

    expect(before).toMatchObject({ recheckAt: at(recheckAt) });
    const after: Upload = await world.find(id);
    expect(after).not.toHaveProperty('recheckAt');
    expect([after.notification, after.dueAt]).toEqual([undefined, undefined]);
    expect(await world.isStaged(id)).toBe(false);
    expect(errors).toEqual([{ message: 'a second copy cannot be checked for', fields: { uploadId: id } }]);
  });

  it('notifies at once of an upload that it gives up', async () => {
    const { id } = await world.deliver();
    await world.ledger.change(id, (before) => ({
      ...before,
      status: 'waiting',
      etag: 'e',
      stagedAt: at(world.clock.now()),
      retryUntil: at(world.clock.now()),
      readyAt: at(world.clock.now()),
      dueAt: at(world.clock.now()),
    }));
    world.clock.advance(30 * 24 * HOUR_MS);

    await world.sweep.run(soon());

    expect(await world.find(id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'retries_exhausted' },
    });
    expect(await world.find(id)).not.toHaveProperty('notification');
  });

  it('removes the file of a failed upload within the minute before its time is over', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const { id, dueAt = '' } = await world.deliver();

    world.clock.set(Date.parse(dueAt) - MINUTE_MS - 1);
    await world.sweep.run(soon());
    const before = await world.isStaged(id);
    world.clock.advance(1);
    await world.sweep.run(soon());

    expect([before, await world.isStaged(id)]).toEqual([true, false]);
  });

  it('notifies at once of a file of another size than agreed, whose event was lost', async () => {
    const { id } = await world.create(randomBytes(10));
    const object = { Bucket: world.config.bucket, Key: stagingKey(id), Body: randomBytes(11) };
    await world.clients.s3.send(new PutObjectCommand(object));
    world.clock.advance(MINUTE_MS);

    await world.sweep.run(soon());

    expect(await world.find(id)).toMatchObject({ status: 'failed', lastError: { code: 'size_mismatch' } });
    expect(await world.find(id)).not.toHaveProperty('notification');
  });
});
