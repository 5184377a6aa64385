/** Small states that all functions share, by name: each is one item with a version. */
import type { Item, Table } from './table.ts';
import { createVersionedWrite } from './versions.ts';
import { toSeconds } from './time-to-live.ts';

export type SharedState = ReturnType<typeof createSharedState>;

export function createSharedState({ table }: { table: Table }) {
  const { read, add } = table;
  const writeVersion = createVersionedWrite(table);

  /** A small shared state by name; undefined before the first write. */
  async function readState(name: string): Promise<Item | undefined> {
    return read(`state#${name}`);
  }

  /** Writes a shared state if it still has the version that was read (0 for none); false when another function was faster. */
  async function writeState(name: string, version: number, value: Item): Promise<boolean> {
    return writeVersion(`state#${name}`, version, value);
  }

  /** Adds to the numbers of a shared state that is over at a moment (milliseconds). */
  async function addToState(name: string, numbers: Record<string, number>, until: number): Promise<void> {
    await add(`state#${name}`, { numbers, values: { expiresAt: toSeconds(until) } });
  }

  return { readState, writeState, addToState };
}
