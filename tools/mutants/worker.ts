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
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { expect } from 'expect';
import * as fc from 'fast-check';
import * as circus from 'jest-circus';
import { z } from 'zod';
import { phoneModules } from '../../tests/support/phone-modules.ts';
import { taskSchema } from './worker-messages.ts';
import type { Answer, Places, Reached, Task } from './worker-messages.ts';

const root = process.cwd();
const ROOT = pathToFileURL(`${root}/`).href;
/** Of the event loop. */
const LOOPS = 3;
const SHIM = 'mutants:jest-globals';
const SHARED = Symbol.for('what test files import of jest');
const NAMES = ' › ';
/** Paths of files that have mutants. */
const PRODUCT = /^(?:lib|functions|deploy|packages)\//;
const RealDate = Date;
const stripped = new Map<string, string>();
const simulation = z.object({
  runSchedule: z.custom<(schedule: { seed: number; index: number }) => Promise<object>>(isFunction),
  isBroken: z.custom<(outcome: object) => boolean>(isFunction),
});
const enumeration = z.object({
  walk: z.custom<
    (world: object, bounds: { depth: number }) => Promise<{ counterexample?: { tape: string } }>
  >(isFunction),
});
const smallWorlds = z.object({ smallWorldOf: z.custom<(name: string) => object>(isFunction) });

type Block = ReturnType<typeof circus.getState>['rootDescribeBlock'];
type Failed = { failure?: string; test?: string };

let round = 0;
let mutant: Task['mutant'];
/** Errors that no promise and no test took. */
let stray: unknown[] = [];
let session: Session | undefined;
let reached: Reached = {};

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === '@jest/globals') return { url: `${SHIM}?${round}`, shortCircuit: true };
    const found = next(standInOf(specifier) ?? specifier, context);
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
  session = task.isCovering ? await startCoverage() : undefined;
  reached = {};
  const started = performance.now();
  const { failure, test } = await (task.kind === 'test' ? playTests(task) : playSimulation(task)).catch(
    (error: unknown): Failed => ({ failure: String(error) }),
  );
  // What nothing waited for ends here, and is not taken for the work of the next task.
  for (let loop = 0; loop < LOOPS; loop += 1) await setImmediate();
  const ms = performance.now() - started;
  await takeCoverage('');
  session?.disconnect();
  setOptimising(true);
  const found = failure ?? (stray.length > 0 ? `unhandled: ${String(stray[0])}` : undefined);
  process.send?.({
    failure: found,
    test,
    ms,
    rss: process.memoryUsage.rss(),
    reached: session && reached,
  } satisfies Answer);
}

function standInOf(specifier: string): string | undefined {
  const [, path] = Object.entries(phoneModules).find(([name]) => name === specifier) ?? [];
  return path && `${ROOT}${path}`;
}

/** One test file, to its first failure. */
async function playTests({ what: file, only }: Task): Promise<Failed> {
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
    if (only !== undefined) skipTests(state.rootDescribeBlock, (name) => !only.includes(name));
    const { testResults, unhandledErrors } = await circus.run();
    const failed = testResults.find(({ errors }) => errors.length > 0);
    const [error] = failed?.errors ?? unhandledErrors;
    if (failed === undefined && error === undefined) return {};
    const test = failed?.testPath.slice(1).join(NAMES);
    return {
      failure: `${test ?? file}: ${error?.split('\n', 1).join('') ?? ''}`,
      ...(test !== undefined && { test }),
    };
  } finally {
    setTime(undefined);
    for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
    Object.assign(process.env, environment);
  }
}

/** Small worlds with every single fault, then random schedules, to the first run that is broken. */
async function playSimulation({ seed, schedules, worlds }: Task): Promise<Failed> {
  const { walk } = enumeration.parse(await import(`${ROOT}tests/chaos/enumeration.ts`));
  const { smallWorldOf } = smallWorlds.parse(await import(`${ROOT}tests/chaos/small-worlds.ts`));
  for (const world of worlds) {
    const { counterexample } = await walk(smallWorldOf(world), { depth: 1 });
    if (counterexample !== undefined) return { failure: `tape ${counterexample.tape} of "${world}"` };
    if (stray.length > 0) return { failure: `a walk of "${world}"` };
  }
  const { runSchedule, isBroken } = simulation.parse(await import(`${ROOT}tests/chaos/schedule.ts`));
  for (const index of schedules) {
    const outcome = await runSchedule({ seed, index });
    if (isBroken(outcome) || stray.length > 0) return { failure: `schedule ${index} of seed ${seed}` };
  }
  return {};
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
  circus.addEventHandler(async (event) => {
    if (event.name === 'test_start') await takeCoverage('');
    if (event.name !== 'test_done') return;
    await takeCoverage(nameOf(event.test));
    // What is left of the file would tell no more.
    if (event.test.errors.length > 0) skipTests(circus.getState().rootDescribeBlock, () => true);
  });
  const jest = {
    useFakeTimers: ({ now }: { now: number }) => setTime(now),
    setSystemTime: (now: number) => setTime(now),
    useRealTimers: () => setTime(undefined),
  };
  return { afterAll, afterEach, beforeAll, beforeEach, describe, it, test, expect, jest };
}

/** Tests that have begun go on. */
function skipTests(block: Block, isSkipped: (name: string) => boolean): void {
  for (const child of block.children) {
    if (child.type === 'describeBlock') skipTests(child, isSkipped);
    else if ((child.startedAt ?? null) === null && isSkipped(nameOf(child))) child.mode = 'skip';
  }
}

function nameOf(test: Extract<Block['children'][number], { type: 'test' }>): string {
  const names = [test.name];
  for (let block: Block | undefined = test.parent; block?.parent !== undefined; block = block.parent) {
    names.unshift(block.name);
  }
  return names.join(NAMES);
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
  setOptimising(false);
  const opened = new Session();
  opened.connect();
  await opened.post('Profiler.enable');
  await opened.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return opened;
}

/** V8 counts no calls of code that it has optimised. */
function setOptimising(isOn: boolean): void {
  for (const tier of ['opt', 'maglev']) setFlagsFromString(`--${isOn ? '' : 'no-'}${tier}`);
}

/** What was reached since the last call. Functions come with the outer ones first, so the last range that has a place tells of it. */
async function takeCoverage(name: string): Promise<void> {
  if (session === undefined) return;
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const places: Places = {};
  for (const { url, functions } of result) {
    if (!url.startsWith(ROOT) || !PRODUCT.test(url.slice(ROOT.length)) || !url.endsWith(`?${round}`))
      continue;
    const ranges = functions.flatMap((one) => one.ranges);
    const counts = new Uint8Array(Math.max(...ranges.map(({ endOffset }) => endOffset)));
    for (const { startOffset, endOffset, count } of ranges)
      counts.fill(Math.min(count, 1), startOffset, endOffset);
    places[url.slice(ROOT.length).split('?', 1).join('')] = runsOf(counts);
  }
  const before = reached[name] ?? {};
  for (const [file, runs] of Object.entries(places)) before[file] = [...(before[file] ?? []), ...runs];
  reached[name] = before;
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
