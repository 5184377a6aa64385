import { afterEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { createReconciliation } from '../../../lib/delivery/reconcile.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { beginParts, putParts } from '../../support/parts-fixture.ts';
import { subscribe } from '../../support/subscriber.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const soon = () => AbortSignal.timeout(300_000);
const refusal = { match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } };

const world = await useWorld();
const readNotifications = await subscribe(world);

describe('the notification of an end', () => {
  afterEach(() => readNotifications());

  async function sweepAfter(ms: number): Promise<void> {
    world.clock.advance(ms);
    await world.sweep.run(soon());
  }

  /** Services of a function that cannot send notifications; and the errors that it logged. */
  function withoutNotifications() {
    const sns = world.silent.sns();
    return { sns, ...collectErrors() };
  }

  const iso = (ms: number): string => new Date(ms).toISOString();

  it('tells of a delivery, with all data that a subscriber needs', async () => {
    const bytes = randomBytes(1000);
    const sha256 = createHash('sha256').update(bytes).digest('hex');

    const upload = await world.deliver(bytes, { sha256, filename: 'übersicht "1".pdf' });

    const [received] = await world.received();
    const time = iso(world.clock.now());
    expect(await readNotifications()).toEqual([
      {
        version: '1',
        type: 'UploadDelivered',
        deduplicationId: `${upload.id}-UploadDelivered-${world.clock.now()}`,
        time,
        upload: {
          id: upload.id,
          owner: 'user-1',
          projectId: upload.projectId,
          issueId: upload.issueId,
          filename: 'übersicht "1".pdf',
          contentType: 'application/pdf',
          size: 1000,
          sha256,
          status: 'delivered',
          createdAt: upload.createdAt,
          attachment: { id: received?.id },
          link: null,
          error: null,
          source: { kind: 'api' },
        },
        attributes: { type: 'UploadDelivered', projectId: upload.projectId },
      },
    ]);
    expect(await world.find(upload.id)).not.toHaveProperty('notification');
  });

  it('tells of a failure, and why', async () => {
    await world.faults([refusal]);

    const upload = await world.deliver();

    expect(await readNotifications()).toMatchObject([
      {
        type: 'UploadFailed',
        upload: {
          id: upload.id,
          status: 'failed',
          attachment: null,
          error: { code: 'ipd_forbidden', message: expect.any(String), retryable: true },
        },
        attributes: { type: 'UploadFailed', projectId: upload.projectId },
      },
    ]);
    // From now on only the end of the time that its file is kept is to be waited for.
    expect(upload).toMatchObject({ keepUntil: upload.dueAt });
  });

  it('tells of a file that never came', async () => {
    const upload = await world.create(randomBytes(10));

    await sweepAfter(72 * HOUR_MS);
    await sweepAfter(HOUR_MS);
    await sweepAfter(HOUR_MS);

    expect(await readNotifications()).toMatchObject([
      {
        type: 'UploadExpired',
        time: upload.uploadDeadline,
        upload: { id: upload.id, status: 'expired', attachment: null, error: null },
        attributes: { type: 'UploadExpired' },
      },
    ]);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });

  it('is sent once, however often the sweep runs', async () => {
    const upload = await world.deliver();

    for (let count = 0; count < 5; count += 1) await sweepAfter(10 * MINUTE_MS);

    expect(await readNotifications(upload.id)).toHaveLength(1);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });

  it('is not sent for a cancellation', async () => {
    const upload = await world.create(randomBytes(10));
    await world.uploads.cancel(caller, upload.id);

    await sweepAfter(3 * HOUR_MS);

    expect(await readNotifications()).toEqual([]);
  });

  it('is not sent for a failure that was cancelled first', async () => {
    await world.faults([refusal]);
    const { sns, telemetry } = withoutNotifications();
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.build({ sns, telemetry }).delivery.onArrival(world.arrival(upload, bytes), world.run());

    await world.uploads.cancel(caller, upload.id);
    await sweepAfter(3 * HOUR_MS);

    expect(await readNotifications()).toEqual([]);
    sns.destroy();
  });

  it('comes again, under another id, when a second try fails, too', async () => {
    await world.faults([{ ...refusal, count: 2 }]);
    const upload = await world.deliver();
    world.clock.advance(MINUTE_MS);

    await world.uploads.retry(caller, upload.id);
    const [message = ''] = await world.requestsFor(upload.id);
    await world.delivery.onRequest(JSON.parse(message), world.run());

    const [first, second, ...more] = await readNotifications();
    expect(more).toEqual([]);
    expect([first?.type, second?.type]).toEqual(['UploadFailed', 'UploadFailed']);
    expect(first?.deduplicationId).not.toBe(second?.deduplicationId);
  });

  it('is sent for the delivery after a retry', async () => {
    await world.faults([refusal]);
    const upload = await world.deliver();
    await world.uploads.retry(caller, upload.id);
    const [message = ''] = await world.requestsFor(upload.id);
    await world.delivery.onRequest(JSON.parse(message), world.run());

    const types = (await readNotifications()).map(({ type }) => type);

    expect(types).toEqual(['UploadFailed', 'UploadDelivered']);
  });

  it('is sent for the delivery of an upload that had expired', async () => {
    const { bytes, upload, parts } = await beginParts(world, randomBytes(10));
    await sweepAfter(72 * HOUR_MS);
    await putParts(parts, bytes, world.putFile);
    await world.uploads.complete(caller, upload.id);
    const [message = ''] = await world.requestsFor(upload.id);
    await world.delivery.onRequest(JSON.parse(message), world.run());

    const types = (await readNotifications()).map(({ type }) => type);

    expect(types).toEqual(['UploadExpired', 'UploadDelivered']);
  });

  it('is skipped where there is no topic, and the remaining work is done', async () => {
    const { sns, telemetry, errors } = withoutNotifications();
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    const { delivery } = world.build({ sns, telemetry, config: { topicArn: undefined } });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(errors).toEqual([]);
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
    expect(await world.isStaged(upload.id)).toBe(false);
    sns.destroy();
  });

  describe('that cannot be sent', () => {
    it('leaves the delivery as it is, and comes with the sweep', async () => {
      const { sns, telemetry, errors } = withoutNotifications();
      const bytes = randomBytes(10);
      const upload = await world.stage(bytes);

      await world.build({ sns, telemetry }).delivery.onArrival(world.arrival(upload, bytes), world.run());
      const delivered = await world.find(upload.id);
      const early = await readNotifications();
      await sweepAfter(MINUTE_MS);

      expect(delivered).toMatchObject({ status: 'delivered', notification: { type: 'UploadDelivered' } });
      expect(errors).toMatchObject([{ fields: { uploadId: upload.id } }]);
      expect(early).toEqual([]);
      expect(await readNotifications()).toMatchObject([
        { type: 'UploadDelivered', time: delivered.notification?.at },
      ]);
      expect(await world.isStaged(upload.id)).toBe(false);
      expect((await world.find(upload.id)).dueAt).toBeUndefined();
      sns.destroy();
    });

    it('stays due as long as it cannot be sent, and does not stop the sweep of other uploads', async () => {
      const { sns, telemetry } = withoutNotifications();
      const upload = await world.create(randomBytes(10));
      const other = await world.stage(randomBytes(10));
      world.clock.advance(72 * HOUR_MS);
      const { sweep } = world.build({ sns, telemetry });

      await sweep.run(soon());
      world.clock.advance(3 * HOUR_MS);
      await sweep.run(soon());
      const silent = await world.find(upload.id);
      await sweepAfter(0);

      expect(silent).toMatchObject({ status: 'expired', notification: { type: 'UploadExpired' } });
      expect(await world.find(other.id)).toMatchObject({ status: 'staged' });
      expect(await readNotifications()).toMatchObject([{ type: 'UploadExpired', upload: { id: upload.id } }]);
      sns.destroy();
    });

    it('carries the same id when it may have been sent before', async () => {
      const sns = world.connectTopic();
      // The topic takes the message; the answer is lost with the function.
      sns.middlewareStack.add(
        (next) => async (args) => {
          await next(args);
          throw new Error('the function is gone');
        },
        { step: 'initialize', name: 'lose-the-answer' },
      );
      const { telemetry } = collectErrors();
      const bytes = randomBytes(10);
      const upload = await world.stage(bytes);
      await world.build({ sns, telemetry }).delivery.onArrival(world.arrival(upload, bytes), world.run());

      await sweepAfter(2 * MINUTE_MS);

      const [first, second, ...more] = await readNotifications();
      expect(more).toEqual([]);
      expect(second).toEqual(first);
      sns.destroy();
    });
  });

  it('comes again when the id of a delivery is found after all', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 30 });
    const accepted = await world.deliver();
    await world.ipdSettings({ missingIssues: [accepted.issueId] });
    const nameless = await world.next(accepted.id);
    const [received] = await world.received();
    world.clock.advance(MINUTE_MS);

    // Another function was late with what it knew.
    await createReconciliation(world).recordMatch(nameless.id, { attachmentId: received?.id ?? '' });
    await sweepAfter(2 * MINUTE_MS);

    const [first, second, ...more] = await readNotifications();
    expect(first?.upload).toMatchObject({ attachment: { id: null, reason: expect.any(String) } });
    expect(second?.upload).toMatchObject({ status: 'delivered', attachment: { id: received?.id } });
    expect(second?.deduplicationId).not.toBe(first?.deduplicationId);
    expect(more).toEqual([]);
  });
});
