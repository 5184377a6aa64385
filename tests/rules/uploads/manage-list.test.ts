import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Caller } from '../../../lib/uploads/create.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, issueId, projectId } from '../../support/world.ts';
import type { World } from '../../support/world.ts';
import { end, request } from '../../support/ways-to-end.ts';
import { beginParts, putParts } from '../../support/parts-fixture.ts';

const otherProject = 'f'.repeat(32);
const otherIssue = '956239067176935499';

const world = await useWorld();

describe('the list of uploads', () => {
  let owners = 0;

  const newOwner = (): Caller => ({ owner: `lister-${(owners += 1)}`, projects: '*' });

  /** So many uploads of an owner, the oldest first; each a millisecond after the one before. */
  async function createAll(owner: Caller, requests: Partial<typeof request>[]): Promise<string[]> {
    const ids: string[] = [];
    for (const one of requests) {
      world.clock.advance(1);
      const { upload } = await world.intake.create(owner, { ...request, ...one });
      ids.push(upload.id);
    }
    return ids;
  }

  type Selection = Parameters<World['uploads']['list']>[1];

  /** All pages, each as the ids on it. */
  async function pagesOf(owner: Caller, selection: Partial<Selection> = {}): Promise<string[][]> {
    const pages: string[][] = [];
    let after: Selection['after'];
    do {
      const { views, next } = await world.uploads.list(owner, {
        isOpen: false,
        limit: 2,
        after,
        ...selection,
      });
      pages.push(views.map(({ upload }) => upload.id));
      after = next;
    } while (after !== undefined);
    return pages;
  }

  it('is empty where there is nothing', async () => {
    expect(await pagesOf(newOwner())).toEqual([[]]);
  });

  it.each([
    [1, [1]],
    [2, [2]],
    [3, [2, 1]],
    [4, [2, 2]],
    [5, [2, 2, 1]],
  ])('has %i uploads on pages of %j, the newest first', async (count, sizes) => {
    const owner = newOwner();
    const ids = await createAll(
      owner,
      Array.from({ length: count }, () => ({})),
    );

    const pages = await pagesOf(owner);

    expect(pages.flat()).toEqual(ids.toReversed());
    expect(pages.map(({ length }) => length)).toEqual(sizes);
  });

  it('loses none that were created in the same millisecond', async () => {
    const owner = newOwner();
    const created = await Promise.all(Array.from({ length: 5 }, () => world.intake.create(owner, request)));

    const pages = await pagesOf(owner);

    expect(pages.flat().toSorted()).toEqual(created.map(({ upload }) => upload.id).toSorted());
  });

  it("never shows another owner's, not even at the place of one of them", async () => {
    const [mine, theirs] = [newOwner(), newOwner()];
    const [own = ''] = await createAll(mine, [{}]);
    const [another = ''] = await createAll(theirs, [{}, {}]);
    const { createdAt } = await world.find(another);

    const pages = await pagesOf(mine);
    const beside = await world.uploads.list(mine, {
      isOpen: false,
      limit: 10,
      after: { id: another, createdAt },
    });

    expect(pages).toEqual([[own]]);
    expect(beside.views.map(({ upload }) => upload.id)).toEqual([own]);
  });

  it('can be of what is open only', async () => {
    const owner = newOwner();
    const ids = await createAll(owner, [{}, {}, {}, {}, {}, {}, {}]);
    const states = ['awaiting_upload', 'staged', 'waiting', 'delivered', 'failed', 'expired', 'cancelled'];
    for (const [index, id] of ids.entries()) {
      const upload = await world.find(id);
      const how = states[index] ?? '';
      if (how === 'cancelled') await world.uploads.cancel(owner, id);
      else if (how !== 'awaiting_upload') await end(world, upload, how);
    }

    const open = await pagesOf(owner, { isOpen: true });
    const all = await pagesOf(owner, { limit: 100 });

    expect(open).toEqual([[ids[2], ids[1]], [ids[0]]]);
    expect(all).toEqual([ids.toReversed()]);
  });

  it('shows an upload again that is open again', async () => {
    const owner = newOwner();
    const [id = ''] = await createAll(owner, [{}]);
    await end(world, await world.find(id), 'expired');
    expect(await pagesOf(owner, { isOpen: true })).toEqual([[]]);

    await end(world, await world.find(id), 'staged');

    expect(await pagesOf(owner, { isOpen: true })).toEqual([[id]]);
  });

  it.each([true, false])('can be of one project and work item (open only: %s)', async (isOpen) => {
    const owner = newOwner();
    const [first, second, third, fourth] = await createAll(owner, [
      {},
      { projectId: otherProject },
      { issueId: otherIssue },
      { projectId: otherProject, issueId: otherIssue },
    ]);

    expect(await pagesOf(owner, { isOpen, projectId })).toEqual([[third, first]]);
    expect(await pagesOf(owner, { isOpen, issueId: otherIssue })).toEqual([[fourth, third]]);
    expect(await pagesOf(owner, { isOpen, projectId: otherProject, issueId })).toEqual([[second]]);
    expect(await pagesOf(owner, { isOpen, projectId: 'e'.repeat(32) })).toEqual([[]]);
  });

  it('has full pages of what a filter leaves', async () => {
    const owner = newOwner();
    const ids = await createAll(
      owner,
      Array.from({ length: 9 }, (_, index) => ({ issueId: index % 3 === 0 ? otherIssue : issueId })),
    );

    const pages = await pagesOf(owner, { issueId: otherIssue });

    expect(pages).toEqual([[ids[6], ids[3]], [ids[0]]]);
  });

  it('tells what is stored of those that have arrived, and asks storage for none', async () => {
    const { bytes, upload, parts } = await beginParts(world, randomBytes(10));
    await putParts(parts, bytes, world.putFile);
    const { s3 } = world;
    const asked = s3.requests.length;

    const before = await world.uploads.list(caller, { isOpen: true, limit: 1 });
    expect(s3.requests).toHaveLength(asked);
    await world.uploads.complete(caller, upload.id);
    const after = await world.uploads.list(caller, { isOpen: true, limit: 1 });

    expect(before.views).toMatchObject([{ upload: { id: upload.id }, bytesStored: 0 }]);
    expect(after.views).toMatchObject([{ upload: { id: upload.id }, bytesStored: 10 }]);
  });
});
