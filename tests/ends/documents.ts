/**
 * The uploads table in memory: the DynamoDB commands that the ledger and its tests send, with conditions, paging, filters and
 * indexes that may lag. Understands no other expressions. It injects no faults.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { compare, createSortedRows } from './sorted-rows.ts';
import type { Place, Row, SortedRows } from './sorted-rows.ts';

type Item = Record<string, unknown>;

/** The attributes of an item that the indexes show, from this time on. */
type IndexEntry = { from: number; row: Row };

type Expressions = Pick<
  QueryCommand['input'],
  'ExpressionAttributeNames' | 'ExpressionAttributeValues' | 'ExclusiveStartKey'
>;

export type Documents = ReturnType<typeof createDocuments>;

const ENTRIES_KEPT = 4;

type Keys = { hash: string; range: string; projected: readonly string[] };

/** As resources/staging.yml has them. */
const INDEXES: Record<string, Keys> = {
  due: { hash: 'dueShard', range: 'dueAt', projected: ['status'] },
  owner: { hash: 'owner', range: 'createdAt', projected: ['projectId', 'issueId'] },
  open: { hash: 'openOwner', range: 'createdAt', projected: ['projectId', 'issueId'] },
};

const SHOWN = [
  ...new Set([
    'pk',
    ...Object.values(INDEXES).flatMap(({ hash, range, projected }) => [hash, range, ...projected]),
  ]),
];

