import { describe, expect, it } from '@jest/globals';
import { rotate } from '../../../lib/delivery/reconcile.ts';

describe('the order in which attachments are compared', () => {
  it('is as listed while one check takes all of them', () => {
    expect(rotate([1, 2, 3, 4, 5], 1)).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    [0, [1, 2, 3, 4, 5, 6, 7]],
    [1, [6, 7, 1, 2, 3, 4, 5]],
    [2, [4, 5, 6, 7, 1, 2, 3]],
    [7, [1, 2, 3, 4, 5, 6, 7]],
  ])('begins five later with each attempt: %d', (attempts, order) => {
    expect(rotate([1, 2, 3, 4, 5, 6, 7], attempts)).toEqual(order);
  });
});
