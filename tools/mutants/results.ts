/**
 * What became of each mutant, a line of JSON for each stage of its run, written as it comes: an interrupted run goes on
 * where it stopped. A result counts as long as the function and the tests that it is about have not changed.
 */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

/**
 * What a mutant meets: `tests` are the unit tests and the integration tests of the same path; `simulation` is the
 * simulation alone; `others` are all other integration tests, for what neither of the two finds.
 */
export const stages = ['tests', 'simulation', 'others'] as const;
export type Stage = (typeof stages)[number];

const resultSchema = z.object({
  id: z.string(),
  stage: z.enum(stages),
  /** Of all that the result depends on. */
  key: z.string(),
  /** The test file or the schedule that found it; undefined when nothing did. */
  by: z.string().optional(),
  /** What it said. */
  failure: z.string().optional(),
  isTimeout: z.boolean(),
  ms: z.number(),
});

export type Result = z.infer<typeof resultSchema>;

export async function openResults(path: string) {
  await mkdir(dirname(path), { recursive: true });
  const text = await readFile(path, 'utf8').catch(() => '');
  const results = new Map<string, Result>();
  for (const line of text.split('\n').filter(Boolean)) {
    const result = resultSchema.parse(JSON.parse(line));
    results.set(`${result.stage} ${result.id}`, result);
  }

  async function add(result: Result): Promise<void> {
    results.set(`${result.stage} ${result.id}`, result);
    await appendFile(path, `${JSON.stringify(result)}\n`);
  }

  /** The newest; it may be out of date. */
  function find(stage: Stage, id: string): Result | undefined {
    return results.get(`${stage} ${id}`);
  }

  /** The test files that found mutants of a file, and how many each. */
  function findsIn(file: string): Map<string, number> {
    const finds = new Map<string, number>();
    for (const { id, stage, by } of results.values()) {
      if (stage === 'simulation' || by === undefined || !id.startsWith(`${file} `)) continue;
      finds.set(by, (finds.get(by) ?? 0) + 1);
    }
    return finds;
  }

  return { add, find, findsIn };
}

export function hashOf(...texts: string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length} ${text}`);
  return hash.digest('hex').slice(0, 16);
}
