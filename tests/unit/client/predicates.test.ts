import { describe, expect, it } from '@jest/globals';
import { isLimits, isProblem, isUpload, isUploadPage } from '../../../packages/client/src/predicates.ts';

const upload = { id: 'u', status: 'staged', staging: {}, delivery: {} };
const others = [null, undefined, 'words', 7, []];

describe('an answer', () => {
  it('is an upload with all that the client needs of one', () => {
    expect(isUpload(upload)).toBe(true);
    for (const name of Object.keys(upload)) expect(isUpload({ ...upload, [name]: null })).toBe(false);
    for (const value of others) expect(isUpload(value)).toBe(false);
  });

  it('is a page where all its uploads are', () => {
    expect([isUploadPage({ uploads: [] }), isUploadPage({ uploads: [upload] })]).toEqual([true, true]);
    for (const value of [...others, {}, { uploads: 'ab' }, { uploads: [upload, {}] }]) {
      expect(isUploadPage(value)).toBe(false);
    }
  });

  it('has the limits where it has the first one', () => {
    expect(isLimits({ maxFileBytes: 1 })).toBe(true);
    for (const value of [...others, {}, { maxFileBytes: '1' }]) expect(isLimits(value)).toBe(false);
  });

  it('is a problem with a code and a detail', () => {
    expect(isProblem({ code: 'c', detail: 'd' })).toBe(true);
    for (const value of [...others, {}, { code: 'c' }, { detail: 'd' }, { code: 1, detail: 'd' }]) {
      expect(isProblem(value)).toBe(false);
    }
  });
});
