/**
 * The one DynamoDB table, as the ledger's parts use it: consistent reads by key, conditional writes of whole items,
 * queries of its indexes. Knows nothing of what the items mean.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { failed } from '../runtime/aws-errors.ts';
import type { Clock } from '../runtime/clock.ts';

export type Item = Record<string, unknown>;

/** What a write depends on, as an expression of DynamoDB. */
export type Condition = { condition: string; names?: Record<string, string>; values?: Item };

/** Items of one partition of an index, in the order of its sort key. */
export type Question = {
  index: string;
  /** A key condition, and a filter of what is projected. */
  condition: string;
  filter?: string | undefined;
  names: Record<string, string>;
  values: Item;
  newestFirst?: boolean;
  /** The length of a page, if it is fixed. */
  pageSize?: number | undefined;
  /** The key of the item after which the page begins. */
  after?: Item | undefined;
};

export type Table = ReturnType<typeof createTable>;

export function createTable({
  client,
  table,
  clock,
}: {
  client: DynamoDBDocumentClient;
  table: string;
  clock: Clock;
}) {
  async function read(pk: string): Promise<Item | undefined> {
    const { Item } = await client
      .send(new GetCommand({ TableName: table, Key: { pk }, ConsistentRead: true }))
      .catch(failed(`reading ${kindOf(pk)} from ${table}`));
    return Item;
  }

  /**
   * Writes a whole item. Returns undefined when it was written, else the item that failed the condition. If the SDK
   * repeats a write whose answer got lost, the repetition meets the item of the first: that counts as written.
   */
  async function putUnless(
    pk: string,
    item: Item,
    { condition, names, values }: Condition,
  ): Promise<Item | undefined> {
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
      if (!(error instanceof ConditionalCheckFailedException)) {
        return failed(`writing ${kindOf(pk)} to ${table}`)(error);
      }
      const present = await read(pk);
      // Only items with a time to live are ever deleted, so the item that failed the condition is still there, in
      // some version.
      return present?.['writeId'] === writeId ? undefined : (present ?? {});
    }
  }

  /**
   * Adds to numbers of an item, which begin at 0, and sets `values` in it. Returns the item after that, or undefined
   * when the condition was false. A request that the SDK repeats may count twice: only for counters that may err
   * upwards.
   * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html
   */
  async function add(
    pk: string,
    { numbers, values = {} }: { numbers: Record<string, number>; values?: Item },
    when?: Omit<Condition, 'names'>,
  ): Promise<Item | undefined> {
    const added = Object.keys(numbers).map((name) => `#${name} :${name}`);
    const set = Object.keys(values).map((name) => `#${name} = :${name}`);
    const all = { ...numbers, ...values };
    try {
      const { Attributes } = await client.send(
        new UpdateCommand({
          TableName: table,
          Key: { pk },
          UpdateExpression: [
            `ADD ${added.join(', ')}`,
            ...(set.length > 0 ? [`SET ${set.join(', ')}`] : []),
          ].join(' '),
          ConditionExpression: when?.condition,
          ExpressionAttributeNames: Object.fromEntries(Object.keys(all).map((name) => [`#${name}`, name])),
          ExpressionAttributeValues: {
            ...Object.fromEntries(Object.entries(all).map(([name, value]) => [`:${name}`, value])),
            ...when?.values,
          },
          ReturnValues: 'ALL_NEW',
        }),
      );
      return Attributes ?? {};
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      return failed(`adding to ${kindOf(pk)} in ${table}`)(error);
    }
  }

  /** The keys, and what else the index holds, page by page. An index may lag behind. */
  async function* query({
    index,
    condition,
    filter,
    names,
    values,
    ...order
  }: Question): AsyncGenerator<Item[]> {
    let from = order.after;
    do {
      const command = new QueryCommand({
        TableName: table,
        IndexName: index,
        KeyConditionExpression: condition,
        FilterExpression: filter,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
        ScanIndexForward: order.newestFirst !== true,
        Limit: order.pageSize,
        ExclusiveStartKey: from,
      });
      const { Items, LastEvaluatedKey } = await client
        .send(command)
        .catch(failed(`reading the index ${index} of ${table}`));
      yield Items ?? [];
      from = LastEvaluatedKey;
    } while (from !== undefined);
  }

  return { read, putUnless, add, query };
}

/** The kind of item that a key is of: the rest may name a person. */
function kindOf(pk: string): string {
  return pk.replace(/#.*/s, '');
}
