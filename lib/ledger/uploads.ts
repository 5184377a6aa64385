/**
 * The uploads table in DynamoDB: records and their indexes, of what is due, of what is open and of what is whose.
 * Every change is one conditional write of a whole record, so a record has one history. Without
 * transactions: writes that belong together come in an order that a crash leaves readable.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { toSeconds } from './time-to-live.ts';
import type { Clock } from '../runtime/clock.ts';
import { AppError } from '../domain/errors.ts';
import { withHistory } from './history.ts';
import { isTooNew, itemOf, readRecord, toRecord } from './record.ts';
import type { Condition, Item, Question, Table } from './table.ts';
import { ingestedFrom, isFinal } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';

/** From an upload to its next state, or to undefined where that is not legal. Called again when another writer was faster. */
export type Transition = (upload: Upload) => Upload | undefined;

/** Which of an owner's uploads, the newest first. */
export type Selection = {
  owner: string;
  /** Only those that have not ended. */
  isOpen: boolean;
  projectId?: string | undefined;
  issueId?: string | undefined;
  /** Go on after this one. */
  after?: Position | undefined;
  limit: number;
};

/** Where an upload stands among its owner's. */
export type Position = Pick<Upload, 'id' | 'createdAt'>;

export type Ledger = ReturnType<typeof createLedger>;

/** Whose uploads: what people begin, or what producers offer. Each has its own part of the index of due records. */
export type Lane = (typeof LANES)[number];
export const LANES = ['people', 'ingest'] as const;

/** Partitions of each part of that index: more of them than writers that could meet in one. */
const DUE_SHARDS = 8;
const SHARD_PREFIX: Record<Lane, string> = { people: '', ingest: 'ingest-' };
/** Writers that meet on one record: beyond this many in a row something is broken. */
const MAX_CONFLICTS = 20;

const VERSION = { '#version': 'version' };

