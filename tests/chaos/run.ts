/**
 * `npm run chaos`: attacks the delivery and counts what IPD holds. Ends with 1 unless nothing was lost, doubled, stuck,
 * without notification, left over, late or costly; prints what went wrong with its seed and a shortest trace.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { playOutage } from './outage.ts';
import { runSchedule } from './schedule.ts';
import { shrink } from './shrink.ts';
import { playAll } from './simulation.ts';

const HELP = `npm run chaos -- [options]
  --schedules N  how many (1000; with --real 50)
  --seed N       the same seed plays the same schedules; without it, one from the clock
  --json         the last line is one JSON object
  --trace N      prints the trace of schedule N of the seed, and nothing else
  --exhaustive   every tape with one deviation, in every small world; --pairs: with two (hours); --world TEXT: only the
                 worlds whose names have this text; --kinds A,B: only faults of these kinds
  --tape TAPE    prints the trace of a tape in the world that --world names, and nothing else
  --outage       IPD down for 6 hours with 1,000 uploads arriving
  --waits        outages of 23 and 48 hours in a retry window of 24, ten seeds each; one that no upload outlasts; a
                 backlog of 30 hours; a daily quota; throttles for 25 hours; how long uploads take beside one user whose
                 files break every upload. Takes some minutes
  --scale        a million records with 100,000 due, ten late sweeps at once, a hundred files to one work item, an index
                 minutes behind: one line of figures each. Takes some minutes
  --real         the embedded stack over sockets, its deliveries killed by SIGKILL`;
/** How many of the failing schedules are made short and shown. */
const SHOWN = 3;

const { values } = parseArgs({
  options: {
    schedules: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    json: { type: 'boolean', default: false },
    trace: { type: 'string' },
    exhaustive: { type: 'boolean', default: false },
    pairs: { type: 'boolean', default: false },
    world: { type: 'string', default: '' },
    kinds: { type: 'string' },
    tape: { type: 'string' },
    outage: { type: 'boolean', default: false },
    waits: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    real: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seed = wholeNumber('seed', values.seed);
const schedules = wholeNumber('schedules', values.schedules ?? (values.real ? '50' : '1000'));

if (values.help) console.log(HELP);
else if (values.trace !== undefined) await printTrace(wholeNumber('trace', values.trace));
else if (values.tape !== undefined) await printTape(values.world, values.tape);
else if (values.exhaustive) await exhaustive();
else if (values.outage) await outage();
else if (values.waits) await waits();
else if (values.scale) await scale();
else if (values.real) await real();
else await simulation();

async function simulation(): Promise<void> {
  const { report, broken } = await playAll({ seed, schedules, processes: availableParallelism() });
  for (const index of broken.slice(0, SHOWN)) await explain(index);
  print(report);
  if (broken.length > 0) process.exitCode = 1;
}

async function exhaustive(): Promise<void> {
  const { exhaust, measure, worldsNamed } = await import('./exhaustive.ts');
  const { coverageTable } = await import('./coverage-table.ts');
  const what = { worlds: worldsNamed(values.world), depth: values.pairs ? 2 : 1 };
  if (what.worlds.length === 0) stopAtUsage(`no small world has "${values.world}" in its name`);
  print(await measure(what));
  const started = Date.now();
  const result = await exhaust({
    ...what,
    kinds: values.kinds?.split(',') ?? [],
    processes: availableParallelism(),
    onWalk: ({ coverage: _coverage, ...walk }) => console.error(JSON.stringify(walk)),
  });
  const { coverage, ...rest } = result;
  const report = { ...rest, seconds: Math.round((Date.now() - started) / 1000) };
  if (!values.json) console.log(coverageTable(coverage));
  print(values.json ? { ...report, coverage } : report);
  if (result.counterexample !== undefined) {
    const { world, tape } = result.counterexample;
    console.error(`its trace: npm run chaos -- --world "${world}" --tape ${tape}`);
    process.exitCode = 1;
  }
  const failed = result.counterexample === undefined ? 0 : 1;
  if (!values.json) console.log(`${result.worlds.length - failed} passed, ${failed} failed`);
}

async function printTape(world: string, tape: string): Promise<void> {
  const { playTape } = await import('./enumeration.ts');
  const { smallWorldOf } = await import('./small-worlds.ts');
  const { readTape } = await import('./tape.ts');
  const [small, deviations] = [smallWorldOf(world), readTape(tape)];
  if (small === undefined) stopAtUsage(`--world must name a small world, not "${world}"`);
  if (deviations === undefined) stopAtUsage(`--tape must have a form like 412.1+500.0, not "${tape}"`);
  const { outcome } = await playTape(small, deviations);
  console.log([...(outcome?.lines() ?? []), ...(outcome?.findings ?? [])].join('\n'));
}

async function outage(): Promise<void> {
  const result = await playOutage({ seed, uploads: 1000, hours: 6 });
  print(result);
  const { lost, duplicates, stuck, peakPerMinute, ratePerMinute } = result;
  if (lost + duplicates + stuck > 0 || peakPerMinute > 2 * ratePerMinute) process.exitCode = 1;
}

async function waits(): Promise<void> {
  const { playPoison, trials } = await import('./waits.ts');
  const { playPatience } = await import('./patience.ts');
  const poison = await playPoison(seed);
  print(poison);
  if (!poison.isAsExpected) process.exitCode = 1;
  for (const { name, isExpected, ...trial } of trials(seed)) {
    const result = await playPatience(trial);
    const { endings, tookMs, delivered, failed, duplicates, stuck, requests } = result;
    const details = [...new Set(endings.flatMap(({ detail }) => detail ?? []))];
    const hours = Math.round(tookMs / 360_000) / 10;
    const isAsExpected = isExpected(result);
    print({
      name,
      seed: trial.seed,
      isAsExpected,
      delivered,
      failed,
      duplicates,
      stuck,
      hours,
      requests,
      details,
    });
    if (!isAsExpected || duplicates + stuck > 0) process.exitCode = 1;
  }
}

async function scale(): Promise<void> {
  const { playTrials } = await import('./scale-trials.ts');
  const isKept = await playTrials({
    seed,
    processes: availableParallelism(),
    print: (line) => console.log(line),
  });
  if (!isKept) process.exitCode = 1;
}

async function real(): Promise<void> {
  const { runReal } = await import('./real/run.ts');
  const report = await runReal({ schedules, seed, log: (line) => console.error(line) });
  print(report);
  const { lost, duplicates, stuck, untold, leftovers } = report;
  if (lost + duplicates + stuck + untold + leftovers > 0) process.exitCode = 1;
}

async function printTrace(index: number): Promise<void> {
  const outcome = await runSchedule({ seed, index });
  console.log([...outcome.lines(), ...outcome.findings].join('\n'));
}

async function explain(index: number): Promise<void> {
  const { outcome, without } = await shrink({ seed, index });
  console.error(`seed ${seed}, schedule ${index}: ${outcome.findings.join('; ')}`);
  console.error(outcome.lines().join('\n'));
  console.error(`left out: ${[...without].join(' ')}\n`);
}

function print(report: object): void {
  console.log(values.json ? JSON.stringify(report) : report);
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  stopAtUsage(`--${name} must be a whole number, not "${text}"`);
}

function stopAtUsage(problem: string): never {
  console.error(problem);
  process.exit(2);
}
