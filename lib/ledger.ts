/**
 * The uploads table in DynamoDB: records, idempotency keys and the index of what is due.
 * Every change is one conditional write of a whole record, so a record has one history. Without
 * transactions: whatever belongs together is written in an order that a crash leaves readable.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import { uploadSchema } from './upload.ts';
import type { Upload } from './upload.ts';

/** From an upload to its next state, or to undefined where that is not legal. Called again when another writer was faster. */
export type Move = (upload: Upload) => Upload | undefined;

export type Ledger = ReturnType<typeof createLedger>;

/** Partitions of the index of due records: more of them than writers that could meet in one. */
const DUE_SHARDS = 8;
/** Writers that meet on one record: beyond this many in a row something is broken. */
const MAX_CONFLICTS = 20;

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
    const { Item } = await client.send(
      new GetCommand({ TableName: table, Key: { pk: uploadKey(id) }, ConsistentRead: true }),
    );
    return Item && uploadSchema.parse(Item);
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
        {
          condition: '#version = :version',
          names: { '#version': 'version' },
          values: { ':version': upload.version },
        },
      );
      if (written !== undefined) return { changed: true, upload: written };
      upload = await required(upload.id);
    }
    throw new AppError('unavailable', `too many writers on upload ${upload.id}`);
  }

  /** What is due before `time` (milliseconds), shard by shard, the most overdue first. */
  async function* due(time: number): AsyncGenerator<{ id: string; status: string }> {
    for (let shard = 0; shard < DUE_SHARDS; shard += 1) {
      let from: Record<string, unknown> | undefined;
      do {
        const { Items, LastEvaluatedKey } = await client.send(
          new QueryCommand({
            TableName: table,
            IndexName: 'due',
            KeyConditionExpression: '#shard = :shard AND #due <= :time',
            ExpressionAttributeNames: { '#shard': 'dueShard', '#due': 'dueAt' },
            ExpressionAttributeValues: { ':shard': String(shard), ':time': new Date(time).toISOString() },
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

  /** What an owner's idempotency key is bound to. */
  async function findKey(owner: string, key: string): Promise<KeyBinding | undefined> {
    const { Item } = await client.send(
      new GetCommand({ TableName: table, Key: { pk: ownerKey(owner, key) }, ConsistentRead: true }),
    );
    return Item && keyItem.parse(Item);
  }

  /** Binds an owner's key to an upload, or takes it over from `instead`; answers with what it is bound to then, which may be another's. */
  async function bindKey(
    owner: string,
    key: string,
    { uploadId, fingerprint, instead }: KeyBinding & { instead?: string | undefined },
  ): Promise<KeyBinding> {
    try {
      await client.send(
        new PutCommand({
          TableName: table,
          Item: { pk: ownerKey(owner, key), uploadId, fingerprint },
          ConditionExpression: 'attribute_not_exists(pk) OR uploadId IN (:mine, :instead)',
          ExpressionAttributeValues: { ':mine': uploadId, ':instead': instead ?? uploadId },
        }),
      );
      return { uploadId, fingerprint };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return (await findKey(owner, key)) ?? bindKey(owner, key, { uploadId, fingerprint });
    }
  }

  /** Writes when the condition holds; undefined when it does not. A write whose answer was lost is recognised as done. */
  async function put(
    upload: Upload,
    when: { condition: string; names?: Record<string, string>; values?: Record<string, unknown> },
  ): Promise<Upload | undefined> {
    const record = uploadSchema.parse(upload);
    const writeId = randomUUID();
    try {
      await client.send(
        new PutCommand({
          TableName: table,
          Item: {
            ...record,
            pk: uploadKey(record.id),
            writeId,
            ...(record.dueAt && { dueShard: shardOf(record.id) }),
          },
          ConditionExpression: when.condition,
          ExpressionAttributeNames: when.names,
          ExpressionAttributeValues: when.values,
        }),
      );
      return record;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      const { Item } = await client.send(
        new GetCommand({ TableName: table, Key: { pk: uploadKey(record.id) }, ConsistentRead: true }),
      );
      return Item?.['writeId'] === writeId ? record : undefined;
    }
  }

  async function required(id: string): Promise<Upload> {
    const upload = await find(id);
    if (upload === undefined) throw new AppError('not_found', `there is no upload ${id}`);
    return upload;
  }

  return { find, add, change, due, findKey, bindKey };
}

const dueItems = z.array(z.object({ pk: z.string(), status: z.string() }));

const uploadKey = (id: string): string => `upload#${id}`;

function ownerKey(owner: string, key: string): string {
  return `key#${createHash('sha256').update(`${owner}\n${key}`).digest('hex')}`;
}

/** Uploads spread evenly, and one always lands in the same shard. */
function shardOf(id: string): string {
  return String(createHash('sha256').update(id).digest().readUInt8(0) % DUE_SHARDS);
}
