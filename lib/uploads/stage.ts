/**
 * Checks whether a file has arrived: asks storage, joins the parts once all are there, records it and, of a user's file,
 * asks for the delivery. Events report most arrivals; this is for callers that cannot wait for one, and for lost events.
 */
import type { Clock } from '../runtime/clock.ts';
import type { ProblemPlace } from '../domain/errors.ts';
import type { Drops } from '../storage/drops.ts';
import type { Ledger } from '../ledger/uploads.ts';
import type { Multipart } from '../storage/multipart.ts';
import * as lifecycle from '../domain/lifecycle.ts';
import { bytesOf, cut, missingOf } from '../domain/parts.ts';
import type { StoredPart } from '../domain/parts.ts';
import type { Queue } from '../messaging/queue.ts';
import type { Staging } from '../storage/staged-files.ts';
import { ingestedFrom, isFileRemoved, stagingKey } from '../domain/upload.ts';
import type { Policy, Upload } from '../domain/upload.ts';

/** `missing` is empty when the file has arrived, or is not awaited any more. `hasParts`: some of it is there. */
export type StagingCheck = { upload: Upload; missing: ProblemPlace[]; hasParts: boolean };

/** A part as named by a client that chooses the part sizes. */
export type NamedPart = Pick<StoredPart, 'number' | 'etag'>;

export type Arrivals = ReturnType<typeof createArrivals>;

export function createArrivals(deps: {
  ledger: Ledger;
  staging: Staging;
  multipart: Multipart;
  queue: Queue;
  drops: Drops;
  clock: Clock;
  policy: Policy;
}) {
  const { ledger, staging, multipart, queue, drops, clock, policy } = deps;
  const moment = () => ({ now: clock.now(), policy });

  /**
   * Checks whether an awaited file has arrived. `named`: the parts that make the file, if the client chose the part
   * sizes; only the client can tell whether all are there. Throws `upload_incomplete` where parts do not fit
   * together.
   */
  async function check(upload: Upload, named?: NamedPart[]): Promise<StagingCheck> {
    const { multipart: begun } = upload;
    const stored = begun && (await multipart.list(targetOf(upload, begun.uploadId)));
    if (begun !== undefined && stored !== undefined) {
      const { missing, wanted } =
        begun.partSize === undefined
          ? byNames(stored, named)
          : byPlan(stored, { size: upload.size, partSize: begun.partSize });
      if (missing.length > 0) {
        return { upload, missing, hasParts: stored.length > 0 && begun.partSize !== undefined };
      }
      const size = bytesOf(wanted);
      if (upload.maxSize !== undefined && (size < 1 || size > upload.maxSize)) return refuse(upload, size);
      await multipart.complete(targetOf(upload, begun.uploadId), wanted);
    }
    const object = await staging.head(stagingKey(upload.id));
    if (object === undefined) return withoutObject(upload);
    const { changed, upload: staged } = await ledger.change(upload, (before) =>
      lifecycle.stage(before, object, moment()),
    );
    // What is not changed was not read: the record may have moved on.
    const after = await (changed ? staged : latest(upload));
    await askForDelivery(after);
    return asRecorded(after);
  }

  /** Of an ingested upload the sweep asks for the delivery, when its slot has come. */
  async function askForDelivery(upload: Upload): Promise<void> {
    if (upload.status !== 'staged' || ingestedFrom(upload) !== undefined) return;
    await queue.send({ uploadId: upload.id, attempt: upload.attempts + 1, isArrival: true });
  }

  /** Storage has no object: it has not arrived yet, or a delivery has removed it meanwhile. The record tells which. */
  async function withoutObject(upload: Upload): Promise<StagingCheck> {
    return asRecorded(await latest(upload));
  }

  async function latest(upload: Upload): Promise<Upload> {
    return (await ledger.find(upload.id)) ?? upload;
  }

  function asRecorded(upload: Upload): StagingCheck {
    const isAwaited = upload.status === 'awaiting_upload' || upload.status === 'expired';
    const missing = isAwaited ? [{ pointer: 'file', detail: 'is not stored' }] : [];
    return { upload, missing, hasParts: false };
  }

  /** The file is empty or longer than allowed, and only this call can see it: the parts are never joined. */
  async function refuse(upload: Upload, size: number): Promise<StagingCheck> {
    const { upload: after } = await ledger.change(upload, (before) =>
      lifecycle.stage(before, { size, etag: '' }, moment()),
    );
    // Another call may have staged it with fewer parts meanwhile.
    if (after.etag === undefined) await discard(after);
    return { upload: after, missing: [], hasParts: false };
  }

  /** Removes what storage has of an upload that does not need it any more, unless the record says that this is done. */
  async function discard(upload: Upload): Promise<void> {
    if (isFileRemoved(upload)) return;
    // With an ETag the parts have been joined.
    if (upload.multipart !== undefined && upload.etag === undefined) {
      await multipart.abort(targetOf(upload, upload.multipart.uploadId));
    }
    await staging.remove(stagingKey(upload.id));
    // A drop rests where its upload ended without a copy. An erased record does not name it any more.
    const isOver = upload.status === 'failed' || upload.status === 'cancelled';
    if (isOver && upload.source?.kind === 'drop' && upload.erasure === undefined) {
      await drops.discard(upload.source);
    }
  }

  return { check, discard };
}

function targetOf(upload: Upload, uploadId: string) {
  return { key: stagingKey(upload.id), uploadId };
}

type Verdict = { missing: ProblemPlace[]; wanted: StoredPart[] };

/** We chose the part sizes: each part must have its length. */
function byPlan(stored: StoredPart[], { size, partSize }: { size: number; partSize: number }): Verdict {
  const plan = cut(size, partSize);
  const missing = missingOf(plan, stored).map(({ number }) => absent(number));
  return { missing, wanted: stored.filter(({ number }) => number <= plan.length) };
}

/** The client chose the part sizes: the parts are those that it names, without a gap. */
function byNames(stored: StoredPart[], named: NamedPart[] = []): Verdict {
  if (named.length === 0) return { missing: [{ pointer: 'file', detail: 'is not complete' }], wanted: [] };
  const found = new Map(stored.map((part) => [part.number, part]));
  const wanted = named
    .toSorted((a, b) => a.number - b.number)
    .flatMap(({ number, etag }, index) => {
      const part = found.get(number);
      const isNamed = number === index + 1 && part !== undefined && bare(part.etag) === bare(etag);
      return isNamed ? [part] : [];
    });
  const present = new Set(wanted.map(({ number }) => number));
  return {
    missing: named.filter(({ number }) => !present.has(number)).map(({ number }) => absent(number)),
    wanted,
  };
}

function absent(number: number): ProblemPlace {
  return { pointer: `part:${number}`, detail: 'is not stored' };
}

/** Some clients keep the quotes of an ETag, some do not. */
function bare(etag: string): string {
  return etag.replaceAll('"', '');
}
