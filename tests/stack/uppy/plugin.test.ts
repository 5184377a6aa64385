import { afterEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import Uppy from '@uppy/core';
import type { Meta } from '@uppy/core';
import { z } from 'zod';
import IpdAttachment from '../../../packages/uppy/src/plugin.ts';
import type { Upload } from '../../../packages/uppy/src/plugin.ts';
import { STRINGS } from '../../../packages/uppy/src/strings.ts';
import { chinese } from '../../../packages/uppy/src/zh-cn.ts';
import { MIB } from '../../../lib/domain/units.ts';
import { listen } from '../../../local/listen.ts';
import { translationFaults } from '../../support/translation.ts';
import { useProduct } from '../../support/use-product.ts';
import { issueId, projectId } from '../../support/world.ts';

type Said = { event: string; name: string; text?: string };

const product = await useProduct();
const { apiUrl } = product.urls;
const { token } = product;
const other = '956239067176935401';
const opened: { destroy(): void }[] = [];

afterEach(() => opened.splice(0).forEach((uppy) => uppy.destroy()));

/** Uppy with the plugin as an app makes it, and what it has said since. */
function open(options: object = { projectId, issueId }) {
  const said: Said[] = [];
  const uppy = new Uppy<Meta, Upload>({ logger: QUIET }).use(IpdAttachment, {
    apiUrl,
    token: () => token,
    ...options,
  });
  uppy.on('upload-start', (files) => files.forEach(({ name }) => said.push({ event: 'start', name })));
  uppy.on('upload-success', (file) => said.push({ event: 'success', name: file?.name ?? '' }));
  uppy.on('upload-error', (file, { message }) =>
    said.push({ event: 'error', name: file?.name ?? '', text: message }),
  );
  uppy.on('ipd-attachment:already-attached', ({ name }) => said.push({ event: 'already attached', name }));
  opened.push(uppy);
  return { uppy, said, plugin: uppy.getPlugin('IpdAttachment') };
}

const FINAL = new Set(['delivered', 'failed', 'expired', 'cancelled']);
const page = z.object({
  uploads: z.array(
    z.looseObject({ id: z.string(), filename: z.string(), status: z.string(), issueId: z.string() }),
  ),
});
const DAY_MS = 24 * 60 * 60 * 1000;
const QUIET = { debug: () => {}, warn: () => {}, error: () => {} };

function sample(name: string, size = 100_000) {
  const bytes = randomBytes(size);
  const file = new File([bytes], name, { type: 'image/png', lastModified: 1_790_000_000_000 });
  return { name, file, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function received(sha256: string): Promise<string[]> {
  return (await product.received()).filter((one) => one.sha256 === sha256).map(({ filename }) => filename);
}

async function uploadsOf(name: string) {
  const { body } = await product.call('GET /v1/uploads?limit=100');
  return page.parse(body).uploads.filter(({ filename }) => filename === name);
}

describe('the plugin', () => {
  it('brings a file to the work item and answers with the final upload', async () => {
    const { name, file, sha256 } = sample('现场照片.png');
    const { uppy, said } = open();
    const seen: unknown[] = [];
    uppy.on('postprocess-progress', (_file, progress) => seen.push(progress));

    uppy.addFile(file);
    const result = await uppy.upload();

    expect(await received(sha256)).toEqual([name]);
    expect(result?.successful?.map(({ response }) => response)).toMatchObject([
      { status: 200, bytesUploaded: 100_000, body: { status: 'delivered', filename: name, issueId } },
    ]);
    expect(said).toEqual([
      { event: 'start', name },
      { event: 'success', name },
    ]);
    expect(seen).toContainEqual({ mode: 'determinate', message: 'Attaching to the work item', value: 1 });
  });

  it('sends a large file in parts and counts its bytes', async () => {
    const { name, file, sha256 } = sample('video.mp4', 11 * MIB + 1);
    const { uppy } = open();
    const percentages: (number | undefined)[] = [];
    uppy.on('state-update', (_before, { files }) => {
      const [one] = Object.values(files);
      if (one?.progress.bytesUploaded) percentages.push(one.progress.percentage);
    });

    uppy.addFile(file);
    await uppy.upload();

    expect(await received(sha256)).toEqual([name]);
    expect(percentages.some((value) => value !== undefined && value > 0 && value < 100)).toBe(true);
    expect(percentages.at(-1)).toBe(100);
  });

  it("goes by the file's own work item before that of the options", async () => {
    const { name, file } = sample('own.png');
    const { uppy } = open();

    uppy.addFile({ data: file, name, type: 'image/png', meta: { issueId: other } });
    await uppy.upload();

    expect(await uploadsOf(name)).toMatchObject([{ status: 'delivered', issueId: other }]);
  });

  it('says what is missing where no work item is named, and goes on with the other files', async () => {
    const lost = sample('lost.png');
    const named = sample('named.png', 1000);
    const { uppy, said } = open({});

    uppy.addFile(lost.file);
    uppy.addFile({ data: named.file, name: named.name, meta: { projectId, issueId } });
    await uppy.upload();

    expect(said).toContainEqual({
      event: 'error',
      name: lost.name,
      text: 'It is not said which work item gets the file: projectId or issueId is missing',
    });
    expect(said).toContainEqual({ event: 'success', name: named.name });
  });

  it('speaks Chinese with its own locale', async () => {
    const { file } = sample('unnamed.png');
    const { uppy, said } = open({ locale: chinese });
    uppy.addFile(file);

    await uppy.upload();

    expect(said.at(-1)).toMatchObject({ event: 'error', text: '未指定工作项，缺少projectId或issueId' });
    expect(translationFaults(STRINGS, chinese.strings)).toEqual([]);
  });

  it('refuses to be installed without an address or a token', () => {
    expect(() => new Uppy().use(IpdAttachment, { apiUrl: '', token })).toThrow('needs the option apiUrl');
    expect(() => new Uppy().use(IpdAttachment, { apiUrl, token: '' })).toThrow('needs the option token');
  });

  it('says why IPD did not take a file, and tries again from storage', async () => {
    const { name, file, sha256 } = sample('refused.png');
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    const { uppy, said } = open();
    uppy.addFile(file);

    const first = await uppy.upload();
    const isOffered = uppy.getFiles()[0]?.progress.uploadComplete;
    const second = await uppy.retryAll();

    expect(first?.failed?.map(({ error, response }) => [error, response?.body?.status])).toEqual([
      ['IPD does not let the bridge account attach files to this work item.', 'failed'],
    ]);
    expect(isOffered).toBe(false);
    expect(second?.successful).toHaveLength(1);
    expect(said.map(({ event }) => event)).toEqual(['start', 'error', 'start', 'success']);
    expect(await received(sha256)).toEqual([name]);
    expect(await uploadsOf(name)).toMatchObject([{ status: 'delivered' }]);
  });

  it('says what the API refuses, and begins anew on a retry', async () => {
    const { name, file } = sample('misplaced.png');
    const { uppy, said } = open({ projectId, issueId: '12' });
    uppy.addFile(file);

    await uppy.upload();
    uppy.setMeta({ issueId });
    await uppy.retryAll();

    expect(said.map(({ event }) => event)).toEqual(['start', 'error', 'start', 'success']);
    expect(said[1]?.text).toMatch(/^The file or the work item is not accepted/);
    expect(await uploadsOf(name)).toMatchObject([{ status: 'delivered', issueId }]);
  });

  it('says that there is no answer once its patience is over', async () => {
    const { name, file } = sample('lonely.png');
    const { uppy, said } = open({ projectId, issueId, apiUrl: await unanswered(), patienceMs: 1 });
    uppy.addFile(file);

    await uppy.upload();

    expect(said).toEqual([
      { event: 'start', name },
      { event: 'error', name, text: expect.stringContaining('No answer from') },
    ]);
  });

  it('cancels the upload of a file that is removed before its delivery', async () => {
    const { name, file, sha256 } = sample('unwanted.png', 11 * MIB);
    const { uppy, said } = open({ projectId, issueId, partsAtOnce: 1 });
    const id = uppy.addFile(file);
    uppy.on('upload-progress', (_file, { bytesUploaded }) => {
      if (bytesUploaded > 0 && uppy.getFiles().length > 0) uppy.removeFile(id);
    });

    await uppy.upload();
    const status = await endOf(name);

    expect(status).toBe('cancelled');
    expect(said).toEqual([{ event: 'start', name }]);
    expect(await received(sha256)).toEqual([]);
  });

  it('cancels the upload of a file that is removed while it is being created', async () => {
    const { name, file } = sample('hasty.png');
    const { uppy } = open({ projectId, issueId, token: removeAndAnswer });
    function removeAndAnswer(): string {
      uppy.removeFiles(uppy.getFiles().map(({ id }) => id));
      return token;
    }
    uppy.addFile(file);

    await uppy.upload();

    expect(await endOf(name)).toBe('cancelled');
  });

  it('does not cancel the upload of a file that is removed as soon as it is delivered', async () => {
    const { name, file, sha256 } = sample('done.png');
    const { fetch } = globalThis;
    const methods: unknown[] = [];
    globalThis.fetch = (input, init) => {
      methods.push(init?.method);
      return fetch(input, init);
    };
    const { uppy } = open();
    globalThis.fetch = fetch;
    const messages: unknown[] = [];
    uppy.on('info-visible', () => messages.push(uppy.getState().info));
    uppy.on('upload-success', (done) => uppy.removeFile(done?.id ?? ''));
    uppy.addFile(file);

    await uppy.upload();
    // A needless cancellation would be on its way, or answered, by then.
    const uploads = await uploadsOf(name);

    expect(uploads).toMatchObject([{ status: 'delivered' }]);
    expect(await received(sha256)).toEqual([name]);
    expect(methods).toContain('GET');
    expect(methods).not.toContain('DELETE');
    expect(messages).toEqual([]);
  });

  it('sends nothing for a file that the work item has, unless it is to be attached again', async () => {
    const { name, file, sha256 } = sample('twice.png');
    const first = open();
    first.uppy.addFile(file);
    await first.uppy.upload();
    const { uppy, said, plugin } = open();
    const id = uppy.addFile(file);

    await uppy.upload();
    const once = await received(sha256);
    await plugin?.attachAgain(id);

    expect(once).toEqual([name]);
    expect(await received(sha256)).toEqual([name, name]);
    expect(said.map(({ event }) => event)).toEqual([
      'start',
      'already attached',
      'success',
      'start',
      'success',
    ]);
  });

  it('says that an attachment has been removed since, and attaches the file again on a retry', async () => {
    const { name, file, sha256 } = sample('removed.png');
    const first = open();
    first.uppy.addFile(file);
    await first.uppy.upload();
    await removeFromWorkItem(name);
    const { uppy, said } = open();
    uppy.addFile(file);

    await uppy.upload();
    const gone = await received(sha256);
    await uppy.retryAll();

    expect(gone).toEqual([]);
    expect(await received(sha256)).toEqual([name]);
    expect(said).toEqual([
      { event: 'start', name },
      { event: 'already attached', name },
      {
        event: 'error',
        name,
        text: 'It was attached before, and IPD has that attachment no more. Retry attaches it again.',
      },
      { event: 'start', name },
      { event: 'success', name },
    ]);
  });

  it('does not take two files of one name from two folders for one', async () => {
    const one = sample('index.html');
    const another = sample('index.html');
    const { uppy } = open();

    uppy.addFile({ data: one.file, name: one.name, meta: { relativePath: 'a/index.html' } });
    await uppy.upload();
    uppy.addFile({ data: another.file, name: another.name, meta: { relativePath: 'b/index.html' } });
    await uppy.upload();

    expect(await received(one.sha256)).toEqual([one.name]);
    expect(await received(another.sha256)).toEqual([another.name]);
  });

  it('lets only so many files go to storage at once', async () => {
    const files = [1, 2, 3].map((number) => sample(`queue ${number}.png`, 1000 * number));
    const { uppy, said } = open({ projectId, issueId, filesAtOnce: 1 });
    const order: string[] = [];
    uppy.on('upload-progress', (file) => {
      if (file !== undefined && order.at(-1) !== file.name) order.push(file.name);
    });

    for (const { file } of files) uppy.addFile(file);
    await uppy.upload();

    expect(order).toEqual(files.map(({ name }) => name));
    expect(said.filter(({ event }) => event === 'success')).toHaveLength(3);
  });
});

/** A person deletes the attachment in IPD, long enough after the delivery for the bridge to believe IPD's list. */
async function removeFromWorkItem(name: string): Promise<void> {
  const [{ id } = { id: '' }] = await uploadsOf(name);
  const delivered = await product.ledger.find(id);
  if (delivered?.status !== 'delivered') throw new Error(`${name} is not delivered`);
  const deliveredAt = new Date(Date.parse(delivered.deliveredAt) - DAY_MS).toISOString();
  await product.ledger.change(delivered, (before) =>
    before.status === 'delivered' ? { ...before, deliveredAt } : undefined,
  );
  await product.resetIpd();
}

/** The final status of the one upload of this name: a cancel comes by a request of its own. */
async function endOf(name: string): Promise<string> {
  for (;;) {
    const [upload] = await uploadsOf(name);
    if (upload !== undefined && FINAL.has(upload.status)) return upload.status;
  }
}

/** An address at which there is no server. */
async function unanswered(): Promise<string> {
  const { url, close } = await listen(createServer(), 0);
  await close();
  return url;
}
