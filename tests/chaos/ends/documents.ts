/**
 * The uploads table in memory: the four DynamoDB commands that the ledger sends, with conditions, paging, filters and
 * indexes that may lag. Understands no other expressions. It injects no faults.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';

type Item = Record<string, unknown>;

/** An item as the indexes show it from this time on, and its place in the order of each index that has it. */
type IndexEntry = { from: number; item: Item; places: ReadonlyMap<string, string> };

type Expressions = Pick<
  QueryCommand['input'],
  'ExpressionAttributeNames' | 'ExpressionAttributeValues' | 'ExclusiveStartKey'
>;

export type Documents = ReturnType<typeof createDocuments>;

const ENTRIES_KEPT = 4;

/** As resources/staging.yml has them. */
const INDEXES: Record<string, { hash: string; range: string; projected: readonly string[] }> = {
  due: { hash: 'dueShard', range: 'dueAt', projected: ['status'] },
  owner: { hash: 'owner', range: 'createdAt', projected: ['projectId', 'issueId'] },
  open: { hash: 'openOwner', range: 'createdAt', projected: ['projectId', 'issueId'] },
};

/** A table with one key; a query returns pages of `pageSize` rows. `onWritten` is called with each item written. */
export function createDocuments({
  now,
  pageSize = 3,
  onWritten,
}: {
  now: () => number;
  pageSize?: number | undefined;
  onWritten?: (item: Item) => void;
}) {
  const items = new Map<string, string>();
  /** Each item before its last change: an eventually consistent read returns it. */
  const earlier = new Map<string, string | undefined>();
  const index = new Map<string, IndexEntry[]>();

  /** Carries out one command. `lagMs` lets a query answer from the index as it was. */
  function execute(command: object, { lagMs = 0 } = {}): object {
    if (command instanceof GetCommand) {
      const { Key, ConsistentRead } = command.input;
      const text = (ConsistentRead === true ? items : earlier).get(String(Key?.['pk']));
      return text === undefined ? {} : { Item: JSON.parse(text) };
    }
    if (command instanceof PutCommand) return put(command.input);
    if (command instanceof UpdateCommand) return update(command.input);
    if (command instanceof QueryCommand) return query(command.input, now() - lagMs);
    throw new TypeError(`the table does not know ${command.constructor.name}`);
  }

  function put({ Item: item = {}, ...condition }: PutCommand['input']): object {
    const pk = String(item['pk']);
    check(condition, find(pk));
    // As the marshaller does, JSON leaves out what is undefined.
    const text = JSON.stringify(item);
    keep(pk, text);
    const places = placesOf(item);
    if (places.size > 0 || index.has(pk)) {
      const entries = [...(index.get(pk) ?? []), { from: now(), item: JSON.parse(text), places }];
      index.set(pk, entries.slice(-ENTRIES_KEPT));
    }
    onWritten?.(item);
    return {};
  }

  /** Items that no index holds: numbers are added to, and values set. */
  function update({ Key, UpdateExpression: expression = '', ...input }: UpdateCommand['input']): object {
    const pk = String(Key?.['pk']);
    const present = find(pk) ?? { pk };
    check(input, find(pk));
    const { ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = input;
    const [, added = '', set = ''] = /^ADD (.*?)(?: SET (.*))?$/.exec(expression) ?? [];
    for (const [, name = '', sign, value = ''] of `${added}, ${set}`.matchAll(/(#\w+) (= )?(:\w+)/g)) {
      const attribute = names[name] ?? '';
      present[attribute] =
        sign === undefined ? Number(present[attribute] ?? 0) + Number(values[value]) : values[value];
    }
    keep(pk, JSON.stringify(present));
    return { Attributes: present };
  }

  function keep(pk: string, text: string): void {
    earlier.set(pk, items.get(pk));
    items.set(pk, text);
  }

  function check(condition: Parameters<typeof holds>[0], present: Item | undefined): void {
    if (holds(condition, present)) return;
    throw new ConditionalCheckFailedException({
      message: 'The conditional request failed',
      $metadata: { httpStatusCode: 400 },
    });
  }

  /** As in DynamoDB, `Limit` counts the rows that are read, not those that pass the filter. */
  function query(input: QueryCommand['input'], at: number): object {
    const { IndexName = '', ScanIndexForward = true, Limit = Infinity, FilterExpression: filter } = input;
    const keys = INDEXES[IndexName];
    if (keys === undefined) throw new Error(`the table has no index ${IndexName}`);
    const start = startOf(input, ['pk', keys.hash, keys.range]);
    const from = start && placesOf(start).get(IndexName);
    const { isTrue: isWanted, exact } = conditionOf(input.KeyConditionExpression, input);
    const hash = exact(keys.hash);
    const { isTrue: isLeft } = conditionOf(filter, input);
    const found: { row: Item; place: string }[] = [];
    for (const entries of index.values()) {
      const entry = entries.findLast((one) => one.from <= at);
      // Most rows are of another hash: this is the quick way past them.
      if (entry === undefined || entry.item[keys.hash] !== hash) continue;
      const place = entry.places.get(IndexName);
      if (place === undefined) continue;
      const isAfter = from === undefined || (ScanIndexForward ? place > from : place < from);
      if (isAfter && isWanted(entry.item)) found.push({ row: entry.item, place });
    }
    const rows = found
      .toSorted((a, b) => (a.place < b.place === ScanIndexForward ? -1 : 1))
      .map(({ row }) => row);
    const length = Math.min(Limit, pageSize);
    const page = rows.slice(0, length);
    const last = rows.length > length || page.length === Limit ? page.at(-1) : undefined;
    return {
      Items: page.map((row) => pick(row, ['pk', keys.hash, keys.range, ...keys.projected])).filter(isLeft),
      ...(last && { LastEvaluatedKey: pick(last, ['pk', keys.hash, keys.range]) }),
    };
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
    /** The items that are due at this time, by the newest state of the index. */
    due: (time = Infinity): Item[] =>
      [...index.values()]
        .map((entries) => entries.at(-1)?.item ?? {})
        .filter(({ dueAt }) => typeof dueAt === 'string' && Date.parse(dueAt) <= time),
  };
}

/** By the name of each index that has the item. */
function placesOf(item: Item): Map<string, string> {
  return new Map(
    Object.entries(INDEXES).flatMap(([name, { hash, range }]): [string, string][] =>
      hash in item && range in item ? [[name, `${String(item[range])} ${String(item['pk'])}`]] : [],
    ),
  );
}

/** Alternatives of `attribute_not_exists(name)`, `name = :value` and, of numbers, `name <= :value`; several of them in brackets. */
function holds(
  input: Pick<
    PutCommand['input'],
    'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'
  >,
  present: Item | undefined,
): boolean {
  const { ConditionExpression: expression, ExpressionAttributeNames: names = {} } = input;
  if (expression === undefined) return true;
  const all = expression.split(' AND ').map((part) => part.replaceAll(/^\((.*)\)$/g, '$1'));
  const isTrue = (term: string): boolean => {
    const [, absent] = /^attribute_not_exists\((\w+)\)$/.exec(term) ?? [];
    if (absent !== undefined) return present?.[absent] === undefined;
    const [, name, sign, value] = /^(#?\w+) (=|<=) (:\w+)$/.exec(term) ?? [];
    if (name === undefined || value === undefined) throw new TypeError(`the table does not know ${term}`);
    const stored = present?.[names[name] ?? name];
    const wanted = input.ExpressionAttributeValues?.[value];
    if (stored === undefined) return false;
    return sign === '=' ? stored === wanted : Number(stored) <= Number(wanted);
  };
  return all.every((alternatives) => alternatives.split(' OR ').some(isTrue));
}

/**
 * All of `#name = :value`, `#name <= :value` and `#name >= :value`; without an expression, everything. `exact` gives the
 * value that an attribute must have.
 */
function conditionOf(expression: string | undefined, input: Expressions) {
  const { ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = input;
  const terms = (expression?.split(' AND ') ?? []).map((term) => {
    const [, name = '', sign, value = ''] = /^(#\w+) (=|<=|>=) (:\w+)$/.exec(term) ?? [];
    if (sign === undefined) throw new TypeError(`the table does not know ${term}`);
    return { name: names[name] ?? '', sign, wanted: String(values[value]) };
  });
  return {
    isTrue: (row: Item): boolean =>
      terms.every(({ name, sign, wanted }) => {
        const stored = String(row[name]);
        if (sign === '=') return stored === wanted;
        return sign === '<=' ? stored <= wanted : stored >= wanted;
      }),
    exact: (attribute: string): string | undefined =>
      terms.find(({ name, sign }) => name === attribute && sign === '=')?.wanted,
  };
}

/** The key after which the query continues; DynamoDB refuses a key that does not fit the index. */
function startOf({ ExclusiveStartKey: start }: Expressions, names: readonly string[]): Item | undefined {
  if (start === undefined) return undefined;
  const isKey = Object.keys(start).toSorted().join(' ') === names.toSorted().join(' ');
  if (!isKey) throw new TypeError(`the index goes on after ${names.join(', ')}`);
  return start;
}

function pick(item: Item, names: readonly string[]): Item {
  const picked: Item = {};
  for (const name of names) if (name in item) picked[name] = item[name];
  return picked;
}
