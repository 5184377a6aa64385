import { describe, expect, it } from '@jest/globals';
import { createRecords, isObject } from '../../../packages/uppy/src/records.ts';

const record = { key: 'k', subject: 's' };

describe('the records of files', () => {
  it('are saved with each change, and are there until they are forgotten', () => {
    const saved: object[] = [];
    const records = createRecords((all) => saved.push(all));

    records.set('a', record);
    records.set('b', { ...record, uploadId: 'u' });
    records.forget('a');
    records.forget('a');

    expect(records.get('a')).toBeUndefined();
    expect(records.get('b')).toEqual({ ...record, uploadId: 'u' });
    expect(saved).toEqual([
      { a: record },
      { a: record, b: { ...record, uploadId: 'u' } },
      { b: { ...record, uploadId: 'u' } },
    ]);
  });

  it.each([
    record,
    { ...record, uploadId: 'u' },
    { ...record, uploadId: 'u', next: 'follow' },
    { ...record, uploadId: 'u', next: 'retry' },
  ])('are taken from what was saved before a reload: %j', (one) => {
    const records = createRecords(() => undefined);

    records.restore({ a: one });

    expect(records.get('a')).toEqual(one);
  });

  it.each([
    null,
    'text',
    {},
    { key: 'k' },
    { subject: 's' },
    { ...record, key: 1 },
    { ...record, subject: 1 },
    { ...record, uploadId: 1 },
    { ...record, next: 'other' },
  ])('pass over anything else: %j', (one) => {
    const records = createRecords(() => undefined);

    records.restore({ a: one, b: record });

    expect(records.get('a')).toBeUndefined();
    expect(records.get('b')).toEqual(record);
  });

  it.each([undefined, null, 'text', 7])('pass over a saving that is none: %p', (saved) => {
    const records = createRecords(() => undefined);

    records.restore(saved);

    expect(isObject(saved)).toBe(false);
    expect(records.get('a')).toBeUndefined();
  });
});
