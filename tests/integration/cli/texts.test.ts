import { describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkLanguage, fill, textsFor } from '../../../cli/texts.ts';
import { en } from '../../../cli/texts/en.ts';
import { zhCn } from '../../../cli/texts/zh-cn.ts';
import { textsByPath, translationFaults } from '../../support/translation.ts';

const SOURCE = join(import.meta.dirname, '../../../cli');

async function sources(): Promise<string> {
  const names = (await readdir(SOURCE, { recursive: true })).filter((name) =>
    /^[^/]+\.ts$|^ops\//.test(name),
  );
  return (await Promise.all(names.map((name) => readFile(join(SOURCE, name), 'utf8')))).join('\n');
}

describe('the texts of the command line', () => {
  it('are all translated', () => {
    // In English these come with a detail that says more.
    const { codes, rules, ...chinese } = zhCn;

    expect(translationFaults({ ...en, codes: {}, rules: {} }, chinese, ['language'])).toEqual([]);
    const texts = [...Object.values(codes), ...Object.values(rules)];
    expect(texts.filter((text) => !/\p{Script=Han}/u.test(text))).toEqual([]);
  });

  it('are all printed somewhere', async () => {
    const text = await sources();
    // These groups are read by a code.
    const byCode = new Set(['paused', 'ages', 'labels', 'shapes', 'losses', 'obstacles', 'breaker']);
    const isPrinted = (path: string): boolean => {
      const [name = '', group = 'texts'] = path.split('.').toReversed();
      if (byCode.has(group)) return new RegExp(`\\b(?:texts|ops)\\.${group}\\b`).test(text);
      if (['staging', 'delivery'].includes(name)) return text.includes('texts.progress[progress.leg]');
      return new RegExp(`\\b${group === 'texts' ? '(?:texts|language)' : group}\\.${name}\\b`).test(text);
    };

    expect([...textsByPath(en).keys()].filter((path) => !isPrinted(path))).toEqual([]);
  });

  it('name in Chinese every code that the client finds out by itself', async () => {
    const client = join(SOURCE, '../packages/client/src');
    const names = ['errors.ts', 'client.ts', 'local-file.ts', 'staging.ts', 'put.ts'];
    const text = (await Promise.all(names.map((name) => readFile(join(client, name), 'utf8')))).join('\n');
    const codes = new Set([...text.matchAll(/code: '(\w+)'/g)].map(([, code = '']) => code));

    expect([...codes].filter((code) => zhCn.codes[code] === undefined)).toEqual([]);
  });

  it('name in Chinese every rule of a field, and no other', async () => {
    const text = await readFile(join(SOURCE, '../lib/domain/fields.ts'), 'utf8');
    const found = [...text.matchAll(/'(must [^'\n]+)'|"(must [^"\n]+)"/g)];
    const rules = new Set(found.map(([, single, double = '']) => single ?? double));

    expect(Object.keys(zhCn.rules).toSorted()).toEqual([...rules].toSorted());
  });
});

describe('textsFor', () => {
  it.each([
    [[], {}, 'en'],
    [[], { LANG: 'zh_CN.UTF-8' }, 'zh-CN'],
    [[], { LANG: 'zh_SG' }, 'zh-CN'],
    [[], { LANG: 'zh_TW.UTF-8' }, 'en'],
    [[], { LANG: 'de_DE.UTF-8' }, 'en'],
    [[], { LANG: 'zh_CN.UTF-8', LC_MESSAGES: 'en_US.UTF-8' }, 'en'],
    [[], { LANG: 'en_US.UTF-8', LC_ALL: 'zh_CN.GB18030@x' }, 'zh-CN'],
    [[], { LANG: 'zh_CN.UTF-8', LC_ALL: '' }, 'zh-CN'],
    [[], { LANG: 'zh_CN.UTF-8', LC_ALL: 'C' }, 'en'],
    [['--lang', 'zh-CN', 'a.txt'], { LANG: 'en_US.UTF-8' }, 'zh-CN'],
    [['a.txt', '--lang=en'], { LANG: 'zh_CN.UTF-8' }, 'en'],
  ])('takes for %j and %j %s', (args, environment, language) => {
    expect(textsFor(args, environment).language).toBe(language);
  });
});

describe('checkLanguage', () => {
  it('lets pass what there is, and names it where there is none', () => {
    for (const given of [undefined, 'en', 'zh-CN']) expect(() => checkLanguage(given)).not.toThrow();
    expect(() => checkLanguage('fr')).toThrow('--lang fr: there are en, zh-CN');
  });
});

describe('fill', () => {
  it('puts values in their places', () => {
    expect(fill('{a} and {b}', { a: 1 })).toBe('1 and {b}');
  });
});
