/**
 * Runs lines of the shell side by side, as many as there are cores for, each with its output in a file of its own, and says
 * what each has cost. It knows nothing of what they do.
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export type Job = {
  name: string;
  /** For bash. */
  line: string;
  /** How many it keeps busy; less than one if it often waits. */
  cores: number;
};

export type Ended = {
  name: string;
  isOk: boolean;
  /** All that it has printed. */
  output: string;
  seconds: number;
  /** Of all processes that it has started and waited for. */
  cpuSeconds: number;
};

/** Where the output of each job goes, by its name. */
export function logOf(name: string): string {
  return join(import.meta.dirname, '../.local/stages', `${name.replaceAll(':', '-')}.log`);
}

/**
 * Begins the jobs in this order, but one that needs more cores than are free lets others go first. Resolves when all have
 * ended; `onEnd` hears of each one as it ends.
 */
export async function runSideBySide(
  jobs: readonly Job[],
  { cores, onEnd }: { cores: number; onEnd: (ended: Ended) => void },
): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const waiting = [...jobs];
  const running = new Map<Job, Promise<void>>();

  function next(): Job | undefined {
    const free = cores - [...running.keys()].reduce((sum, job) => sum + job.cores, 0);
    return waiting.find((job) => job.cores <= free || running.size === 0);
  }

  async function begin(job: Job): Promise<void> {
    waiting.splice(waiting.indexOf(job), 1);
    const ended = await run(job);
    running.delete(job);
    onEnd(ended);
  }

  for (;;) {
    for (let job = next(); job !== undefined; job = next()) running.set(job, begin(job));
    if (running.size === 0) return;
    await Promise.race(running.values());
  }
}

/** bash adds up what its children have used, and theirs. https://www.gnu.org/software/bash/manual/bash.html#index-times */
async function run({ name, line }: Job): Promise<Ended> {
  const log = logOf(name);
  mkdirSync(join(log, '..'), { recursive: true });
  const file = openSync(log, 'w');
  const startedAt = performance.now();
  const child = spawn('bash', ['-c', `{ ${line}; } 3>&-; code=$?; times >&3; exit $code`], {
    // A group of its own, which can be ended as a whole.
    detached: true,
    stdio: ['ignore', file, file, 'pipe'],
  });
  closeSync(file);
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  process.once('exit', end);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const [, , , pipe] = child.stdio;
  const [code, times] = await Promise.all([ended, pipe instanceof Readable ? text(pipe) : '']);
  process.off('exit', end);
  return {
    name,
    isOk: code === 0,
    output: readFileSync(log, 'utf8'),
    seconds: (performance.now() - startedAt) / 1000,
    cpuSeconds: secondsOf(times),
  };
}

/** The second line of `times` is of the children: `1m2.345s 0m6.789s`. */
function secondsOf(times: string): number {
  const [, line = ''] = times.split('\n');
  return [...line.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds),
    0,
  );
}

/** What jest's summaries (`Tests:  1 failed, 380 passed, 381 total`) and those of our programs (`4 passed, 0 failed`) count. */
export function countOf({ isOk, output }: Ended): { passed: number; failed: number } {
  const lines = output.split('\n').filter((line) => /^Tests: |^\d+ passed, \d+ failed$/.test(line));
  const total = (word: string): number =>
    lines.reduce((sum, line) => sum + Number(new RegExp(`(\\d+) ${word}`).exec(line)?.[1] ?? 0), 0);
  const failed = total('failed');
  // One that fails before or beside its tests counts as a failure, too.
  return { passed: total('passed'), failed: isOk ? failed : Math.max(failed, 1) };
}

/** The last lines of what a job has printed, without those of test files that passed. */
export function endOf({ output }: Ended, lines: number): string {
  const relevant = output
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('PASS '));
  return relevant
    .slice(-lines)
    .map((line) => `  ${line}`)
    .join('\n');
}
