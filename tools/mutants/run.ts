/**
 * `npm run mutants`: spoils each guard and value of the product, one at a time, and plays what could find that. Ends with 1
 * where a mutant is left that nothing finds and nothing excludes, with 2 where an exclusion fits no mutant.
 */
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isCurrent, measure, reachingTests, readCoverage, writeCoverage } from './coverage.ts';
import type { Coverage, Measure } from './coverage.ts';
import { excluded, unmatched } from './excluded.ts';
import { mutantsOf } from './generate.ts';
import type { Mutant } from './generate.ts';
import { createImports } from './imports.ts';
import { withWorkers } from './pool.ts';
import type { Worker } from './pool.ts';
import { hashOf, openResults, stages } from './results.ts';
import type { Result, Stage } from './results.ts';
import { isNear, rankOf, SOURCES, TESTS } from './sources.ts';
import type { Task } from './worker-messages.ts';
import { tableOf, writeTable } from './table.ts';

type Part = Pick<Task, 'what' | 'worlds' | 'schedules'>;

const HELP = `npm run mutants -- [options]
  --list          the mutants with their results, and nothing else
  --left          like --list, of those alone that nothing finds and nothing excludes; with --stage, that this stage does
                  not find
  --only TEXT     those whose identity holds the text
  --files GLOB    those of these files (lib/delivery/*.ts)
  --stage NAME    one of them alone: "tests" (unit tests, rules and integration tests of the same path), "simulation",
                  "others" (all other tests, for what neither finds)
  --workers N     how many at a time (2)
  --world NAME    a small world that is walked with every single fault for each mutant ("one upload"); several times for several
  --schedules N   random schedules for each mutant (100)
  --seed N        of these schedules (1)
  --table         writes the table of docs/testing.md from the results, and runs nothing`;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const RESULTS = join(ROOT, 'tools/mutants/results.jsonl');
const COVERAGE = join(ROOT, '.local/mutants/coverage.json');

const { values } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    left: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    files: { type: 'string', default: '**' },
    stage: { type: 'string' },
    workers: { type: 'string', default: '2' },
    world: { type: 'string', multiple: true, default: ['one upload'] },
    schedules: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    table: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const workers = Number(values.workers);
const seed = Number(values.seed);
/** What the simulation plays, in parts that are measured each by itself. */
const simulated: Part[] = [
  ...values.world.map((world) => ({ what: `the world "${world}"`, worlds: [world], schedules: [] })),
  ...Array.from({ length: Number(values.schedules) }, (_, index) => ({
    what: `schedule ${index} of seed ${seed}`,
    worlds: [],
    schedules: [index],
  })),
];

const texts = await read(globSync(SOURCES, { cwd: ROOT }));
const tests = await read(globSync(TESTS, { cwd: ROOT }));
const chaos = await read(globSync('tests/chaos/**/*.ts', { cwd: ROOT }));
const chaosHash = hashOf(...chaos.values());
const imports = createImports(ROOT);
const all = [...texts].flatMap(([file, text]) => mutantsOf(file, text));
const isExcluded = new Set(excluded.map(({ mutant }) => mutant));
const chosen = all.filter(({ id, file }) => id.includes(values.only) && matchesGlob(file, values.files));
const results = await openResults(RESULTS);
const coverage: Coverage = await readCoverage(COVERAGE);
/** Those that no unit test has found in this run. */
const metUnitTests = new Set<string>();
const strangers = unmatched(all, excluded);

// The workers end with this process, and their copies with it.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

if (values.help) console.log(HELP);
else if (strangers.length > 0) {
  for (const { mutant } of strangers) console.error(`an exclusion fits no mutant: ${mutant}`);
  process.exitCode = 2;
} else if (values.list || values.left) list();
else if (values.table) await table();
else await run();

function list(): void {
  for (const mutant of chosen) {
    if (values.left && !isLeft(mutant)) continue;
    const states = [
      ...(isExcluded.has(mutant.id) ? ['excluded'] : []),
      ...stages.map((stage) => state(stage, mutant)),
    ];
    console.log(`${mutant.file}:${mutant.line} ${mutant.id} (${states.join('; ')})`);
  }
}

function state(stage: Stage, mutant: Mutant): string {
  const result = current(stage, mutant);
  if (result === undefined) return `${stage}: not run`;
  return `${stage}: ${result.isTimeout ? 'time-out in ' : ''}${result.by ?? 'not found'} in ${result.ms} ms`;
}

/** True of what has met all stages, or the one that was asked for, and which nothing finds and nothing excludes. */
function isLeft(mutant: Mutant): boolean {
  const asked = stages.filter((stage) => values.stage === undefined || values.stage === stage);
  const met = asked.map((stage) => current(stage, mutant));
  return !isExcluded.has(mutant.id) && met.every((result) => result !== undefined && result.by === undefined);
}

function isFound(mutant: Mutant): boolean {
  return stages.some((stage) => current(stage, mutant)?.by !== undefined);
}

