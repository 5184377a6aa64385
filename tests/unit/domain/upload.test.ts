import { describe, expect, it } from '@jest/globals';
import { ingestedFrom, occupiesWorkItem, stagingKey, uploadIdOf } from '../../../lib/domain/upload.ts';
import { fresh, MINUTE, start, uploadsByState } from './transition-samples.ts';

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

describe('ingestedFrom', () => {
  it('is what a producer offered, and nothing for an upload that a user began', () => {
    const drop = { kind: 'drop', key: 'ingest/p/i/a', etag: 'e', offer: 'then' } as const;

    expect(ingestedFrom({ source: drop })).toBe(drop);
    expect(ingestedFrom({ source: { kind: 'attach' } })).toBeUndefined();
    expect(ingestedFrom({})).toBeUndefined();
  });
});

describe('occupiesWorkItem', () => {
  it('is true of what is in flight or in doubt, and until the check for a second copy is over', () => {
    const occupying = Object.keys(uploadsByState).filter((state) =>
      occupiesWorkItem(uploadsByState[state] ?? fresh(), start + 15 * MINUTE),
    );

    expect(occupying).toEqual([
      'delivering',
      'sending',
      'unconfirmed',
      'checking',
      'without an id',
      'checking for its id',
      'checking for a second copy',
    ]);
    expect(
      occupiesWorkItem(uploadsByState['checking for a second copy'] ?? fresh(), start + 16 * MINUTE),
    ).toBe(false);
  });
});
