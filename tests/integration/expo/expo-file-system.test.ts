import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { listen } from '../../../local/listen.ts';
import { createBackgroundUploads } from '../../../packages/expo/src/expo.ts';
import { createExpoPlatform, createExpoStore } from '../../../packages/expo/src/expo-file-system.ts';
import { device } from '../../support/expo-file-system.ts';
import { Platform } from '../../support/react-native.ts';
import { useDirectory } from '../../support/use-directory.ts';

const MIB = 1024 * 1024;
const FOLDER = join('of-the-app', 'uploads');
const directory = await useDirectory();
const platform = createExpoPlatform(FOLDER);
const store = createExpoStore(FOLDER);
const gone = expect.objectContaining({ code: 'file_unreadable', retryable: false });

beforeEach(async () => {
  device.documents = await mkdtemp(join(directory, 'phone-'));
  device.isFull = false;
  device.reads = [];
});

const pathOf = (name: string) => join(device.documents, FOLDER, name);
const files = async () => (await readdir(join(device.documents, FOLDER))).toSorted();

async function pick(bytes: Uint8Array): Promise<string> {
  await writeFile(join(device.documents, 'picked'), bytes);
  return pathToFileURL(join(device.documents, 'picked')).href;
}

describe('the files of a phone', () => {
  it('sends all files at once where the system sends them without the app, and three where it does not', () => {
    expect(platform.filesAtOnce).toBe(3);

    Platform.OS = 'ios';
    expect(createExpoPlatform(FOLDER).filesAtOnce).toBe(Infinity);
    Platform.OS = 'android';
  });

  it('keeps a copy of the file that was picked, in place of an older one', async () => {
    const uri = await pick(Buffer.from('new'));
    await store.write('a', '{}');
    await writeFile(pathOf('a.data'), 'older');

    expect(await platform.adopt(uri, 'a.data')).toBe(3);

    expect(await readFile(pathOf('a.data'), 'utf8')).toBe('new');
  });

  it('cuts a part of any length, one MiB at a time, in place of an older one', async () => {
    const bytes = randomBytes(3 * MIB);
    await platform.adopt(await pick(bytes), 'a.data');
    await writeFile(pathOf('a.2'), randomBytes(4 * MIB));

    await platform.cut({ from: 'a.data', name: 'a.2', offset: 5, length: 2 * MIB + 1 });

    expect((await readFile(pathOf('a.2'))).equals(bytes.subarray(5, 5 + 2 * MIB + 1))).toBe(true);
    expect(device.reads).toEqual([MIB, MIB, 1]);
  });

  it('says that a part cannot be read where the copy is gone or shorter', async () => {
    await platform.adopt(await pick(randomBytes(10)), 'a.data');

    await expect(platform.cut({ from: 'b.data', name: 'b.1', offset: 0, length: 5 })).rejects.toEqual(gone);
    await expect(platform.cut({ from: 'a.data', name: 'a.1', offset: 8, length: 5 })).rejects.toEqual(gone);
  });

  it('has the names of copies and parts, not of records', async () => {
    await store.write('a', '{}');
    for (const name of ['a.data', 'a.1', 'b.new']) await writeFile(pathOf(name), 'x');

    expect((await platform.names()).toSorted()).toEqual(['a.1', 'a.data']);
  });

  it('removes a file, and takes one that is absent for removed', async () => {
    await platform.adopt(await pick(randomBytes(10)), 'a.data');

    await platform.remove('a.data');
    await platform.remove('a.data');

    expect(await files()).toEqual([]);
  });
});

describe('a file on its way from a phone to storage', () => {
  const received: { method: string | undefined; type: unknown; body: Buffer }[] = [];
  const server = createServer((request, response) => void refuse(request, response));
  async function refuse(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers } = request;
    received.push({ method, type: headers['x-amz-meta-type'], body: await buffer(request) });
    response.writeHead(403).end('<Code>AccessDenied</Code>');
  }

  let place: Awaited<ReturnType<typeof listen>>;

  beforeAll(async () => {
    place = await listen(server, 0);
  });
  afterAll(() => place.close());

  const put = (name: string, signal: AbortSignal, onBytes: (bytes: number) => void = () => undefined) =>
    platform.put({ name, url: place.url, headers: { 'x-amz-meta-type': 'part' }, signal, onBytes });

  it('goes as it is, with the headers of its URL, and the answer comes back', async () => {
    const bytes = randomBytes(10);
    const reached: number[] = [];
    await platform.adopt(await pick(bytes), 'a.data');

    const answer = await put('a.data', new AbortController().signal, (count) => reached.push(count));

    expect(answer).toEqual({ status: 403, text: '<Code>AccessDenied</Code>' });
    expect(received).toEqual([{ method: 'PUT', type: 'part', body: bytes }]);
    expect(reached).toEqual([10]);
  });

  it('is not sent where the upload was taken back, or its copy is gone', async () => {
    await platform.adopt(await pick(randomBytes(10)), 'a.data');

    await expect(put('a.data', AbortSignal.abort())).rejects.toThrow('aborted');
    await expect(put('b.data', new AbortController().signal)).rejects.toEqual(gone);
  });
});

describe('the records of a phone', () => {
  it('has none at first', async () => {
    expect(await store.keys()).toEqual([]);
    expect(await store.read('a')).toBeUndefined();
  });

  it('reads what was written last, and names each key once', async () => {
    await store.write('a', 'first');
    await store.write('a', 'second');
    await writeFile(pathOf('a.new'), 'thi');
    await writeFile(pathOf('a.data'), 'x');

    expect(await store.read('a')).toBe('second');
    expect(await store.keys()).toEqual(['a']);
  });

  it('reads the new record of a process that died before it had its name', async () => {
    await store.write('b', 'x');
    await writeFile(pathOf('a.new'), 'new');

    expect(await store.read('a')).toBe('new');
    expect((await store.keys()).toSorted()).toEqual(['a', 'b']);
  });

  it('keeps the old record where the new one finds no space', async () => {
    await store.write('a', 'old');
    device.isFull = true;

    await expect(store.write('a', 'new')).rejects.toThrow('No space');

    expect(await store.read('a')).toBe('old');
  });

  it('removes a record and the one that would have followed', async () => {
    await store.write('a', 'x');
    await writeFile(pathOf('a.new'), 'y');

    await store.remove('a');
    await store.remove('a');

    expect(await files()).toEqual([]);
  });
});

describe('background uploads of an app', () => {
  it('are those that its phone has written down', async () => {
    const uploads = createBackgroundUploads({ apiUrl: 'http://127.0.0.1:1', token: 'of a user' });
    const about = { projectId: '1', issueId: '2', filename: 'a.txt', contentType: 'text/plain', size: 1 };
    await createExpoStore('attachment-uploads').write('a', JSON.stringify({ key: 'a', about }));

    expect(await uploads.list()).toEqual([{ key: 'a', about }]);
  });
});
