import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SNSClient } from '@aws-sdk/client-sns';
import { randomBytes } from 'node:crypto';
import { putFile } from '../../support/answer.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { oneRequest, startWorld } from '../../support/world.ts';
import type { World } from '../../support/world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const soon = () => AbortSignal.timeout(300_000);

describe('an upload that has ended while no notification can be sent', () => {
  let world: World;
  let sns: SNSClient;
  beforeAll(async () => {
    world = await startWorld();
    sns = new SNSClient({ endpoint: 'http://127.0.0.1:1', maxAttempts: 1 });
  });
  afterEach(() => world.reset());
  afterAll(async () => {
    sns.destroy();
    await world.stop();
  });

  /** Services of functions that cannot send notifications. */
  const silent = () => world.build({ sns, telemetry: collectErrors().telemetry });

  async function deliverSilently(bytes = randomBytes(10)): Promise<string> {
    const upload = await world.stage(bytes);
    await silent().delivery.onArrival(world.arrival(upload, bytes), world.run());
    return upload.id;
  }

  it('loses its file at once when it is delivered', async () => {
    const id = await deliverSilently();

    expect(await world.find(id)).toMatchObject({ status: 'delivered', notice: { type: 'UploadDelivered' } });
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

    const rechecked = await world.find(id);
    expect(rechecked).not.toHaveProperty('recheckAt');
    expect(rechecked).toMatchObject({ notice: { type: 'UploadDelivered' }, dueAt: expect.any(String) });
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
    expect(await world.find(id)).toMatchObject({ status: 'failed', notice: { type: 'UploadFailed' } });
  });

  it('is delivered when its file comes after it had expired', async () => {
    const bytes = randomBytes(10);
    const upload = await world.create(bytes);
    const { invitation } = await world.uploads.invite(upload);
    const { sweep } = silent();
    world.clock.advance(72 * HOUR);
    await sweep.run(soon());
    expect(await world.find(upload.id)).toMatchObject({ status: 'expired' });

    await putFile(oneRequest(invitation), bytes);
    world.clock.advance(MINUTE);
    await sweep.run(soon());

    expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
  });
});
