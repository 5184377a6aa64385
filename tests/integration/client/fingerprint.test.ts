import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { fingerprint } from '../../../packages/client/src/fingerprint.ts';

const about = {
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
  filename: '需求.png',
  contentType: 'image/png',
  size: 300_000,
};

describe('fingerprint', () => {
  it('stays the same from release to release, since earlier uploads are found by it', () => {
    expect(fingerprint(about, 1_700_000_000_000)).toBe('file-o19kja-wkxzud-p8fatm-10q1oqy');
  });

  it('is undefined when nothing tells the content', () => {
    expect(fingerprint(about)).toBeUndefined();
    expect(fingerprint({ ...about, sha256: 'f'.repeat(64) })).toBeDefined();
    expect(fingerprint(about, 0)).toBeDefined();
  });

  it('differs as soon as one thing differs', () => {
    const keys = [
      fingerprint(about, 1),
      fingerprint(about, 2),
      fingerprint({ ...about, projectId: 'f'.repeat(32) }, 1),
      fingerprint({ ...about, issueId: '956239067176935401' }, 1),
      fingerprint({ ...about, filename: '需求.jpg' }, 1),
      fingerprint({ ...about, contentType: 'image/jpeg' }, 1),
      fingerprint({ ...about, size: 300_001 }, 1),
      fingerprint({ ...about, sha256: 'f'.repeat(64) }, 1),
      fingerprint({ ...about, sha256: 'f'.repeat(64) }),
    ];

    expect(new Set(keys).size).toBe(keys.length);
  });

  it('does not depend on how the file is sent', () => {
    expect(fingerprint({ ...about, mode: 'multipart' }, 1)).toBe(fingerprint(about, 1));
  });

  it('is a usable Idempotency-Key for every file name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer(), (filename, lastModified) => {
        expect(fingerprint({ ...about, filename }, lastModified)).toMatch(/^[\x21-\x7e]{1,255}$/);
      }),
    );
  });

  it('does not repeat over many similar files', () => {
    const keys = new Set<string | undefined>();
    for (let index = 0; index < 20_000; index += 1) {
      keys.add(fingerprint({ ...about, filename: `IMG_${index}.jpg` }, 1_700_000_000_000 + (index % 7)));
    }

    expect(keys.size).toBe(20_000);
  });

  it('has no 32 bits that repeat more often than chance', () => {
    const parts = Array.from({ length: 20_000 }, (_, index) =>
      String(fingerprint({ ...about, size: index }, 1)).split('-'),
    );

    for (const lane of [1, 2, 3, 4]) {
      // About 0.05 pairs are expected in each lane.
      expect(new Set(parts.map((part) => part[lane])).size).toBeGreaterThan(19_995);
    }
  });
});
