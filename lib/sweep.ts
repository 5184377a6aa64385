/**
 * The one clock: takes what is due and does the one thing its state asks for. Lost events, dead
 * functions, retries, expiry and removal all come back through here, so nothing can be forgotten.
 * Never calls IPD: what is to be delivered goes on the queue.
 */
import type { Clock } from './clock.ts';
import type { Ledger } from './ledger.ts';
import type { Queue } from './queue.ts';
import type { Staging } from './staging.ts';
import type { Telemetry } from './telemetry.ts';
import * as moves from './upload.ts';
import type { Policy, Upload } from './upload.ts';

/** It runs every minute, so it takes what falls due before the next run, too. */
const LOOK_AHEAD_MS = 60_000;
const AT_ONCE = 10;

export function createSweep(parts: {
  ledger: Ledger;
  staging: Staging;
  queue: Queue;
  clock: Clock;
  policy: Policy;
  /** At most so many deliveries are asked for in one run. */
  deliveriesPerMinute: number;
  telemetry: Telemetry;
}) {
  const { ledger, staging, queue, clock, policy, deliveriesPerMinute, telemetry } = parts;

  /** Does what is due until nothing is or the signal aborts. One upload that fails does not stop the others. */
  async function run(signal: AbortSignal): Promise<{ done: number; queued: number }> {
    let done = 0;
    let queued = 0;
    const work = async (id: string): Promise<void> => {
      try {
        const upload = await ledger.find(id);
        if (upload !== undefined) await act(upload);
        done += 1;
      } catch (error) {
        telemetry.error('sweeping an upload failed, it stays due', error, { uploadId: id });
      }
    };
    let batch: Promise<void>[] = [];
    for await (const { id, status } of ledger.due(clock.now() + LOOK_AHEAD_MS)) {
      if (signal.aborted) break;
      const isDelivery = status === 'staged' || status === 'waiting';
      if (isDelivery && queued >= deliveriesPerMinute) continue;
      if (isDelivery) queued += 1;
      batch.push(work(id));
      if (batch.length < AT_ONCE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
    telemetry.info('sweep ended', { done, queued });
    return { done, queued };
  }

  async function act(upload: Upload): Promise<void> {
    const now = clock.now();
    switch (upload.status) {
      case 'awaiting_upload':
      case 'expired':
        return find(upload, now);
      case 'staged':
      case 'waiting':
        return ask(upload, now);
      case 'delivering': {
        const { changed, upload: after } = await ledger.change(upload, (before) =>
          moves.lapse(before, { now, random: clock.random(), policy }),
        );
        if (changed) telemetry.warn('delivery lapsed', { uploadId: upload.id, status: after.status });
        return undefined;
      }
      case 'unconfirmed':
        return undefined;
      case 'delivered':
      case 'failed':
      case 'cancelled':
        await staging.remove(moves.stagingKey(upload.id));
        await ledger.change(upload, moves.cleaned);
        return undefined;
    }
  }

  /** The event may have been lost: ask storage. */
  async function find(upload: Upload, now: number): Promise<void> {
    const object = await staging.look(moves.stagingKey(upload.id));
    if (object !== undefined) {
      const staged = await ledger.change(upload, (before) => moves.stage(before, object, { now, policy }));
      if (staged.upload.status === 'staged') await queue.send({ uploadId: upload.id, attempt: 1 });
      return;
    }
    const { upload: after } = await ledger.change(upload, (before) =>
      before.status === 'expired' ? moves.cleaned(before) : moves.lookAgain(before, { now }),
    );
    if (after.status === 'expired' && upload.status !== 'expired')
      telemetry.info('upload expired', { uploadId: upload.id });
  }

  /** The record moves on first: a message that is sent twice is harmless, one that is never sent comes due again. */
  async function ask(upload: Upload, now: number): Promise<void> {
    const delayMs = upload.status === 'waiting' ? Date.parse(upload.dueAt ?? '') - now : 0;
    const { changed } = await ledger.change(upload, (before) => moves.queueAgain(before, { now }));
    if (changed) await queue.send({ uploadId: upload.id, attempt: upload.attempts + 1 }, delayMs);
  }

  return { run };
}
