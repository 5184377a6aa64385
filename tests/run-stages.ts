/**
 * `npm run test:all [-- NAME…]`: runs all stages of tests/stages.ts, or those that are named, side by side where cores
 * allow. Prints a line when one ends, the end of its output when it fails, a table, and last `N passed, N failed`.
 */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { installTools } from '../tools/install.ts';
import { countOf, endOf, logOf, runSideBySide } from '../tools/side-by-side.ts';
import type { Ended, Job } from '../tools/side-by-side.ts';
import { stageNamed, STAGES } from './stages.ts';
import type { Stage } from './stages.ts';

type Row = Ended & { passed: number; failed: number };

/** Of the output of a stage that fails. */
const SHOWN_LINES = 80;
const CORES = availableParallelism();

const names = process.argv.slice(2);
const stages = names.length === 0 ? STAGES : names.map(stageNamed);
const startedAt = performance.now();
const rows: Row[] = [];

// Two stages would install them at the same time.
if (stages.some(({ isWithTools }) => isWithTools)) installTools();
await runSideBySide(stages.map(jobOf), { cores: CORES, onEnd });
for (const line of table()) console.log(line);
const [passed, failed] = [total('passed'), total('failed')];
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

function jobOf({ name, scripts, files, cores }: Stage): Job {
  const workers = files !== undefined && cores !== 'all' ? ' -- --maxWorkers=1' : '';
  const line = scripts.map((script) => `npm run -s ${script}${workers}`).join(' && ');
  return { name, line, cores: cores === 'all' ? CORES : cores };
}

function onEnd(ended: Ended): void {
  const { name, output, seconds, cpuSeconds } = ended;
  const missing = stageNamed(name).files ? [] : [...output.matchAll(/^.*\bNOT RUN: .*$/gm)].map(String);
  // CI has all that a stage needs.
  const isOk = ended.isOk && (missing.length === 0 || process.env['CI'] === undefined);
  const row = { ...ended, ...countOf({ ...ended, isOk }) };
  rows.push(row);
  const verdict = row.failed === 0 ? `${row.passed} passed` : `${row.failed} FAILED, ${row.passed} passed`;
  console.log(`${name}: ${verdict}, ${seconds.toFixed(1)} s, ${cpuSeconds.toFixed(1)} s of CPU`);
  for (const line of missing) console.log(`  ${line}`);
  if (row.failed > 0) console.log(`${endOf(ended, SHOWN_LINES)}\n  all of it: ${logOf(name)}`);
}

function table(): string[] {
  const line = (first: string, figures: string[]): string =>
    first.padEnd(14) + figures.map((figure) => figure.padStart(13)).join('');
  const figuresOf = (row: Omit<Row, 'name' | 'isOk' | 'output'>): string[] => [
    String(row.passed + row.failed),
    String(row.failed),
    row.seconds.toFixed(1),
    row.cpuSeconds.toFixed(1),
  ];
  const together = {
    passed: total('passed'),
    failed: total('failed'),
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: total('cpuSeconds'),
  };
  return [
    '',
    line('Stage', ['Tests', 'Failed', 'Seconds', 'CPU seconds']),
    ...rows.map((row) => line(row.name, figuresOf(row))),
    line('together', figuresOf(together)),
    '',
  ];
}

function total(figure: 'passed' | 'failed' | 'cpuSeconds'): number {
  return rows.reduce((sum, row) => sum + row[figure], 0);
}
