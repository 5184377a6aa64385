import { describe, expect, it } from '@jest/globals';
import { contentType, filename, size } from '../../../lib/domain/fields.ts';

const problemsOf = ({ error }: { error?: { issues: { message: string }[] } | undefined }): string[] =>
  (error?.issues ?? []).map(({ message }) => message);

describe('a file name', () => {
  it('has at most 200 characters, composed', () => {
    expect(filename.safeParse('e\u0301'.repeat(200)).data).toBe('é'.repeat(200));
    expect(problemsOf(filename.safeParse('e\u0301'.repeat(201)))).toEqual([
      'must have at most 200 characters',
    ]);
  });

  it('of more than 1,200 units is not looked at any further', () => {
    expect(problemsOf(filename.safeParse('/'.repeat(1200)))).toContain('must be a bare name without a path');
    expect(problemsOf(filename.safeParse('/'.repeat(1201)))).toEqual(['must have at most 200 characters']);
  });
});

describe('a content type', () => {
  it('has at most 255 characters', () => {
    const type = `a/${'b'.repeat(253)}`;

    expect(contentType.safeParse(type).data).toBe(type);
    expect(problemsOf(contentType.safeParse(`${type}b`))).toEqual(['must have at most 255 characters']);
  });
});

describe('a size', () => {
  it.each([
    [0, false],
    [1, true],
    [1.5, false],
  ])('of %d bytes is taken: %s', (bytes, isTaken) => {
    expect(size.safeParse(bytes).success).toBe(isTaken);
  });
});

describe('a file name without a visible character', () => {
  it.each(['\u200b', '\u3000', ' \u2028 '])('is refused: %j', (name) => {
    expect(problemsOf(filename.safeParse(name))).toEqual(['must have a character that is seen']);
  });
});
