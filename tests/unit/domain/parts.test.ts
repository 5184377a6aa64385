import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { bytesOf, cut, missingOf, partSizeFor } from '../../../lib/domain/parts.ts';
import { MIB } from '../../../lib/domain/units.ts';

const usual = 5 * MIB;
const LARGEST = 5 * 1024 * 1024 * MIB;

describe('partSizeFor', () => {
  it.each([
    [1, usual],
    [usual, usual],
    [1000 * usual - 1, usual],
    [1000 * usual, usual],
    [1000 * usual + 1, 6 * MIB],
    [6000 * MIB, 6 * MIB],
    [6000 * MIB + 1, 7 * MIB],
  ])('cuts %i bytes into parts of %i', (size, expected) => {
    expect(partSizeFor(size, usual)).toBe(expected);
  });

  it('keeps a usual size that is no whole number of MiB as long as it does', () => {
    expect(partSizeFor(1000 * (usual + 1), usual + 1)).toBe(usual + 1);
  });

  it('never makes more than 1,000 parts, nor parts larger than that takes', () => {
    const sizes = fc.record({ size: fc.integer({ min: 1, max: LARGEST }), more: fc.nat({ max: 95 * MIB }) });

    fc.assert(
      fc.property(sizes, ({ size, more }) => {
        const partSize = partSizeFor(size, usual + more);

        expect(Math.ceil(size / partSize)).toBeLessThanOrEqual(1000);
        expect(partSize).toBeGreaterThanOrEqual(usual + more);
        expect(partSize === usual + more || size > 1000 * (partSize - MIB)).toBe(true);
      }),
    );
  });
});

describe('cut', () => {
  it.each([
    [0, 5, [0]],
    [1, 5, [1]],
    [4, 5, [4]],
    [5, 5, [5]],
    [6, 5, [5, 1]],
    [10, 5, [5, 5]],
    [11, 5, [5, 5, 1]],
  ])('cuts %i bytes by %i into parts of %j', (size, partSize, lengths) => {
    expect(cut(size, partSize).map(({ length }) => length)).toEqual(lengths);
  });

  it('leaves no gap, overlaps nowhere, and numbers from 1', () => {
    const files = fc.record({ size: fc.integer({ min: 1, max: 5000 }), partSize: fc.integer({ min: 5 }) });

    fc.assert(
      fc.property(files, ({ size, partSize }) => {
        const parts = cut(size, partSize);

        let end = 0;
        for (const [index, { number, offset, length }] of parts.entries()) {
          expect({ number, offset }).toEqual({ number: index + 1, offset: end });
          expect(length).toBeGreaterThan(0);
          expect(length === partSize || index === parts.length - 1).toBe(true);
          end += length;
        }
        expect(end).toBe(size);
      }),
    );
  });
});

describe('missingOf', () => {
  const parts = cut(12, 5);
  const stored = (number: number, size: number) => ({ number, size, etag: `e${number}` });

  it.each([
    ['nothing is stored', [], [1, 2, 3]],
    ['all is stored, out of order', [stored(3, 2), stored(1, 5), stored(2, 5)], []],
    ['the middle is missing', [stored(1, 5), stored(3, 2)], [2]],
    ['a part is too short', [stored(1, 5), stored(2, 4), stored(3, 2)], [2]],
    ['the last is as long as the others', [stored(1, 5), stored(2, 5), stored(3, 5)], [3]],
    ['there is one part too many', [stored(1, 5), stored(2, 5), stored(3, 2), stored(4, 5)], []],
  ])('when %s', (_name, there, numbers) => {
    expect(missingOf(parts, there).map(({ number }) => number)).toEqual(numbers);
  });

  it('gives each missing part as it was cut', () => {
    expect(missingOf(parts, [stored(1, 5), stored(2, 5)])).toEqual([{ number: 3, offset: 10, length: 2 }]);
  });
});

describe('bytesOf', () => {
  it('adds up what is stored', () => {
    expect(bytesOf([])).toBe(0);
    expect(bytesOf([7, 5].map((size, index) => ({ number: index, etag: 'e', size })))).toBe(12);
  });
});
