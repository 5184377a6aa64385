/**
 * What has to be remembered of each file in Uppy to go on with its upload: in memory, and over a reload by Golden
 * Retriever, which keeps it for the plugin.
 */

export type FileRecord = {
  /** The idempotency key. */
  key: string;
  /** What the key stands for: the file and its work item. */
  subject: string;
  /** Of the upload that the key began. */
  uploadId?: string | undefined;
  /** What that upload needs, if not the file: storage has it, and its delivery is under way, or has failed. */
  next?: 'follow' | 'retry' | undefined;
};

export type Records = ReturnType<typeof createRecords>;

/** `save` gets all records after each change. */
export function createRecords(save: (records: Record<string, FileRecord>) => void) {
  const records = new Map<string, FileRecord>();

  return {
    get: (fileId: string): FileRecord | undefined => records.get(fileId),

    set(fileId: string, record: FileRecord): void {
      records.set(fileId, record);
      save(Object.fromEntries(records));
    },

    forget(fileId: string): void {
      if (records.delete(fileId)) save(Object.fromEntries(records));
    },

    /** Takes what was saved before a reload; anything else is passed over. */
    restore(saved: unknown): void {
      if (!isObject(saved)) return;
      for (const [fileId, record] of Object.entries(saved)) if (isRecord(record)) records.set(fileId, record);
    },
  };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isRecord(value: unknown): value is FileRecord {
  return (
    isObject(value) &&
    typeof value['key'] === 'string' &&
    typeof value['subject'] === 'string' &&
    ['undefined', 'string'].includes(typeof value['uploadId']) &&
    [undefined, 'follow', 'retry'].some((next) => next === value['next'])
  );
}
