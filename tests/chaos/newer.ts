/**
 * The next version of the product, which runs beside this one while it is rolled out: it writes a member into each record
 * that this version does not know, and must keep.
 */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Documents } from '../ends/documents.ts';

const MEMBER = 'addedLater';

/** The table as a container of the next version writes to it. */
export function asNewer({ execute, ...documents }: Documents): Documents {
  return {
    ...documents,
    execute: (command, options) => {
      const { Item } = command instanceof PutCommand ? command.input : {};
      if (!(command instanceof PutCommand) || !String(Item?.['pk']).startsWith('upload#')) {
        return execute(command, options);
      }
      return execute(
        new PutCommand({ ...command.input, Item: { ...Item, [MEMBER]: { by: 'newer' } } }),
        options,
      );
    },
  };
}

/** Hears of every item that is written; `onLost` of a record that has lost what the next version had written. */
export function createKeeping(onLost: (pk: string) => void) {
  const written = new Set<string>();
  return (item: Record<string, unknown>): void => {
    const pk = String(item['pk']);
    if (item[MEMBER] !== undefined) written.add(pk);
    else if (written.has(pk)) onLost(pk);
  };
}
