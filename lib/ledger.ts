/**
 * The uploads table in DynamoDB: records, the index of what is due, idempotency keys, and what uploads
 * compete for: attachments, work items, the breaker.
 * Every change is one conditional write of a whole record, so a record has one history. Without
 * transactions: whatever belongs together is written in an order that a crash leaves readable.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import { occupiesWorkItem, uploadSchema } from './upload.ts';
import type { Upload } from './upload.ts';

/** From an upload to its next state, or to undefined where that is not legal. Called again when another writer was faster. */
export type Move = (upload: Upload) => Upload | undefined;

export type Ledger = ReturnType<typeof createLedger>;

/** Partitions of the index of due records: more of them than writers that could meet in one. */
const DUE_SHARDS = 8;
/** Writers that meet on one record: beyond this many in a row something is broken. */
const MAX_CONFLICTS = 20;

type Condition = { condition: string; names?: Record<string, string>; values?: Record<string, unknown> };

const VERSION = { '#version': 'version' };
const UNLESS_ANOTHERS = 'attribute_not_exists(pk) OR uploadId = :mine';

const owned = z.object({ uploadId: z.string() });
const held = z.object({ uploadId: z.string(), mark: z.string() });
const keyItem = z.object({ uploadId: z.string(), fingerprint: z.string() });
type KeyBinding = z.infer<typeof keyItem>;

