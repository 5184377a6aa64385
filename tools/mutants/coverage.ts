/**
 * Which test files reach which places of the product, measured by V8 while each runs once without a mutant. The measure is
 * kept, and taken again for a test file when it, or what it reached of the files in question, has changed.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Worker } from './pool.ts';
import { hashOf } from './results.ts';
import { reachedSchema } from './worker-messages.ts';
import type { Task } from './worker-messages.ts';

const measureSchema = z.object({
  /** Of what was played. */
  hash: z.string(),
  ms: z.number(),
  /** Why it cannot be used: it fails without a mutant. */
  failure: z.string().optional(),
  /** The files in question that were reached, with the hash of what they were then. */
  files: z.record(z.string(), z.string()),
  reached: reachedSchema,
});

export type Measure = z.infer<typeof measureSchema>;

/** By test file, and by what else is played. */
export type Coverage = Map<string, Measure>;

const LIMIT_MS = 300_000;

export async function readCoverage(path: string): Promise<Coverage> {
  const text = await readFile(path, 'utf8').catch(() => '{}');
  return new Map(Object.entries(z.record(z.string(), measureSchema).parse(JSON.parse(text))));
}

export async function writeCoverage(path: string, coverage: Coverage): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(Object.fromEntries(coverage)));
}

/**
 * True where the measure still tells of these files (their texts by their names). One that failed is no measure: it may
 * have failed for the load of the machine.
 */
export function isCurrent(
  measured: Measure | undefined,
  hash: string,
  files: ReadonlyMap<string, string>,
): boolean {
  if (measured?.hash !== hash || measured.failure !== undefined) return false;
  return Object.entries(measured.files).every(([file, before]) => {
    const text = files.get(file);
    return text === undefined || hashOf(text) === before;
  });
}

/** Plays once without a mutant. */
export async function measure(
  worker: Worker,
  task: Pick<Task, 'kind' | 'what' | 'seed' | 'schedules' | 'worlds'>,
  { hash, files }: { hash: string; files: ReadonlyMap<string, string> },
): Promise<Measure> {
  const covered = await worker.play({ ...task, isCovering: true }, LIMIT_MS);
  const reached = 'reached' in covered ? (covered.reached ?? {}) : {};
  const inQuestion = Object.entries(reached).map(
    ([name, places]) =>
      [name, Object.fromEntries(Object.entries(places).filter(([file]) => files.has(file)))] as const,
  );
  const reachedFiles = new Set(inQuestion.flatMap(([, places]) => Object.keys(places)));
  return {
    hash,
    ms: covered.ms,
    ...(covered.failure !== undefined && { failure: covered.failure }),
    files: Object.fromEntries([...reachedFiles].map((file) => [file, hashOf(files.get(file) ?? '')])),
    reached: Object.fromEntries(inQuestion),
  };
}

/** The tests of a file that reach the mutant; all of them where it is reached outside of tests, and undefined where nothing reaches it. */
export function reachingTests(
  { reached }: Measure,
  { file, start }: { file: string; start: number },
): string[] | 'all' | undefined {
  const names = Object.entries(reached).flatMap(([name, places]) =>
    places[file]?.some(([from, to]) => start >= from && start < to) === true ? [name] : [],
  );
  if (names.includes('')) return 'all';
  return names.length === 0 ? undefined : names;
}
