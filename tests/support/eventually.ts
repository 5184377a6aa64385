/** Waiting for what another process does, where no event reports it. */
import { setTimeout as delay } from 'node:timers/promises';

/** Settles once `check` holds; the test's own time limit ends a wait that is in vain. */
export async function eventually(check: () => boolean): Promise<void> {
  while (!check()) await delay(10);
}

/** Whether a process with this id still exists. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
