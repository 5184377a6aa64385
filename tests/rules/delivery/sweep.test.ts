import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { useWorld } from '../../support/use-world.ts';
import { oneRequest } from '../../support/world.ts';
import type { World } from '../../support/world.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const soon = () => AbortSignal.timeout(300_000);

const world = await useWorld();

describe('sweep', () => {
  it('finds a staged file whose event was lost and asks for its delivery', async () => {
    const upload = await world.stage();
    world.clock.advance(MINUTE_MS);

    await world.sweep.run(soon());

    expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
    expect(await world.requestsFor(upload.id)).toEqual([
      JSON.stringify({ uploadId: upload.id, attempt: 1, isArrival: true }),
    ]);
  });

  it('checks storage for a file after 1, 5, 15 and 60 minutes, then hourly until the deadline', async () => {
    const upload = await world.create(randomBytes(10));
    const start = world.clock.now();
    const checkedAfter: number[] = [];

    while ((await world.find(upload.id)).status === 'awaiting_upload') {
      world.clock.set(Date.parse((await world.find(upload.id)).dueAt ?? ''));
      checkedAfter.push((world.clock.now() - start) / MINUTE_MS);
      await world.sweep.run(soon());
    }

    expect(checkedAfter.slice(0, 6)).toEqual([1, 6, 21, 81, 141, 201]);
    expect(checkedAfter.at(-1)).toBe(72 * 60);
    expect(await world.find(upload.id)).toMatchObject({ status: 'expired' });
  });

  it('is done with an expired upload once nothing can arrive any more', async () => {
    const upload = await world.create(randomBytes(10));
    world.clock.advance(73 * HOUR_MS);
    await world.sweep.run(soon());
    expect(await world.find(upload.id)).toMatchObject({ status: 'expired', dueAt: expect.any(String) });

    world.clock.advance(3 * HOUR_MS);
    await world.sweep.run(soon());

    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });

  it('delivers an expired upload whose file came late and whose event was lost', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.ledger.change(upload.id, (before) => ({ ...before, status: 'expired' }));
    world.clock.advance(3 * HOUR_MS);

    await world.sweep.run(soon());

    expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
  });

  it('retries on the schedule, with jitter, until the window is over, and keeps the file for a retry', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());
    const staged = world.clock.now();
    const waits: number[] = [];

    for (;;) {
      const waiting = await world.find(upload.id);
      if (waiting.status !== 'waiting') break;
      waits.push((Date.parse(waiting.dueAt ?? '') - world.clock.now()) / 1000);
      world.clock.set(Date.parse(waiting.dueAt ?? ''));
      await world.sweep.run(soon());
      const [message = ''] = await world.requestsFor(upload.id);
      await world.delivery.onRequest(JSON.parse(message), world.run());
    }

    // The test's random source always gives one half.
    expect(waits.slice(0, 8)).toEqual([15, 60, 300, 900, 1800, 3600, 7200, 7200]);
    const failed = await world.find(upload.id);
    expect(failed).toMatchObject({ status: 'failed', lastError: { code: 'retries_exhausted' } });
    expect(world.clock.now() - staged).toBe(24 * HOUR_MS);
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it('ends a waiting upload when its time is over, even while the breaker is open, and gives the reason', async () => {
    const [bytes, others] = [randomBytes(10), randomBytes(20)];
    const [{ id }, arrived] = [await world.stage(bytes), await world.stage(others)];
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
    await world.delivery.onArrival(world.arrival(await world.find(id), bytes), world.run());
    await world.delivery.onArrival(world.arrival(arrived, others), world.run());
    const { stagedAt = '' } = await world.find(id);
    // A sweep a minute, all the time with an open breaker: here the last of them, and an hour of more.
    world.clock.set(Date.parse(stagedAt) + 8 * 24 * HOUR_MS - 2 * MINUTE_MS);
    await holdBack(world);
    await world.sweep.run(soon());
    const before = await Promise.all([world.find(id), world.find(arrived.id)]);

    for (let minute = 0; minute < 62; minute += 1) {
      world.clock.advance(MINUTE_MS);
      await holdBack(world);
      await world.sweep.run(soon());
    }

    expect(before).toMatchObject([{ status: 'waiting' }, { status: 'staged' }]);
    const waited = 'IPD did not answer, or did not accept our credentials, so all deliveries waited.';
    const refusal = `${waited} IPD refused our credentials`;
    expect([await world.find(id), await world.find(arrived.id)]).toMatchObject([
      { status: 'failed', lastError: { code: 'retries_exhausted', detail: expect.stringContaining(waited) } },
      { status: 'failed', lastError: { code: 'retries_exhausted', detail: refusal } },
    ]);
    expect(await world.requestsFor(id)).toEqual([]);
    expect(await world.isStaged(id)).toBe(true);
  });

  it('removes the file of a failed upload when its time is over', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    world.clock.advance(6 * 24 * HOUR_MS);
    await world.sweep.run(soon());
    expect(await world.isStaged(upload.id)).toBe(true);
    world.clock.advance(24 * HOUR_MS);
    await world.sweep.run(soon());

    expect(await world.isStaged(upload.id)).toBe(false);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });

  it('asks for what falls due before its next run, with a delay', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    await world.sweep.run(soon());

    expect(await world.requestsFor(upload.id)).toEqual([]);
    const postponed = await world.find(upload.id);
    expect(Date.parse(postponed.dueAt ?? '') - world.clock.now()).toBe(15 * MINUTE_MS);
  });

  it('asks again when a message got lost', async () => {
    const upload = await world.stage();
    world.clock.advance(MINUTE_MS);
    await world.sweep.run(soon());
    expect(await world.requestsFor(upload.id)).toHaveLength(1);
    await world.sweep.run(soon());
    expect(await world.requestsFor(upload.id)).toEqual([]);

    world.clock.advance(15 * MINUTE_MS);
    await world.sweep.run(soon());

    expect(await world.requestsFor(upload.id)).toEqual([JSON.stringify({ uploadId: upload.id, attempt: 1 })]);
  });

  it('recovers an upload from a function that died before the fence', async () => {
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes);
    const { delivery } = world.build({ send: () => new Promise(() => undefined) });
    void delivery.onArrival(world.arrival(upload, bytes), world.run());
    while ((await world.find(upload.id)).status !== 'delivering')
      await new Promise((next) => setImmediate(next));

    await world.sweep.run(soon());
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivering' });
    world.clock.advance(310_000);
    await world.sweep.run(soon());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      lastError: { code: 'lease_lost' },
    });
  });

  it('asks for no more than three quarters of IPD_RATE in a run: the rest is for first deliveries', async () => {
    const uploads = await Promise.all(Array.from({ length: 5 }, () => world.stage()));
    for (const { id } of uploads) await world.ledger.change(id, (before) => stagedNow(before));
    world.clock.advance(20 * MINUTE_MS);
    const { sweep } = world.build({ config: { deliveriesPerMinute: 3 } });

    const counts: number[] = [];
    for (let minute = 0; minute < 4; minute += 1) {
      counts.push((await sweep.run(soon())).queued);
      world.clock.advance(MINUTE_MS);
    }

    expect(counts).toEqual([2, 2, 1, 0]);
    const due = await Promise.all(uploads.map(({ id }) => world.find(id)));
    expect(due.every(({ dueAt }) => Date.parse(dueAt ?? '') > world.clock.now())).toBe(true);
  });

  it('gives the slots of a minute once when runs begin at the same moment, and asks for no upload twice', async () => {
    const uploads = await Promise.all(Array.from({ length: 5 }, () => world.stage()));
    for (const { id } of uploads) await world.ledger.change(id, (before) => stagedNow(before));
    world.clock.advance(20 * MINUTE_MS);
    const { sqs, sent } = recordingQueue();
    const sweeps = Array.from(
      { length: 10 },
      () => world.build({ sqs, config: { deliveriesPerMinute: 4 } }).sweep,
    );

    await Promise.all(sweeps.map((sweep) => sweep.run(soon())));
    const inFirstMinute = sent.length;
    world.clock.advance(MINUTE_MS);
    await Promise.all(sweeps.map((sweep) => sweep.run(soon())));

    expect(inFirstMinute).toBe(3);
    expect(sent.map(({ uploadId }) => uploadId).toSorted()).toEqual(uploads.map(({ id }) => id).toSorted());
    sqs.destroy();
  });

  it('asks for nothing when an upload has been cancelled since it was read', async () => {
    const upload = await world.stage();
    await world.ledger.change(upload.id, stagedNow);
    world.clock.advance(MINUTE_MS);
    const { documents } = world.connectTable();
    let isCancelled = false;
    documents.middlewareStack.add(
      (next) => async (args) => {
        const isWrite = put.safeParse(args.input).data?.Item.id === upload.id;
        if (isWrite && !isCancelled) {
          isCancelled = true;
          await world.uploads.cancel({ owner: 'user-1', projects: '*' }, upload.id);
        }
        return next(args);
      },
      { step: 'initialize', name: 'cancelFirst' },
    );

    await world.build({ documents }).sweep.run(soon());

    expect(isCancelled).toBe(true);
    expect(await world.find(upload.id)).toMatchObject({ status: 'cancelled' });
    expect(await world.requestsFor(upload.id)).toEqual([]);
  });

  it('asks for nothing when a later sweep has asked for the delivery since the upload was read', async () => {
    const upload = await world.stage();
    await world.ledger.change(upload.id, stagedNow);
    world.clock.advance(MINUTE_MS);
    const { documents } = world.connectTable();
    let isOvertaken = false;
    documents.middlewareStack.add(
      (next) => async (args) => {
        const isWrite = put.safeParse(args.input).data?.Item.id === upload.id;
        if (isWrite && !isOvertaken) {
          isOvertaken = true;
          world.clock.advance(MINUTE_MS);
          await world.sweep.run(soon());
        }
        return next(args);
      },
      { step: 'initialize', name: 'overtake' },
    );

    await world.build({ documents }).sweep.run(soon());

    expect(isOvertaken).toBe(true);
    expect(await world.requestsFor(upload.id)).toHaveLength(1);
  });

  it('spreads deliveries over the minute', async () => {
    const uploads = await Promise.all(Array.from({ length: 5 }, () => world.stage()));
    for (const { id } of uploads) await world.ledger.change(id, (before) => stagedNow(before));
    world.clock.advance(20 * MINUTE_MS);
    const { sqs, sent } = recordingQueue();
    const { sweep } = world.build({ sqs, config: { deliveriesPerMinute: 4 } });

    await sweep.run(soon());

    expect(sent.map(({ delay }) => delay).toSorted((a, b) => a - b)).toEqual([0, 20, 40]);
    expect(new Set(sent.map(({ uploadId }) => uploadId)).size).toBe(3);
    sqs.destroy();
  });

  it('requests a delivery that falls due before its next run no earlier than it is due', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'iamUnavailable' } }]);
    world.clock.advance(MINUTE_MS);
    const waiting = await world.deliver();
    const { sqs, sent } = recordingQueue();

    await world.build({ sqs }).sweep.run(soon());

    // The test's random source always gives one half, of 30 s; 45 slots a minute leave the next one at 16 s.
    expect(sent).toEqual([{ uploadId: waiting.id, attempt: 2, delay: 16 }]);
    sqs.destroy();
  });

  it('requests the check of an upload in doubt', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } }]);
    const { id } = await world.deliver();
    world.clock.advance(MINUTE_MS);

    await world.sweep.run(soon());

    const [message = '', ...more] = await world.requestsFor(id);
    expect(more).toEqual([]);
    await world.delivery.onRequest(JSON.parse(message), world.run());
    expect(await world.find(id)).toMatchObject({ status: 'delivered' });
  });

  it('requests the check for a second copy when it is due, and not before', async () => {
    const delivered = await world.deliver();
    const recheckAt = new Date(world.clock.now() + 11 * MINUTE_MS).toISOString();
    await world.ledger.change(delivered, (before) =>
      before.status === 'delivered' ? { ...before, recheckAt, dueAt: before.deliveredAt } : undefined,
    );

    await world.sweep.run(soon());
    const early = await world.requestsFor(delivered.id);
    const markCleaned = await world.find(delivered.id);
    world.clock.advance(11 * MINUTE_MS);
    await world.sweep.run(soon());
    const [message = ''] = await world.requestsFor(delivered.id);
    await world.delivery.onRequest(JSON.parse(message), world.run());

    expect(early).toEqual([]);
    expect(markCleaned.dueAt).toBe(recheckAt);
    expect((await world.find(delivered.id)).dueAt).toBeUndefined();
  });

  it('removes what arrived after a cancellation', async () => {
    const bytes = randomBytes(10);
    const upload = await world.create(bytes);
    const { presigned } = await world.uploads.presign(upload);
    await world.uploads.cancel({ owner: 'user-1', projects: '*' }, upload.id);
    await world.putFile(oneRequest(presigned), bytes);
    expect(await world.isStaged(upload.id)).toBe(true);

    world.clock.advance(3 * HOUR_MS);
    await world.sweep.run(soon());

    expect(await world.isStaged(upload.id)).toBe(false);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
  });
});

