/**
 * The uploads table in memory: the three DynamoDB commands that the ledger sends, with conditions, paging and an index
 * that may lag. Understands no more expressions than that. Nothing goes wrong here by itself.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';

type Item = Record<string, unknown>;

/** What the index knew of an item from a moment on. */
type IndexEntry = { from: number; item: Item };

export type Documents = ReturnType<typeof createDocuments>;

const ENTRIES_KEPT = 4;

/** A table that one key names; `pageSize` rows make a page of a query. */
export function createDocuments({ now, pageSize = 3 }: { now: () => number; pageSize?: number | undefined }) {
  const items = new Map<string, string>();
  const index = new Map<string, IndexEntry[]>();

  /** Carries out one command. `lagMs` lets a query answer from the index as it was. */
  function execute(command: object, { lagMs = 0 } = {}): object {
    if (command instanceof GetCommand) {
      const text = items.get(String(command.input.Key?.['pk']));
      return text === undefined ? {} : { Item: JSON.parse(text) };
    }
    if (command instanceof PutCommand) return put(command.input);
    if (command instanceof QueryCommand) return query(command.input, now() - lagMs);
    throw new Error(`the table does not know ${command.constructor.name}`);
  }

  function put({ Item: item = {}, ...condition }: PutCommand['input']): object {
    const pk = String(item['pk']);
    if (!holds(condition, find(pk))) {
      throw new ConditionalCheckFailedException({
        message: 'The conditional request failed',
        $metadata: { httpStatusCode: 400 },
      });
    }
    // As the marshaller does, JSON leaves out what is undefined.
    const text = JSON.stringify(item);
    items.set(pk, text);
    if ('dueShard' in item || index.has(pk)) {
      const entries = [...(index.get(pk) ?? []), { from: now(), item: JSON.parse(text) }];
      index.set(pk, entries.slice(-ENTRIES_KEPT));
    }
    return {};
  }

  function query(
    { ExpressionAttributeValues, ExclusiveStartKey }: QueryCommand['input'],
    at: number,
  ): object {
    const { ':shard': shard, ':time': time } = ExpressionAttributeValues ?? {};
    const rows = [...index.values()]
      .map((entries) => entries.findLast(({ from }) => from <= at)?.item ?? {})
      .filter(({ dueShard, dueAt }) => dueShard === shard && String(dueAt) <= String(time))
      .toSorted((a, b) => (position(a) < position(b) ? -1 : 1))
      .filter((row) => ExclusiveStartKey === undefined || position(row) > position(ExclusiveStartKey))
      .map(({ pk, status, dueShard, dueAt }) => ({ pk, status, dueShard, dueAt }));
    const page = rows.slice(0, pageSize);
    const last = rows.length > pageSize ? page.at(-1) : undefined;
    if (last === undefined) return { Items: page };
    const { status: _status, ...key } = last;
    return { Items: page, LastEvaluatedKey: key };
  }

  function find(pk: string): Item | undefined {
    const text = items.get(pk);
    return text === undefined ? undefined : JSON.parse(text);
  }

  return {
    execute,
    find,
    /** The items whose key starts like this, oldest first. */
    all: (prefix: string): Item[] =>
      [...items].filter(([pk]) => pk.startsWith(prefix)).map(([, text]) => JSON.parse(text)),
    /** The states of those that are due at this time, as the index has them by now. */
    due: (time = Infinity): unknown[] =>
      [...index.values()]
        .map((entries) => entries.at(-1)?.item ?? {})
        .filter(({ dueAt }) => typeof dueAt === 'string' && Date.parse(dueAt) <= time)
        .map(({ status }) => status),
  };
}

/** Alternatives of `attribute_not_exists(name)` and `name = :value`. */
function holds(
  input: Pick<
    PutCommand['input'],
    'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
  >,
  present: Item | undefined,
): boolean {
  const { ConditionExpression: expression, ExpressionAttributeNames: names = {} } = input;
  if (expression === undefined) return true;
  return expression.split(' OR ').some((term) => {
    const [, absent] = /^attribute_not_exists\((\w+)\)$/.exec(term) ?? [];
    if (absent !== undefined) return present?.[absent] === undefined;
    const [, name, value] = /^(#?\w+) = (:\w+)$/.exec(term) ?? [];
    if (name === undefined || value === undefined) throw new Error(`the table does not know ${term}`);
    const stored = present?.[names[name] ?? name];
    return stored !== undefined && stored === input.ExpressionAttributeValues?.[value];
  });
}

function position({ dueAt, pk }: Item): string {
  return `${String(dueAt)} ${String(pk)}`;
}
