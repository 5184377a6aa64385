/**
 * A process that plays test files and schedules in one copy of the project, each with the file's mutant in place of
 * the file: a start of jest for every mutant would cost more than the tests. It runs jest's own runner of tests in
 * this process, over modules that are loaded anew each time. It knows neither results nor mutants: `pool.ts` tells it
 * what to play, and ends it when it takes too long.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'expect';
import * as fc from 'fast-check';
import * as circus from 'jest-circus';
import { z } from 'zod';

const taskSchema = z.object({
  kind: z.enum(['test', 'simulation']),
  /** A test file; of the simulation, a name for people. */
  what: z.string(),
  mutant: z.object({ file: z.string(), text: z.string() }).optional(),
  /** Whether the answer tells which places of lib/ were reached. */
  isCovering: z.boolean(),
  seed: z.number(),
  /** The numbers of the seed's schedules to play. */
  schedules: z.array(z.number()),
});

export type Task = z.infer<typeof taskSchema>;

/** Where the code of a file was reached: pairs of a first and a last character. */
export type Reached = Record<string, [number, number][]>;

export const answerSchema = z.object({
  /** What failed; undefined when all was well. */
  failure: z.string().optional(),
  ms: z.number(),
  rss: z.number(),
  reached: z.record(z.string(), z.array(z.tuple([z.number(), z.number()]))).optional(),
});

export type Answer = z.infer<typeof answerSchema>;

const root = process.cwd();
const ROOT = pathToFileURL(`${root}/`).href;
const SHIM = 'mutants:jest-globals';
const SHARED = Symbol.for('what test files import of jest');
const RealDate = Date;
const stripped = new Map<string, string>();
const simulation = z.object({
  runSchedule: z.custom<(schedule: { seed: number; index: number }) => Promise<object>>(isFunction),
  isBroken: z.custom<(outcome: object) => boolean>(isFunction),
});

let round = 0;
let mutant: Task['mutant'];
/** Errors that no promise and no test took. */
let stray: unknown[] = [];

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@jest/globals') return { url: `${SHIM}?${round}`, shortCircuit: true };
    const found = next(specifier, context);
    const isReloaded = found.url.startsWith(ROOT) && !found.url.includes('/node_modules/');
    return isReloaded ? { ...found, url: `${found.url.split('?', 1).join('')}?${round}` } : found;
  },
  load(url, context, next) {
    if (url.startsWith(SHIM)) return { format: 'module', source: shim(), shortCircuit: true };
    if (!url.startsWith(ROOT) || !/\.ts\?\d+$/.test(url)) return next(url, context);
    const path = fileURLToPath(url.split('?', 1).join(''));
    return { format: 'module', source: sourceOf(path), shortCircuit: true };
  },
});

// A find, or none, is the same each time.
fc.configureGlobal({ seed: 1 });

const globals = jestGlobals();
Object.assign(globalThis, { [SHARED]: globals });
process.on('uncaughtException', (error) => stray.push(error));
process.on('unhandledRejection', (error) => stray.push(error));
process.on('disconnect', () => process.exit());
process.on('message', (message) => void answer(taskSchema.parse(message)));

async function answer(task: Task): Promise<void> {
  round += 1;
  mutant = task.mutant;
  stray = [];
  const session = task.isCovering ? await startCoverage() : undefined;
  const started = performance.now();
  const failure = await (task.kind === 'test' ? playTests(task.what) : playSchedules(task)).catch(String);
  const ms = performance.now() - started;
  const reached = session && (await takeCoverage(session));
  const found = failure ?? (stray.length > 0 ? `unhandled: ${String(stray[0])}` : undefined);
  process.send?.({ failure: found, ms, rss: process.memoryUsage.rss(), reached } satisfies Answer);
}

