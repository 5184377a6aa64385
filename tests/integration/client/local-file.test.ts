import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guessContentType, openBody, openLocalFile } from '../../../packages/client/src/local-file.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'file-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe('guessContentType', () => {
  it.each([
    ['a.png', 'image/png'],
    ['照片.JPEG', 'image/jpeg'],
    ['archive.tar.zip', 'application/zip'],
    ['a.unknown', 'application/octet-stream'],
    ['README', 'application/octet-stream'],
    ['.png', 'application/octet-stream'],
  ])('takes %s for %s', (name, type) => {
    expect(guessContentType(name)).toBe(type);
  });
});

describe('openLocalFile', () => {
  it('gives a name in composed letters, a hash over all chunks, and the bytes', async () => {
    const bytes = Buffer.alloc(200_000, 'chunk');
    const path = join(directory, 'Mu\u0308ller.pdf');
    await writeFile(path, bytes);

    const { file, ...about } = await openLocalFile(path);

    expect(about).toEqual({
      filename: 'M\u00fcller.pdf',
      contentType: 'application/pdf',
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('names the path of what it cannot send', async () => {
    const [missing, empty] = [join(directory, 'missing.png'), join(directory, 'empty.png')];
    await writeFile(empty, '');

    await expect(openLocalFile(missing)).rejects.toThrow(`${missing}: there is no such file`);
    await expect(openLocalFile(directory)).rejects.toThrow(`${directory}: it is not a file`);
    await expect(openLocalFile(empty)).rejects.toThrow(`${empty}: it is empty, and IPD takes no empty file`);
    await expect(openLocalFile(join(empty, 'x'))).rejects.toThrow(`${join(empty, 'x')}: it cannot be opened`);
  });
});

describe('openBody', () => {
  const MOST = 2 ** 31 - 1;

  /** A file of this size that ends with three bytes and takes hardly any room on the disk. */
  async function sparse(size: number) {
    const path = join(directory, 'film.mp4');
    const file = await open(path, 'w');
    await file.write('end', size - 3);
    const found = await file.stat();
    await file.close();
    return openBody(path, found);
  }

  it('is a Blob of Node up to 2 GiB less a byte', async () => {
    expect(await sparse(MOST)).toBeInstanceOf(Blob);
  });

  it('reads from the disk above that', async () => {
    const body = await sparse(MOST + 1);

    expect(body).not.toBeInstanceOf(Blob);
    expect(body.size).toBe(MOST + 1);
    expect(Buffer.from(await body.slice(-3).arrayBuffer()).toString()).toBe('end');
  });
});
