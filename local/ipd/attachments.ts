/** The attachments that the fake IPD has, or will have: rows in memory, and their bytes in `blobs`. */
import type { Blobs } from './blobs.ts';
import { createRows } from './rows.ts';
import type { Attachment, StoredFile } from './types.ts';

export function createAttachments({ clock, blobs }: { clock: () => number; blobs: Blobs }) {
  const rows = createRows<StoredFile>({ clock });
  return {
    ...rows,
    read: (attachment: Attachment) => blobs.read(attachment.blob),
    async clear(): Promise<void> {
      rows.clear();
      await blobs.clear();
    },
  };
}
