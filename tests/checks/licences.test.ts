import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { TARGET, bundledPackages, describePackages } from '../../tools/licences.ts';

/** Licences that ask for no more than to be named. */
const ACCEPTED = new Set(['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MIT-0']);

describe('THIRD-PARTY.md', () => {
  it('names what is in the bundles now (npm run licences writes it)', async () => {
    const packages = await bundledPackages();

    expect(await readFile(TARGET, 'utf8')).toBe(await describePackages(packages));
    expect(packages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['@middy/core', 'busboy', 'zod']),
    );
    expect(packages.filter(({ licence }) => !ACCEPTED.has(licence))).toEqual([]);
  });
});