export function createLedger({
  client,
  table,
  clock,
}: {
  client: DynamoDBDocumentClient;
  table: string;
  clock: Clock;
}) {
  /** The record, read consistently; undefined when there is none. */
  async function find(id: string): Promise<Upload | undefined> {
    const item = await read(uploadKey(id));
    return item && uploadSchema.parse(item);
  }

  /** Writes a new record; where the id is taken, answers with the record that has it. */
  async function add(upload: Upload): Promise<{ created: boolean; upload: Upload }> {
    const written = await put(upload, { condition: 'attribute_not_exists(pk)' });
    return { created: written !== undefined, upload: written ?? (await required(upload.id)) };
  }

  /**
   * Applies a move, again and again if other writers are faster. `changed` is false when the move was not legal:
   * `upload` is then the record that said so. Throws `not_found` when there is no record.
   */
  async function change(start: Upload | string, move: Move): Promise<{ changed: boolean; upload: Upload }> {
    let upload = typeof start === 'string' ? await required(start) : start;
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const next = move(upload);
      if (next === undefined || next === upload) return { changed: next !== undefined, upload };
      const version = upload.version + 1;
      const updatedAt = new Date(clock.now()).toISOString();
      const written = await put(
        { ...next, version, updatedAt },
        { condition: '#version = :version', names: VERSION, values: { ':version': upload.version } },
      );
      if (written !== undefined) return { changed: true, upload: written };
      upload = await required(upload.id);
    }
    throw new AppError('unavailable', `too many writers on upload ${upload.id}`);
  }

  /**
   * What is due before `time` (milliseconds), shard by shard, the most overdue first. It begins anywhere: who takes
   * only the first few would never come to the last shard.
   */
  async function* due(time: number): AsyncGenerator<{ id: string; status: string }> {
    const first = Math.floor(clock.random() * DUE_SHARDS);
    for (let turn = 0; turn < DUE_SHARDS; turn += 1) {
      const shard = String((first + turn) % DUE_SHARDS);
      let from: Record<string, unknown> | undefined;
      do {
        const { Items, LastEvaluatedKey } = await client.send(
          new QueryCommand({
            TableName: table,
            IndexName: 'due',
            KeyConditionExpression: '#shard = :shard AND #due <= :time',
            ExpressionAttributeNames: { '#shard': 'dueShard', '#due': 'dueAt' },
            ExpressionAttributeValues: { ':shard': shard, ':time': new Date(time).toISOString() },
            ExclusiveStartKey: from,
          }),
        );
        yield* dueItems
          .parse(Items ?? [])
          .map(({ pk, status }) => ({ id: pk.slice(uploadKey('').length), status }));
        from = LastEvaluatedKey;
      } while (from !== undefined);
    }
  }

  /** Claims an attachment for an upload; answers with the upload that has it, which may be another. */
  async function claimAttachment(attachmentId: string, uploadId: string): Promise<string> {
    const pk = attachmentKey(attachmentId);
    const taken = await putUnless(
      pk,
      { uploadId },
      { condition: UNLESS_ANOTHERS, values: { ':mine': uploadId } },
    );
    return taken === undefined ? uploadId : owned.parse(taken).uploadId;
  }

  /** Which of these attachments have been claimed, and by which upload. */
  async function findClaims(attachmentIds: string[]): Promise<Map<string, string>> {
    const items = await Promise.all(
      attachmentIds.map(async (id) => [id, await read(attachmentKey(id))] as const),
    );
    return new Map(items.flatMap(([id, item]) => (item ? [[id, owned.parse(item).uploadId]] : [])));
  }

  /**
   * Takes the work item for uploads of one size; false while another upload occupies it. Each taking leaves a new
   * mark: who found the holder idle takes over only what has not been taken again meanwhile.
   */
  async function takeWorkItem(upload: Upload): Promise<boolean> {
    const pk = `work-item#${upload.issueId}#${upload.size}`;
    const take = (seen?: string): Promise<Record<string, unknown> | undefined> =>
      putUnless(
        pk,
        { uploadId: upload.id, mark: clock.uuid() },
        {
          condition: `${UNLESS_ANOTHERS} OR mark = :seen`,
          values: { ':mine': upload.id, ':seen': seen ?? '' },
        },
      );
    let taken = await take();
    for (let tries = 0; taken !== undefined && tries < MAX_CONFLICTS; tries += 1) {
      const { uploadId, mark } = held.parse(taken);
      const holder = await find(uploadId);
      if (holder !== undefined && occupiesWorkItem(holder)) return false;
      taken = await take(mark);
    }
    return taken === undefined;
  }

  /** A small shared state by name; undefined when nobody has written it yet. */
  async function readState(name: string): Promise<Record<string, unknown> | undefined> {
    return read(`state#${name}`);
  }

  /** Writes a shared state if it still has the version that was read (0 for none); false when somebody was faster. */
  async function writeState(name: string, version: number, value: Record<string, unknown>): Promise<boolean> {
    const taken = await putUnless(
      `state#${name}`,
      { ...value, version: version + 1 },
      {
        condition: 'attribute_not_exists(pk) OR #version = :version',
        names: VERSION,
        values: { ':version': version },
      },
    );
    return taken === undefined;
  }

  /** What an owner's idempotency key is bound to. */
  async function findKey(owner: string, key: string): Promise<KeyBinding | undefined> {
    const item = await read(ownerKey(owner, key));
    return item && keyItem.parse(item);
  }

  /** Binds an owner's key to an upload, or takes it over from `instead`; answers with what it is bound to then, which may be another's. */
  async function bindKey(
    owner: string,
    key: string,
    { uploadId, fingerprint, instead }: KeyBinding & { instead?: string | undefined },
  ): Promise<KeyBinding> {
    const taken = await putUnless(
      ownerKey(owner, key),
      { uploadId, fingerprint },
      {
        condition: `${UNLESS_ANOTHERS} OR uploadId = :instead`,
        values: { ':mine': uploadId, ':instead': instead ?? uploadId },
      },
    );
    return taken === undefined ? { uploadId, fingerprint } : keyItem.parse(taken);
  }

  /** Writes an upload when the condition holds; undefined when it does not. */
  async function put(upload: Upload, when: Condition): Promise<Upload | undefined> {
    const record = uploadSchema.parse(upload);
    const item = record.dueAt === undefined ? record : { ...record, dueShard: shardOf(record.id) };
    const taken = await putUnless(uploadKey(record.id), item, when);
    return taken === undefined ? record : undefined;
  }

  /**
   * The one place that writes: answers with the item that stood in the way, undefined when ours was written.
   * A write whose answer got lost, so that it met its own effect, counts as written.
   */
  async function putUnless(
    pk: string,
    item: Record<string, unknown>,
    { condition, names, values }: Condition,
  ): Promise<Record<string, unknown> | undefined> {
    const writeId = clock.uuid();
    try {
      await client.send(
        new PutCommand({
          TableName: table,
          Item: { ...item, pk, writeId },
          ConditionExpression: condition,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const present = await read(pk);
      // Nothing is ever deleted, so whatever failed the condition is still there in some version.
      return present?.['writeId'] === writeId ? undefined : (present ?? {});
    }
  }

  async function read(pk: string): Promise<Record<string, unknown> | undefined> {
    const { Item } = await client.send(
      new GetCommand({ TableName: table, Key: { pk }, ConsistentRead: true }),
    );
    return Item;
  }

  async function required(id: string): Promise<Upload> {
    const upload = await find(id);
    if (upload === undefined) throw new AppError('not_found', `there is no upload ${id}`);
    return upload;
  }

  return {
    find,
    add,
    change,
    due,
    claimAttachment,
    findClaims,
    takeWorkItem,
    readState,
    writeState,
    findKey,
    bindKey,
  };
}

const dueItems = z.array(z.object({ pk: z.string(), status: z.string() }));

const uploadKey = (id: string): string => `upload#${id}`;
const attachmentKey = (id: string): string => `attachment#${id}`;

function ownerKey(owner: string, key: string): string {
  return `key#${createHash('sha256').update(`${owner}\n${key}`).digest('hex')}`;
}

/** Uploads spread evenly, and one always lands in the same shard. */
function shardOf(id: string): string {
  return String(createHash('sha256').update(id).digest().readUInt8(0) % DUE_SHARDS);
}
