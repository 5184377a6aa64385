/**
 * The rows of one partition of an index, in the order of their sort key and then of their own key. Rows stand in
 * blocks, so that adding and removing one takes the same time in a partition of a hundred thousand.
 */
export type Row = Record<string, unknown>;

/** Where a row stands: by `at`, and among equal ones by `pk`. */
export type Place = { at: string; pk: string };

const BLOCK_ROWS = 512;

type Entry = Place & { row: Row };

export type SortedRows = ReturnType<typeof createSortedRows>;

/** No rows. */
export function createSortedRows() {
  /** None of them is empty. */
  const blocks: Entry[][] = [];

  /** Adds a row; no other one may have its place. */
  function add(entry: Entry): void {
    const index = Math.max(blockBefore(entry), 0);
    const block = blocks[index];
    if (block === undefined) {
      blocks.push([entry]);
      return;
    }
    block.splice(positionOf(block, entry), 0, entry);
    if (block.length > BLOCK_ROWS) blocks.splice(index + 1, 0, block.splice(BLOCK_ROWS / 2));
  }

  function remove(place: Place): void {
    const index = blockBefore(place);
    const block = blocks[index];
    if (block === undefined) return;
    const position = positionOf(block, place);
    const found = block[position];
    if (found === undefined || compare(found, place) !== 0) return;
    block.splice(position, 1);
    if (block.length === 0) blocks.splice(index, 1);
  }

  /** All rows behind `after`, which need not be there, or all of them; backwards if `isForward` is false. */
  function* from(after: Place | undefined, isForward: boolean): Generator<Entry> {
    if (isForward) {
      let index = after === undefined ? 0 : Math.max(blockBefore(after), 0);
      let position = after === undefined ? 0 : positionBehind(blocks[index] ?? [], after);
      for (; index < blocks.length; index += 1, position = 0) {
        const block = blocks[index] ?? [];
        for (; position < block.length; position += 1) {
          const entry = block[position];
          if (entry !== undefined) yield entry;
        }
      }
      return;
    }
    let index = after === undefined ? blocks.length - 1 : blockBefore(after);
    let position = after === undefined ? Infinity : positionOf(blocks[index] ?? [], after) - 1;
    for (; index >= 0; index -= 1, position = Infinity) {
      const block = blocks[index] ?? [];
      for (position = Math.min(position, block.length - 1); position >= 0; position -= 1) {
        const entry = block[position];
        if (entry !== undefined) yield entry;
      }
    }
  }

  /** The last block that begins at this place or before it; -1 when all begin behind it. */
  function blockBefore(place: Place): number {
    return search(blocks.length, (index) => compare(blocks[index]?.[0] ?? place, place) > 0) - 1;
  }

  return { add, remove, from };
}

/** Before 0 when `a` comes first. */
export function compare(a: Place, b: Place): number {
  if (a.at !== b.at) return a.at < b.at ? -1 : 1;
  if (a.pk === b.pk) return 0;
  return a.pk < b.pk ? -1 : 1;
}

/** Where the row of this place is, or would be. */
function positionOf(block: readonly Entry[], place: Place): number {
  return search(block.length, (index) => compare(block[index] ?? place, place) >= 0);
}

/** The first row behind this place. */
function positionBehind(block: readonly Entry[], place: Place): number {
  return search(block.length, (index) => compare(block[index] ?? place, place) > 0);
}

/** The first of so many numbers from which on the condition holds. */
function search(count: number, holds: (index: number) => boolean): number {
  let [from, to] = [0, count];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (holds(middle)) to = middle;
    else from = middle + 1;
  }
  return from;
}
