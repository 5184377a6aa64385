import { describe, expect, it } from '@jest/globals';
import { failed } from '../../../lib/runtime/aws-errors.ts';

describe('failed', () => {
  it('throws an error that is none of AWS as it is', () => {
    const mistake = new TypeError('x is not a function');

    expect(() => failed('reading x')(mistake)).toThrow(mistake);
  });

  it('throws an outage of a service that gave no answer as unavailable', () => {
    const unreached = Object.assign(new Error('connect ECONNREFUSED'), { $metadata: { attempts: 3 } });

    expect(() => failed('reading x')(unreached)).toThrow(
      expect.objectContaining({ code: 'unavailable', message: 'reading x failed', cause: unreached }),
    );
  });
});
