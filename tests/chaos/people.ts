/** Other people in IPD: they attach files of their own to the same work items, and delete the product's attachments. */
import type { Ipd } from '../../local/ipd/ipd.ts';
import type { Attachment, WorkItem } from '../../local/ipd/types.ts';

export type People = ReturnType<typeof createPeople>;

/** `now`: the world's time. */
export function createPeople({ people, admin }: Ipd, now: () => number) {
  const own = new Set<string>();
  const deleted: Attachment[] = [];
  let attachedAt = -Infinity;

  async function attach(item: WorkItem, bytes: Uint8Array): Promise<void> {
    const { id } = await people.attach({ ...item, filename: 'of others.pdf', bytes });
    own.add(id);
    attachedAt = now();
  }

  const isOfProduct = ({ id }: Attachment): boolean => !own.has(id);

  return {
    attach,
    /** Deletes the product's newest attachment in a work item. */
    deleteNewest({ projectId, issueId }: WorkItem): void {
      const newest = admin
        .attachments()
        .findLast((one) => one.projectId === projectId && one.issueId === issueId && isOfProduct(one));
      if (newest === undefined) return;
      people.remove(newest);
      deleted.push(newest);
    },
    hasAttached: () => own.size > 0,
    /** When they attached a file last. */
    attachedAt: () => attachedAt,
    /** The attachments that are not theirs. */
    attachmentsOfProduct: () => admin.attachments().filter(isOfProduct),
    /** What they have deleted. */
    deleted: (): readonly Attachment[] => deleted,
  };
}
