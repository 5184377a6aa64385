/**
 * The one clock: takes what is due and does the one thing its state asks for. Lost events, dead
 * functions, retries, expiry, notices and removal all come back through here, so nothing can be forgotten.
 * Never calls IPD: what is to be delivered goes on the queue.
 */
import type { Arrivals } from './arrival.ts';
import type { Breaker } from './breaker.ts';
import type { Clock } from './clock.ts';
import type { Closing } from './closing.ts';
import type { Ledger } from './ledger.ts';
import type { Queue } from './queue.ts';
import type { Telemetry } from './telemetry.ts';
import * as moves from './moves.ts';
import type { Policy, Upload } from './upload.ts';

const MINUTE = 60_000;
/** It runs every minute, so it takes what falls due before the next run, too. */
const LOOK_AHEAD_MS = MINUTE;
const AT_ONCE = 10;

export function createSweep(parts: {
  ledger: Ledger;
  arrivals: Arrivals;
  closing: Closing;
  queue: Queue;
  breaker: Breaker;
  clock: Clock;
  policy: Policy;
  /** At most so many deliveries are asked for in one run, spread over the minute. */
  deliveriesPerMinute: number;
  telemetry: Telemetry;
}) {
  const { ledger, arrivals, closing, queue, breaker, clock, policy, deliveriesPerMinute, telemetry } = parts;

  /** Does what is due until nothing is or the signal aborts. One upload that fails does not stop the others. */
  async function run(signal: AbortSignal): Promise<{ done: number; queued: number }> {
    const allowed = await deliveriesAllowed();
    let done = 0;
    let queued = 0;
    const work = async (id: string, slotMs: number): Promise<void> => {
      try {
        const upload = await ledger.find(id);
        if (upload !== undefined) await act(upload, slotMs);
        done += 1;
      } catch (error) {
        telemetry.error('sweeping an upload failed, it stays due', error, { uploadId: id });
      }
    };
    let batch: Promise<void>[] = [];
    for await (const { id, status } of ledger.due(clock.now() + LOOK_AHEAD_MS)) {
      if (signal.aborted) break;
      const isDelivery = status === 'staged' || status === 'waiting' || status === 'unconfirmed';
      if (isDelivery && queued >= allowed) continue;
      batch.push(work(id, isDelivery ? (queued * MINUTE) / deliveriesPerMinute : 0));
      if (isDelivery) queued += 1;
      if (batch.length < AT_ONCE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
    telemetry.info('sweep ended', { done, queued });
    return { done, queued };
  }

  /** While IPD is out nothing is asked for; to see whether it is back, one delivery is enough. */
  async function deliveriesAllowed(): Promise<number> {
    const { state, until = 0 } = await breaker.view();
    // One less, since the turns of two runs may come a little closer than a minute.
    if (state === 'closed') return Math.max(deliveriesPerMinute - 1, 1);
    return until <= clock.now() + LOOK_AHEAD_MS ? 1 : 0;
  }

  /** `slotMs`: how far into the minute a delivery's turn is. */
  async function act(upload: Upload, slotMs: number): Promise<void> {
    const now = clock.now();
    switch (upload.status) {
      case 'awaiting_upload':
      case 'expired':
        return find(upload, now);
      case 'staged':
      case 'waiting':
      case 'unconfirmed':
        return ask(upload, now + slotMs);
      case 'delivering': {
        const { changed, upload: after } = await ledger.change(upload, (before) =>
          moves.lapse(before, { now, random: clock.random(), policy }),
        );
        if (changed) telemetry.warn('delivery lapsed', { uploadId: upload.id, status: after.status });
        return undefined;
      }
      case 'delivered':
      case 'failed':
      case 'cancelled': {
        const told = await closing.announce(upload);
        // The file of a failed upload is kept for a while: its owner may want it tried again.
        if (!isDue(told.dueAt, now)) return undefined;
        if (told.status === 'delivered' && told.recheckAt !== undefined && isDue(told.recheckAt, now)) {
          await arrivals.discard(told);
          return ask(told, now);
        }
        return closing.close(told);
      }
    }
  }

  /** The event may have been lost, and nobody may have said that all parts are there: ask storage. */
  async function find(upload: Upload, now: number): Promise<void> {
    const { upload: found, missing, hasParts } = await arrivals.settle(await closing.announce(upload));
    if (missing.length === 0) return undefined;
    if (found.status === 'expired') return isDue(found.dueAt, now) ? closing.close(found) : undefined;
    const { upload: after } = await ledger.change(found, (before) =>
      moves.lookAgain(before, { now, hasParts }),
    );
    if (after.status !== 'expired') return undefined;
    telemetry.info('upload expired', { uploadId: upload.id });
    return closing.tryNow(after);
  }

  /** The record moves on first: a message that is sent twice is harmless, one that is never sent comes due again. */
  async function ask(upload: Upload, earliest: number): Promise<void> {
    const now = clock.now();
    const at = Math.max(earliest, upload.status === 'staged' ? 0 : Date.parse(upload.dueAt ?? ''));
    const { changed } = await ledger.change(upload, (before) => moves.queueAgain(before, { now }));
    if (changed) await queue.send({ uploadId: upload.id, attempt: upload.attempts + 1 }, at - now);
  }

  return { run };
}

function isDue(time: string | undefined, now: number): boolean {
  return time !== undefined && Date.parse(time) <= now + LOOK_AHEAD_MS;
}
