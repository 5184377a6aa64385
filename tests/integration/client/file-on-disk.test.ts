import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { fstatSync, readdirSync } from 'node:fs';
import { open, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileOnDisk } from '../../../packages/client/src/file-on-disk.ts';
import { GIB } from '../../../lib/domain/units.ts';
import { useDirectory } from '../../support/use-directory.ts';

const directory = await useDirectory();
const SAMPLE = randomBytes(300_000);

/** A file of 5 GiB that has the sample at these places and takes hardly any room on the disk. */
async function sparse(...places: number[]) {
  const path = join(directory, 'film.mp4');
  const file = await open(path, 'w');
  await file.truncate(5 * GIB);
  for (const place of places) await file.write(SAMPLE, 0, SAMPLE.length, place);
  await file.close();
  return find(path);
}

async function find(path: string) {
  const { size, mtimeMs } = await stat(path);
  return fileOnDisk({ path, size, changedMs: mtimeMs });
}

/** Whether this process has a file open at this moment. */
function isOpen({ ino, dev }: { ino: number; dev: number }): boolean {
  return readdirSync('/dev/fd').some((descriptor) => {
    try {
      const one = fstatSync(Number(descriptor));
      return one.ino === ino && one.dev === dev;
    } catch {
      // It was that of readdir.
      return false;
    }
  });
}

describe('fileOnDisk', () => {
  it.each([0, 2 * GIB - 1000, 4 * GIB - 1000, 5 * GIB - SAMPLE.length])(
    'gives the bytes of a file of 5 GiB from %d on',
    async (place) => {
      const file = await sparse(place);

      const part = file.slice(place, place + SAMPLE.length);

      expect(file.size).toBe(5 * GIB);
      expect(part.size).toBe(SAMPLE.length);
      expect(Buffer.from(await part.arrayBuffer()).equals(SAMPLE)).toBe(true);
    },
  );

  it.each<[start: number | undefined, end: number | undefined]>([
    [undefined, undefined],
    [3, undefined],
    [0, 1],
    [2, 5],
    [-3, undefined],
    [-5, -2],
    [5, 2],
    [8, 99],
    [-99, 2],
    [99, 100],
  ])('cuts from %p to %p as a Blob does, and again', async (start, end) => {
    const path = join(directory, 'short.txt');
    await writeFile(path, 'abcdefghij');
    const blob = new Blob(['abcdefghij']);

    const part = (await find(path)).slice(start, end);

    expect(await part.text()).toBe(await blob.slice(start, end).text());
    expect(await part.slice(1, -1).text()).toBe(await blob.slice(start, end).slice(1, -1).text());
    expect(part.size).toBe(blob.slice(start, end).size);
  });

  it('does not give the bytes of a file that has changed', async () => {
    const path = join(directory, 'changing.txt');
    await writeFile(path, 'before');
    const file = await find(path);

    await writeFile(path, 'after the change');

    await expect(file.text()).rejects.toThrow('changing.txt has changed');
    await expect(file.slice(0, 1).arrayBuffer()).rejects.toThrow('changing.txt has changed');
  });

  it('can be left in the middle', async () => {
    const reader = (await sparse(0)).stream().getReader();

    const { value } = await reader.read();
    await reader.cancel();

    expect(Buffer.from(value ?? []).equals(SAMPLE.subarray(0, value?.length))).toBe(true);
  });

  it('gives nothing of an empty part', async () => {
    const reader = (await sparse(0)).slice(5, 2).stream().getReader();

    expect(await reader.read()).toEqual({ done: true, value: undefined });
  });

  it.each([
    ['size', 'longer', 1_700_000_000],
    ['time of change', 'other!', 1_700_000_001],
  ])('does not give the bytes of a file that has another %s', async (_what, text, changedAt) => {
    const path = join(directory, 'changing.txt');
    await writeFile(path, text === 'longer' ? 'short' : 'before');
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const file = await find(path);

    await writeFile(path, text);
    await utimes(path, changedAt, changedAt);
    const place = await stat(path);
    const rejected = await file.text().catch((error: unknown) => ({ error, isOpen: isOpen(place) }));

    expect(rejected).toEqual({ error: new Error(`${path} has changed`), isOpen: false });
  });

  it('says that a file has changed which is cut short while it is read', async () => {
    const path = join(directory, 'film.mp4');
    const reader = (await sparse(0)).stream().getReader();
    await reader.read();

    await truncate(path, 1000);

    await expect(readAll(reader)).rejects.toThrow('film.mp4 has changed');
    expect(isOpen(await stat(path))).toBe(false);
  });

  it('gives every byte that a file has which is cut short while it is read, and no more', async () => {
    const path = join(directory, 'film.mp4');
    const reader = (await sparse(0)).stream().getReader();
    const lengths = [(await reader.read()).value?.length ?? 0];

    // Behind the chunk that may have been read ahead.
    await truncate(path, 700_000);
    const error: unknown = await (async () => {
      for (;;) lengths.push((await reader.read()).value?.length ?? 0);
    })().catch((cause: unknown) => cause);

    expect(error).toEqual(new Error(`${path} has changed`));
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(700_000);
  });

  it('closes the file when all is read', async () => {
    const path = join(directory, 'short.txt');
    await writeFile(path, 'abcdefghij');
    const file = await find(path);
    const place = await stat(path);

    const isOpenAtTheEnd = await file.text().then(() => isOpen(place));

    expect(isOpenAtTheEnd).toBe(false);
  });
});

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  for (;;) if ((await reader.read()).done) return;
}
