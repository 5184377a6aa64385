import { describe, expect, it } from '@jest/globals';
import { keyOf, metadataOf } from '../../../cli/drop-object.ts';

const item = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };
const FOLDER = `ingest/${item.projectId}/${item.issueId}/`;

describe('keyOf', () => {
  it.each(['report.pdf', '测试 报告+100%.txt', "it's (1) & [2].txt", '.env'])(
    'has %s as the last part',
    (filename) => {
      expect(keyOf({ ...item, filename })).toBe(`${FOLDER}${filename}`);
    },
  );

  it.each([
    ['a/b.txt', 'a_b.txt'],
    ['a\\b.txt', 'a_b.txt'],
    ['a\u202Eb.txt', 'a_b.txt'],
    ['a\nb.txt', 'a_b.txt'],
    ['..', '_'],
  ])('makes %j safe, in a folder of its own', (filename, safe) => {
    const key = keyOf({ ...item, filename });

    expect(key.startsWith(FOLDER)).toBe(true);
    expect(key.slice(FOLDER.length)).toMatch(new RegExp(`^[0-9a-f]{16}/${safe}$`));
    expect(key).not.toBe(keyOf({ ...item, filename: safe }));
  });

  it('gives two unsafe names two keys', () => {
    expect(keyOf({ ...item, filename: 'a/b' })).not.toBe(keyOf({ ...item, filename: 'a\\b' }));
  });
});

describe('metadataOf', () => {
  const key = `${FOLDER}报告.txt`;

  it('percent-encodes the name and the person', () => {
    expect(metadataOf({ key, filename: '报告.txt', uploadedBy: '王 (1)' })).toEqual({
      filename: '%E6%8A%A5%E5%91%8A.txt',
      'uploaded-by': '%E7%8E%8B%20%281%29',
    });
    expect(metadataOf({ key, filename: '报告.txt', uploadedBy: undefined })).toEqual({
      filename: '%E6%8A%A5%E5%91%8A.txt',
    });
  });

  it('leaves out a name that does not fit and that the key has', () => {
    const filename = '😀'.repeat(200);

    expect(metadataOf({ key: `${FOLDER}${filename}`, filename, uploadedBy: 'ci' })).toEqual({
      'uploaded-by': 'ci',
    });
    expect(() => metadataOf({ key, filename, uploadedBy: 'ci' })).toThrow(/do not fit into 2048 bytes/);
  });

  it('keeps what just fits', () => {
    const uploadedBy = 'x'.repeat(2048 - 'filename'.length - 'a'.length - 'uploaded-by'.length);

    expect(Object.keys(metadataOf({ key, filename: 'a', uploadedBy }))).toEqual(['filename', 'uploaded-by']);
    expect(() => metadataOf({ key, filename: 'ab', uploadedBy })).toThrow(/do not fit/);
  });
});
