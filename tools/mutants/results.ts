/**
 * What became of each mutant, a line of JSON for each stage of its run, written as it comes: an interrupted run goes on
 * where it stopped. A result counts as long as the function and the tests that it is about have not changed. The file
 * is kept in git, so a run after a change plays again only what the change touches.
 */
import { createHash } from 'node:crypto';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';

/**
 * What a mutant meets: `tests` are the unit tests, and the rules and integration tests of the same path; `simulation` is the
 * simulation alone; `others` are all other rules and integration tests, for what neither of the two finds.
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
  isTimeout: z.boolean(),
  ms: z.number(),
});

export type Result = z.infer<typeof resultSchema>;

export async function openResults(path: string) {
  const results = new Map<string, Result>();
  await load();

  /** Another run may have added some: the newest come last. */
  async function load(): Promise<void> {
    const text = await readFile(path, 'utf8').catch(() => '');
    for (const line of text.split('\n').filter(Boolean)) {
      const result = resultSchema.parse(JSON.parse(line));
      results.set(`${result.stage} ${result.id}`, result);
    }
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

  /** Writes the file anew: the newest results alone, of these mutants alone, in their order. */
  async function tidy(ids: string[]): Promise<void> {
    await load();
    const lines = ids.flatMap((id) =>
      stages.flatMap((stage) => {
        const result = find(stage, id);
        return result === undefined ? [] : [`${JSON.stringify(result)}\n`];
      }),
    );
    await writeFile(path, lines.join(''));
  }

  return { add, find, findsIn, tidy };
}

export function hashOf(...texts: string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length} ${text}`);
  return hash.digest('hex').slice(0, 16);
}
