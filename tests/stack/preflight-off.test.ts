import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { putFile } from '../support/answer.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const product = await useProduct({ environment: { PREFLIGHT: 'off' } });

it('with PREFLIGHT=off the API takes uploads without any secret of IPD, and they arrive', async () => {
  const bytes = randomBytes(10_000);
  const body = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: bytes.length };

  const limits = await product.call('GET /v1/limits');
  const created = await product.call('POST /v1/uploads', { body });
  await putFile(created.signed(), bytes);

  expect(limits).toMatchObject({ status: 200, body: { maxFileBytes: 52_428_800 } });
  expect((await product.follow(created.id)).body).toMatchObject({ status: 'delivered' });
  const mayRead = (key: string) =>
    product.iam.statementsOf(key).some(({ Action }) => Action.includes('secretsmanager:GetSecretValue'));
  expect(['uploads', 'uppy', 'attach', 'deliver', 'sweep'].filter(mayRead)).toEqual(['deliver']);
});
