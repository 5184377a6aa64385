/**
 * What the fake IPD keeps of one kind, by work item, in memory. What is "stored minutes later" is here already, with a
 * time in the future: it appears when the clock reaches that time, without a timer; so does what is to go.
 */
import type { Row, WorkItem } from './types.ts';

/** Makes ids of 18 or 19 digits for any clock from 1970 on, far above 2^53. */
const ID_FLOOR = 100_000_000_000_000_000n;
const IDS_PER_MILLISECOND = 524_288n;

export type Timing = { afterSeconds: number; listDelaySeconds: number };

export const AT_ONCE: Timing = { afterSeconds: 0, listDelaySeconds: 0 };

/** Rows of one kind; their order is that in which they were added. */
export function createRows<Content extends object>({ clock }: { clock: () => number }) {
  let rows: Row<Content>[] = [];
  /** The same by work item. */
  const held = new Map<string, Row<Content>[]>();
  let lastId = 0n;

  function nextId(): string {
    const byClock = ID_FLOOR + BigInt(Math.floor(clock())) * IDS_PER_MILLISECOND + 1n;
    lastId = byClock > lastId ? byClock : lastId + 1n;
    return String(lastId);
  }

  function add(content: WorkItem & Content, { afterSeconds, listDelaySeconds }: Timing): Row<Content> {
    const createdAt = clock() + afterSeconds * 1000;
    const visibleAt = createdAt + listDelaySeconds * 1000;
    const row: Row<Content> = { ...content, id: nextId(), createdAt, visibleAt };
    rows.push(row);
    held.set(keyOf(row), [...at(row), row]);
    return row;
  }

  /** Removes a row now, or later; the list may show it for longer. */
  function remove(row: Row<Content>, { afterSeconds, listDelaySeconds }: Timing = AT_ONCE): void {
    const goneAt = clock() + afterSeconds * 1000;
    const hiddenAt = goneAt + listDelaySeconds * 1000;
    Object.assign(row, { goneAt, hiddenAt });
    if (hiddenAt > clock()) return;
    rows = rows.filter((one) => one !== row);
    held.set(
      keyOf(row),
      at(row).filter((one) => one !== row),
    );
  }

  const at = (item: WorkItem): readonly Row<Content>[] => held.get(keyOf(item)) ?? [];
  const isToCome = (time = Infinity): boolean => clock() < time;
  const isThere = (row: Row<Content>): boolean => !isToCome(row.createdAt) && isToCome(row.goneAt);

  return {
    add,
    remove,
    /** Those that the list shows now, oldest first. */
    visible: (item: WorkItem) => at(item).filter((one) => !isToCome(one.visibleAt) && isToCome(one.hiddenAt)),
    countAt: (item: WorkItem) => at(item).filter(isThere).length,
    find: (id: string) => rows.find((one) => one.id === id && isThere(one)),
    /** All rows, including those that appear later, newest last. */
    all: () => rows.filter((one) => isToCome(one.goneAt)).toSorted((a, b) => a.createdAt - b.createdAt),
    clear: (): void => {
      rows = [];
      held.clear();
    },
  };
}

const keyOf = ({ projectId, issueId }: WorkItem): string => `${projectId} ${issueId}`;
