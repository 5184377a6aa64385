import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deploySettings } from '../../deploy/settings.ts';
import { PARTS } from '../../local/settings.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const { REQUIRED_SCAN_TAG: _tag, ...defaults } = deploySettings.parse({});
const standardOf = (name: string) => Object.entries(defaults).find(([one]) => one === name)?.[1];
const names = Object.keys(deploySettings.shape);
/** What a default is where the schema has none. */
const WITHOUT: Record<string, string> = {
  // Never deployed: without an issuer no deploy begins.
  ISSUER_URL: "'https://issuer.example.com'",
  IPD_CREDENTIALS: 'self:custom.ipdSecret',
};

describe('the settings of the schema', () => {
  it('are those that the template takes, with the same defaults', () => {
    const files = [
      'serverless.yml',
      ...readdirSync(join(ROOT, 'resources')).map((name) => `resources/${name}`),
    ];
    const uses = files.flatMap((path) => [...read(path).matchAll(/\$\{env:(\w+), ?('[^']*'|[^}]+)\}/g)]);
    const taken = uses.map(([, name = '', standard = '']) => ({ name, standard }));

    const ours = taken.filter(({ name }) => name !== 'AWS_REGION');
    expect([...new Set(ours.map(({ name }) => name))].toSorted()).toEqual(names.toSorted());
    for (const { name, standard } of ours) {
      const expected = WITHOUT[name] ?? `'${standardOf(name) ?? ''}'`;
      expect({ name, standard }).toEqual({ name, standard: expected });
    }
  });

  it('are those of the README, with the same defaults', () => {
    const rows = [...read('README.md').matchAll(/^\| (`[A-Z_0-9`, ]+`) +\| ([^|]+) \|/gm)];
    const table = rows.flatMap(([, cell = '', standard = '']) => {
      const listed = cell.split(', ').map((name) => name.replaceAll('`', ''));
      return listed.map((name) => ({ name, standard: listed.length === 1 ? standard.trim() : undefined }));
    });

    const local = [...Object.values(PARTS).map(({ variable }) => variable), 'LOCAL_DATA_DIRECTORY'];
    expect(table.map(({ name }) => name).toSorted()).toEqual([...names, ...local, 'AWS_REGION'].toSorted());
    for (const { name, standard } of table) {
      if (standard === undefined || !names.includes(name) || name === 'IPD_CREDENTIALS') continue;
      const value = standardOf(name);
      expect({ name, standard }).toEqual({
        name,
        standard: value === undefined ? '–' : `\`${value}\``,
      });
    }
  });
});