/** A table with one key; a query returns pages of `pageSize` rows. `onWritten` is called with each item written. */
export function createDocuments({
  now,
  pageSize = 3,
  isPrompt = false,
  onWritten,
}: {
  now: () => number;
  pageSize?: number | undefined;
  /** Items go as soon as their time to live is over. */
  isPrompt?: boolean | undefined;
  onWritten?: (item: Item) => void;
}) {
  const items = new Map<string, string>();
  /** Each item before its last change: an eventually consistent read returns it. */
  const earlier = new Map<string, string | undefined>();
  /** The last versions of each item that an index has or had. */
  const versions = new Map<string, IndexEntry[]>();
  /** The newest state of each index, by partition. */
  const partitions = new Map(Object.keys(INDEXES).map((name) => [name, new Map<string, SortedRows>()]));
  /** Which item changed in the indexes, and when, in the order of time. */
  const changes: { at: number; pk: string }[] = [];
  let lagMs = 0;

  function texts(prefix: string): string[] {
    return [...items].flatMap(([pk, text]) => (pk.startsWith(prefix) ? [text] : []));
  }

  /** Carries out one command. `lagMs` lets a query answer from the index as it was. */
  function execute(command: object, { lagMs: ownLagMs = 0 } = {}): object {
    if (command instanceof GetCommand) {
      const { Key, ConsistentRead } = command.input;
      expire(String(Key?.['pk']));
      const text = (ConsistentRead === true ? items : earlier).get(String(Key?.['pk']));
      return text === undefined ? {} : { Item: JSON.parse(text) };
    }
    if (command instanceof PutCommand) return put(command.input);
    if (command instanceof UpdateCommand) return update(command.input);
    if (command instanceof DeleteCommand) {
      const pk = String(command.input.Key?.['pk']);
      for (const kept of [items, earlier]) kept.delete(pk);
      show(pk, {});
      return {};
    }
    if (command instanceof ScanCommand) return { Items: [...items.values()].map((text) => JSON.parse(text)) };
    if (command instanceof QueryCommand) return query(command.input, Math.max(lagMs, ownLagMs));
    throw new TypeError(`the table does not know ${command.constructor.name}`);
  }

  /** DynamoDB may delete an item from the very second on at which its time to live is over. */
  function expire(pk: string): void {
    if (!isPrompt) return;
    const { expiresAt } = find(pk) ?? {};
    if (typeof expiresAt !== 'number' || expiresAt * 1000 > now()) return;
    for (const kept of [items, earlier]) kept.delete(pk);
  }

  function put({ Item: item = {}, ...condition }: PutCommand['input']): object {
    const pk = String(item['pk']);
    expire(pk);
    check(condition, find(pk));
    // As the marshaller does, JSON leaves out what is undefined.
    const text = JSON.stringify(item);
    keep(pk, text);
    show(pk, pick(item, SHOWN));
    onWritten?.(item);
    return {};
  }

  /** Items that no index holds: numbers are added to, and values set. */
  function update({ Key, UpdateExpression: expression = '', ...input }: UpdateCommand['input']): object {
    const pk = String(Key?.['pk']);
    expire(pk);
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

  /** Brings a new version of an item into the indexes. */
  function show(pk: string, row: Row): void {
    const entries = versions.get(pk) ?? [];
    const before = entries.at(-1)?.row ?? {};
    for (const [name, keys] of Object.entries(INDEXES)) {
      const [was, is] = [placeOf(before, keys), placeOf(row, keys)];
      if (was !== undefined) partitionOf(name, before[keys.hash]).remove(was);
      if (is !== undefined) partitionOf(name, row[keys.hash]).add({ ...is, row });
    }
    const isShown = Object.values(INDEXES).some((keys) => placeOf(row, keys) !== undefined);
    if (!isShown && entries.length === 0) return;
    changes.push({ at: now(), pk });
    const all = [...entries, { from: now(), row }];
    const oldest = all.findLastIndex(({ from }) => from <= now() - lagMs);
    versions.set(pk, all.slice(Math.max(Math.min(all.length - ENTRIES_KEPT, oldest), 0)));
  }

  function partitionOf(name: string, hash: unknown): SortedRows {
    const index = partitions.get(name) ?? new Map<string, SortedRows>();
    const rows = index.get(String(hash)) ?? createSortedRows();
    index.set(String(hash), rows);
    return rows;
  }

  /** As in DynamoDB, `Limit` counts the rows that are read, not those that pass the filter. */
  function query(input: QueryCommand['input'], lag: number): object {
    const { IndexName = '', ScanIndexForward = true, Limit = Infinity, FilterExpression: filter } = input;
    const keys = INDEXES[IndexName];
    if (keys === undefined) throw new Error(`the table has no index ${IndexName}`);
    const start = startOf(input, ['pk', keys.hash, keys.range]);
    const after = start && placeOf(start, keys);
    const { isTrue: isWanted, exact } = conditionOf(input.KeyConditionExpression, input);
    const hash = exact(keys.hash) ?? '';
    const { isTrue: isLeft } = conditionOf(filter, input);
    const length = Math.min(Limit, pageSize);
    const rows: Row[] = [];
    let wasWanted = false;
    for (const row of rowsOf({ name: IndexName, keys, hash, after, isForward: ScanIndexForward, lag })) {
      const isIn = isWanted(row);
      // Rows are in the order of the key, so those that a condition takes stand side by side.
      if (wasWanted && !isIn) break;
      wasWanted = isIn;
      if (isIn) rows.push(row);
      if (rows.length > length) break;
    }
    const page = rows.slice(0, length);
    const last = rows.length > length || page.length === Limit ? page.at(-1) : undefined;
    return {
      Items: page.map((row) => pick(row, ['pk', keys.hash, keys.range, ...keys.projected])).filter(isLeft),
      ...(last && { LastEvaluatedKey: pick(last, ['pk', keys.hash, keys.range]) }),
    };
  }

  /** The rows of one partition as the index shows them after this lag. */
  function* rowsOf(asked: {
    name: string;
    keys: Keys;
    hash: string;
    after: Place | undefined;
    isForward: boolean;
    lag: number;
  }): Generator<Row> {
    const { name, keys, hash, after, isForward, lag } = asked;
    const present = partitions.get(name)?.get(hash)?.from(after, isForward) ?? [];
    if (lag === 0) {
      for (const { row } of present) yield row;
      return;
    }
    const direction = isForward ? 1 : -1;
    const isBehind = (place: Place): boolean => after === undefined || compare(place, after) * direction > 0;
    const changed = changedSince(now() - lag);
    const earlierRows = [...changed]
      .flatMap((pk) => {
        const row = versions.get(pk)?.findLast((one) => one.from <= now() - lag)?.row;
        const place = row?.[keys.hash] === hash ? placeOf(row, keys) : undefined;
        return row !== undefined && place !== undefined && isBehind(place) ? [{ ...place, row }] : [];
      })
      .toSorted((a, b) => compare(a, b) * direction);
    let next = 0;
    for (const entry of present) {
      if (changed.has(entry.pk)) continue;
      for (let one = earlierRows[next]; one !== undefined; one = earlierRows[next]) {
        if (compare(one, entry) * direction > 0) break;
        yield one.row;
        next += 1;
      }
      yield entry.row;
    }
    for (const { row } of earlierRows.slice(next)) yield row;
  }

  /** The items whose newest version an index does not show yet that stands still at this time. */
  function changedSince(time: number): Set<string> {
    const changed = new Set<string>();
    for (let index = changes.length - 1; index >= 0; index -= 1) {
      const change = changes[index];
      if (change === undefined || change.at <= time) break;
      changed.add(change.pk);
    }
    return changed;
  }

  function find(pk: string): Item | undefined {
    const text = items.get(pk);
    return text === undefined ? undefined : JSON.parse(text);
  }

  return {
    execute,
    find,
    /** The items whose key starts like this, oldest first. */
    all: (prefix: string): Item[] => texts(prefix).map((text) => JSON.parse(text)),
    /** The same as JSON. */
    texts,
    /** The items that are due at this time, by the newest state of the index. */
    due: (time = Infinity): Item[] =>
      [...(partitions.get('due')?.values() ?? [])].flatMap((rows) => {
        const due: Item[] = [];
        for (const { at, pk } of rows.from(undefined, true)) {
          if (Date.parse(at) > time) break;
          due.push(find(pk) ?? {});
        }
        return due;
      }),
    /** From now on each index shows the table as it was so long ago. */
    lagBy: (ms: number): void => {
      lagMs = ms;
    },
  };
}

/** Where an item stands in an index; undefined for one that the index does not have. */
function placeOf(item: Item, { hash, range }: Keys): Place | undefined {
  const { [hash]: partition, [range]: at } = item;
  return partition === undefined || typeof at !== 'string' ? undefined : { at, pk: String(item['pk']) };
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
  for (const name of names) if (item[name] !== undefined) picked[name] = item[name];
  return picked;
}
