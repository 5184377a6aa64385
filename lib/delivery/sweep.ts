/**
 * Takes every upload that is due and does the one thing its state asks for. Handles lost events, dead functions,
 * retries, expiry, notifications and removal, so no upload is forgotten. Never calls IPD: puts deliveries on the
 * queue.
 */
import type { Arrivals } from '../uploads/stage.ts';
import type { Breaker } from '../pacing/breaker.ts';
import type { BreakerView } from '../domain/breaker.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Closing } from '../uploads/clean-up.ts';
import type { Patrol } from '../ingestion/patrol.ts';
import { laneOf } from '../ledger/uploads.ts';
import type { Lane, Ledger } from '../ledger/uploads.ts';
import type { IngestQueue } from '../messaging/ingest-queue.ts';
import type { Queue } from '../messaging/queue.ts';
import type { SlotLease } from '../pacing/slot-lease.ts';
import type { LinkedFiles } from '../storage/linked-files.ts';
import { createSlots, isHourOver } from '../domain/schedule.ts';
import type { Slots } from '../domain/schedule.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import * as attempts from '../domain/attempts.ts';
import * as endings from '../domain/endings.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { ingestedFrom, isFinal } from '../domain/upload.ts';
import type { Policy, Upload } from '../domain/upload.ts';
import { MINUTE_MS } from '../domain/units.ts';

/** The sweep runs every minute, so it also takes uploads that fall due before the next run. */
const AHEAD_MS = MINUTE_MS;
const AT_ONCE = 10;
/** The sweep's share of the full rate. The rest is for first deliveries, which events start without a slot. */
const SHARE = 0.75;
/** The share of the sweep's slots that ingested uploads have while people's wait; without them, they have all. */
const INGEST_SHARE = 0.25;
/** How often open uploads are counted, and up to which number. */
const COUNT_EVERY_RUNS = 10;
const MOST_COUNTED = 10_000;

