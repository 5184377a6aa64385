import { describe, expect, it } from '@jest/globals';
import { languageFor, textsIn } from '../../../lib/texts/language.ts';

describe('languageFor', () => {
  it.each([
    [undefined, 'en'],
    ['', 'en'],
    ['*', 'en'],
    ['zh', 'zh-CN'],
    ['zh-CN', 'zh-CN'],
    ['ZH-cn', 'zh-CN'],
    ['zh-SG', 'zh-CN'],
    ['zh-Hans', 'zh-CN'],
    ['zh-Hans-CN', 'zh-CN'],
    ['zh-Hans-HK', 'zh-CN'],
    ['zh-TW', 'en'],
    ['zh-HK', 'en'],
    ['zh-Hant', 'en'],
    ['zh-Hant-CN', 'en'],
    ['zho', 'en'],
    ['de', 'en'],
    ['en-GB', 'en'],
    ['zh-CN,zh;q=0.9,en;q=0.8', 'zh-CN'],
    ['en-US,en;q=0.9,zh-CN;q=0.8', 'en'],
    ['de,zh;q=0.5', 'zh-CN'],
    ['de, zh-TW, zh;q=0.1', 'zh-CN'],
    ['en;q=0.8, zh-CN ; q=0.9', 'zh-CN'],
    ['zh;Q=0.2, en;q=0.1', 'zh-CN'],
    ['zh, en', 'zh-CN'],
    ['en, zh', 'en'],
    ['en;q=0, *', 'zh-CN'],
    ['*;q=0.5, zh;q=0.4', 'en'],
    ['*;q=0.4, zh;q=0.5', 'zh-CN'],
    ['zh-CN;q=0, *', 'en'],
    ['zh-CN;q=0, zh', 'en'],
    ['zh-CN;q=0, en;q=0', 'en'],
    ['zh;q=0.0, en;q=0.001', 'en'],
    ['zh;q=1.000', 'zh-CN'],
    ['zh;q=1.1', 'en'],
    ['zh;q=high', 'en'],
    ['zh;level=1', 'en'],
    ['zh_CN', 'en'],
    [',, ;q=1, zh', 'zh-CN'],
    ['中文', 'en'],
  ])('takes %p for %s', (header, language) => {
    expect(languageFor(header)).toBe(language);
  });
});

describe('textsIn', () => {
  it.each(['en', 'zh-CN'] as const)('has the texts of %s', async (language) => {
    expect((await textsIn(language)).language).toBe(language);
  });
});