async function table(): Promise<void> {
  const text = tableOf(
    all.map((mutant) => ({
      file: mutant.file,
      kind: mutant.kind,
      isExcluded: isExcluded.has(mutant.id),
      tests: current('tests', mutant),
      simulation: current('simulation', mutant),
      others: current('others', mutant),
    })),
  );
  console.log(text);
  await writeTable(text);
}

async function run(): Promise<void> {
  const waiting = chosen.filter(({ id }) => !isExcluded.has(id));
  console.log(`${chosen.length} mutants, ${chosen.length - waiting.length} of them excluded`);
  // Unit tests are quick: all mutants meet them first.
  await runStage('tests', waiting, playUnitTests);
  await runStage('tests', waiting, playNearTests);
  const open = (): Mutant[] => waiting.filter((mutant) => !isFound(mutant));
  await runStage('simulation', open(), playSimulation);
  await runStage('others', open(), playOthers);
  // How many the simulation finds alone is clear once all have met it. They come by their hashes: those that have met it
  // when a run is interrupted are a sample of all.
  await runStage(
    'simulation',
    waiting.toSorted((a, b) => (hashOf(a.id) < hashOf(b.id) ? -1 : 1)),
    playSimulation,
  );
  await results.tidy(all.map(({ id }) => id));
  const left = chosen.filter(isLeft);
  for (const { file, line, id } of left) console.log(`nothing finds ${file}:${line} ${id}`);
  if (left.length > 0) process.exitCode = 1;
}

async function runStage(
  stage: Stage,
  mutants: Mutant[],
  play: (worker: Worker, mutant: Mutant) => Promise<Result | undefined>,
): Promise<void> {
  if (values.stage !== undefined && values.stage !== stage) return;
  await measureAll(stage, new Set(mutants.map(({ file }) => file)));
  const open = mutants.filter((mutant) => current(stage, mutant) === undefined);
  const started = performance.now();
  let done = 0;
  await withWorkers(open.length === 0 ? 0 : workers, async (worker) => {
    for (let mutant = open.shift(); mutant !== undefined; mutant = open.shift()) {
      const result = await play(worker, mutant);
      if (result !== undefined) await results.add(result);
      done += 1;
      const minutes = Math.round((performance.now() - started) / 60_000);
      const outcome = result === undefined ? 'no unit test finds it' : state(stage, mutant);
      console.log(`${minutes} min, ${done} done, ${open.length} to go: ${mutant.id} (${outcome})`);
    }
  });
}

/** Plays what has changed since its last measure once without a mutant: test files, or each schedule by itself. */
async function measureAll(stage: Stage, files: ReadonlySet<string>): Promise<void> {
  const wanted = new Map([...texts].filter(([file]) => files.has(file)));
  const mayReach = (test: string): boolean => {
    const met = stage === 'tests' ? [...files].filter((file) => isNear(test, file)) : [...files];
    return met.length > 0 && imports.mayLoad(test, new Set(met));
  };
  const parts =
    stage !== 'simulation'
      ? [...tests]
          .filter(([test]) => mayReach(test))
          .map(([test, text]) => ({
            part: { what: test, worlds: [], schedules: [] },
            hash: hashOf(text),
            kind: 'test' as const,
          }))
      : simulated.map((part) => ({ part, hash: chaosHash, kind: 'simulation' as const }));
  const open = parts.filter(({ part, hash }) => !isCurrent(coverage.get(part.what), hash, wanted));
  if (open.length === 0) return;
  console.log(
    `what do ${open.length} ${stage === 'simulation' ? 'worlds and schedules' : 'test files'} reach?`,
  );
  await withWorkers(workers, async (worker) => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      const { kind, part, hash } = next;
      const measured = await measure(worker, { kind, seed, ...part }, { hash, files: texts });
      coverage.set(part.what, measured);
      if (measured.failure === undefined) continue;
      console.error(`not used, since it fails without a mutant: ${part.what}: ${measured.failure}`);
      await worker.end();
    }
  });
  await writeCoverage(COVERAGE, coverage);
}

/** The test files that reach the mutant: by their rank, and then what is quick or found much in this file. */
function testsOf(mutant: Mutant): { test: string; measured: Measure; reaching: string[] | 'all' }[] {
  const finds = results.findsIn(mutant.file);
  const cost = (test: string, { ms }: Measure): number =>
    ms / (1 + (finds.get(test) ?? 0)) + rankOf(test) * 1_000_000;
  return [...tests.keys()]
    .flatMap((test) => {
      const measured = coverage.get(test);
      if (measured === undefined || measured.failure !== undefined) return [];
      const reaching = reachingTests(measured, mutant);
      return reaching === undefined ? [] : [{ test, measured, reaching }];
    })
    .toSorted((a, b) => cost(a.test, a.measured) - cost(b.test, b.measured));
}