export function createSweep(deps: {
  ledger: Ledger;
  arrivals: Arrivals;
  closing: Closing;
  /** The deliveries of each lane have a queue of their own. */
  queues: Record<Lane, Queue>;
  breaker: Breaker;
  slotLease: SlotLease;
  linkedFiles: LinkedFiles;
  ingestQueue: IngestQueue;
  /** Undefined while ingestion is off. */
  patrol: Patrol | undefined;
  clock: Clock;
  policy: Policy;
  /** The most that IPD is to get. The sweep asks for most of it, spread over the minute. */
  deliveriesPerMinute: number;
  telemetry: Telemetry;
}) {
  const { ledger, arrivals, closing, queues, breaker, slotLease, clock, policy } = deps;
  const { linkedFiles, ingestQueue, patrol, deliveriesPerMinute, telemetry } = deps;

  let runs = 0;

  /** Works until nothing is due or the signal aborts. One upload that fails does not stop the others. */
  async function run(signal: AbortSignal): Promise<{ done: number; queued: number }> {
    const started = clock.now();
    const view = await breaker.updateRate(deliveriesPerMinute);
    const allowed = deliveriesAllowed(view);
    let slots: Promise<Slots> | undefined;
    /** Asked for only when something needs a slot, since it costs a write. */
    const slotsOfRun = (): Promise<Slots> => (slots ??= openSlots(started, allowed));
    let oldest = started;
    let done = 0;
    const queued = { people: 0, ingest: 0 };
    let arePeopleWaiting = false;
    /** Of the slots of this run, how many a lane may have: people come first. */
    const mostOf = (lane: Lane): number =>
      lane === 'ingest' && arePeopleWaiting ? Math.ceil(allowed * INGEST_SHARE) : allowed;
    const hasSlot = async (lane: Lane, due: number): Promise<boolean> =>
      queued[lane] < mostOf(lane) && (await slotsOfRun()).hasFree(due - started);
    /** The first free slot at or after `due`. Taken when a record was read: the index lags behind. */
    const takeSlot = async (lane: Lane, due: number): Promise<number | undefined> => {
      if (lane === 'people') arePeopleWaiting = true;
      const free = await slotsOfRun();
      // Nothing is awaited from here on: uploads are worked on side by side, and together they would exceed the share.
      const slotMs = queued[lane] < mostOf(lane) ? free.take(due - started) : undefined;
      if (slotMs === undefined) return undefined;
      queued[lane] += 1;
      return started + slotMs;
    };
    const work = async (id: string, lane: Lane): Promise<void> => {
      try {
        const upload = await ledger.find(id);
        // A delivery or another run has moved the upload on.
        if (upload === undefined || !isDue(upload.dueAt, started)) return;
        await act(upload, Date.parse(upload.dueAt), (due) => takeSlot(lane, due));
        done += 1;
      } catch (error) {
        telemetry.error('sweeping an upload failed, it stays due', error, { uploadId: id });
        telemetry.addMetrics({ Unhandled: 1 });
      }
    };
    const workThrough = async (lane: Lane): Promise<void> => {
      const entries = ledger.due(started + AHEAD_MS, lane);
      const worker = async (): Promise<void> => {
        for await (const { id, status, dueAt } of entries) {
          if (signal.aborted) return;
          const due = Date.parse(dueAt);
          oldest = Math.min(oldest, due);
          const isDelivery = status === 'staged' || status === 'waiting' || status === 'unconfirmed';
          // Without a slot, all that can be done is to give the upload up when its time is over.
          const isUseless = isDelivery && !isHourOver(started - due) && !(await hasSlot(lane, due));
          if (!isUseless) await work(id, lane);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
    };
    await workThrough('people');
    await workThrough('ingest');
    await listDrops();
    telemetry.info('sweep ended', { done, queued: queued.people + queued.ingest });
    const open = signal.aborted ? undefined : await countOpen();
    telemetry.addMetrics({
      OldestDueAge: (started - oldest) / 1000,
      BreakerOpen: view.state === 'closed' ? 0 : 1,
      ...(open !== undefined && { OpenUploads: open }),
    });
    return { done, queued: queued.people + queued.ingest };
  }

  /** A run that cannot list is still a success. */
  async function listDrops(): Promise<void> {
    try {
      await patrol?.run();
    } catch (error) {
      telemetry.error('drops not listed', error);
      telemetry.addMetrics({ Unhandled: 1 });
    }
  }

  /**
   * The cost grows with the number of open uploads, so only some runs count them. A run whose count fails is still a
   * success.
   */
  async function countOpen(): Promise<number | undefined> {
    const isCounted = runs % COUNT_EVERY_RUNS === 0;
    runs += 1;
    if (!isCounted) return undefined;
    try {
      return await ledger.countOpen(MOST_COUNTED);
    } catch (error) {
      telemetry.error('open uploads not counted', error);
      return undefined;
    }
  }

  /** The slots of this minute; none where another run gives them. */
  async function openSlots(started: number, allowed: number): Promise<Slots> {
    return createSlots(allowed > 0 && (await slotLease.take(started)) ? allowed : 0);
  }

  /** While IPD is out, the sweep asks for no deliveries. To find out whether IPD is back, one is enough. */
  function deliveriesAllowed(view: BreakerView): number {
    // While the rate is reduced, only the sweep starts deliveries.
    if (view.state === 'closed') return view.rate ?? Math.max(Math.floor(deliveriesPerMinute * SHARE), 1);
    return view.until <= clock.now() + AHEAD_MS ? 1 : 0;
  }

  /** `takeSlot` gives the moment from which the upload may be delivered; undefined where none is left. */
  async function act(
    upload: Upload,
    due: number,
    takeSlot: (due: number) => Promise<number | undefined>,
  ): Promise<void> {
    const now = clock.now();
    switch (upload.status) {
      case 'awaiting_upload':
      case 'expired':
        return find(upload, now);
      case 'staged':
      case 'waiting':
      case 'unconfirmed': {
        const { upload: after } = await ledger.change(upload, (before) =>
          attempts.giveUp(before, { now, policy }),
        );
        if (isFinal(after)) return closing.tryNow(after);
        return askAt(await takeSlot(due), after);
      }
      case 'delivering': {
        const lapsed = { now, random: clock.random(), policy };
        await ledger.change(upload, (before) => attempts.expireLease(before, lapsed));
        return undefined;
      }
      case 'delivered':
      case 'removed': {
        if (!isDue(upload.recheckAt, now)) return end(await expireLink(upload, now), now);
        if (endings.isRecheckOver(upload, { now, policy })) return giveUpRecheck(upload);
        const clean = await closing.removeFile(upload);
        await askAt(await takeSlot(Date.parse(upload.recheckAt)), clean);
        await closing.notify(clean);
        return undefined;
      }
      case 'failed':
      case 'cancelled':
        return end(upload, now);
    }
  }

  /** A linked file whose time is over is taken back; the next run asks for the rest. */
  async function expireLink(upload: Upload, now: number): Promise<Upload> {
    return (await ledger.change(upload, (before) => endings.expireLink(before, { now }))).upload;
  }

  /** No record may stay due for ever. Reports that the check was not made. A linked file goes all the same. */
  async function giveUpRecheck(upload: Upload): Promise<void> {
    const why = new Error('the work item could not be read, or was never free, in time');
    const isOfLinks = upload.asLink !== undefined;
    const words = isOfLinks ? 'links cannot be checked' : 'a second copy cannot be checked for';
    telemetry.error(words, why, { uploadId: upload.id });
    telemetry.addMetrics(isOfLinks ? { LinksNotDeleted: 1 } : { Contradictions: 1 });
    if (upload.status === 'removed') await linkedFiles.remove(upload.id);
    const { upload: after } = await ledger.change(upload, (before) =>
      endings.finishRecheck(endings.markLinkedFileRemoved(before) ?? before),
    );
    await closing.close(after);
  }

  /**
   * Closes an ended upload when that is due; before, it only notifies. Until then, the owner of a failed upload may
   * retry its file, and the file of another one may still arrive.
   */
  async function end(upload: Upload, now: number): Promise<void> {
    const { dueAt } = (upload.notification && endings.markNotified(upload, upload.notification)) ?? upload;
    if (isDue(dueAt, now)) await closing.close(upload);
    else await closing.notify(upload);
  }

  /** The event may be lost, and the client may not have called complete: asks storage for the file. */
  async function find(upload: Upload, now: number): Promise<void> {
    const { upload: found, hasParts } = await arrivals.check(upload);
    if (found.status === 'expired') return end(found, now);
    const { upload: after } = await ledger.change(found, (before) =>
      // Legal only while the file is awaited.
      lifecycle.expireOrWait(before, { now, hasParts }),
    );
    // A function that has delivered it meanwhile closes it.
    if (after.status === 'expired') return closing.tryNow(after);
    // The message of an ingested upload may be lost, too. It asks for the copy, or for the removal of the drop.
    if (ingestedFrom(after) !== undefined) await ingestQueue.sendResume(after.id);
  }

  /**
   * Asks for a delivery at the slot, if there is one. Changes the record first: a message that is sent twice does no
   * harm, and an upload whose message is never sent falls due again.
   */
  async function askAt(slot: number | undefined, upload: Upload): Promise<void> {
    if (slot === undefined) return;
    const now = clock.now();
    const { changed } = await ledger.change(upload, (before) =>
      // Another run that read it at the same moment may have been faster.
      isDue(before.dueAt, now) ? lifecycle.requeue(before, { now }) : undefined,
    );
    const queue = queues[laneOf(upload)];
    if (changed) await queue.send({ uploadId: upload.id, attempt: upload.attempts + 1 }, slot - now);
  }

  return { run };
}

function isDue(time: string | undefined, now: number): time is string {
  return time !== undefined && Date.parse(time) <= now + AHEAD_MS;
}
