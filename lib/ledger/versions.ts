/** The optimistic lock of an item: written only over the version that was read. */
import type { Item, Table } from './table.ts';

const VERSION = { '#version': 'version' };

/** Writes an item that still has the version that was read (0 for none); false when another writer was faster. */
export function createVersionedWrite({ putUnless }: Table) {
  return async (pk: string, version: number, value: Item): Promise<boolean> => {
    const taken = await putUnless(
      pk,
      { ...value, version: version + 1 },
      {
        condition: 'attribute_not_exists(pk) OR #version = :version',
        names: VERSION,
        values: { ':version': version },
      },
    );
    return taken === undefined;
  };
}