/** One test file, to its first failure. */
async function playTests(file: string): Promise<string | undefined> {
  const environment = { ...process.env };
  const url = pathToFileURL(join(root, file)).href;
  circus.resetState();
  const state = circus.getState();
  state.parentProcess = process;
  state.testTimeout = 120_000;
  expect.setState({ testPath: join(root, file), assertionCalls: 0 });
  try {
    for (const support of ['quiet', 'scan', 'no-sockets']) {
      await import(`${ROOT}tests/support/${support}.ts`);
    }
    await import(url);
    const { testResults, unhandledErrors } = await circus.run();
    const failed = testResults.find(({ errors }) => errors.length > 0);
    const [error] = failed?.errors ?? unhandledErrors;
    if (failed === undefined && error === undefined) return undefined;
    return `${failed?.testPath.slice(1).join(' › ') ?? file}: ${error?.split('\n', 1).join('') ?? ''}`;
  } finally {
    setTime(undefined);
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
  }
}

/** Schedules one after another, to the first that is broken. A driver that walks every choice has its place here. */
async function playSchedules({ seed, schedules }: Task): Promise<string | undefined> {
  const { runSchedule, isBroken } = simulation.parse(await import(`${ROOT}tests/chaos/schedule.ts`));
  for (const index of schedules) {
    const outcome = await runSchedule({ seed, index });
    if (isBroken(outcome) || stray.length > 0) return `schedule ${index} of seed ${seed}`;
  }
  return undefined;
}

/** The mutant, or the file's own text, without types; every character stays where it was. */
function sourceOf(path: string): string {
  if (mutant !== undefined && path === join(root, mutant.file)) return stripTypeScriptTypes(mutant.text);
  const source = stripped.get(path) ?? stripTypeScriptTypes(readFileSync(path, 'utf8'));
  stripped.set(path, source);
  return source;
}

/** What the tests use of jest, with time alone of its own functions: a test file that needs more is not played. */
function jestGlobals() {
  const { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } = circus;
  circus.addEventHandler((event) => {
    // What is left of the file would tell no more.
    if (event.name === 'test_done' && event.test.errors.length > 0)
      skipRest(circus.getState().rootDescribeBlock);
  });
  const jest = {
    useFakeTimers: ({ now }: { now: number }) => setTime(now),
    setSystemTime: (now: number) => setTime(now),
    useRealTimers: () => setTime(undefined),
  };
  return { afterAll, afterEach, beforeAll, beforeEach, describe, it, test, expect, jest };
}

function skipRest(block: ReturnType<typeof circus.getState>['rootDescribeBlock']): void {
  for (const child of block.children) {
    if (child.type === 'describeBlock') skipRest(child);
    else if (child.startedAt === null || child.startedAt === undefined) child.mode = 'skip';
  }
}

/** A module whose exports are those of jest in this process. */
function shim(): string {
  const names = Object.keys(globals).join(', ');
  return `export const { ${names} } = globalThis[Symbol.for(${JSON.stringify(SHARED.description)})];`;
}

function setTime(now: number | undefined): void {
  const fake = (at: number): DateConstructor =>
    new Proxy(RealDate, {
      construct: (target, values: unknown[], as) =>
        Reflect.construct(target, values.length === 0 ? [at] : values, as),
      get: (target, name) => (name === 'now' ? () => at : Reflect.get(target, name)),
    });
  globalThis.Date = now === undefined ? RealDate : fake(now);
}

async function startCoverage(): Promise<Session> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return session;
}

/** By file of lib/. Functions come with the outer ones first, so the last range that has a place tells of it. */
async function takeCoverage(session: Session): Promise<Reached> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  session.disconnect();
  const reached: Reached = {};
  for (const { url, functions } of result) {
    if (!url.startsWith(`${ROOT}lib/`) || !url.endsWith(`?${round}`)) continue;
    const ranges = functions.flatMap((one) => one.ranges);
    const counts = new Uint8Array(Math.max(...ranges.map(({ endOffset }) => endOffset)));
    for (const { startOffset, endOffset, count } of ranges)
      counts.fill(Math.min(count, 1), startOffset, endOffset);
    reached[url.slice(ROOT.length).split('?', 1).join('')] = runsOf(counts);
  }
  return reached;
}

function runsOf(counts: Uint8Array): [number, number][] {
  const runs: [number, number][] = [];
  let start = counts.indexOf(1);
  while (start !== -1) {
    const next = counts.indexOf(0, start);
    const end = next === -1 ? counts.length : next;
    runs.push([start, end]);
    start = counts.indexOf(1, end);
  }
  return runs;
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
