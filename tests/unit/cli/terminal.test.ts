import { describe, expect, it } from '@jest/globals';
import { visible } from '../../../cli/terminal.ts';
import { fill } from '../../../cli/texts.ts';

describe('a word of others', () => {
  it.each([
    ['ends no line', 'a\r\n\u2028b', String.raw`a\u000d\u000a\u2028b`],
    ['places no cursor', '\u001b[2K\u009b2K\u007f', String.raw`\u001b[2K\u009b2K\u007f`],
    ['rings no bell', '\u0007', String.raw`\u0007`],
    ['changes no reading direction', '\u202egpj.exe\u2066', String.raw`\u202egpj.exe\u2066`],
  ])('%s', (_what, word, shown) => {
    expect(visible(word)).toBe(shown);
    expect(fill('state {word}', { word })).toBe(`state ${shown}`);
  });

  it.each(['崩溃 日志.txt', 'ملف\u200f.txt', 'a\\u0041b 😀'])('stays what it is: %s', (word) => {
    expect(visible(word)).toBe(word);
  });

  it('is the same to a program that reads JSON', () => {
    const word = 'a\u001b\u009b\u2029"\\';

    expect(JSON.parse(visible(JSON.stringify({ word })))).toEqual({ word });
  });
});
