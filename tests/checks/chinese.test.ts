import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { zhCn as commandLine } from '../../cli/texts/zh-cn.ts';
import { problems } from '../../lib/domain/errors.ts';
import { zhCn as catalogue } from '../../lib/texts/zh-cn.ts';
import { chinese as plugin } from '../../packages/uppy/src/zh-cn.ts';
import { zhCn as page } from '../../page/src/texts/zh-cn.ts';

const read = (name: string): string => readFileSync(join(import.meta.dirname, '../..', name), 'utf8');
const texts = {
  'lib/texts': JSON.stringify(catalogue),
  'page/src/texts': JSON.stringify(page),
  'packages/uppy': JSON.stringify(plugin),
  'cli/texts': JSON.stringify(commandLine),
  'README.zh-CN.md': read('README.zh-CN.md'),
  'docs/clients.zh-CN.md': read('docs/clients.zh-CN.md'),
};

/** The last column of the glossary's Chinese table. */
const refused = (read('CONTRIBUTING.md').split('不用')[1] ?? '')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| -'))
  .flatMap((line) => (line.split('|')[3] ?? '').split('、').map((word) => word.trim()))
  .filter(Boolean);

describe('the Chinese texts', () => {
  it('have a glossary', () => {
    expect(refused).toContain('令牌');
    expect(refused.length).toBeGreaterThan(15);
  });

  it.each(Object.entries(texts))('of %s use its terms, and no polite form', (_place, text) => {
    expect([...refused, '您'].filter((word) => text.includes(word))).toEqual([]);
  });

  it.each(Object.entries(texts))(
    'of %s have no space between Chinese characters and words',
    (_place, text) => {
      const prose = text.replaceAll(/```[^]*?```/g, '');

      expect(prose.match(/\p{Script=Han} [A-Za-z]|[A-Za-z] \p{Script=Han}/gu) ?? []).toEqual([]);
    },
  );
});

describe('docs/clients.zh-CN.md', () => {
  it('says of every problem what to do about it', () => {
    const text = texts['docs/clients.zh-CN.md'];

    expect(Object.keys(problems).filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  it('and the English page lead to each other, as do the two front pages', () => {
    expect(read('docs/clients.md')).toContain('](clients.zh-CN.md)');
    expect(texts['docs/clients.zh-CN.md']).toContain('](clients.md)');
    expect(read('README.md')).toContain('](README.zh-CN.md)');
    expect(texts['README.zh-CN.md']).toContain('](README.md)');
  });
});
