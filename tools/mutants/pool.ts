/**
 * Workers, each with a copy of the project of its own in a directory that is removed in the end. A worker that takes
 * too long, that dies, or that has grown, is ended and replaced. Knows nothing of mutants but where to write one.
 */
import { execFileSync, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerSchema } from './worker-messages.ts';
import type { Answer, Task } from './worker-messages.ts';

/** What a worker made of a task: `timeout` when it was ended, `died` when it ended by itself. */
export type Result = Answer | { failure: 'timeout' | 'died'; ms: number };

export type Worker = Awaited<ReturnType<typeof createWorker>>;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = fileURLToPath(new URL('worker.ts', import.meta.url));
/** Modules that were loaded once stay in memory: beyond this a worker is replaced. */
const GROWN_BYTES = 1_500_000_000;

/** Calls `use` with each worker; it returns when nothing is left to be done. */
export async function withWorkers(count: number, use: (worker: Worker) => Promise<void>): Promise<void> {
  const workers = await Promise.all(
    Array.from({ length: Math.min(count, availableParallelism()) }, () => createWorker()),
  );
  try {
    await Promise.all(workers.map(use));
  } finally {
    await Promise.all(workers.map((worker) => worker.remove()));
  }
}

async function createWorker() {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-mutants-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  await copyProject(directory);
  let child: ChildProcess | undefined;

  /** Plays one task; the mutant, if it has one, is in the copy as well, for processes that a test starts. */
  async function play(task: Task, limitMs: number): Promise<Result> {
    child ??= fork(PROGRAM, {
      cwd: directory,
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // So that what a test starts ends with it.
      detached: true,
    });
    const { mutant } = task;
    const path = mutant && join(directory, mutant.file);
    const original = path && (await readFile(path));
    if (path !== undefined) await writeFile(path, mutant?.text ?? '');
    const started = performance.now();
    const controller = new AbortController();
    const { signal } = controller;
    const timer = setTimeout(() => controller.abort(), limitMs);
    try {
      child.send(task);
      const [message] = await Promise.race([
        once(child, 'message', { signal }),
        once(child, 'exit', { signal }).then(() => ['died']),
      ]);
      if (message === 'died') child = undefined;
      const answer = answerSchema.safeParse(message);
      if (!answer.success) return { failure: 'died', ms: performance.now() - started };
      if (answer.data.rss > GROWN_BYTES) await end();
      return answer.data;
    } catch (error) {
      if (!signal.aborted) throw error;
      await end();
      return { failure: 'timeout', ms: performance.now() - started };
    } finally {
      clearTimeout(timer);
      controller.abort();
      if (path !== undefined && original !== undefined) await writeFile(path, original);
    }
  }

  /** The next task gets a fresh process. */
  async function end(): Promise<void> {
    const ended = child;
    child = undefined;
    if (ended?.pid === undefined || ended.exitCode !== null || ended.signalCode !== null) return;
    const exit = once(ended, 'exit');
    process.kill(-ended.pid, 'SIGKILL');
    await exit;
  }

  async function remove(): Promise<void> {
    await end();
    await rm(directory, { recursive: true, force: true });
  }

  return { play, end, remove };
}

/** Everything that git has or would take, and the installed packages by reference. */
async function copyProject(directory: string): Promise<void> {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  for (const file of new Set(listed.split('\0').filter(Boolean))) {
    await cp(join(ROOT, file), join(directory, file), { errorOnExist: false }).catch((error: unknown) => {
      // Git still has it, and the work tree not.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
  for (const modules of ['node_modules', 'tools/node_modules'])
    await symlink(join(ROOT, modules), join(directory, modules));
}
