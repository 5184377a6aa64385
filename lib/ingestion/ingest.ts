/**
 * The use case: what a producer offers becomes an upload like any other. Writes the record, copies the object into
 * staging, records the copy, and only then removes a drop. Each step finds the work of an earlier run, so a message may
 * come twice, late or in any order. Never calls IPD.
 */
import { AppError } from '../domain/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Closing } from '../uploads/clean-up.ts';
import * as ingestion from '../domain/ingestion.ts';
import type { IngestRequest, Offer, Refusal } from '../domain/ingestion.ts';
import * as offers from './offers.ts';
import type { Admission } from './offers.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { ingestedFrom, stagingKey } from '../domain/upload.ts';
import type { Ingested, Policy, StagedObject, Upload } from '../domain/upload.ts';
import { MINUTE_MS, SECOND_MS } from '../domain/units.ts';
import type { Counters } from '../ledger/counters.ts';
import type { Ledger } from '../ledger/uploads.ts';
import { readIngestMessage } from '../messaging/ingest-queue.ts';
import type { IngestQueue, NamedDrop } from '../messaging/ingest-queue.ts';
import type { Queue } from '../messaging/queue.ts';
import type { Room } from '../pacing/room.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import type { Drops, Place } from '../storage/drops.ts';
import type { Staging } from '../storage/staged-files.ts';

/** A request over the quota comes back after this time. */
const QUOTA_PAUSE_MS = 5 * MINUTE_MS;

