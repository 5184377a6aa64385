import { describe, expect, it } from '@jest/globals';
import { AppError, invalidRequest, problems } from '../../../lib/domain/errors.ts';

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
    expect(invalidRequest([size, body]).message).toBe('/size is missing, and 1 more: see errors');
    expect(invalidRequest([size, body, size]).message).toBe('/size is missing, and 2 more: see errors');
    expect(invalidRequest([size, body]).places).toEqual([size, body]);
  });
});

describe('the HTTP status', () => {
  it('of each problem is its own', () => {
    const codes = Map.groupBy(Object.entries(problems), ([, { status }]) => status);
    const named = [...codes].map(([status, group]) => [status, group.map(([code]) => code)]);

    expect(Object.fromEntries(named)).toEqual({
      400: ['invalid_request', 'invalid_json', 'invalid_form'],
      401: ['ticket_invalid', 'no_subject'],
      403: ['project_forbidden', 'ipd_forbidden'],
      404: ['not_found'],
      409: ['work_item_full', 'upload_state_conflict', 'upload_incomplete'],
      413: ['file_too_large'],
      415: ['unsupported_media_type'],
      422: ['work_item_missing', 'idempotency_key_reused', 'scan_refused'],
      429: ['too_many_open_uploads', 'rate_limited'],
      500: ['internal'],
      502: ['delivery_failed'],
      503: ['unavailable'],
    });
  });
});