/** Where no unit test finds the mutant, that is no result yet: the tests of the same path follow. */
async function playUnitTests(worker: Worker, mutant: Mutant): Promise<Result | undefined> {
  const units = testsOf(mutant).filter(({ test }) => rankOf(test) === 0);
  const result = await playEach(worker, mutant, { stage: 'tests', played: units });
  if (result.by !== undefined) return result;
  metUnitTests.add(mutant.id);
  return undefined;
}

async function playNearTests(worker: Worker, mutant: Mutant): Promise<Result> {
  const isPlayed = (test: string): boolean => metUnitTests.has(mutant.id) && rankOf(test) === 0;
  const near = testsOf(mutant).filter(({ test }) => isNear(test, mutant.file) && !isPlayed(test));
  return playEach(worker, mutant, { stage: 'tests', played: near });
}

async function playOthers(worker: Worker, mutant: Mutant): Promise<Result> {
  const others = testsOf(mutant).filter(({ test }) => !isNear(test, mutant.file));
  return playEach(worker, mutant, { stage: 'others', played: others });
}

async function playEach(
  worker: Worker,
  mutant: Mutant,
  { stage, played }: { stage: Stage; played: ReturnType<typeof testsOf> },
): Promise<Result> {
  let ms = 0;
  for (const { test, measured, reaching } of played) {
    const file: Task = { kind: 'test', what: test, isCovering: false, seed, schedules: [], worlds: [] };
    const hasSockets = rankOf(test) === 2;
    const limit = (hasSockets ? 12_000 : 6_000) + 5 * measured.ms;
    let answer = await worker.play({ ...file, mutant, ...(reaching !== 'all' && { only: reaching }) }, limit);
    // Sockets and timers that an earlier mutant left behind may be to blame: the test must pass without this one.
    if (answer.failure !== undefined && answer.failure !== 'timeout' && hasSockets) {
      const failed = 'test' in answer && answer.test !== undefined ? { only: [answer.test] } : {};
      if ((await worker.play({ ...file, ...failed }, limit)).failure !== undefined) {
        await worker.end();
        answer = await worker.play({ ...file, mutant }, limit);
      }
    }
    ms += answer.ms;
    if (answer.failure !== undefined)
      return resultOf(mutant, { stage, by: test, failure: answer.failure, ms });
  }
  return resultOf(mutant, { stage, ms });
}

/** Those worlds and schedules alone that reach the mutant: any other one goes as it does without. */
async function playSimulation(worker: Worker, mutant: Mutant): Promise<Result> {
  const reaching = simulated.flatMap((part) => {
    const measured = coverage.get(part.what);
    if (measured === undefined || measured.failure !== undefined) return [];
    return reachingTests(measured, mutant) === undefined ? [] : [{ ...part, ms: measured.ms }];
  });
  if (reaching.length === 0) return resultOf(mutant, { stage: 'simulation', ms: 0 });
  const limit = 30_000 + 5 * reaching.reduce((sum, { ms }) => sum + ms, 0);
  const { failure, ms } = await worker.play(
    {
      kind: 'simulation',
      what: 'the simulation',
      mutant,
      isCovering: false,
      seed,
      worlds: reaching.flatMap(({ worlds }) => worlds),
      schedules: reaching.flatMap(({ schedules }) => schedules),
    },
    limit,
  );
  return resultOf(mutant, {
    stage: 'simulation',
    ms,
    ...(failure !== undefined && { by: 'the simulation', failure }),
  });
}

function resultOf(
  mutant: Mutant,
  { stage, by, ms, failure }: Pick<Result, 'stage' | 'ms' | 'by'> & { failure?: string },
): Result {
  return {
    id: mutant.id,
    stage,
    key: keyOf(mutant, stage, by),
    ...(by !== undefined && { by }),
    isTimeout: failure === 'timeout',
    ms: Math.round(ms),
  };
}

/** The result of a mutant; undefined where it has changed since. */
function current(stage: Stage, mutant: Mutant): Result | undefined {
  const kept = results.find(stage, mutant.id);
  return kept?.key === keyOf(mutant, stage, kept?.by) ? kept : undefined;
}

/** A find stands as long as what found it; "not found" says something of all that reaches the mutant. */
function keyOf(mutant: Mutant, stage: Stage, by: string | undefined): string {
  if (stage === 'simulation') return hashOf(mutant.context, chaosHash, ...simulated.map(({ what }) => what));
  if (by !== undefined) return hashOf(mutant.context, by, tests.get(by) ?? '');
  return hashOf(
    mutant.context,
    ...testsOf(mutant)
      .filter(({ test }) => isNear(test, mutant.file) === (stage === 'tests'))
      .flatMap(({ test }) => [test, tests.get(test) ?? ''])
      .toSorted(),
  );
}

async function read(files: string[]): Promise<Map<string, string>> {
  const entries = await Promise.all(
    files.toSorted().map(async (file) => [file, await readFile(join(ROOT, file), 'utf8')] as const),
  );
  return new Map(entries);
}
