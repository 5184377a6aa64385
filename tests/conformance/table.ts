/** The results as the table in docs/clients.md, between its two comments. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { GROUPS } from './scenario.ts';
import type { Report } from './suite.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'clients.md');
const MARKERS = /(<!-- conformance -->\n)([\s\S]*?)(<!-- \/conformance -->)/;

/** Writes the table into the page; the rows of other clients stay. Throws when the page has no place for it. */
export async function writeTable(reports: readonly Report[]): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const [, start, old, end] = MARKERS.exec(page) ?? [];
  if (start === undefined || old === undefined)
    throw new Error(`${PAGE} has no place for the conformance table`);
  const titles = new Set(reports.map(({ title }) => title));
  const others = rowsIn(old).filter(([title = '']) => !titles.has(title));
  const text = page.replace(MARKERS, () => `${start}\n${tableOf(reports, others)}\n\n${end}`);
  await writeFile(PAGE, await format(text, { ...(await resolveConfig(PAGE)), filepath: PAGE }));
}

/** Without the head. */
function rowsIn(table: string): string[][] {
  const lines = table.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** Rows are clients, columns the groups of scenarios; a cell says how many of its scenarios passed. */
export function tableOf(reports: readonly Report[], others: readonly string[][] = []): string {
  const rows = reports.map(({ title, start, results }) => {
    if (start.kind === 'not run') return [title, `NOT RUN: ${start.why}`, ...GROUPS.map(() => '')];
    const kills = results.reduce((sum, one) => sum + one.kills, 0);
    const cells = GROUPS.map((group) => {
      const run = results.filter(
        ({ scenario, kind }) => scenario.group === group && (kind === 'passed' || kind === 'failed'),
      );
      const passed = run.filter(({ kind }) => kind === 'passed').length;
      if (run.length === 0) return '–';
      return passed === run.length ? String(passed) : `${passed} of ${run.length}`;
    });
    return [title, String(kills), ...cells];
  });
  const head = ['Client', 'kills', ...GROUPS];
  return [head, head.map(() => '---'), ...others, ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
