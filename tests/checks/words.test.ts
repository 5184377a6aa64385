import { expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** What the glossary rules out and cspell cannot flag: phrases, and names made of several words. */
const RULED_OUT =
  /[sS]etBack(?![a-z])|[tT]ake ?[bB]ack(?![a-z])|boundary released|answer lost|[fF]ar ?[sS]ide|becomes? of/;

/** The glossary and this test: both name what is ruled out. */
const EXCEPT = new Set(['CONTRIBUTING.md', 'tests/checks/words.test.ts']);

it('no file has a phrase that the glossary rules out', () => {
  const paths = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' }).split('\0');

  const found = paths
    .filter((path) => path !== '' && !EXCEPT.has(path))
    .flatMap((path) =>
      readFileSync(join(ROOT, path), 'utf8')
        .split('\n')
        .flatMap((line, index) => (RULED_OUT.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    );

  expect(found).toEqual([]);
});
