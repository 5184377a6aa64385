import { afterAll, describe, expect, it } from '@jest/globals';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { subscribe } from '../../support/subscriber.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { end } from '../../support/ways-to-end.ts';
import { oneRequest } from '../../support/world.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const soon = () => AbortSignal.timeout(300_000);

const world = await useWorld();

describe('an upload that has ended while no notification can be sent', () => {
  const sns = world.silent.sns();
  afterAll(() => sns.destroy());

  /** Services of functions that cannot send notifications. */
  const silent = () => world.build({ sns, telemetry: collectErrors().telemetry });

  async function deliverSilently(bytes = randomBytes(10)): Promise<string> {
    const upload = await world.stage(bytes);
    await silent().delivery.onArrival(world.arrival(upload, bytes), world.run());
    return upload.id;
  }

  it('loses its file at once when it is delivered', async () => {
    const id = await deliverSilently();

    expect(await world.find(id)).toMatchObject({
      status: 'delivered',
      notification: { type: 'UploadDelivered' },
    });
    expect(await world.isStaged(id)).toBe(false);
  });

  it('is still checked for a second copy', async () => {
    const id = await deliverSilently();
    const recheckAt = new Date(world.clock.now() + 11 * MINUTE_MS).toISOString();
    await world.ledger.change(id, (before) => ({ ...before, recheckAt }));
    const { sweep, delivery } = silent();
    world.clock.advance(11 * MINUTE_MS);

    await sweep.run(soon());
    const [message = ''] = await world.requestsFor(id);
    await delivery.onRequest(JSON.parse(message), world.run());

    const rechecked = await world.find(id);
    expect(rechecked).not.toHaveProperty('recheckAt');
    expect(rechecked).toMatchObject({
      notification: { type: 'UploadDelivered' },
      dueAt: expect.any(String),
    });
  });

  it('keeps its file after a failure only until the announced time', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const id = await deliverSilently();
    const { sweep } = silent();

    world.clock.advance(6 * DAY_MS);
    await sweep.run(soon());
    const isKept = await world.isStaged(id);
    world.clock.advance(DAY_MS);
    await sweep.run(soon());

    expect(isKept).toBe(true);
    expect(await world.isStaged(id)).toBe(false);
    expect(await world.find(id)).toMatchObject({ status: 'failed', notification: { type: 'UploadFailed' } });
  });

  it('is delivered when its file comes after it had expired', async () => {
    const bytes = randomBytes(10);
    const upload = await world.create(bytes);
    const { presigned } = await world.uploads.presign(upload);
    const { sweep } = silent();
    world.clock.advance(72 * HOUR_MS);
    await sweep.run(soon());
    expect(await world.find(upload.id)).toMatchObject({ status: 'expired' });

    await world.putFile(oneRequest(presigned), bytes);
    world.clock.advance(MINUTE_MS);
    await sweep.run(soon());

    expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
  });
});

describe('the notification of the end of an upload', () => {
  it('of a failure is sent at once, and not again', async () => {
    const receive = await subscribe(world);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);

    const failed = await world.deliver();
    const unchanged = await world.closing.notify(failed);

    expect(failed).toMatchObject({ status: 'failed' });
    expect(unchanged).toEqual(failed);
    expect(await receive(failed.id)).toMatchObject([{ type: 'UploadFailed' }]);
  });
});

describe('the staged file of a delivered upload', () => {
  const removals = (id: string): number =>
    world.s3.requests.filter(({ method, key }) => method === 'DELETE' && key === `staging/${id}`).length;

  async function sweepFor(ms: number, { sweep } = world.build()): Promise<void> {
    const until = world.clock.now() + ms;
    for (; world.clock.now() < until; world.clock.advance(5 * MINUTE_MS)) await sweep.run(soon());
  }

  it('is removed by one request', async () => {
    const { id } = await world.deliver();

    await sweepFor(HOUR_MS);

    expect(removals(id)).toBe(1);
    expect(await world.find(id)).toMatchObject({ status: 'delivered', isFileRemoved: true });
  });

  it('is removed by one request, also while no notification can be sent', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    const sns = world.silent.sns();
    const silent = world.build({ sns, telemetry: collectErrors().telemetry });
    await silent.delivery.onArrival(world.arrival(upload, bytes), world.run());

    await sweepFor(HOUR_MS, silent);
    sns.destroy();
    await sweepFor(HOUR_MS);

    expect(removals(upload.id)).toBe(1);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });

  it('is removed by one request, also when a second copy is checked for', async () => {
    const { id } = await world.deliver();
    const recheckAt = new Date(world.clock.now() + 11 * MINUTE_MS).toISOString();
    await world.ledger.change(id, (before) => ({ ...before, recheckAt, dueAt: recheckAt }));

    await sweepFor(5 * MINUTE_MS);
    world.clock.set(Date.parse(recheckAt));
    await world.sweep.run(soon());
    const [message = ''] = await world.requestsFor(id);
    await world.delivery.onRequest(JSON.parse(message), world.run());
    await sweepFor(HOUR_MS);

    expect(removals(id)).toBe(1);
    expect(await world.find(id)).not.toHaveProperty('recheckAt');
  });

  it('is removed by the sweep when the delivery could not remove it', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    const s3 = clientThatRemovesNothing();
    const { errors, telemetry } = collectErrors();
    const { delivery } = world.build({ s3, telemetry });
    await delivery.onArrival(world.arrival(upload, bytes), world.run());
    s3.destroy();
    const isLeft = await world.isStaged(upload.id);
    const later = collectErrors();

    await sweepFor(HOUR_MS, world.build({ telemetry: later.telemetry }));

    expect(isLeft).toBe(true);
    expect(errors).toEqual([
      { message: 'upload not closed, the sweep will', fields: { uploadId: upload.id } },
    ]);
    expect(later.errors).toEqual([]);
    expect(removals(upload.id)).toBe(1);
    expect(await world.isStaged(upload.id)).toBe(false);
    const closed = await world.find(upload.id);
    expect(closed).toMatchObject({ isFileRemoved: true });
    expect(closed).not.toHaveProperty('dueAt');
  });

  it('is recorded as removed only once storage has removed it', async () => {
    const upload = await world.stage(randomBytes(10));
    await end(world, upload, 'delivered');
    const s3 = clientThatRemovesNothing();
    const { closing } = world.build({ s3 });

    await expect(closing.removeFile(await world.find(upload.id))).rejects.toThrow('the connection broke');
    s3.destroy();
    const before = await world.find(upload.id);
    const after = await world.closing.removeFile(before);

    expect(before).not.toHaveProperty('isFileRemoved');
    expect(after).toMatchObject({ isFileRemoved: true });
    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('is removed again when it is put again', async () => {
    const bytes = randomBytes(10);
    const upload = await world.create(bytes);
    const { presigned } = await world.uploads.presign(upload);
    const put = () => world.putFile(oneRequest(presigned), bytes);
    await put();
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    await put();
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(removals(upload.id)).toBe(2);
    expect(await world.isStaged(upload.id)).toBe(false);
  });
});

function clientThatRemovesNothing(): S3Client {
  const s3 = world.connectStorage();
  s3.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === DeleteObjectCommand.name) throw new Error('the connection broke');
        return next(args);
      },
    { step: 'initialize', name: 'refuse' },
  );
  return s3;
}
