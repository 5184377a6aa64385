/**
 * What a step of an upload costs, counted from the requests it made: how often each call was made, and what its writes
 * to the table mean for the bill, as DynamoDB counts them.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
 */
import { z } from 'zod';
import type { Call } from './recorder.ts';

const value = z.record(z.string(), z.json());
const put = z.object({ Item: z.looseObject({ pk: z.object({ S: z.string() }) }) });
type Item = z.infer<typeof put>['Item'];

/** The keys of each index of resources/staging.yml, and what else it holds. */
const INDEXES = [
  { keys: ['dueShard', 'dueAt'], others: ['status'] },
  { keys: ['owner', 'createdAt'], others: ['projectId', 'issueId'] },
  { keys: ['openOwner', 'createdAt'], others: ['projectId', 'issueId'] },
];

/** Counts step after step: it has to see every write, to know what each one replaces. */
export function createCounter() {
  const table = new Map<string, Item>();
  let largestRecord = 0;

  function count(made: Call[]) {
    const calls: Record<string, number> = {};
    let [records, items, entries] = [0, 0, 0];
    // It is free.
    for (const { name, body } of made.filter((call) => call.name !== 'DELETE')) {
      calls[name] = (calls[name] ?? 0) + 1;
      // A counter, which no index holds.
      if (name === 'UpdateItem') items += 1;
      if (name !== 'PutItem') continue;
      const { Item: item } = put.parse(JSON.parse(body));
      const isRecord = item.pk.S.startsWith('upload#');
      if (isRecord) {
        records += 1;
        largestRecord = Math.max(largestRecord, bytesOf(item));
      } else items += 1;
      const before = table.get(item.pk.S);
      for (const index of INDEXES) entries += entriesWritten(index, before, item);
      table.set(item.pk.S, item);
    }
    return { calls, records, items, entries };
  }

  return { count, largestRecord: () => largestRecord };
}

/** A changed key is an entry that goes and one that comes. */
function entriesWritten(
  { keys, others }: (typeof INDEXES)[number],
  before: Item | undefined,
  after: Item,
): number {
  const holds = (item: Item | undefined): boolean => item !== undefined && keys.every((key) => key in item);
  const differs = (name: string): boolean => JSON.stringify(before?.[name]) !== JSON.stringify(after[name]);
  if (!holds(before) || !holds(after)) return holds(before) || holds(after) ? 1 : 0;
  if (keys.some(differs)) return 2;
  return others.some(differs) ? 1 : 0;
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
function bytesOf(item: Item): number {
  return Object.entries(item).reduce(
    (sum, [name, typed]) => sum + Buffer.byteLength(name) + sizeOf(typed),
    0,
  );
}

function sizeOf(typed: unknown): number {
  const [pair] = Object.entries(value.parse(typed));
  if (pair === undefined) return 0;
  const [type, content] = pair;
  if (type === 'L')
    return (
      3 +
      z
        .array(z.unknown())
        .parse(content)
        .reduce<number>((sum, one) => sum + 1 + sizeOf(one), 0)
    );
  if (type === 'M') {
    const members = Object.entries(value.parse(content));
    return 3 + members.reduce((sum, [name, one]) => sum + 1 + Buffer.byteLength(name) + sizeOf(one), 0);
  }
  // A number takes less than its digits.
  return typeof content === 'string' ? Buffer.byteLength(content) : 1;
}