export function createIngestion(deps: {
  ledger: Ledger;
  counters: Counters;
  drops: Drops;
  staging: Staging;
  ingestQueue: IngestQueue;
  queue: Queue;
  room: Room;
  closing: Closing;
  clock: Clock;
  policy: Policy;
  /** The staging bucket. */
  bucket: string;
  /** Undefined while ingestion is off. */
  admission: Admission | undefined;
  /** How many files a minute are delivered without a wait for the sweep. */
  promptPerMinute: number;
  telemetry: Telemetry;
}) {
  const {
    ledger,
    counters,
    drops,
    staging,
    ingestQueue,
    queue,
    room,
    closing,
    clock,
    policy,
    bucket,
    telemetry,
  } = deps;
  const moment = () => ({ now: clock.now(), policy });

  /**
   * Handles a message of the queue of ingestion; `messageId` is the queue's. Rejects when the ledger or storage cannot be
   * reached, and for what is no message at all: it ends among the dead letters.
   */
  async function onMessage(body: string, messageId: string): Promise<void> {
    const { admission } = deps;
    const message = readIngestMessage(body);
    if (message === undefined) throw new Error('not a message of ingestion');
    if (admission === undefined) {
      telemetry.warn('ingestion is off: set INGEST_PROJECTS', { kind: message.kind });
      return;
    }
    switch (message.kind) {
      case 'drops':
        return onDrops(message.drops, admission);
      case 'request':
        return onRequest(message.request, messageId, admission);
      case 'malformed_request': {
        await take(offers.malformedRequest(message, { offerId: messageId }));
        break;
      }
      case 'resume':
        return resume(message.uploadId);
    }
  }

  /** Each of them has its chance: one that fails time after time must not keep back those that come with it. */
  async function onDrops(named: NamedDrop[], admission: Admission): Promise<void> {
    const ends = await Promise.allSettled(named.map((drop) => onDrop(drop, admission)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** An object was put under `ingest/`. It counts only as long as storage shows the version that the event names. */
  async function onDrop({ key, etag }: NamedDrop, admission: Admission): Promise<void> {
    if (!key.startsWith(ingestion.INGEST_PREFIX) || ingestion.isFolder(key) || !ingestion.isUnicode(key))
      return;
    const object = await drops.find({ bucket, key });
    if (object.kind === 'unavailable') {
      if (object.code === 'ingest_source_missing') return;
      throw new AppError('unavailable', `a drop cannot be read: ${object.detail}`);
    }
    if (object.etag === etag) await take(offers.offerOfDrop({ bucket, key, object }, admission));
  }

  async function onRequest(request: IngestRequest, offerId: string, admission: Admission): Promise<void> {
    const { source } = request;
    // The bridge's own bucket holds files of users, which no producer may name.
    const object =
      source.bucket === bucket
        ? {
            kind: 'unavailable' as const,
            code: 'ingest_source_forbidden' as const,
            detail: 'the staging bucket is no source: put the object under ingest/',
          }
        : await drops.find(source);
    const offer =
      object.kind === 'found'
        ? offers.offerOfRequest(request, { object, offerId }, admission)
        : offers.refusedRequest(request, { offerId, refusal: object });
    if ((await take(offer)) === 'over_quota') await ingestQueue.sendAgain(request, QUOTA_PAUSE_MS);
  }

  /** Takes an offer, unless that was done: begins its upload, or offers it again. */
  async function take(offer: Offer): Promise<'taken' | 'over_quota'> {
    const before = await ledger.find(offer.upload.id);
    if (before !== undefined && ingestion.isReused(before, offer)) return take(offers.refusedAsReused(offer));
    if (before === undefined && offer.refusal === undefined && !(await room.take(offer.upload.owner))) {
      telemetry.info('offer waits: too many open uploads', { projectId: offer.upload.projectId });
      return 'over_quota';
    }
    const taken = before === undefined ? await begin(offer) : await again(before, offer);
    // What another run has begun meanwhile may be of another request with the same id.
    if (taken === undefined) return take(offer);
    const { isNews, upload } = taken;
    if (isNews) await announce(upload);
    await proceed(upload, offer.upload.source);
    return 'taken';
  }

  /** Undefined where another run was faster. */
  async function begin(offer: Offer): Promise<{ isNews: boolean; upload: Upload } | undefined> {
    const { created, upload } = await ledger.add(ingestion.begin(offer, moment()));
    if (!created) return undefined;
    telemetry.addMetrics({ Ingested: 1 });
    return { isNews: true, upload };
  }

  async function again(before: Upload, offer: Offer): Promise<{ isNews: boolean; upload: Upload }> {
    const { changed, upload } = await ledger.change(before, (current) =>
      ingestion.offerAgain(current, offer, moment()),
    );
    return { isNews: changed, upload };
  }

  /** Tells of the end of an upload, if it has ended. */
  async function announce(upload: Upload): Promise<void> {
    if (ingestion.isRefusal(upload)) telemetry.addMetrics({ IngestRefused: 1 });
    await closing.tryNow(upload);
  }

  /** Copies the object of an upload that still awaits it, and removes a drop that has been copied. */
  async function proceed(upload: Upload, offered: Upload['source']): Promise<void> {
    const from = ingestedFrom(upload);
    const after = from && upload.status === 'awaiting_upload' ? await copy(upload, from) : upload;
    // A copy that came after the end: nothing else would remove it. Another end may be followed by a new beginning.
    if (after.status === 'delivered') await staging.remove(stagingKey(after.id));
    // The drop of a failed upload stays for as long as its staged file would. A record that was erased has no ETag.
    const isCopied = after.status === 'delivered' || (after.etag !== undefined && after.status !== 'failed');
    if (isCopied && offered?.kind === 'drop') await drops.discard(offered);
  }

  /** The sweep has found an upload that still awaits its copy. */
  async function resume(uploadId: string): Promise<void> {
    const upload = await ledger.find(uploadId);
    if (upload !== undefined) await proceed(upload, upload.source);
  }

  async function copy(upload: Upload, from: Ingested): Promise<Upload> {
    const { size, contentType } = upload;
    const copied = await drops.copy(placeOf(from), { key: stagingKey(upload.id), size, contentType });
    switch (copied.kind) {
      case 'unavailable':
        return fail(upload, copied);
      case 'occupied':
        return makePlace(upload, from, copied);
      case 'copied':
        return stage(upload, copied);
    }
  }

  async function fail(upload: Upload, refusal: Refusal): Promise<Upload> {
    const { changed, upload: failed } = await ledger.change(upload, (before) =>
      ingestion.failCopy(before, { ...refusal, ...moment() }),
    );
    if (changed) await announce(failed);
    return failed;
  }

  /**
   * Removes an earlier copy that is in the place of this one: nothing reads it while the record awaits this one. Where
   * the record does not, another run was faster. Throws once it is removed: the message comes again.
   */
  async function makePlace(upload: Upload, from: Ingested, { etag }: StagedObject): Promise<Upload> {
    const current = await ledger.find(upload.id);
    if (current?.status !== 'awaiting_upload' || ingestedFrom(current)?.etag !== from.etag) return upload;
    await drops.remove({ key: stagingKey(upload.id), etag });
    throw new AppError('unavailable', `upload ${upload.id} awaits its copy: an earlier one was in its place`);
  }

  async function stage(upload: Upload, copied: StagedObject): Promise<Upload> {
    const isPrompt = await takePrompt();
    const { changed, upload: after } = await ledger.change(upload, (before) => {
      const staged = lifecycle.stage(before, copied, moment());
      // A copy of another size than its object has ended the upload, and nothing is queued.
      return isPrompt && staged !== undefined
        ? (lifecycle.requeue(staged, { now: clock.now() }) ?? staged)
        : staged;
    });
    if (changed && isPrompt && after.status === 'staged') {
      await queue.send({ uploadId: after.id, attempt: after.attempts + 1 });
    }
    return after;
  }

  /**
   * True for a few files a minute. They are spread over its seconds: all of them at once would use up what IPD takes in
   * some seconds, and a person's file would be throttled beside them.
   */
  function takePrompt(): Promise<boolean> {
    const { promptPerMinute } = deps;
    const second = Math.floor((clock.now() % MINUTE_MS) / SECOND_MS);
    return counters.countInMinute('ingest', {
      prompt: { add: 1, upTo: promptPerMinute },
      [`promptIn${second}`]: { add: 1, upTo: Math.ceil(promptPerMinute / 60) },
    });
  }

  function placeOf(from: Ingested): Place & { etag: string } {
    if (from.kind === 'request') return from;
    return { bucket, key: from.key, etag: from.etag };
  }

  return { onMessage };
}
