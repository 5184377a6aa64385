/**
 * Which test files reach which places of lib/, measured by V8 while each runs once without a mutant. The measure is
 * kept, and taken again for a test file when it, or what it reached of the files in question, has changed.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Worker } from './pool.ts';
import { hashOf } from './results.ts';
import type { Task } from './worker.ts';

const measureSchema = z.object({
  /** Of what was played. */
  hash: z.string(),
  ms: z.number(),
  /** Why it cannot be used: it fails without a mutant. */
  failure: z.string().optional(),
  files: z.record(
    z.string(),
    z.object({ hash: z.string(), reached: z.array(z.tuple([z.number(), z.number()])) }),
  ),
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

/** True where the measure still tells of these files (their texts by their names). */
export function isCurrent(
  measured: Measure | undefined,
  hash: string,
  files: ReadonlyMap<string, string>,
): boolean {
  if (measured?.hash !== hash) return false;
  return Object.entries(measured.files).every(([file, before]) => {
    const text = files.get(file);
    return text === undefined || hashOf(text) === before.hash;
  });
}

/** Plays once without a mutant. */
export async function measure(
  worker: Worker,
  task: Pick<Task, 'kind' | 'what' | 'seed' | 'schedules'>,
  { hash, files }: { hash: string; files: ReadonlyMap<string, string> },
): Promise<Measure> {
  const covered = await worker.play({ ...task, isCovering: true }, LIMIT_MS);
  const reached = 'reached' in covered ? (covered.reached ?? {}) : {};
  return {
    hash,
    ms: covered.ms,
    ...(covered.failure !== undefined && { failure: covered.failure }),
    files: Object.fromEntries(
      Object.entries(reached).flatMap(([file, places]) => {
        const text = files.get(file);
        return text === undefined ? [] : [[file, { hash: hashOf(text), reached: places }]];
      }),
    ),
  };
}

export function reaches(measured: Measure, { file, start }: { file: string; start: number }): boolean {
  return measured.files[file]?.reached.some(([from, to]) => start >= from && start < to) ?? false;
}
