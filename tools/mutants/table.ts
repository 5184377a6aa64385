/** The tables of docs/testing.md: how many mutants there are in each folder and of each kind, and what found them. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { excluded, removed } from './excluded.ts';
import type { MutantKind } from './draft.ts';
import type { Result } from './results.ts';
import { rankOf } from './sources.ts';
import { SECOND_MS } from '../../lib/domain/units.ts';

export type Row = {
  file: string;
  kind: MutantKind;
  isExcluded: boolean;
  /** Undefined where it has not been run, or has changed since. */
  tests: Result | undefined;
  simulation: Result | undefined;
  others: Result | undefined;
};

const TARGET = fileURLToPath(new URL('../../docs/testing.md', import.meta.url));
const MARKERS = /(<!-- npm run mutants -- --table -->\n)[^]*?(\n<!-- end -->)/;

export function tableOf(rows: Row[]): string {
  const folders = Map.groupBy(rows, ({ file }) => dirname(file));
  const kinds = Map.groupBy(rows, ({ kind }) => kind);
  return [
    ...tableBy('Folder', folders),
    line('together', rows),
    '',
    ...tableBy('Kind', kinds),
    '',
    removed.length === 0 ? 'No guard was removed.' : 'Guards that were removed as needless:',
    '',
    ...removed.map(({ guard, reason }) => `- ${guard}: ${reason}`),
    '',
    excluded.length === 0 ? 'None is excluded.' : 'Excluded, with the proof:',
    '',
    ...excluded.map(({ mutant, proof }) => `- \`${mutant.replaceAll('`', "'")}\`: ${proof}`),
  ].join('\n');
}

function tableBy(name: string, groups: Map<string, Row[]>): string[] {
  const heads = [
    name,
    'Mutants',
    'Excluded',
    'Found by unit tests',
    'By rules of the same path',
    'By integration tests of the same path',
    'Median seconds',
    'Not met them',
    'Found by the simulation alone',
    'Median seconds',
    'Not met it',
    'By other tests alone',
    'By a time-out',
    'Left',
  ];
  return [
    `| ${heads.join(' | ')} |`,
    `|${' --- |'.repeat(heads.length)}`,
    ...[...groups]
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([group, rows]) => line(`\`${group}\``, rows)),
  ];
}

/** Puts the tables into the document. */
export async function writeTable(table: string): Promise<void> {
  const document = await readFile(TARGET, 'utf8');
  if (!MARKERS.test(document)) throw new Error('docs/testing.md has lost the comments around its table');
  const text = document.replace(MARKERS, (_all, begin: string, end: string) => `${begin}\n${table}\n${end}`);
  await writeFile(TARGET, await format(text, { ...(await resolveConfig(TARGET)), filepath: TARGET }));
}

function line(name: string, rows: Row[]): string {
  const count = (is: (row: Row) => boolean): number => rows.filter(is).length;
  const figures = [
    rows.length,
    count((row) => row.isExcluded),
    ...[0, 1, 2].map((rank) => count(({ tests }) => tests?.by !== undefined && rankOf(tests.by) === rank)),
    medianSeconds(rows.map(({ tests }) => tests)),
    count((row) => !row.isExcluded && row.tests === undefined),
    count(({ simulation }) => simulation?.by !== undefined),
    medianSeconds(rows.map(({ simulation }) => simulation)),
    count((row) => !row.isExcluded && row.simulation === undefined),
    count(({ others }) => others?.by !== undefined),
    count(({ tests, simulation, others }) =>
      [tests, simulation, others].some((result) => result?.isTimeout === true),
    ),
    count(isLeft),
  ];
  return `| ${[name, ...figures].join(' | ')} |`;
}

/** Of what found a mutant. */
function medianSeconds(results: (Result | undefined)[]): string {
  const times = results.flatMap((result) => (result?.by === undefined ? [] : [result.ms]));
  const middle = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
  return middle === undefined ? '' : (middle / SECOND_MS).toFixed(1);
}

/** It has met all that reaches it, and nothing has found it. */
function isLeft({ isExcluded, ...met }: Row): boolean {
  const results = [met.tests, met.simulation, met.others];
  return !isExcluded && results.every((result) => result !== undefined && result.by === undefined);
}
