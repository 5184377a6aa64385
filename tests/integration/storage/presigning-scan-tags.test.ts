import { describe, expect, it } from '@jest/globals';
import { GetObjectTaggingCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { putFile } from '../../support/answer.ts';
import { containersPage } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';
import { oneRequest } from '../../support/world.ts';

const TAG = 'GuardDutyMalwareScanStatus';
const tagging = `${TAG}=NO_THREATS_FOUND`;
const bytes = randomBytes(1000);

const world = await useWorld({ ends: 'sockets' });
const { postForm } = containersPage();

async function tagsOf(id: string): Promise<unknown> {
  return (
    await world.clients.s3.send(
      new GetObjectTaggingCommand({ Bucket: world.config.bucket, Key: `staging/${id}` }),
    )
  ).TagSet;
}

describe('a client', () => {
  it('cannot tag its own file by a header of its PUT', async () => {
    const upload = await world.create(bytes);
    const { presigned } = await world.uploads.presign(upload);
    const { url, headers } = oneRequest(presigned);

    const byHeader = await putFile({ url, headers: { ...headers, 'x-amz-tagging': tagging } }, bytes);
    const byQuery = await putFile(
      { url: `${url}&x-amz-tagging=${encodeURIComponent(tagging)}`, headers },
      bytes,
    );

    expect([byHeader.status, byQuery.status]).toEqual([403, 403]);
    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('cannot tag it behind the same URL afterwards', async () => {
    const upload = await world.stage(bytes);
    const { presigned } = await world.uploads.presign(upload);
    const { url, headers } = oneRequest(presigned);

    const answer = await fetch(`${url}&tagging`, { method: 'PUT', headers, body: new Uint8Array(bytes) });

    expect(answer.status).toBe(403);
    expect(await tagsOf(upload.id)).toEqual([]);
  });

  it('cannot tag a part, or the file by a field of its form', async () => {
    const key = 'staging/00000000-0000-4000-8000-000000000001';
    const target = { key, uploadId: 'unknown', expiresInSeconds: 60 };
    const part = await world.signing.partUrl({ ...target, number: 1 });
    const form = await world.signing.postForm({
      key,
      maxBytes: 1000,
      contentType: 'a/b',
      expiresInSeconds: 60,
    });
    const fields = {
      ...form.fields,
      tagging: `<Tagging><TagSet><Tag><Key>${TAG}</Key></Tag></TagSet></Tagging>`,
    };

    const byPart = await putFile({ url: part, headers: { 'x-amz-tagging': tagging } }, bytes);
    const byForm = await postForm({ ...form, fields }, bytes);

    expect([byPart.status, byForm.status]).toEqual([403, 403]);
  });
});
