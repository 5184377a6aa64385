import { describe, expect, it } from '@jest/globals';
import { occupiesWorkItem, stagingKey, uploadIdOf } from '../../lib/upload.ts';
import { fresh, samples } from './moves-samples.ts';

describe('stagingKey', () => {
  it('is read back to the id, and nothing else is', () => {
    const { id } = fresh();

    expect(uploadIdOf(stagingKey(id))).toBe(id);
    for (const key of [
      '',
      id,
      `x/staging/${id}`,
      `staging/${id}x`,
      `staging/${id}/x`,
      'staging/../etc',
      'staging/',
    ]) {
      expect(uploadIdOf(key)).toBeUndefined();
    }
  });
});

describe('occupiesWorkItem', () => {
  it('is true of whatever is in flight or in doubt, and of what may still show a second copy', () => {
    const occupying = Object.keys(samples).filter((state) => occupiesWorkItem(samples[state] ?? fresh()));

    expect(occupying).toEqual([
      'delivering',
      'sending',
      'unconfirmed',
      'looking',
      'without an id',
      'looking for its id',
      'delivered after a doubt',
    ]);
  });
});
