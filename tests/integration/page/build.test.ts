import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { buildPage } from '../../../page/build.ts';
import { makeTemporaryDirectory } from '../../support/probe-stack.ts';
import { runCommandLine } from '../../support/run-command.ts';

const PROGRAM = join(import.meta.dirname, '../../..', 'page', 'build.ts');
/** In bytes, before compression. */
const LARGEST = 82_000;

let data: Awaited<ReturnType<typeof makeTemporaryDirectory>>;

beforeAll(async () => {
  data = await makeTemporaryDirectory();
});

afterAll(() => data.remove());

describe('npm run build:page', () => {
  it('makes four small files, the same each time, that carry their licences', async () => {
    const digests = (files: Map<string, Buffer>) =>
      [...files].map(([name, content]) => [name, createHash('sha256').update(content).digest('hex')]);
    const files = await buildPage();

    const kinds = [...files.keys()].map((name) => name.replace(/-[0-9A-Za-z]{8}\./, '-#.')).toSorted();
    expect(kinds).toEqual(['icon-#.svg', 'index.html', 'page-#.css', 'page-#.js']);
    expect(digests(await buildPage())).toEqual(digests(files));
    expect([...files.values()].reduce((sum, { length }) => sum + length, 0)).toBeLessThan(LARGEST);
    const script = [...files].find(([name]) => name.endsWith('.js'))?.[1].toString();
    expect(script).toContain('Permission is hereby granted');
  });

  it.each(['https://*.s3.eu-central-1.amazonaws.com', 'https://bucket.s3.cn-north-1.amazonaws.com.cn'])(
    'writes them to the folder and for the origins that are named: %s',
    async (storage) => {
      const out = join(data.path, new URL(storage.replace('*', 'any')).hostname);

      const args = ['--out', out, '--connect', `https://api.example.com ${storage}`];
      const { code, stdout } = await runCommandLine(PROGRAM, args).ended;

      expect(code).toBe(0);
      expect(stdout).toHaveLength(4);
      expect(await readdir(out)).toHaveLength(4);
      expect(await readFile(join(out, 'index.html'), 'utf8')).toContain(
        `connect-src 'self' https://api.example.com ${storage};`,
      );
    },
  );

  it('refuses what is no origin', async () => {
    const out = join(data.path, 'nothing');

    const args = ['--out', out, '--connect', "https://api.example.com 'unsafe-inline'"];
    const { code, stderr } = await runCommandLine(PROGRAM, args).ended;

    expect(code).toBe(1);
    expect(stderr[0]).toBe("--connect takes origins, not 'unsafe-inline'");
    expect(await readdir(data.path)).not.toContain('nothing');
  });
});
