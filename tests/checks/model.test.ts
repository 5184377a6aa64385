import { describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

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
