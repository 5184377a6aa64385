/**
 * Makes a failing schedule as short as it can: leaves out one kind of fault after another, then one occurrence after
 * another, and keeps what is not needed left out.
 */
import { isBroken, runSchedule } from './schedule.ts';
import type { Outcome, ScheduleOptions } from './schedule.ts';

/** A schedule is quick, but some have thousands of faults. */
const MAX_TRIES = 400;

/** The failing schedule with the fewest faults that was found, and what was left out. */
export async function shrink(
  options: Omit<ScheduleOptions, 'without'>,
): Promise<{ outcome: Outcome; without: ReadonlySet<string> }> {
  let outcome = await runSchedule(options);
  let without: ReadonlySet<string> = new Set();
  let tries = 0;

  async function leaveOut(name: string): Promise<void> {
    tries += 1;
    if (tries > MAX_TRIES) return;
    const candidate = new Set([...without, name]);
    const shorter = await runSchedule({ ...options, without: candidate });
    if (!isBroken(shorter)) return;
    without = candidate;
    outcome = shorter;
  }

  for (const kind of outcome.faults.keys()) await leaveOut(kind);
  for (const kind of outcome.faults.keys()) {
    for (let occurrence = outcome.drawn.get(kind) ?? 0; occurrence > 0; occurrence -= 1) {
      await leaveOut(`${kind}#${occurrence}`);
    }
  }
  return { outcome, without };
}
