/**
 * Finds drops whose event never came, or that waited for room: lists `ingest/`, a page at each sweep, and puts what has
 * been there for a while on the queue of ingestion. Where the next page begins is in the ledger.
 */
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { isFolder } from '../domain/ingestion.ts';
import { MINUTE_MS } from '../domain/units.ts';
import type { SharedState } from '../ledger/shared-state.ts';
import type { IngestQueue } from '../messaging/ingest-queue.ts';
import type { Drops } from '../storage/drops.ts';

const STATE = 'ingest-listing';
/** The longest page of storage: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
const PAGE = 1_000;
/** In a message: ten of the longest keys are far below the longest message. */
const DROPS_AT_ONCE = 10;
/** A drop's event mostly comes within seconds. */
const PATIENCE_MS = 15 * MINUTE_MS;
/** Drops that were refused rest there: all of them are looked at again only so often. */
const ROUND_MS = 15 * MINUTE_MS;

const listing = z.object({
  version: z.int(),
  /** The last key of the page before; absent when a round is over. */
  after: z.string().optional(),
  nextRound: z.int(),
});

export type Patrol = ReturnType<typeof createPatrol>;

export function createPatrol({
  drops,
  ingestQueue,
  sharedState,
  clock,
}: {
  drops: Drops;
  ingestQueue: IngestQueue;
  sharedState: SharedState;
  clock: Clock;
}) {
  /** Lists the next page, if one is due, and queues what waits there. Two runs at a time do no harm. */
  async function run(): Promise<void> {
    const found = await sharedState.readState(STATE);
    const state = found === undefined ? { version: 0, nextRound: 0 } : listing.parse(found);
    const now = clock.now();
    if (state.after === undefined && now < state.nextRound) return;
    const page = await drops.list(state.after, PAGE);
    const waiting = page.drops
      .filter(({ key, putAt }) => !isFolder(key) && Date.parse(putAt) + PATIENCE_MS <= now)
      .map(({ key, etag }) => ({ key, etag }));
    for (let first = 0; first < waiting.length; first += DROPS_AT_ONCE) {
      await ingestQueue.sendDrops(waiting.slice(first, first + DROPS_AT_ONCE));
    }
    await sharedState.writeState(STATE, state.version, { after: page.next, nextRound: now + ROUND_MS });
  }

  return { run };
}
