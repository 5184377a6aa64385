import { afterAll, describe, expect, it } from '@jest/globals';
import { SNSClient } from '@aws-sdk/client-sns';
import { randomBytes } from 'node:crypto';
import { putFile } from '../../support/answer.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { oneRequest } from '../../support/world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const soon = () => AbortSignal.timeout(10_000);

const world = await useWorld();

describe('an upload that has ended while no notification can be sent', () => {
  const sns = new SNSClient({ endpoint: 'http://127.0.0.1:1', maxAttempts: 1 });
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
    const recheckAt = new Date(world.clock.now() + 11 * MINUTE).toISOString();
    await world.ledger.change(id, (before) => ({ ...before, recheckAt }));
    const { sweep, delivery } = silent();
    world.clock.advance(11 * MINUTE);

    await sweep.run(soon());
    const [message = ''] = await world.requestsFor(id);
    await delivery.onRequest(JSON.parse(message), world.run());

    const finishRecheck = await world.find(id);
    expect(finishRecheck).not.toHaveProperty('recheckAt');
    expect(finishRecheck).toMatchObject({
      notification: { type: 'UploadDelivered' },
      dueAt: expect.any(String),
    });
  });

  it('keeps its file after a failure only until the announced time', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const id = await deliverSilently();
    const { sweep } = silent();

    world.clock.advance(6 * DAY);
    await sweep.run(soon());
    const isKept = await world.isStaged(id);
    world.clock.advance(DAY);
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
    world.clock.advance(72 * HOUR);
    await sweep.run(soon());
    expect(await world.find(upload.id)).toMatchObject({ status: 'expired' });

    await putFile(oneRequest(presigned), bytes);
    world.clock.advance(MINUTE);
    await sweep.run(soon());

    expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
  });
});
