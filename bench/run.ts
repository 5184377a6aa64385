/** `npm run bench -- NAME`: runs one bench. Exits with 1 when a ratio misses its limit. */
import { parseArgs } from 'node:util';
import { machine, exceededOf, tableOf } from './report.ts';
import type { Bench } from './report.ts';

const BENCHES: Record<string, () => Promise<{ bench: Bench }>> = {
  delivery: () => import('./delivery.ts'),
  spread: () => import('./spread.ts'),
  coldstart: () => import('./coldstart.ts'),
  firstcall: () => import('./firstcall.ts'),
  create: () => import('./create.ts'),
  latency: () => import('./latency.ts'),
  drain: () => import('./drain.ts'),
  sweepscale: () => import('./sweepscale.ts'),
  ingest: () => import('./ingest.ts'),
};
const HELP = `npm run bench -- NAME [options]
  NAME        ${Object.keys(BENCHES).join(', ')}
  --rounds N  how often everything is measured (each bench has its own number)
  --json      the last line is one JSON object`;

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const [name = ''] = positionals;
const load = BENCHES[name];
if (values.help) console.log(HELP);
else if (load === undefined || positionals.length > 1) fail(`which bench? not "${positionals.join(' ')}"`);
else if (values.rounds !== undefined && !/^[1-9]\d{0,2}$/.test(values.rounds)) {
  fail(`--rounds must be a whole number from 1 to 999, not "${values.rounds}"`);
} else await run(load, values.rounds === undefined ? undefined : Number(values.rounds));

async function run(of: () => Promise<{ bench: Bench }>, rounds: number | undefined): Promise<void> {
  const { bench } = await of();
  const { rows, ratios } = await bench.measure({ rounds, log: (line) => console.error(line) });
  const exceeded = exceededOf(bench.limits, ratios);
  console.log(tableOf(rows));
  for (const ratio of new Set([...Object.keys(bench.limits), ...Object.keys(ratios)])) {
    const limit = bench.limits[ratio];
    const value = ratios[ratio]?.toFixed(3) ?? 'not measured';
    console.log(`${ratio}: ${value}${limit === undefined ? '' : ` (at most ${limit})`}`);
  }
  for (const line of exceeded) console.log(`over the limit: ${line}`);
  if (values.json) {
    console.log(JSON.stringify({ name, rows, ratios, limits: bench.limits, machine: machine() }));
  }
  if (exceeded.length > 0) process.exitCode = 1;
}

function fail(message: string): void {
  console.error(`${message}\n\n${HELP}`);
  process.exitCode = 2;
}
