/**
 * Runs many schedules and adds up their results. Schedules share no state, so any of them can run in any process; the
 * sum and its trace do not depend on the distribution.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { faultKinds } from './faults.ts';
import { isBroken, runSchedule } from './schedule.ts';
import type { Missing } from './world.ts';

const counts = z.record(z.string(), z.number());

/** The results of a range of schedules; `traces` in their order. */
const tallySchema = z.object({
  uploads: z.number(),
  delivered: z.number(),
  linked: z.number(),
  removed: z.number(),
  failed: counts,
  undecided: z.number(),
  faults: counts,
  lost: z.number(),
  duplicates: z.number(),
  stuck: z.number(),
  untold: z.number(),
  leftovers: z.number(),
  late: z.number(),
  costly: z.number(),
  traces: z.array(z.string()),
  /** The numbers of the schedules with a defect. */
  broken: z.array(z.number()),
});

export type Tally = z.infer<typeof tallySchema>;

/** The last line of `npm run chaos -- --json`. */
export type Report = Omit<Tally, 'traces' | 'broken'> & { schedules: number; seed: number; trace: string };

export type Range = { seed: number; from: number; to: number; missing?: Missing | undefined };

const TOTALS = [
  'uploads',
  'delivered',
  'linked',
  'removed',
  'undecided',
  'lost',
  'duplicates',
  'stuck',
  'untold',
  'leftovers',
  'late',
  'costly',
] as const;
/** Fewer schedules than this are done before a second process has started. */
const WORTH_A_PROCESS = 400;

/** Plays the schedules of a range, one after another. */
export async function playRange({ seed, from, to, missing }: Range): Promise<Tally> {
  const tally = emptyTally();
  for (let index = from; index < to; index += 1) {
    const outcome = await runSchedule({ seed, index, missing });
    add(tally, {
      ...outcome,
      faults: Object.fromEntries(outcome.faults),
      traces: [outcome.trace],
      broken: isBroken(outcome) ? [index] : [],
    });
  }
  return tally;
}

/** Plays so many schedules in as many processes as are worth it. */
export async function playAll(options: {
  seed: number;
  schedules: number;
  processes: number;
}): Promise<{ report: Report; broken: number[] }> {
  const { seed, schedules } = options;
  const processes = Math.max(1, Math.min(options.processes, Math.floor(schedules / WORTH_A_PROCESS)));
  const share = Math.ceil(schedules / processes);
  const ranges = Array.from({ length: processes }, (_, process) => ({
    seed,
    from: process * share,
    to: Math.min((process + 1) * share, schedules),
  }));
  const tallies = await Promise.all(
    ranges.map((range) => (processes === 1 ? playRange(range) : playElsewhere(range))),
  );
  const sum = emptyTally();
  for (const tally of tallies) add(sum, tally);
  const { traces, broken, ...rest } = sum;
  const trace = createHash('sha256').update(traces.join('\n')).digest('hex');
  return { report: { schedules, ...rest, seed, trace }, broken };
}

function playElsewhere(range: Range): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('simulation-process.ts', import.meta.url), [JSON.stringify(range)]);
    child.once('message', (tally) => resolve(tallySchema.parse(tally)));
    child.once('exit', (code) =>
      reject(new Error(`a process ended with ${code} before it had played its schedules`)),
    );
  });
}

/** Every kind of fault starts at 0, so that the report shows one that never happened. */
function emptyTally(): Tally {
  return {
    uploads: 0,
    delivered: 0,
    linked: 0,
    removed: 0,
    failed: {},
    undecided: 0,
    faults: Object.fromEntries(faultKinds.map((kind) => [kind, 0])),
    lost: 0,
    duplicates: 0,
    stuck: 0,
    untold: 0,
    leftovers: 0,
    late: 0,
    costly: 0,
    traces: [],
    broken: [],
  };
}

function add(sum: Tally, more: Tally): void {
  for (const name of TOTALS) sum[name] += more[name];
  for (const name of ['failed', 'faults'] as const) {
    for (const [key, count] of Object.entries(more[name])) sum[name][key] = (sum[name][key] ?? 0) + count;
  }
  sum.traces.push(...more.traces);
  sum.broken.push(...more.broken);
}
