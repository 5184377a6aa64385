import { afterEach, describe, expect, it } from '@jest/globals';
import Uppy from '@uppy/core';
import type { Meta } from '@uppy/core';
import IpdAttachment from '../../../packages/uppy/src/plugin.ts';
import type { Upload } from '../../../packages/uppy/src/plugin.ts';
import { useUploadApi } from '../../support/upload-api.ts';

const api = await useUploadApi();
const QUIET = { debug: () => {}, warn: () => {}, error: () => {} };
const bytes = new File(['abcdef'], 'a.png', { type: 'image/png', lastModified: 1_790_000_000_000 });
const PUT = 'PUT /storage';
/** Of a file that Uppy has yet to upload. */
const NOT_SENT = { uploadStarted: null, bytesUploaded: false, percentage: 0, bytesTotal: 6 } as const;
const opened: { destroy(): void }[] = [];

afterEach(() => opened.splice(0).forEach((uppy) => uppy.destroy()));

function open(options: object = {}) {
  const said: string[] = [];
  const uppy = new Uppy<Meta, Upload>({ logger: QUIET }).use(IpdAttachment, {
    apiUrl: api.url,
    token: 'jwt',
    projectId: 'p',
    issueId: 'i',
    ...options,
  });
  uppy.on('upload-start', (files) => files.forEach(({ name }) => said.push(`start ${name}`)));
  uppy.on('upload-success', (file) => said.push(`success ${file?.name}`));
  uppy.on('upload-error', (file) => said.push(`error ${file?.name}`));
  opened.push(uppy);
  return { uppy, said, plugin: uppy.getPlugin('IpdAttachment') };
}

const add = ({ uppy }: ReturnType<typeof open>, name = 'a.png') =>
  uppy.addFile({ data: bytes, name, type: 'image/png' });

describe('the plugin in Uppy', () => {
  it('has the name that the app gives it, and leaves other capabilities as they are', () => {
    const { uppy } = open({ id: 'WorkItem' });

    expect(uppy.getPlugin('WorkItem')).toBeInstanceOf(IpdAttachment);
    expect(uppy.getPlugin('IpdAttachment')).toBeUndefined();
    expect(uppy.getState().capabilities).toMatchObject({ uploadProgress: true, resumableUploads: true });
  });

  it('names what is missing where there are no options at all', () => {
    expect(() => Reflect.construct(IpdAttachment, [new Uppy()])).toThrow('needs the option apiUrl');
  });

  it('takes two files to storage at a time', async () => {
    const one = open();
    for (const name of ['a', 'b', 'c']) add(one, name);

    await one.uppy.upload();

    const calls = api.calls().filter((call) => call === PUT || call === 'POST /uploads');
    expect(calls.indexOf(PUT)).toBe(2);
    expect(calls.toSorted()).toEqual([...Array(3).fill('POST /uploads'), ...Array(3).fill(PUT)]);
  });

  it('has a file remembered before it is created', async () => {
    const one = open();
    const saved: unknown[] = [];
    const host: { on(event: string, listener: (data: unknown) => void): unknown } = one.uppy;
    host.on('restore:plugin-data-changed', (data) => saved.push(data));
    const id = add(one);

    await one.uppy.upload();

    const record = { key: expect.any(String), subject: expect.any(String) };
    expect(saved[0]).toStrictEqual({ IpdAttachment: { [id]: record } });
  });

  it.each<[string, Parameters<ReturnType<typeof open>['uppy']['setFileState']>[1]]>([
    ['has failed before', { error: 'refused' }],
    ['is through', { progress: { ...NOT_SENT, complete: true } }],
  ])('sends no file that %s when its time comes', async (_what, state) => {
    const one = open();
    one.uppy.addPreProcessor(async ([id = '']) => one.uppy.setFileState(id, state));
    add(one);

    await one.uppy.upload();

    expect(one.said).toEqual([]);
    expect(api.calls()).toEqual([]);
  });

  it('sends no file that a listener removes at its start', async () => {
    const one = open();
    one.uppy.on('upload-start', ([file]) => one.uppy.removeFile(file?.id ?? ''));
    add(one);

    await one.uppy.upload();

    expect(api.calls()).toEqual([]);
  });

  it.each([
    ['says', NOT_SENT, ['start a.png', 'success a.png']],
    ['does not say again', { ...NOT_SENT, uploadStarted: 7, bytesUploaded: 0 }, ['success a.png']],
  ])('%s that a restored file starts', async (_what, progress, expected) => {
    const one = open();
    const id = add(one);
    one.uppy.addPreProcessor(async () => one.uppy.setFileState(id, { isRestored: true, progress }));

    await one.uppy.upload();

    expect(one.said).toEqual(expected);
  });

  it('pauses one file alone, and goes on with it', async () => {
    const one = open();
    const id = add(one);
    api.fault(PUT, 'hang');
    const first = api.arrival(PUT);
    const ended = one.uppy.upload();
    await first;

    one.uppy.pauseResume(id);
    one.uppy.pauseResume(id);
    await ended;

    expect(one.said).toEqual(['start a.png', 'success a.png']);
    expect(api.calls().filter((call) => call === PUT)).toHaveLength(2);
  });
});

describe('attachAgain', () => {
  it('refuses a file that Uppy has not got', async () => {
    await expect(open().plugin?.attachAgain('none')).rejects.toThrow('Uppy has no bytes of a file none');
  });

  it('refuses a file whose bytes are not here any more', async () => {
    const one = open();
    const id = add(one);
    const host: { setFileState(file: string, state: object): void } = one.uppy;
    host.setFileState(id, { data: undefined });

    await expect(one.plugin?.attachAgain(id)).rejects.toThrow(`Uppy has no bytes of a file ${id}`);
  });

  it('refuses a file that is on its way', async () => {
    const one = open();
    const id = add(one);
    api.fault(PUT, 'hang');
    const sent = api.arrival(PUT);
    const ended = one.uppy.upload();
    await sent;

    await expect(one.plugin?.attachAgain(id)).rejects.toThrow(`The file ${id} is on its way`);

    one.uppy.removeFile(id);
    await ended;
  });

  it('shows the file at its beginning, and brings it to the work item once more', async () => {
    const one = open();
    const id = add(one);
    await one.uppy.upload();
    const seen: unknown[] = [];
    one.uppy.on('state-update', (_before, { files }) => seen.push(files?.[id]?.progress));

    await one.plugin?.attachAgain(id);

    expect(seen[0]).toEqual({
      uploadStarted: null,
      bytesUploaded: false,
      bytesTotal: 6,
      percentage: 0,
      uploadComplete: false,
    });
    expect(api.statuses()).toEqual(['delivered', 'delivered']);
  });
});

describe('a restored page', () => {
  it.each<[string, (boolean | undefined)[], string[]]>([
    ['is confirmed where all files are in storage', [true, true], ['restore-confirmed']],
    ['waits for the person where one is not', [true, undefined], []],
    ['has nothing to confirm without files', [], []],
  ])('%s', async (_what, complete, expected) => {
    const one = open();
    const heard: string[] = [];
    one.uppy.on('restore-confirmed', () => heard.push('restore-confirmed'));
    complete.forEach((uploadComplete, number) => {
      const id = add(one, `${number}.png`);
      one.uppy.setFileState(id, { progress: { ...NOT_SENT, ...(uploadComplete && { uploadComplete }) } });
    });

    // Without the records of any plugin.
    one.uppy.emit('restored', undefined);
    expect(heard).toEqual([]);
    await Promise.resolve();

    expect(heard).toEqual(expected);
  });
});
