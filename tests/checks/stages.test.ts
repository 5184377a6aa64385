import { describe, expect, it } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stageNamed, STAGES } from '../stages.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'));

/** A file that declares tests under any name, and one whose name says that it does. */
const isTestFile = (path: string): boolean =>
  /\.(?:test|browser)\.[cm]?[jt]sx?$/.test(path) || /^\s*(?:it|test)(?:\.\w+)?\(/m.test(read(path));

const inStages = STAGES.flatMap(({ name, files = [] }) =>
  globSync(files, { cwd: ROOT }).map((path) => ({ name, path })),
);
const stagesOf = (path: string): string[] =>
  inStages.filter((one) => one.path === path).map(({ name }) => name);

describe('a test file', () => {
  const files = globSync('tests/**/*.{ts,tsx,mts,js,mjs}', {
    cwd: ROOT,
    exclude: (path) => path.includes('node_modules') || path === 'tests/packages',
  }).filter(isTestFile);

  it('is in one stage', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.map((path) => ({ path, stages: stagesOf(path) })).filter(isNotInOne)).toEqual([]);
  });
});

function isNotInOne({ stages }: { stages: string[] }): boolean {
  return stages.length !== 1;
}

describe('a stage', () => {
  it.each(STAGES)('$name has scripts of package.json, and jest in them where it has test files', (stage) => {
    const lines = stage.scripts.map((script) => scripts[script]);

    expect(lines).not.toContain(undefined);
    expect(lines.some((line) => line?.includes(`tests/jest.ts ${stage.name}`))).toBe(
      stage.files !== undefined,
    );
  });

  it.each(STAGES)('$name is in the table of docs/testing.md', ({ name, title, scripts: [script = ''] }) => {
    const command = script === 'test' ? 'npm test' : `npm run ${script}`;
    const rows = read('docs/testing.md')
      .split('\n')
      .map((row) => row.split('|').map((cell) => cell.trim()));

    expect(rows).toContainEqual(['', name, `\`${command}\``, title, '']);
  });

  it('is named by the error about a name that no stage has', () => {
    expect(() => stageNamed('tests')).toThrow('There is no stage tests, only test, browser, stack');
  });
});
