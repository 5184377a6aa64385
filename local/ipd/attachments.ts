/**
 * The attachments that the fake IPD has, or will have. A file that is "stored minutes later" is here already, with a
 * time in the future: it appears when the clock reaches that time, without a timer.
 */
import type { Blobs } from './blobs.ts';
import type { Attachment, WorkItem } from './types.ts';

/** Makes ids of 18 or 19 digits for any clock from 1970 on, far above 2^53. */
const ID_FLOOR = 100_000_000_000_000_000n;
const IDS_PER_MILLISECOND = 524_288n;

type NewAttachment = Omit<Attachment, 'id' | 'createdAt' | 'visibleAt'> & {
  afterSeconds: number;
  listDelaySeconds: number;
};

/** Holds attachments in memory and their bytes in `blobs`. */
export function createAttachments({ clock, blobs }: { clock: () => number; blobs: Blobs }) {
  let attachments: Attachment[] = [];
  /** The same by work item. */
  const held = new Map<string, Attachment[]>();
  let lastId = 0n;

  function nextId(): string {
    const byClock = ID_FLOOR + BigInt(Math.floor(clock())) * IDS_PER_MILLISECOND + 1n;
    lastId = byClock > lastId ? byClock : lastId + 1n;
    return String(lastId);
  }

  function add({ afterSeconds, listDelaySeconds, ...file }: NewAttachment): Attachment {
    const createdAt = clock() + afterSeconds * 1000;
    const attachment = { ...file, id: nextId(), createdAt, visibleAt: createdAt + listDelaySeconds * 1000 };
    attachments.push(attachment);
    held.set(keyOf(file), [...at(file), attachment]);
    return attachment;
  }

  const at = (item: WorkItem): readonly Attachment[] => held.get(keyOf(item)) ?? [];

  return {
    add,
    /** The attachments that the list shows now, oldest first. */
    visible: (item: WorkItem) => at(item).filter((one) => one.visibleAt <= clock()),
    countAt: (item: WorkItem) => at(item).filter((one) => one.createdAt <= clock()).length,
    find: (projectId: string, id: string) =>
      attachments.find((one) => one.projectId === projectId && one.id === id && one.createdAt <= clock()),
    remove(gone: Attachment): void {
      attachments = attachments.filter((one) => one !== gone);
      held.set(
        keyOf(gone),
        at(gone).filter((one) => one !== gone),
      );
    },
    read: (attachment: Attachment) => blobs.read(attachment.blob),
    /** All attachments, including those that appear later, newest last. */
    all: () => attachments.toSorted((a, b) => a.createdAt - b.createdAt),
    async clear(): Promise<void> {
      attachments = [];
      held.clear();
      await blobs.clear();
    },
  };
}

const keyOf = ({ projectId, issueId }: WorkItem): string => `${projectId} ${issueId}`;
