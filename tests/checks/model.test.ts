import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const model = read('model/delivery.pml');

/** Every `PATH: NAME, NAME` of the comments. */
const steps = [...model.matchAll(/(lib\/[\w/-]+\.ts): (\w+(?:, \w+)*)/g)].flatMap(
  ([, path = '', names = '']) => names.split(', ').map((name) => ({ path, name })),
);
const named = [...new Map(steps.map((step) => [`${step.path} ${step.name}`, step])).values()];

describe('a step of the model', () => {
  it('names what it stands for', () => {
    expect(named.length).toBeGreaterThan(40);
  });

  it.each(named)('stands for code that is there: $path $name', ({ path, name }) => {
    expect(existsSync(join(ROOT, path))).toBe(true);
    expect(read(path)).toMatch(new RegExp(`(?:function\\*?|const) ${name}\\b`));
  });
});

describe('a switch of the model', () => {
  const switches = [...new Set(model.match(/\b(?:BREAK|WITHOUT)_[A-Z_]*[A-Z]\b/g))];
  const checked = read('model/check.ts');

  it.each(switches)('is tried by npm run model: %s', (name) => {
    expect(checked).toContain(`name: '${name}'`);
  });

  it.each(switches.filter((name) => name.startsWith('BREAK_')))(
    'is an assumption of the page: %s',
    (name) => {
      expect(read('docs/delivery.md')).toContain(`\`${name}\``);
    },
  );
});

describe('npm run model', () => {
  it('says NOT RUN where Spin and a C compiler are missing, and does not fail', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'model/check.ts')], {
      env: { PATH: '' },
    });

    expect(stdout).toMatch(/^NOT RUN: this machine does not have Spin and a C compiler/);
  });
});
