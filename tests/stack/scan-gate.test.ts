import { afterAll, expect, it } from '@jest/globals';
import { PutObjectTaggingCommand, S3Client } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { putFile } from '../support/answer.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const product = await useProduct({ environment: { REQUIRED_SCAN_TAG: 'scan=clean' } });
const scanner = new S3Client({
  region: 'eu-central-1',
  endpoint: product.urls.s3Url,
  forcePathStyle: true,
  credentials: product.credentials,
});
afterAll(() => scanner.destroy());

it('the whole product delivers a file once a scanner has tagged it, with what its role allows', async () => {
  const body = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: 10 };
  const created = await product.call('POST /v1/uploads', { body });
  await putFile(created.signed(), randomBytes(10));
  const waiting = await product.follow(created.id, (status) => status === 'waiting');

  await scanner.send(
    new PutObjectTaggingCommand({
      Bucket: product.settings['STAGING_BUCKET'],
      Key: `staging/${created.id}`,
      Tagging: { TagSet: [{ Key: 'scan', Value: 'clean' }] },
    }),
  );
  await product.ledger.change(created.id, (upload) => ({ ...upload, dueAt: new Date().toISOString() }));
  await product.fireSchedules();
  const { body: after } = await product.follow(created.id);

  expect(waiting.body).toMatchObject({ error: { code: 'scan_pending', retryable: false } });
  expect(after).toMatchObject({ status: 'delivered', error: null });
  const uses = product.iam.uses();
  expect(uses).toContainEqual(
    expect.objectContaining({
      functionKey: 'deliver',
      action: 's3:GetObjectTagging',
      statement: expect.any(Number),
    }),
  );
  expect(uses.filter(({ statement }) => statement === undefined)).toEqual([]);
});
