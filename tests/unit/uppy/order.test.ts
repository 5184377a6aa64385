import { describe, expect, it } from '@jest/globals';
import type { PickedFile } from '../../../packages/uppy/src/host.ts';
import { freshRecord, readOrder, recordFor } from '../../../packages/uppy/src/order.ts';

const words = (key: string): string => key;
const here = { projectId: 'p', issueId: 'i', words };
const data = new Blob(['abc']);

const picked = (more: Partial<PickedFile> = {}): PickedFile => ({
  id: 'f',
  name: 'a.png',
  type: 'image/png',
  size: 9,
  data,
  meta: {},
  progress: {},
  ...more,
});

describe('what the bridge gets of a file', () => {
  it('is its name, its type and the length of its bytes, for the work item of the options', () => {
    expect(readOrder(picked(), here)).toEqual({
      about: { projectId: 'p', issueId: 'i', filename: 'a.png', contentType: 'image/png', size: 3 },
      data,
      path: 'a.png',
    });
  });

  it('is what the person has changed in Uppy, also the work item', () => {
    const meta = { name: 'b.png', projectId: 'q', issueId: 'j', relativePath: 'photos/a.png' };

    expect(readOrder(picked({ meta }), here)).toMatchObject({
      about: { projectId: 'q', issueId: 'j', filename: 'b.png' },
      path: 'photos/a.png',
    });
  });

  it.each([
    { projectId: '', issueId: '', name: '', relativePath: '' },
    { projectId: 7, issueId: null },
  ])('is not what says nothing: %j', (meta) => {
    expect(readOrder(picked({ meta }), here)).toMatchObject({
      about: { projectId: 'p', issueId: 'i', filename: 'a.png' },
      path: 'a.png',
    });
  });

  it('has an empty name, a general type and no length where the file has none', () => {
    const bare = { id: 'f', size: null, meta: {}, progress: {} };

    expect(readOrder(bare, here)).toEqual({
      about: {
        projectId: 'p',
        issueId: 'i',
        filename: '',
        contentType: 'application/octet-stream',
        size: 0,
      },
      data: undefined,
      path: '',
    });
  });

  it('has the length that Uppy remembers where the bytes are not here any more', () => {
    expect(readOrder(picked({ data: 'no blob' }), here)).toMatchObject({
      about: { size: 9 },
      data: undefined,
    });
  });

  it.each([
    ['remote_file', 'remoteFile', picked({ isRemote: true }), here],
    ['work_item_unnamed', 'workItemUnnamed', picked(), { ...here, projectId: undefined }],
    ['work_item_unnamed', 'workItemUnnamed', picked(), { ...here, issueId: undefined }],
  ])('is nothing where the person has to do something first: %s', (code, detail, file, options) => {
    expect(() => readOrder(file, options)).toThrow(expect.objectContaining({ code, detail }));
  });
});

describe('the record of a file', () => {
  const order = readOrder(picked({ data: Object.assign(new Blob(['abc']), { lastModified: 5 }) }), here);

  it('is the remembered one of the same file', () => {
    const remembered = { ...freshRecord(order), uploadId: 'u' };

    expect(recordFor(order, remembered)).toBe(remembered);
  });

  it('is another one once the file or its work item was changed', () => {
    const remembered = { ...freshRecord(order), uploadId: 'u' };
    const changed = { ...order, about: { ...order.about, issueId: 'j' } };

    expect(recordFor(changed, remembered)).toEqual({
      key: expect.any(String),
      subject: JSON.stringify(changed.about),
    });
  });

  it('has the same key in each session, which tells folders and times of change apart', () => {
    const keyOf = (given: typeof order) => recordFor(given, undefined).key;
    const later = { ...order, data: Object.assign(new Blob(['abc']), { lastModified: 6 }) };

    expect(keyOf(order)).toBe(keyOf({ ...order }));
    expect(keyOf({ ...order, path: 'other/a.png' })).not.toBe(keyOf(order));
    expect(keyOf(later)).not.toBe(keyOf(order));
    expect(keyOf({ ...order, about: { ...order.about, issueId: 'j' } })).not.toBe(keyOf(order));
  });

  it.each([undefined, new Blob(['abc'])])('has a key of its own without a time of change: %p', (bytes) => {
    const untimed = { ...order, data: bytes };

    expect(recordFor(untimed, undefined).key).not.toBe(recordFor(untimed, undefined).key);
  });

  it('is new where the person wants the file once more', () => {
    const [first, second] = [freshRecord(order), freshRecord(order)];

    expect(first.key).not.toBe(second.key);
    expect(first).toEqual({ key: expect.any(String), subject: JSON.stringify(order.about) });
  });
});
