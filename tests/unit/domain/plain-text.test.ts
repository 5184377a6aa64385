import { describe, expect, it } from '@jest/globals';
import { isSpoilt, toPlainText } from '../../../lib/domain/plain-text.ts';

describe('a text of which a part was lost', () => {
  it.each([
    ['a character that an earlier decoder put there', 'na\uFFFDme', true],
    ['half a character', 'na\uD83Dme', true],
    ['neither', '文件 😀', false],
  ])('has %s', (_what, text, isLost) => {
    expect(isSpoilt(text)).toBe(isLost);
  });
});

describe('a text in the form that is kept', () => {
  const invisible = [
    'U+00AD U+034F U+061C U+115F U+1160 U+17B4 U+17B5 U+180B U+180C U+180D U+180E U+180F U+200B U+200C U+200D',
    'U+200E U+200F U+2028 U+2029 U+202A U+202E U+2060 U+2064 U+2065 U+2066 U+2069 U+206A U+206F U+3164 U+FE00',
    'U+FE0E U+FE0F U+FEFF U+FFA0 U+FFF0 U+FFF9 U+FFFA U+FFFB U+1BCA0 U+1D173 U+E0000 U+E0001 U+E0020 U+E007F',
    'U+E0100 U+E01EF',
  ];

  it.each(invisible.join(' ').split(' '))('has a space for what is not seen: %s', (name) => {
    const character = String.fromCodePoint(Number.parseInt(name.slice(2), 16));

    expect(toPlainText(`in${character}voice.pdf`)).toBe('in voice.pdf');
    expect(toPlainText(`in${character.repeat(3)}voice.pdf`)).toBe('in voice.pdf');
  });

  it.each([
    ['a heart with its colour', '\u2764\uFE0F.png', '\u2764 .png'],
    ['a family', '\u{1F469}\u200D\u{1F469}\u200D\u{1F467}.png', '\u{1F469} \u{1F469} \u{1F467}.png'],
    ['a colour of skin, which is seen', '\u{1F44D}\u{1F3FD}.png', '\u{1F44D}\u{1F3FD}.png'],
    ['a flag of two letters', '\u{1F1E8}\u{1F1F3}.png', '\u{1F1E8}\u{1F1F3}.png'],
  ])('has the emoji themselves, without what joins or varies them: %s', (_what, given, kept) => {
    expect(toPlainText(given)).toBe(kept);
  });

  it.each(['文件 需求.pdf', 'Übersicht №1 (final).pdf', 'ملف.pdf', 'a\u00A0b\u3000c.pdf'])(
    'has all that is seen: %s',
    (text) => {
      expect(toPlainText(text)).toBe(text);
    },
  );
});
