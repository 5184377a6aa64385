/**
 * `npm run chaos -- --exhaustive`: walks all small worlds, each in a process of its own, and adds up what was tried.
 */
import { fork } from 'node:child_process';
import { z } from 'zod';
import type { Tried } from './coverage-table.ts';
import { playTape } from './enumeration.ts';
import type { Counterexample, Walk } from './enumeration.ts';
import { smallWorlds } from './small-worlds.ts';
import type { ChoicePoint } from './tape.ts';

const coverage = z.object({ site: z.string(), kind: z.string(), tried: z.number() });

const walkSchema: z.ZodType<Walk> = z.object({
  world: z.string(),
  points: z.number(),
  deviations: z.number(),
  schedules: z.number(),
  pruned: z.number(),
  coverage: z.array(coverage),
  counterexample: z
    .object({
      world: z.string(),
      tape: z.string(),
      faults: z.array(z.string()),
      findings: z.array(z.string()),
    })
    .optional(),
});

/** What there is to be walked: choice points are those of the default tapes, and deviations what they offer. */
export type Extent = {
  worlds: number;
  points: number;
  deviations: number;
  faultKinds: number;
  deviationsAtOnce: number;
};

export type Exhaustion = {
  worlds: Omit<Walk, 'coverage' | 'counterexample'>[];
  points: number;
  schedules: number;
  pruned: number;
  /** How often each kind of fault was tried at each call. */
  coverage: Tried;
  counterexample: Counterexample | undefined;
};

/** Plays the default tape of each world. */
export async function measure({ worlds, depth }: { worlds: string[]; depth: number }): Promise<Extent> {
  const points: ChoicePoint[] = [];
  for (const small of smallWorlds.filter(({ name }) => worlds.includes(name))) {
    points.push(...(await playTape(small, [])).points);
  }
  return {
    worlds: worlds.length,
    points: points.length,
    deviations: points.reduce((sum, { alternatives }) => sum + alternatives, 0),
    faultKinds: new Set(points.map(({ kind }) => kind)).size,
    deviationsAtOnce: depth,
  };
}

/** The names of the worlds that contain this text. */
export function worldsNamed(text: string): string[] {
  return smallWorlds.map(({ name }) => name).filter((name) => name.includes(text));
}

/** Walks these worlds; `onWalk` hears of each one that is done. The first counterexample ends all. */
export async function exhaust(options: {
  worlds: string[];
  depth: number;
  /** Only faults of these kinds; all when there are none. */
  kinds: string[];
  processes: number;
  onWalk?: (walk: Walk) => void;
}): Promise<Exhaustion> {
  const { worlds, depth, kinds, processes, onWalk } = options;
  const waiting = [...worlds];
  const walks: Walk[] = [];

  async function work(): Promise<void> {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const walk = await walkElsewhere(name, [String(depth), ...kinds]);
      walks.push(walk);
      onWalk?.(walk);
      if (walk.counterexample !== undefined) waiting.length = 0;
    }
  }

  await Promise.all(Array.from({ length: processes }, work));
  return add(walks);
}

function walkElsewhere(name: string, bounds: string[]): Promise<Walk> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL('exhaustive-process.ts', import.meta.url), [name, ...bounds]);
    child.once('message', (walk) => resolve(walkSchema.parse(walk)));
    child.once('exit', (code) => reject(new Error(`the walk of "${name}" ended with ${code}`)));
  });
}

function add(walks: Walk[]): Exhaustion {
  const total = (count: 'points' | 'schedules' | 'pruned'): number =>
    walks.reduce((sum, walk) => sum + walk[count], 0);
  const tried: Exhaustion['coverage'] = {};
  for (const one of walks.flatMap((walk) => walk.coverage)) {
    const row = (tried[one.site] ??= {});
    row[one.kind] = (row[one.kind] ?? 0) + one.tried;
  }
  return {
    worlds: walks.map(({ coverage: _coverage, counterexample: _counterexample, ...rest }) => rest),
    points: total('points'),
    schedules: total('schedules'),
    pruned: total('pruned'),
    coverage: tried,
    counterexample: walks.find((walk) => walk.counterexample !== undefined)?.counterexample,
  };
}
