import { afterEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import Uppy from '@uppy/core';
import type { Meta } from '@uppy/core';
import IpdAttachment from '../../../packages/uppy/src/plugin.ts';
import type { Upload } from '../../../packages/uppy/src/plugin.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

const LARGEST_ATTACHMENT = 65_536;
const product = await useProduct({
  environment: { OVERSIZE: 'link', MAX_FILE_BYTES: String(LARGEST_ATTACHMENT) },
});
const { apiUrl } = product.urls;
const { token } = product;
const opened: { destroy(): void }[] = [];

afterEach(() => opened.splice(0).forEach((uppy) => uppy.destroy()));

function open() {
  const messages = new Set<string>();
  const uppy = new Uppy<Meta, Upload>({ logger: QUIET });
  uppy.use(IpdAttachment, { apiUrl, token: () => token, projectId, issueId });
  uppy.on('postprocess-progress', (_file, progress) => messages.add(progress.message ?? ''));
  uppy.on('info-visible', () => uppy.getState().info.forEach(({ message }) => messages.add(message)));
  opened.push(uppy);
  return { uppy, messages };
}

const QUIET = { debug: () => {}, warn: () => {}, error: () => {} };

function sample(name: string) {
  const bytes = randomBytes(LARGEST_ATTACHMENT + 1);
  const file = new File([bytes], name, { type: 'video/mp4', lastModified: 1_790_000_000_000 });
  return { name, file, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function send(file: File) {
  const { uppy, messages } = open();
  uppy.addFile(file);
  const result = await uppy.upload();
  return { uppy, messages, upload: result?.successful?.[0]?.response?.body, failed: result?.failed };
}

describe('the plugin with a file that is larger than IPD takes', () => {
  it('answers with the link, and says that it adds one', async () => {
    const { name, file, sha256 } = sample('film.mp4');

    const { upload, messages } = await send(file);

    expect(upload).toMatchObject({ status: 'delivered', attachment: null, delivery: { endsAs: 'link' } });
    const links = await product.links();
    expect(links).toMatchObject([{ title: expect.stringContaining(name), url: upload?.link?.url }]);
    const bytes = Buffer.from(await (await fetch(String(upload?.link?.url))).arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    expect([...messages]).toContain('Adding a link to the work item, since the file cannot be attached');
    expect([...messages]).not.toContain('Attaching to the work item');
  });

  it('says that the work item had a link before, and sends nothing', async () => {
    const { file } = sample('twice.mp4');
    await send(file);

    const { upload, messages } = await send(file);

    expect(upload).toMatchObject({ replayed: true, link: { url: expect.any(String) } });
    expect([...messages]).toContain('The work item had a link to “twice.mp4” before: nothing was sent');
    expect(await product.links()).toHaveLength(1);
  });

  it('sends a file anew whose link was removed', async () => {
    const { file } = sample('again.mp4');
    const first = await send(file);
    await product.call(`DELETE /v1/uploads/${first.upload?.id}`);

    const { upload } = await send(file);

    expect(upload).toMatchObject({ status: 'delivered', link: { url: expect.any(String) } });
    expect(upload?.id).not.toBe(first.upload?.id);
  });
});
