import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { GIB } from '../../../lib/domain/units.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { LARGEST_ATTACHMENT, linking } from '../../support/links.ts';
import { request } from '../../support/ways-to-end.ts';
import { caller, oneRequest } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const { intake } = world;

async function put(upload: Upload, bytes: Buffer): Promise<void> {
  const { presigned } = await world.uploads.presign(upload);
  expect((await world.putFile(oneRequest(presigned), bytes)).ok).toBe(true);
}

const listOf = (count: number) =>
  world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count } }]);

describe('an upload while linking is on', () => {
  it.each([
    [LARGEST_ATTACHMENT, undefined],
    [LARGEST_ATTACHMENT + 1, 'too_large'],
    [5 * GIB, 'too_large'],
  ])('of %i bytes is to end as a link: %s', async (size, asLink) => {
    const { upload } = await intake.create(caller, { ...request, size });

    expect(upload.asLink).toBe(asLink);
  });

  it('may have as many bytes as a linked file, and no more', async () => {
    const limits = {
      maxFileBytes: 5 * GIB,
      maxAttachmentBytes: LARGEST_ATTACHMENT,
      oversize: 'link',
      linkedFileDays: 365,
    };

    expect(await intake.limits()).toMatchObject(limits);
    await expect(intake.create(caller, { ...request, size: 5 * GIB + 1 })).rejects.toMatchObject({
      code: 'file_too_large',
      places: [{ pointer: '/size', detail: `must be at most ${5 * GIB}` }],
    });
  });

  it.each([
    [99, 10, undefined],
    [100, 10, 'work_item_full'],
    [100, LARGEST_ATTACHMENT + 1, 'too_large'],
  ])(
    'of a work item with %i attachments and %i bytes is to end as a link: %s',
    async (count, size, asLink) => {
      await listOf(count);

      const { upload } = await intake.create(caller, { ...request, size });

      expect(upload.asLink).toBe(asLink);
    },
  );

  it('is begun anew with the key of a link that was removed, and not before', async () => {
    const key = randomUUID();
    const file = { ...request, size: LARGEST_ATTACHMENT + 1 };
    const { upload } = await intake.create(caller, file, key);
    const bytes = randomBytes(LARGEST_ATTACHMENT + 1);
    await put(upload, bytes);
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const before = await intake.create(caller, file, key);
    await world.uploads.cancel(caller, upload.id);
    const after = await intake.create(caller, file, key);

    expect(before).toMatchObject({ created: false, upload: { id: upload.id, status: 'delivered' } });
    expect(after).toMatchObject({ created: true, upload: { status: 'awaiting_upload' } });
    expect(await world.find(upload.id)).toMatchObject({ status: 'removed' });
  });
});
