import { describe, expect, it } from '@jest/globals';
import { isSpoilt } from '../../../lib/domain/plain-text.ts';

describe('a text of which a part was lost', () => {
  it.each([
    ['a character that an earlier decoder put there', 'na\uFFFDme', true],
    ['half a character', 'na\uD83Dme', true],
    ['neither', '文件 😀', false],
  ])('has %s', (_what, text, isLost) => {
    expect(isSpoilt(text)).toBe(isLost);
  });
});
