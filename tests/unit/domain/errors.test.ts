import { describe, expect, it } from '@jest/globals';
import { AppError, invalidRequest } from '../../../lib/domain/errors.ts';

describe('an error', () => {
  it('has the places and the cause that it was given', () => {
    const cause = new Error('first');
    const places = [{ pointer: '/size', detail: 'is missing' }];

    expect(new AppError('invalid_request', 'm', { cause, places })).toMatchObject({ cause, places });
  });

  it('has no places and no cause where none was given', () => {
    const error = new AppError('not_found', 'm');

    expect(error.places).toEqual([]);
    expect('cause' in error).toBe(false);
  });
});

describe('a request that is not valid', () => {
  const size = { pointer: '/size', detail: 'is missing' };
  const body = { pointer: '', detail: 'is no object' };

  it('is described by its first place', () => {
    expect(invalidRequest([size]).message).toBe('/size is missing');
    expect(invalidRequest([body]).message).toBe('the body is no object');
    expect(invalidRequest([]).message).toBe('the request is not valid');
  });

  it('says how many more places there are', () => {
    expect(invalidRequest([size, body, size]).message).toBe('/size is missing, and 2 more: see errors');
    expect(invalidRequest([size, body]).places).toEqual([size, body]);
  });
});
