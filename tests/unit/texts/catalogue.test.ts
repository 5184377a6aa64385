import { describe, expect, it } from '@jest/globals';
import { failureCodes, problems, retryableFailureCodes } from '../../../lib/domain/errors.ts';
import { uploadSchema } from '../../../lib/domain/upload.ts';
import { failureIn } from '../../../lib/texts/catalogue.ts';
import { en } from '../../../lib/texts/en.ts';
import { zhCn } from '../../../lib/texts/zh-cn.ts';
import { translationFaults } from '../../support/translation.ts';

describe.each([en, zhCn])('the catalogue in $language', (texts) => {
  it('has a text for every code and state that there is, and no other', () => {
    const states = uploadSchema.options.map((option) => option.shape.status.value);

    expect(Object.keys(texts.problems).toSorted()).toEqual(Object.keys(problems).toSorted());
    expect(Object.keys(texts.failures).toSorted()).toEqual(failureCodes.toSorted());
    expect(Object.keys(texts.retryableFailures).toSorted()).toEqual(retryableFailureCodes.toSorted());
    expect(Object.keys(texts.states).toSorted()).toEqual(states.toSorted());
  });

  it('names its language', () => {
    expect(Intl.getCanonicalLocales(texts.language)).toEqual([texts.language]);
  });

  it('finds the text of a failure, retryable or not, and none for what is no code', () => {
    expect(failureIn(texts, 'name_refused')).toBe(texts.failures.name_refused);
    expect(failureIn(texts, 'scan_pending')).toBe(texts.retryableFailures.scan_pending);
    expect(failureIn(texts, 'of_tomorrow')).toBeUndefined();
    expect(failureIn(texts, 'toString')).toBeUndefined();
  });
});

describe('the Chinese catalogue', () => {
  it('translates every text', () => {
    expect(translationFaults(en, zhCn, ['language'])).toEqual([]);
  });
});

describe('translationFaults', () => {
  const english = { a: 'A {n}', inner: { b: 'B', c: 'C' } };

  it.each([
    [{ a: '甲{n}', inner: { b: '乙' } }, 'inner.c is missing'],
    [{ a: '甲{n}', inner: { b: '乙', c: '丙', d: '丁' } }, 'inner.d is superfluous'],
    [{ a: '甲{n}', inner: { b: 'B', c: '丙' } }, 'inner.b is not translated: B'],
    [{ a: '甲{n}', inner: { b: 'other', c: '丙' } }, 'inner.b is not translated: other'],
    [{ a: '甲', inner: { b: '乙', c: '丙' } }, 'a has places for other values: 甲'],
    [{ a: '甲{n}', inner: { b: '乙,乙', c: '丙' } }, 'inner.b has punctuation of half width: 乙,乙'],
  ])('finds what is wrong with %j', (chinese, fault) => {
    expect(translationFaults(english, chinese)).toEqual([fault]);
  });

  it('lets pass what is translated', () => {
    expect(translationFaults(english, { a: '甲{n}', inner: { b: '乙', c: '丙' } })).toEqual([]);
  });
});
