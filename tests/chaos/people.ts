/**
 * Other people in IPD: they attach files of their own to the same work items, delete the product's attachments and
 * links, and copy its links by hand.
 */
import type { Ipd } from '../../local/ipd/ipd.ts';
import type { Link } from '../../local/ipd/links.ts';
import type { Attachment, WorkItem } from '../../local/ipd/types.ts';

export type People = ReturnType<typeof createPeople>;

/** `now`: the world's time. */
export function createPeople({ people, admin }: Ipd, now: () => number) {
  const own = new Set<string>();
  const ownLinks = new Set<string>();
  const deletedLinks: Link[] = [];
  const deleted: Attachment[] = [];
  let attachedAt = -Infinity;

  async function attach(item: WorkItem, bytes: Uint8Array): Promise<void> {
    const { id } = await people.attach({ ...item, filename: 'of others.pdf', bytes });
    own.add(id);
    attachedAt = now();
  }

  const isOfProduct = ({ id }: Attachment): boolean => !own.has(id);

  /** The product's newest link that the work item has by now. */
  function newestLink({ projectId, issueId }: WorkItem): Link | undefined {
    return admin
      .links()
      .findLast(
        (one) =>
          one.projectId === projectId &&
          one.issueId === issueId &&
          one.createdAt <= now() &&
          !ownLinks.has(one.id),
      );
  }

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
    /** Adds a link of their own, for example to the work item's pictures. */
    addLink(item: WorkItem): void {
      const link = people.plantLink({ ...item, title: 'of others', url: 'https://example.com/of-others' });
      ownLinks.add(link.id);
    },
    /** Copies the product's newest link in a work item, as it is or with a host of their own. */
    copyLink(item: WorkItem, as: 'same' | 'otherHost'): void {
      const link = newestLink(item);
      if (link === undefined) return;
      const url =
        as === 'same' ? link.url : link.url.replace(/^https:\/\/[^/]+/, 'https://short.example.com');
      ownLinks.add(people.plantLink({ ...item, title: 'see here', url }).id);
    },
    /** Deletes it. */
    deleteNewestLink(item: WorkItem): void {
      const link = newestLink(item);
      if (link !== undefined && people.deleteLink(link.id)) deletedLinks.push(link);
    },
    isOwnLink: (id: string) => ownLinks.has(id),
    /** Links of the product's that they have deleted. */
    deletedLinks: (): readonly Link[] => deletedLinks,
    hasAttached: () => own.size > 0,
    /** When they attached a file last. */
    attachedAt: () => attachedAt,
    /** The attachments that are not theirs. */
    attachmentsOfProduct: () => admin.attachments().filter(isOfProduct),
    /** What they have deleted. */
    deleted: (): readonly Attachment[] => deleted,
  };
}
