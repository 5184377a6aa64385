/**
 * Makes the machine a bad one for a process and all that it starts: every core is busy with something else, and now and
 * then one of the processes stands still for some seconds. Needs `/proc` of Linux.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../chaos/random.ts';

type Limits = { pauseMs: readonly [number, number]; stopMs: readonly [number, number] };

type Options = {
  signal: AbortSignal;
  limits?: Limits;
};

/** Between two stops, and how long one is. */
const LIMITS: Limits = { pauseMs: [100, 4000], stopMs: [1000, 10_000] };

/** Keeps so many cores busy until the returned function is called. */
export function occupy(cores: number): () => void {
  const loops = Array.from({ length: cores }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  return () => loops.forEach((loop) => loop.kill('SIGKILL'));
}

/**
 * Stops processes below this one at random, one after the other or several at a time, and lets each go on again, until
 * the signal. Resolves with the number of stops, when all go on.
 */
export async function stopAtRandom(
  root: number,
  random: Random,
  { signal, limits = LIMITS }: Options,
): Promise<number> {
  const stopped = new Map<number, Promise<void>>();
  const goOnLater = async (pid: number, ms: number): Promise<void> => {
    await pause(ms, signal);
    send(pid, 'SIGCONT');
    stopped.delete(pid);
  };
  let stops = 0;
  while (!signal.aborted) {
    await pause(random.int(...limits.pauseMs), signal);
    const running = below(root).filter((pid) => !stopped.has(pid));
    if (signal.aborted || running.length === 0) continue;
    const pid = random.pick(running);
    const ms = random.int(...limits.stopMs);
    if (!send(pid, 'SIGSTOP')) continue;
    stops += 1;
    stopped.set(pid, goOnLater(pid, ms));
  }
  await Promise.all(stopped.values());
  return stops;
}

/** All processes that this one has started, and theirs. */
export function below(root: number): number[] {
  const parents = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = parentOf(pid);
    if (parent !== undefined) parents.set(parent, [...(parents.get(parent) ?? []), pid]);
  }
  const found: number[] = [];
  for (let next = [root]; next.length > 0;) {
    next = next.flatMap((pid) => parents.get(pid) ?? []);
    found.push(...next);
  }
  return found;
}

/** The fourth field; the second, the name, may have spaces and brackets. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function parentOf(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}

/** False when the process is gone. */
function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);
