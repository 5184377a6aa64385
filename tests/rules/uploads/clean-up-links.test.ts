import { PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Upload } from '../../../lib/domain/upload.ts';
import { LARGEST_ATTACHMENT, linking, linksOf } from '../../support/links.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const { isKept } = linksOf(world);

const removals = ({ id }: Upload) =>
  world.s3.requests.filter(({ operation, key }) => operation === 'DeleteObject' && key === `linked/${id}`);

/** The sweep acts when the upload is due. */
async function sweep({ id }: Upload): Promise<Upload> {
  world.clock.set(Math.max(world.clock.now(), Date.parse((await world.find(id)).dueAt ?? '')));
  await world.sweep.run(AbortSignal.timeout(60_000));
  return world.find(id);
}

async function putCopy({ id }: Upload): Promise<void> {
  const object = { Bucket: world.config.bucket, Key: `linked/${id}`, Body: 'a copy' };
  await world.clients.s3.send(new PutObjectCommand(object));
}

/** Its file was copied for a link that IPD did not make. */
async function copied(kind: string): Promise<Upload> {
  await world.faults([{ match: { operation: 'linkCreate' }, fault: { kind } }]);
  const upload = await world.deliver(randomBytes(LARGEST_ATTACHMENT + 1));
  expect(await isKept(upload)).toBe(true);
  return upload;
}

describe('the copy of a file for a link', () => {
  it('goes when the upload has failed for good', async () => {
    const upload = await copied('noPermission');
    expect(upload).toMatchObject({ status: 'failed' });

    await sweep(upload);

    expect(await isKept(upload)).toBe(false);
  });

  it('goes when the upload was cancelled', async () => {
    const upload = await copied('iamUnavailable');
    expect(upload).toMatchObject({ status: 'waiting' });
    const { upload: cancelled } = await world.uploads.cancel(caller, upload.id);

    await sweep(cancelled);

    expect(await isKept(upload)).toBe(false);
  });

  it('goes when the upload has expired', async () => {
    const upload = await copied('noPermission');
    await world.ledger.change(upload.id, (before) => ({ ...before, status: 'expired' }));
    await world.staging.remove(`staging/${upload.id}`);

    await sweep(upload);

    expect(await isKept(upload)).toBe(false);
  });

  it('goes when the upload was offered again, and has ended in an attachment', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.ledger.change(upload.id, (before) => ({ ...before, mayHaveLinkedFile: true }));
    await putCopy(upload);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', isFileRemoved: true });
    expect(await isKept(upload)).toBe(false);
  });

  it('goes before the check for a second copy, too', async () => {
    const upload = await world.deliver(randomBytes(10));
    const recheckAt = new Date(world.clock.now()).toISOString();
    const again = { mayHaveLinkedFile: true, isFileRemoved: false, recheckAt, dueAt: recheckAt };
    await world.ledger.change(upload.id, (before) =>
      before.status === 'delivered' ? { ...before, ...again } : undefined,
    );
    await putCopy(upload);

    await sweep(upload);

    expect(await isKept(upload)).toBe(false);
  });

  it('stays with the link', async () => {
    const upload = await world.deliver(randomBytes(LARGEST_ATTACHMENT + 1));

    expect(upload).toMatchObject({ status: 'delivered' });
    expect(upload).not.toHaveProperty('notification');
    expect(await isKept(upload)).toBe(true);
  });

  it('is asked for of no attachment', async () => {
    const upload = await world.stage(randomBytes(10));
    const { upload: cancelled } = await world.uploads.cancel(caller, upload.id);

    await sweep(cancelled);

    expect(removals(upload)).toEqual([]);
  });
});
