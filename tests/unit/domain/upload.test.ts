import { describe, expect, it } from '@jest/globals';
import {
  fieldsOf,
  ingestedFrom,
  mayBeRetried,
  needsNoRetry,
  occupiesWorkItem,
  stagingKey,
  uploadIdOf,
  uploadSchema,
} from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { fresh, iso, legal, MINUTE, start, uploadsByState } from './transition-samples.ts';

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

describe('fieldsOf', () => {
  it('names the upload, the call that began it, and the attempt', () => {
    expect(fieldsOf({ ...fresh(), correlationId: 'call-1', attempts: 2 })).toEqual({
      uploadId: fresh().id,
      correlationId: 'call-1',
      attempt: 2,
    });
  });
});

describe('mayBeRetried', () => {
  const failed = (code: string): Upload =>
    legal(Object.assign({}, uploadsByState['failed'], { lastError: { code, message: 'm', at: iso(start) } }));

  it.each([
    'scan_refused',
    'staged_file_missing',
    'staged_file_changed',
    'size_mismatch',
    'checksum_mismatch',
  ])('is false of what would fail again: %s', (code) => {
    expect(mayBeRetried(failed(code))).toBe(false);
  });

  it.each(['ipd_refused', 'retries_exhausted', 'scan_timed_out', 'work_item_full'])(
    'is true of what may end better: %s',
    (code) => {
      expect(mayBeRetried(failed(code))).toBe(true);
    },
  );
});

describe('a record of a stored file', () => {
  it.each(['staged', 'delivering', 'waiting', 'unconfirmed'])('names its version: %s', (state) => {
    for (const member of ['etag', 'stagedAt', 'retryUntil']) {
      const lacking = Object.assign({}, uploadsByState[state], { [member]: undefined });

      expect(uploadSchema.safeParse(lacking).success).toBe(false);
    }
  });
});

describe('needsNoRetry', () => {
  it('is true of what is under way or done', () => {
    const states = Object.values(uploadsByState).filter(needsNoRetry);

    expect([...new Set(states.map(({ status }) => status))].toSorted()).toEqual([
      'delivered',
      'delivering',
      'staged',
      'unconfirmed',
      'waiting',
    ]);
  });
});
