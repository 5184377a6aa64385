import { DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Upload } from '../../../lib/domain/upload.ts';
import { createLinkedFiles } from '../../../lib/storage/linked-files.ts';
import { s3With } from '../../../lib/storage/s3.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets' });
const { bucket } = world.config;
const { s3 } = world.clients;
const linkedFiles = createLinkedFiles({ s3: async () => s3With(s3), bucket });

const isHolder = async () => true;
const signal = () => AbortSignal.timeout(60_000);
const shown = ({ id }: Upload) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key: `linked/${id}` }));
const etagOf = async ({ id }: Upload): Promise<string> =>
  (await world.staging.head(`staging/${id}`))?.etag ?? '';

/** Puts other bytes of the same length in place of the staged file. */
async function replace({ id, size }: Upload): Promise<void> {
  const object = { Bucket: bucket, Key: `staging/${id}` };
  await s3.send(new PutObjectCommand({ ...object, Body: randomBytes(size) }));
}

async function staged(): Promise<{ upload: Upload; keep: () => Promise<void> }> {
  const upload = await world.stage(randomBytes(1000), { contentType: 'video/mp4' });
  const etag = await etagOf(upload);
  return { upload, keep: () => linkedFiles.keep(upload, { etag, isHolder, signal: signal() }) };
}

describe('a linked file', () => {
  it('has the bytes and the type of the staged file, and stays without it', async () => {
    const { upload, keep } = await staged();
    const etag = await etagOf(upload);

    await keep();
    await world.staging.remove(`staging/${upload.id}`);
    await keep();

    expect(await shown(upload)).toMatchObject({
      ContentLength: 1000,
      ContentType: 'video/mp4',
      ETag: `"${etag}"`,
    });
  });

  it('stays what it is where the staged file is replaced', async () => {
    const { upload, keep } = await staged();
    const etag = await etagOf(upload);
    await keep();
    await keep();
    await replace(upload);

    await keep();

    const copies = world.s3.requests.filter(({ key }) => key === `linked/${upload.id}`);
    expect(copies.flatMap(({ operation, status }) => (operation === 'CopyObject' ? [status] : []))).toEqual([
      200, 412, 412,
    ]);
    expect(await etagOf(upload)).not.toBe(etag);
    expect(await shown(upload)).toMatchObject({ ETag: `"${etag}"` });
  });

  it('is replaced by the file of a later offer, also of the same length', async () => {
    const { upload, keep } = await staged();
    await keep();
    await replace(upload);
    const etag = await etagOf(upload);

    await linkedFiles.keep(upload, { etag, isHolder, signal: signal() });

    expect(await shown(upload)).toMatchObject({ ETag: `"${etag}"` });
  });

  it('is made, too, where another run has removed the earlier one meanwhile', async () => {
    const { upload, keep } = await staged();
    await keep();
    await replace(upload);
    const etag = await etagOf(upload);
    const overtaken = async (): Promise<boolean> => {
      await linkedFiles.remove(upload.id);
      return true;
    };

    await linkedFiles.keep(upload, { etag, isHolder: overtaken, signal: signal() });

    expect(await shown(upload)).toMatchObject({ ETag: `"${etag}"` });
  });

  it('stays where another run has the upload', async () => {
    const { upload, keep } = await staged();
    const etag = await etagOf(upload);
    await keep();
    await replace(upload);

    const late = linkedFiles.keep(upload, {
      etag: await etagOf(upload),
      isHolder: async () => false,
      signal: signal(),
    });

    await expect(late).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await shown(upload)).toMatchObject({ ETag: `"${etag}"` });
  });

  it('stays where another run has put it in the place of the earlier one', async () => {
    const { upload, keep } = await staged();
    await keep();
    await replace(upload);
    const etag = await etagOf(upload);
    let isAsked = false;
    const overtaken = async (): Promise<boolean> => {
      if (isAsked) return false;
      isAsked = true;
      await linkedFiles.remove(upload.id);
      await linkedFiles.keep(upload, { etag, isHolder, signal: signal() });
      return true;
    };

    // The version that this run knows is in staging no more.
    const late = linkedFiles.keep(upload, { etag: '0'.repeat(32), isHolder: overtaken, signal: signal() });

    await expect(late).rejects.toMatchObject({ code: 'lease_lost' });
    expect(await shown(upload)).toMatchObject({ ETag: `"${etag}"` });
  });

  it('stays where the file of a later offer is gone', async () => {
    const { upload, keep } = await staged();
    const etag = await etagOf(upload);
    await keep();
    await world.staging.remove(`staging/${upload.id}`);

    const later = linkedFiles.keep(upload, { etag: '0'.repeat(32), isHolder, signal: signal() });

    await expect(later).rejects.toMatchObject({ code: 'staged_file_missing' });
    expect(await shown(upload)).toMatchObject({ ETag: `"${etag}"` });
  });

  it('is not made of a file that was replaced', async () => {
    const { upload, keep } = await staged();
    await replace(upload);

    await expect(keep()).rejects.toMatchObject({ code: 'staged_file_changed' });
    await expect(shown(upload)).rejects.toMatchObject({ name: 'NotFound' });
  });

  it('is not made of a file that is gone', async () => {
    const { upload, keep } = await staged();
    await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key: `staging/${upload.id}` }));

    await expect(keep()).rejects.toMatchObject({ code: 'staged_file_missing' });
  });

  it('may be there later where storage does not answer now', async () => {
    const { upload } = await staged();
    const elsewhere = createLinkedFiles({ s3: async () => s3With(s3), bucket: 'not-there' });
    const aborted = AbortSignal.abort();
    const etag = await etagOf(upload);

    const keep = linkedFiles.keep(upload, { etag, isHolder, signal: aborted });

    await expect(keep).rejects.toMatchObject({ code: 'storage_unavailable' });
    await expect(elsewhere.remove(upload.id)).rejects.toThrow('removing the linked file');
  });

  it('is removed, and need not be there for that', async () => {
    const { upload, keep } = await staged();
    await keep();

    await linkedFiles.remove(upload.id);
    await linkedFiles.remove(upload.id);

    await expect(shown(upload)).rejects.toMatchObject({ name: 'NotFound' });
  });
});
