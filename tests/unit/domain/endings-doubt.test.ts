import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import { after, inDoubt, moment, token } from './transition-samples.ts';

describe('an upload that fails in doubt', () => {
  const fail = (code: 'outcome_unknown' | 'staged_file_missing' | 'ipd_refused') =>
    attempts.fail(after(...inDoubt, 'claim'), { token, code, detail: 'HTTP 400', ...moment });

  it.each([
    ['outcome_unknown', 'HTTP 400'],
    ['staged_file_missing', 'The stored file is gone. HTTP 400'],
    ['ipd_refused', 'IPD refused the file. HTTP 400'],
  ] as const)('tells no user to upload it again: %s', (code, detail) => {
    expect(fail(code)).toMatchObject({ lastError: { code: 'outcome_unknown', detail } });
  });
});