/** The breaker is open for another five minutes. */
async function holdBack({ ledger, clock }: World): Promise<void> {
  const { version } = z.object({ version: z.int() }).parse(await ledger.readState('breaker'));
  const openUntil = clock.now() + 5 * MINUTE_MS;
  await ledger.writeState('breaker', version, { outages: 5, openings: 5, openUntil });
}

const put = z.object({ Item: z.object({ id: z.string() }) });
const message = z.object({ MessageBody: z.string(), DelaySeconds: z.number() });
const request = z.object({ uploadId: z.string(), attempt: z.number() });

/** A queue client that notes what is sent, and with which delay. */
function recordingQueue() {
  const sqs = world.connectQueues();
  const sent: (z.infer<typeof request> & { delay: number })[] = [];
  sqs.middlewareStack.add(
    (next) => async (args) => {
      const { MessageBody, DelaySeconds } = message.parse(args.input);
      sent.push({ ...request.parse(JSON.parse(MessageBody)), delay: DelaySeconds });
      return next(args);
    },
    { step: 'initialize', name: 'record' },
  );
  return { sqs, sent };
}

function stagedNow(upload: Awaited<ReturnType<World['find']>>) {
  const now = upload.createdAt;
  return {
    ...upload,
    status: 'staged' as const,
    etag: 'e',
    stagedAt: now,
    retryUntil: upload.uploadDeadline,
  };
}
