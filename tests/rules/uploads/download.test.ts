import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { createAddresses } from '../../../lib/links/addresses.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { LARGEST_ATTACHMENT, LINK_KEY, linking, linksOf, PUBLIC_URL } from '../../support/links.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: linking });
const { isKept } = linksOf(world);
const { downloads } = world.build();
const { urlOf } = createAddresses({ key: async () => LINK_KEY, publicUrl: PUBLIC_URL });

const secretOf = async (upload: Upload): Promise<string> => (await urlOf(upload)).split('/').at(-1) ?? '';
const linked = (): Promise<Upload> => world.deliver(randomBytes(LARGEST_ATTACHMENT + 1));
const gone = { code: 'not_found' };

describe('the download of a linked file', () => {
  it('leads to storage for a minute, with the id in any case of letters', async () => {
    const upload = await linked();

    const url = new URL(await downloads.find(upload.id.toUpperCase(), await secretOf(upload)));

    expect(url.pathname).toContain(`/linked/${upload.id}`);
    expect(url.searchParams.get('X-Amz-Expires')).toBe('60');
    const answer = await world.request(url);
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
    expect(answer.headers.get('content-disposition')).toContain(encodeURIComponent(upload.filename));
    expect((await answer.arrayBuffer()).byteLength).toBe(LARGEST_ATTACHMENT + 1);
  });

  it('is not there for a wrong secret, a secret of another length, another id or no id', async () => {
    const upload = await linked();
    const secret = await secretOf(upload);
    const other = '00000000-0000-4000-8000-000000000000';
    const wrong = secret.startsWith('a') ? `b${secret.slice(1)}` : `a${secret.slice(1)}`;

    await expect(downloads.find(upload.id, wrong)).rejects.toMatchObject(gone);
    await expect(downloads.find(upload.id, `${secret}x`)).rejects.toMatchObject(gone);
    await expect(downloads.find(other, secret)).rejects.toMatchObject(gone);
    await expect(downloads.find('no id', secret)).rejects.toMatchObject(gone);
  });

  it('is there until the link expires, and not any more from then on', async () => {
    const upload = await linked();
    const end = Date.parse((upload.status === 'delivered' && upload.link?.expiresAt) || '');
    const secret = await secretOf(upload);

    world.clock.set(end - 1);
    expect(await downloads.find(upload.id, secret)).toContain(upload.id);
    world.clock.set(end);
    await expect(downloads.find(upload.id, secret)).rejects.toMatchObject(gone);
  });

  it('is not there for an attachment, or before the link is made', async () => {
    const attached = await world.deliver(randomBytes(10));
    const waiting = await world.stage(randomBytes(LARGEST_ATTACHMENT + 1));

    for (const upload of [attached, waiting]) {
      const secret = await secretOf(upload);
      await expect(downloads.find(upload.id, secret)).rejects.toMatchObject(gone);
    }
  });

  it('is not there for the new secret of a link that was removed', async () => {
    const upload = await linked();

    const { upload: removed } = await world.uploads.cancel(caller, upload.id);

    expect(await isKept(upload)).toBe(true);
    await expect(downloads.find(upload.id, await secretOf(removed))).rejects.toMatchObject(gone);
  });

  it('is not there while linking is off', async () => {
    const upload = await linked();
    const off = world.build({ config: { links: undefined } }).downloads;

    await expect(off.find(upload.id, await secretOf(upload))).rejects.toMatchObject(gone);
  });

  it('is given sixty times a minute, by file', async () => {
    const [upload, other] = [await linked(), await linked()];
    const secret = await secretOf(upload);
    for (let count = 0; count < 60; count += 1) await downloads.find(upload.id, secret);

    const more = downloads.find(upload.id, secret);

    await expect(more).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterSeconds: expect.any(Number),
    });
    expect(await downloads.find(other.id, await secretOf(other))).toContain(other.id);
  });
});
