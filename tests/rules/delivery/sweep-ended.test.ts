import { beforeEach, describe, expect, it } from '@jest/globals';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Upload } from '../../../lib/domain/upload.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import { collectErrors, collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { oneRequest } from '../../support/world.ts';

const DAY_MS = 24 * HOUR_MS;
const soon = () => AbortSignal.timeout(300_000);
const put = z.object({ Item: z.object({ id: z.string() }) });

const world = await useWorld();
/** Another minute, with slots of its own. */
beforeEach(() => world.clock.advance(MINUTE_MS));

const iso = (ms: number): string => new Date(ms).toISOString();

/** Storage that removes nothing. */
function keepingStorage(): S3Client {
  const s3 = world.connectStorage();
  s3.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === 'DeleteObjectCommand') throw new Error('the connection broke');
        return next(args);
      },
    { step: 'initialize', name: 'refuse' },
  );
  return s3;
}

const silentTopic = (): SNSClient => world.silent.sns();

/** An upload that is delivered, whose function could neither notify nor remove the file. */
async function leftAtItsEnd(): Promise<Upload> {
  const bytes = randomBytes(1000);
  const upload = await world.stage(bytes);
  const { telemetry } = collectErrors();
  const { delivery } = world.build({ s3: keepingStorage(), sns: silentTopic(), telemetry });
  await delivery.onArrival(world.arrival(upload, bytes), world.run());
  return world.find(upload.id);
}

/** The same, to be checked for a second copy since so long. */
async function leftBeforeItsCheck(since = 0): Promise<Upload> {
  const { id } = await leftAtItsEnd();
  const recheckAt = iso(world.clock.now() - since);
  const { upload } = await world.ledger.change(id, (before) =>
    before.status === 'delivered' ? { ...before, recheckAt, dueAt: recheckAt } : undefined,
  );
  return upload;
}

describe('an upload whose function died at its end', () => {
  it('is closed by one run', async () => {
    const upload = await leftAtItsEnd();
    world.clock.advance(2 * MINUTE_MS);

    await world.sweep.run(soon());

    const after = await world.find(upload.id);
    expect(upload).toMatchObject({ status: 'delivered', notification: { type: 'UploadDelivered' } });
    expect(after).not.toHaveProperty('notification');
    expect(after).not.toHaveProperty('dueAt');
    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('is checked for a second copy, and subscribers are notified of its end in the same run', async () => {
    const upload = await leftBeforeItsCheck();

    await world.sweep.run(soon());

    expect(await world.requestsFor(upload.id)).toHaveLength(1);
    expect(await world.find(upload.id)).not.toHaveProperty('notification');
  });

  it('is checked for a second copy also while subscribers cannot be notified', async () => {
    const upload = await leftBeforeItsCheck();
    const { errors, telemetry } = collectErrors();

    await world.build({ sns: silentTopic(), telemetry }).sweep.run(soon());

    expect(errors).toMatchObject([{ message: 'sweeping an upload failed, it stays due' }]);
    expect(await world.requestsFor(upload.id)).toHaveLength(1);
    expect(await world.find(upload.id)).toHaveProperty('notification');
  });

  it('takes no slot for its check as long as its file cannot be removed', async () => {
    const upload = await leftBeforeItsCheck();
    const { telemetry } = collectErrors();

    const failed = await world.build({ s3: keepingStorage(), telemetry }).sweep.run(soon());
    world.clock.advance(MINUTE_MS);
    const after = await world.sweep.run(soon());

    expect(failed).toEqual({ done: 0, queued: 0 });
    expect(after).toEqual({ done: 1, queued: 1 });
    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('is closed when the check for a second copy is given up', async () => {
    const upload = await leftBeforeItsCheck(2 * DAY_MS);
    const { lines, measured, telemetry } = collectTelemetry();

    await world.build({ telemetry }).sweep.run(soon());

    const after = await world.find(upload.id);
    expect(lines).toContainEqual({ message: 'a second copy cannot be checked for', uploadId: upload.id });
    expect(measured).toContainEqual({ Contradictions: 1 });
    expect(await world.requestsFor(upload.id)).toEqual([]);
    expect(after).not.toHaveProperty('recheckAt');
    expect(after).not.toHaveProperty('notification');
    expect(after).not.toHaveProperty('dueAt');
    expect(await world.isStaged(upload.id)).toBe(false);
  });
});

describe('subscribers', () => {
  it('are notified in the run that gives up an upload', async () => {
    const { id } = await world.create(randomBytes(10));
    const long = iso(world.clock.now() - 100 * DAY_MS);
    const staged = { etag: 'e', stagedAt: long, retryUntil: long, dueAt: iso(world.clock.now()) };
    await world.ledger.change(id, (before) => ({ ...before, ...staged, status: 'waiting' }));

    await world.sweep.run(soon());

    expect(await world.find(id)).toMatchObject({ status: 'failed' });
    expect(await world.find(id)).not.toHaveProperty('notification');
  });

  it('are notified by the next run of a failed upload, whose file stays for a retry', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const { telemetry } = collectErrors();
    const { delivery } = world.build({ sns: silentTopic(), telemetry });
    await delivery.onArrival(world.arrival(upload, bytes), world.run());
    const left = await world.find(upload.id);
    world.clock.advance(2 * MINUTE_MS);

    await world.sweep.run(soon());

    expect(left).toMatchObject({ status: 'failed', notification: { type: 'UploadFailed' } });
    expect(await world.find(upload.id)).not.toHaveProperty('notification');
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it('are not notified by a run that finds no file, while another function delivers it', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.create(bytes);
    const { presigned } = await world.uploads.presign(upload);
    world.clock.advance(MINUTE_MS);
    const { telemetry } = collectErrors();
    const { delivery } = world.build({ sns: silentTopic(), telemetry });
    const { documents } = world.connectTable();
    let isDelivered = false;
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (!isDelivered && put.safeParse(args.input).data?.Item.id === upload.id) {
          isDelivered = true;
          await world.putFile(oneRequest(presigned), bytes);
          await delivery.onArrival(world.arrival(upload, bytes), world.run());
        }
        return next(args);
      },
      { step: 'initialize', name: 'deliverFirst' },
    );

    await world.build({ documents }).sweep.run(soon());

    expect(isDelivered).toBe(true);
    expect(await world.find(upload.id)).toMatchObject({
      status: 'delivered',
      notification: { type: 'UploadDelivered' },
    });
  });
});
