import { describe, expect, it } from '@jest/globals';
import { HeadObjectCommand, ListPartsCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, issueId, projectId } from '../../support/world.ts';
import { storeParts } from '../../support/parts-fixture.ts';

const world = await useWorld();
const servicesWhere = useMeanwhile(world);

describe('an upload whose file is delivered while a call asks storage for it', () => {
  /** Another client completes the upload, and the delivery follows. */
  async function completeAndDeliver(id: string): Promise<void> {
    await world.uploads.complete(caller, id);
    await world.delivery.onRequest({ uploadId: id, attempt: 1 }, world.run());
  }

  it('is complete', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const { uploads } = servicesWhere({ before: HeadObjectCommand }, () =>
      world.delivery.onArrival(world.arrival(upload, bytes), world.run()),
    );

    const view = await uploads.complete(caller, upload.id);

    expect(view).toMatchObject({ upload: { status: 'delivered' }, bytesStored: 1000 });
    expect(view.upload).toEqual(await world.find(upload.id));
  });

  it('is complete when it came in parts', async () => {
    const { upload } = await storeParts(world);
    const { uploads } = servicesWhere({ before: ListPartsCommand }, () => completeAndDeliver(upload.id));

    expect(await uploads.complete(caller, upload.id)).toMatchObject({ upload: { status: 'delivered' } });
  });

  it('has no URLs any more, and gets no other multipart upload', async () => {
    const { upload } = await storeParts(world);
    const { uploads } = servicesWhere({ before: ListPartsCommand }, () => completeAndDeliver(upload.id));

    await expect(uploads.resign(caller, upload.id)).rejects.toMatchObject({
      code: 'upload_state_conflict',
      message: 'the upload is delivered: no file is awaited any more',
    });
    expect(await world.find(upload.id)).toMatchObject({ multipart: upload.multipart });
  });

  it('is complete for Uppy, too', async () => {
    const { ticket } = await world.uppy.open(caller, { projectId, issueId });
    const reference = await world.uppy.beginParts(ticket, { filename: 'a.bin', type: 'a/b' });
    const { url } = await world.uppy.signPart(ticket, { ...reference, number: 1 });
    const stored = await world.putFile({ url, headers: {} }, randomBytes(10));
    const named = [{ number: 1, etag: stored.headers.get('etag') ?? '' }];
    const { uppy } = servicesWhere({ before: ListPartsCommand }, async () => {
      await world.uppy.complete(ticket, reference, named);
      await world.delivery.onRequest({ uploadId: reference.uploadId, attempt: 1 }, world.run());
    });

    expect(await uppy.complete(ticket, reference, named)).toMatchObject({ status: 'delivered' });
  });

  it('is not reported as incomplete when it is cancelled instead', async () => {
    const upload = await world.stage(randomBytes(10));
    const { uploads } = servicesWhere({ before: HeadObjectCommand }, () =>
      world.uploads.cancel(caller, upload.id),
    );

    await expect(uploads.complete(caller, upload.id)).rejects.toMatchObject({
      code: 'upload_state_conflict',
      message: 'the upload is cancelled: no file is awaited any more',
    });
  });

  it('is shown as delivered when another retry has delivered it', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const failed = await world.deliver();
    expect(failed).toMatchObject({ status: 'failed' });
    const { uploads } = servicesWhere({ before: HeadObjectCommand }, async () => {
      await world.uploads.retry(caller, failed.id);
      await world.next(failed.id);
    });

    expect(await uploads.retry(caller, failed.id)).toMatchObject({ upload: { status: 'delivered' } });
  });
});
