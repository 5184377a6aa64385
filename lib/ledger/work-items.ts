/** Which upload holds a work item for files of its size: one item each, free when that upload needs it no more. */
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { occupiesWorkItem } from '../domain/upload.ts';
import type { Upload } from '../domain/upload.ts';
import { MAX_CONFLICTS, outliving, UNLESS_TAKEN } from './ownership.ts';
import type { Item, Table } from './table.ts';

export type WorkItems = ReturnType<typeof createWorkItems>;

const takenBy = z.object({ uploadId: z.string(), version: z.string() });

/** `find` reads an upload's record. */
export function createWorkItems({
  table: { read, putUnless },
  clock,
  find,
  retentionMs,
}: {
  table: Table;
  clock: Clock;
  find: (id: string) => Promise<Upload | undefined>;
  retentionMs: number;
}) {
  /**
   * Takes the work item for uploads of one size; false while another upload occupies it. Each taking leaves a new
   * version: a caller that found the holder idle takes over only what has not been taken again meanwhile.
   */
  async function takeWorkItem(upload: Upload): Promise<boolean> {
    const pk = workItemKey(upload);
    const take = (seen?: string): Promise<Item | undefined> =>
      putUnless(
        pk,
        { uploadId: upload.id, version: clock.uuid(), ...outliving(clock, retentionMs) },
        {
          condition: `${UNLESS_TAKEN} OR #version = :seen`,
          names: { '#version': 'version' },
          values: { ':mine': upload.id, ':seen': seen ?? '' },
        },
      );
    let taken = await take();
    for (let tries = 0; taken !== undefined && tries < MAX_CONFLICTS; tries += 1) {
      const { uploadId, version } = takenBy.parse(taken);
      const holder = await find(uploadId);
      if (holder !== undefined && occupiesWorkItem(holder, clock.now())) return false;
      taken = await take(version);
    }
    return taken === undefined;
  }

  /** The upload that took the work item last for files of this size; it occupies it only while its state says so. */
  async function findHolder(upload: Upload): Promise<string | undefined> {
    const item = await read(workItemKey(upload));
    return item && takenBy.parse(item).uploadId;
  }

  return { takeWorkItem, findHolder };
}

const workItemKey = ({ projectId, issueId, size }: Upload): string =>
  `work-item#${projectId}#${issueId}#${size}`;
