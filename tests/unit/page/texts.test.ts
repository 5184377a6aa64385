import { describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeInWords, timeInWords } from '../../../page/src/format.ts';
import { fill, sentences, texts, textsFor, wordsFor } from '../../../page/src/texts.ts';
import { en } from '../../../page/src/texts/en.ts';
import { zhCn } from '../../../page/src/texts/zh-cn.ts';
import { failureCodes, problems } from '../../../lib/domain/errors.ts';
import { textsByPath, translationFaults } from '../../support/translation.ts';

const SOURCE = join(import.meta.dirname, '../../../page/src');
/** What the client and the page find out by themselves. */
const OWN_CODES = [
  'file_unreadable',
  'file_differs',
  'unauthorized',
  'forbidden',
  'network',
  'origin_not_allowed',
];

describe('the texts of the page', () => {
  it('are all translated', () => {
    expect(translationFaults(en, zhCn, ['language'])).toEqual([]);
  });

  it('are all shown somewhere', async () => {
    const names = (await readdir(SOURCE)).filter((name) => name.endsWith('.ts'));
    const sources = await Promise.all(names.map((name) => readFile(join(SOURCE, name), 'utf8')));
    const text = sources.join('\n');
    const isShown = (path: string): boolean => {
      const [group = '', name = ''] = path.split('.');
      // These groups are read by a code, a reason or the name of an action.
      if (['errors', 'paused', 'action'].includes(group)) return new RegExp(`texts\\.${group}\\b`).test(text);
      return (
        text.includes(`texts.${path}`) ||
        (text.includes(`${group}: words }`) && text.includes(`words.${name}`))
      );
    };

    expect([...textsByPath(en).keys()].filter((path) => !isShown(path))).toEqual([]);
  });

  it('have words for codes that there are', () => {
    const codes = new Set([...Object.keys(problems), ...failureCodes, ...OWN_CODES]);

    expect(Object.keys(en.errors).filter((code) => !codes.has(code))).toEqual([]);
  });
});

describe('textsFor', () => {
  it.each([
    [['zh-CN', 'en'], 'zh-CN'],
    [['zh'], 'zh-CN'],
    [['zh-SG'], 'zh-CN'],
    [['zh-Hans-CN'], 'zh-CN'],
    [['ZH-hans'], 'zh-CN'],
    [['en-GB', 'zh-CN'], 'en'],
    [['de', 'zh-CN', 'en'], 'zh-CN'],
    [['zh-TW', 'en'], 'en'],
    [['zh-Hant', 'zh-CN'], 'zh-CN'],
    [['de'], 'en'],
    [[], 'en'],
  ])('takes for %j %s', (languages, language) => {
    expect(textsFor(languages).language).toBe(language);
  });
});

describe('words', () => {
  it('are the own ones for a code, or those that came with it', () => {
    expect(wordsFor('network', 'given')).toBe(en.errors.network);
    expect(wordsFor('of_tomorrow', 'given')).toBe('given');
  });

  it('have their values in place, and sentences a space between them', () => {
    expect(fill('{a} of {b}, {c}', { a: 1, b: 'x' })).toBe('1 of x, {c}');
    expect(sentences('One.', '', 'Two.')).toBe('One. Two.');
    expect(texts.language).toBe('en');
  });

  it('name sizes and times as the language does', () => {
    expect(sizeInWords(4_940_000)).toBe('4.9 MB');
    expect(timeInWords('2026-11-26T15:14:00Z', Date.parse('2026-01-01T00:00:00Z'))).toContain('Nov 26, 2026');
  });
});
