import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deploySettings } from '../../../deploy/settings.ts';
import { PARTS } from '../../../local/settings.ts';
import { generateSettings } from '../../../tools/settings-page.ts';

const ROOT = join(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const { REQUIRED_SCAN_TAG: _tag, ...defaults } = deploySettings.parse({});
const standardOf = (name: string) => Object.entries(defaults).find(([one]) => one === name)?.[1];
const names = Object.keys(deploySettings.shape);
/** What a default is where the schema has none. */
const WITHOUT: Record<string, string> = {
  // Never deployed: without an issuer no deploy begins.
  ISSUER_URL: "'https://issuer.example.com'",
  IPD_CREDENTIALS: 'self:custom.ipdSecret',
  LINK_KEY: 'self:custom.linkKey',
  // Only without a topic for alarms: their descriptions say where the page is.
  RUNBOOK_URL: "'the repository at the deployed revision, docs/operations.md'",
};

describe('the settings of the schema', () => {
  it('are those that the template takes, with the same defaults', () => {
    const files = [
      'serverless.yml',
      ...readdirSync(join(ROOT, 'resources')).map((name) => `resources/${name}`),
    ];
    const uses = files.flatMap((path) => [...read(path).matchAll(/\$\{env:(\w+), ?('[^']*'|[^}]+)\}/g)]);
    const taken = uses.map(([, name = '', standard = '']) => ({ name, standard }));

    const ofSchema = taken.filter(({ name }) => name !== 'AWS_REGION');
    expect([...new Set(ofSchema.map(({ name }) => name))].toSorted()).toEqual(names.toSorted());
    for (const { name, standard } of ofSchema) {
      const expected = WITHOUT[name] ?? `'${String(standardOf(name) ?? '')}'`;
      expect({ name, standard }).toEqual({ name, standard: expected });
    }
  });

  it('are those of docs/settings.md: `npm run generate` writes them there', async () => {
    expect(read('docs/settings.md')).toBe(await generateSettings());
  });
});

describe('docs/settings.md', () => {
  const rows = [...read('docs/settings.md').matchAll(/^\| `(\w+)` +\| (\S+)/gm)];
  const table = rows.map(([, name = '', standard = '']) => ({ name, standard }));

  it('has every setting of a deploy and of `npm start` once', () => {
    const local = [...Object.values(PARTS).map(({ variable }) => variable), 'LOCAL_DATA_DIRECTORY'];

    expect(table.map(({ name }) => name).toSorted()).toEqual([...names, ...local, 'AWS_REGION'].toSorted());
  });

  it('has the region that the template takes', () => {
    const [, taken] = /\$\{env:AWS_REGION, '([^']*)'\}/.exec(read('serverless.yml')) ?? [];

    expect(table).toContainEqual({ name: 'AWS_REGION', standard: `\`${taken}\`` });
  });
});
