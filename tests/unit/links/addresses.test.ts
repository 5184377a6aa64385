import { describe, expect, it } from '@jest/globals';
import { createAddresses } from '../../../lib/links/addresses.ts';

const upload = { id: 'abc' };
const addresses = createAddresses({
  key: async () => 'a key'.repeat(10),
  publicUrl: 'https://files.example',
});
const secret = async (of: { id: string; linkGeneration?: number } = upload) =>
  new URL(await addresses.urlOf(of)).pathname.split('/').at(-1) ?? '';

describe('the address of a linked file', () => {
  it('opens the file of its upload', async () => {
    expect(await addresses.isSecretOf(upload, await secret())).toBe(true);
  });

  it.each([
    ['of another upload', async () => secret({ id: 'abd' })],
    ['of an earlier link', async () => secret({ ...upload, linkGeneration: 7 })],
    ['that is cut', async () => (await secret()).slice(0, -1)],
    ['that goes on', async () => `${await secret()}A`],
    ['that is empty', async () => ''],
  ])('opens nothing with a secret %s', async (_, wrong) => {
    expect(await addresses.isSecretOf(upload, await wrong())).toBe(false);
  });

  it('is not at hand while the link key cannot be read', async () => {
    const cause = new Error('the secret store is down');
    const closed = createAddresses({ key: () => Promise.reject(cause), publicUrl: 'https://files.example' });

    await expect(closed.urlOf(upload)).rejects.toMatchObject({ code: 'unavailable', cause });
    await expect(closed.isSecretOf(upload, 'any')).rejects.toMatchObject({ code: 'unavailable', cause });
  });
});
