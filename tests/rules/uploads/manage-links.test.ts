import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const { shown } = linksOf(world);

const large = () => randomBytes(LARGEST_ATTACHMENT + 1);
const listed = async (id: string, uploads = world.uploads) =>
  (await uploads.list(caller, { limit: 50, isOpen: false })).views.find(({ upload }) => upload.id === id);

describe('the view of an upload', () => {
  it('has the URL of its link, while linking is on', async () => {
    const { id } = await world.deliver(large());
    const off = world.build({ config: { links: undefined } });

    expect(await listed(id)).toMatchObject({
      linkUrl: (await shown())[0]?.url,
      bytesStored: LARGEST_ATTACHMENT + 1,
    });
    expect((await listed(id, off.uploads))?.linkUrl).toBeUndefined();
  });

  it('has no such URL for an attachment', async () => {
    const { id } = await world.deliver(randomBytes(10));

    expect(await listed(id)).toMatchObject({ upload: { status: 'delivered' }, linkUrl: undefined });
  });
});

describe('an owner who removes a link', () => {
  it('has it removed at once, and no bytes of it are left to show', async () => {
    const { id, attempts } = await world.deliver(large());
    await world.requestsFor(id);

    const { upload, bytesStored, linkUrl } = await world.uploads.cancel(caller, id);

    expect(upload).toMatchObject({ status: 'removed', removal: { by: 'owner' } });
    expect({ bytesStored, linkUrl }).toEqual({ bytesStored: 0, linkUrl: undefined });
    const requests = await world.requestsFor(id);
    expect(requests.map((body) => JSON.parse(body))).toEqual([{ uploadId: id, attempt: attempts + 1 }]);
  });
});