export function createLedger({
  table,
  clock,
  retentionMs,
  onWritten,
}: {
  table: Table;
  clock: Clock;
  /** How long a record stays when nothing is left to be done. */
  retentionMs: number;
  /** Called with every record that was written, and with the record before. */
  onWritten?: (before: Upload | undefined, after: Upload) => void;
}) {
  /** The record that was written last: it saves the read of a change that follows, and its version proves it. */
  let lastWritten: Upload | undefined;

  /** The record, read consistently; undefined when there is none. Throws `unavailable` for one that is too new for us. */
  async function find(id: string): Promise<Upload | undefined> {
    const item = await table.read(uploadKey(id));
    return item && readRecord(item);
  }

  /** Those that there are, in this order; those that are too new for us are only named. */
  async function findAll(ids: string[]): Promise<{ uploads: Upload[]; tooNew: string[] }> {
    const read = await Promise.all(ids.map(async (id) => ({ id, item: await table.read(uploadKey(id)) })));
    const items = read.flatMap(({ id, item }) => (item === undefined ? [] : [{ id, item }]));
    const tooNew = items.filter(({ item }) => isTooNew(item)).map(({ id }) => id);
    return { uploads: items.flatMap(({ item }) => (isTooNew(item) ? [] : [readRecord(item)])), tooNew };
  }

  /** Writes a new record; where the id is taken, answers with the record that has it. */
  async function add(upload: Upload): Promise<{ created: boolean; upload: Upload }> {
    const written = await put(upload, { condition: 'attribute_not_exists(pk)' });
    if (written !== undefined) onWritten?.(undefined, written);
    return { created: written !== undefined, upload: written ?? (await required(upload.id)) };
  }

  /**
   * Applies a transition, again and again if other writers are faster. `changed` is false when the transition was not legal:
   * `upload` is then the record that said so, as it was given or, of an id, as it was read. Throws `not_found` when there is no record.
   */
  async function change(
    start: Upload | string,
    transition: Transition,
  ): Promise<{ changed: boolean; upload: Upload }> {
    const remembered = lastWritten?.id === start ? lastWritten : undefined;
    let upload = typeof start !== 'string' ? start : (remembered ?? (await required(start)));
    let isRemembered = upload === remembered;
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const next = transition(upload);
      const isWrite = next !== undefined && next !== upload;
      // Another writer may have been faster. A write would show that; what is not to be written is decided by what is read.
      if (!isWrite && !isRemembered) return { changed: next !== undefined, upload };
      const written = isWrite ? await replace(upload, next) : undefined;
      if (written !== undefined) return { changed: true, upload: written };
      upload = await required(upload.id);
      isRemembered = false;
    }
    throw new AppError('unavailable', `too many writers on upload ${upload.id}`);
  }

  /** Writes the next record in the place of this one; undefined where another writer was faster. */
  async function replace(upload: Upload, next: Upload): Promise<Upload | undefined> {
    const version = upload.version + 1;
    const updatedAt = new Date(clock.now()).toISOString();
    const written = await put(
      { ...withHistory(upload, next, updatedAt), version, updatedAt },
      { condition: '#version = :version', names: VERSION, values: { ':version': upload.version } },
    );
    if (written !== undefined) onWritten?.(upload, written);
    return written;
  }

  /**
   * What is due before `time` (milliseconds) in one lane, shard by shard, the most overdue first. It begins anywhere: who
   * takes only the first few would never come to the last shard.
   */
  async function* due(
    time: number,
    lane: Lane,
  ): AsyncGenerator<{ id: string; status: string; dueAt: string }> {
    const first = Math.floor(clock.random() * DUE_SHARDS);
    for (let shard = 0; shard < DUE_SHARDS; shard += 1) {
      const pages = table.query({
        index: 'due',
        condition: '#shard = :shard AND #due <= :time',
        names: { '#shard': 'dueShard', '#due': 'dueAt' },
        values: {
          ':shard': `${SHARD_PREFIX[lane]}${(first + shard) % DUE_SHARDS}`,
          ':time': new Date(time).toISOString(),
        },
      });
      for await (const page of pages) {
        yield* dueItems.parse(page).map(({ pk, ...item }) => ({ id: idOf(pk), ...item }));
      }
    }
  }

  /** How many uploads have not ended, but no more than `limit`: each of them is in the index of what is due. */
  async function countOpen(limit: number): Promise<number> {
    const shards = Object.values(SHARD_PREFIX).flatMap((prefix) =>
      Array.from({ length: DUE_SHARDS }, (_, shard) => `${prefix}${shard}`),
    );
    // One lane alone may have as many.
    const counts = await Promise.all(shards.map((shard) => countShard(shard, limit / DUE_SHARDS)));
    return Math.min(
      counts.reduce((sum, count) => sum + count, 0),
      limit,
    );
  }

  async function countShard(shard: string, limit: number): Promise<number> {
    const pages = table.query({
      index: 'due',
      condition: '#shard = :shard',
      names: { '#shard': 'dueShard' },
      values: { ':shard': shard },
      pageSize: limit,
    });
    // So many rows of this index fit into one page.
    const { value: page = [] } = await pages.next();
    return dueItems.parse(page).filter((item) => !isFinal(item)).length;
  }

  /**
   * A page of an owner's uploads; `next` is where another page begins, undefined when there is none. Those that a newer
   * version wrote in a form that we cannot read are only named: one of them must not hide all others.
   */
  async function list({
    limit,
    ...selection
  }: Selection): Promise<{ uploads: Upload[]; tooNew: string[]; next: Position | undefined }> {
    const found: Position[] = [];
    const question = ownIndex(selection);
    // One more than the page tells whether there is another; what a filter leaves out is read in large pages.
    const pageSize = question.filter === undefined ? limit + 1 : undefined;
    for await (const page of table.query({ ...question, newestFirst: true, pageSize })) {
      found.push(...ownItems.parse(page).map(({ pk, createdAt }) => ({ id: idOf(pk), createdAt })));
      if (found.length > limit) break;
    }
    const page = found.slice(0, limit);
    const { uploads: all, tooNew } = await findAll(page.map(({ id }) => id));
    const uploads = selection.isOpen ? all.filter((upload) => !isFinal(upload)) : all;
    return { uploads, tooNew, next: found.length > limit ? page.at(-1) : undefined };
  }

  /** How many of an owner's uploads have not ended, but no more than `limit`. */
  async function countOpenOf(owner: string, limit: number): Promise<number> {
    let count = 0;
    for await (const page of table.query({ ...ownIndex({ owner, isOpen: true }), pageSize: limit })) {
      count += page.length;
      if (count >= limit) break;
    }
    return Math.min(count, limit);
  }

  /** Writes an upload when the condition holds; undefined when it does not. */
  async function put(upload: Upload, when: Condition): Promise<Upload | undefined> {
    const record = toRecord(upload);
    const item: Item = {
      ...itemOf(record),
      ...(record.dueAt !== undefined && { dueShard: shardOf(record) }),
      ...(!isFinal(record) && { openOwner: record.owner }),
      // Nothing is left to be done. A later change of the record writes it without this.
      ...(isFinal(record) &&
        record.dueAt === undefined && { expiresAt: toSeconds(clock.now() + retentionMs) }),
    };
    const taken = await table.putUnless(uploadKey(record.id), item, when);
    if (taken !== undefined) return undefined;
    lastWritten = record;
    return record;
  }

  async function required(id: string): Promise<Upload> {
    const upload = await find(id);
    if (upload === undefined) throw new AppError('not_found', `there is no upload ${id}`);
    return upload;
  }

  return { find, findAll, add, change, due, countOpen, list, countOpenOf };
}

const dueItems = z.array(z.object({ pk: z.string(), status: z.string(), dueAt: z.string() }));
const ownItems = z.array(z.object({ pk: z.string(), createdAt: z.string() }));

export const uploadKey = (id: string): string => `upload#${id}`;
export const idOf = (pk: string): string => pk.slice(uploadKey('').length);

/** The index that holds only what is open, or the one that holds everything of an owner's. */
function ownIndex({ owner, isOpen, after, ...filters }: Omit<Selection, 'limit'>): Question {
  const key = isOpen ? 'openOwner' : 'owner';
  const wanted = Object.entries(filters).filter(([, value]) => value !== undefined);
  return {
    index: isOpen ? 'open' : 'owner',
    condition: '#owner = :owner',
    filter: wanted.map(([name]) => `#${name} = :${name}`).join(' AND ') || undefined,
    names: {
      '#owner': key,
      ...Object.fromEntries(wanted.map(([name]) => [`#${name}`, name])),
    },
    values: {
      ':owner': owner,
      ...Object.fromEntries(wanted.map(([name, value]) => [`:${name}`, value])),
    },
    after: after && { pk: uploadKey(after.id), [key]: owner, createdAt: after.createdAt },
  };
}

/** Whose upload it is. */
export function laneOf(upload: Upload): Lane {
  return ingestedFrom(upload) === undefined ? 'people' : 'ingest';
}

/** Uploads spread evenly, and one always lands in the same shard. */
function shardOf(upload: Upload): string {
  const shard = createHash('sha256').update(upload.id).digest().readUInt8(0) % DUE_SHARDS;
  return `${SHARD_PREFIX[laneOf(upload)]}${shard}`;
}
