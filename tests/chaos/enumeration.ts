/**
 * Walks small worlds systematically: every tape with one deviation from the default, or with two. A run ends early where
 * its durable state is one from which another run goes on with as many deviations left.
 */
import { quietProfile } from './faults.ts';
import { hashOfState } from './durable-state.ts';
import { createPlatform } from './platform.ts';
import { createConstant } from './random.ts';
import { isAtRest, isBroken, outcomeOf } from './schedule.ts';
import type { Outcome } from './schedule.ts';
import { attachByOthers } from './small-worlds.ts';
import type { SmallWorld } from './small-worlds.ts';
import { createTape, toText } from './tape.ts';
import type { ChoicePoint, Deviation } from './tape.ts';
import { produce } from './producers.ts';
import { play, projectId, readInTheEnd } from './users.ts';
import { judgeWorld } from './verdict.ts';
import { createWorld } from './world.ts';
import type { Missing } from './world.ts';
import { HOUR_MS, SECOND_MS } from '../../lib/domain/units.ts';

/** A run that is not at rest after this time is stuck. */
const HORIZON_MS = 120 * HOUR_MS;

/** How often a fault of this kind was tried at this call. */
export type Coverage = { site: string; kind: string; tried: number };

export type Counterexample = { world: string; tape: string; faults: string[]; findings: string[] };

export type Walk = {
  world: string;
  /** Choice points of the default tape, and the deviations that they offer. */
  points: number;
  deviations: number;
  schedules: number;
  /** Of these, runs that ended early. */
  pruned: number;
  coverage: Coverage[];
  counterexample?: Counterexample | undefined;
};

type Run = {
  points: readonly ChoicePoint[];
  /** Undefined for a run that ended early. */
  outcome: Outcome | undefined;
};

type Bounds = {
  missing?: Missing | undefined;
  /** Only faults of these kinds. */
  kinds?: ReadonlySet<string> | undefined;
};

/** Plays one tape in a small world to its end. */
export async function playTape(
  small: SmallWorld,
  deviations: readonly Deviation[],
  options: Bounds & { isReached?: (state: string) => boolean } = {},
): Promise<Run> {
  const { missing, kinds, isReached } = options;
  let quietFrom = 0;
  const tape = createTape(deviations, {
    kinds,
    onTaken: (fault) => {
      quietFrom = Math.max(quietFrom, world.time.now() + durationOf(fault));
    },
  });
  const world = createWorld({
    random: createConstant(),
    profile: quietProfile,
    tape,
    missing,
    uploadDeadlineHours: 1,
    settings: { IPD_AUTH: 'auto', PREFLIGHT: 'off', ...small.settings },
    isDoubled: small.isDoubled,
    ...(small.offerings && { ingestProject: projectId }),
    linking: small.linking,
  });
  const { time } = world;
  await attachByOthers(world);
  small.prepare?.(world);
  const platform = createPlatform(world);
  const stories = small.plans.map((plan) => play(plan, { world, platform }));
  const producing = small.offerings?.map((offering) => produce(offering, world)) ?? [];
  const horizon = time.now() + HORIZON_MS;
  let isPruned = false;
  await time.run(() => {
    if (time.now() >= horizon) return true;
    if (!platform.isIdle() || !world.activity.isQuiet()) return false;
    // A mistake of the product is in no state: such a run goes on to its verdict.
    const mayEnd = isReached !== undefined && tape.isPlayed() && world.surprises.length === 0;
    isPruned = mayEnd && isReached(hashOfState(world));
    return isPruned || isAtRest(world, [...stories, ...producing], true);
  });
  const points = [...tape.points()];
  if (isPruned) return { points, outcome: undefined };
  world.faults.stop();
  const followings = await readInTheEnd(stories, { world, platform });
  return { points, outcome: outcomeOf(world, judgeWorld(world, stories, { quietFrom, followings })) };
}

/** A tape that was run, and the choice points that the run came to. */
type Branch = { deviations: readonly Deviation[]; points: readonly ChoicePoint[] };

/** Those whose last deviation is of the rarest kind come first: the many pauses and deaths would take hours before them. */
function rarestFirst(branches: readonly Branch[]): Branch[] {
  const kindOf = ({ deviations, points }: Branch): string =>
    points[deviations.at(-1)?.point ?? -1]?.kind ?? '';
  const counts = new Map<string, number>();
  for (const branch of branches) counts.set(kindOf(branch), (counts.get(kindOf(branch)) ?? 0) + 1);
  const rarity = (branch: Branch): number => counts.get(kindOf(branch)) ?? 0;
  return branches.toSorted((a, b) => rarity(a) - rarity(b));
}

/** How long a fault with these details lasts, in milliseconds. */
function durationOf(fault: unknown): number {
  const lengths = Object.entries(Object(fault)).map(([name, value]) => {
    if (typeof value !== 'number') return 0;
    if (/ms$/i.test(name)) return value;
    return /seconds$/i.test(name) ? value * SECOND_MS : 0;
  });
  return Math.max(0, ...lengths);
}

/** Walks all tapes of a world with up to `depth` deviations; stops at the first counterexample. */
export async function walk(
  small: SmallWorld,
  { depth, ...bounds }: Bounds & { depth: number },
): Promise<Walk> {
  /** For each state, how many deviations a run that came to it had left. */
  const left = new Map<string, number>();
  const tried = new Map<string, Coverage>();
  const result: Walk = {
    world: small.name,
    points: 0,
    deviations: 0,
    schedules: 0,
    pruned: 0,
    coverage: [],
  };

  async function run(deviations: readonly Deviation[]): Promise<readonly ChoicePoint[]> {
    const rest = depth - deviations.length;
    const own = new Set<string>();
    const isReached = (state: string): boolean => {
      if (own.has(state)) return false;
      own.add(state);
      if ((left.get(state) ?? -1) >= rest) return true;
      left.set(state, rest);
      return false;
    };
    const { points, outcome } = await playTape(small, deviations, { ...bounds, isReached });
    result.schedules += 1;
    if (outcome === undefined) result.pruned += 1;
    else if (isBroken(outcome)) {
      result.counterexample = {
        world: small.name,
        tape: toText(deviations),
        faults: deviations.map(({ point }) => `${points[point]?.kind} at ${points[point]?.site}`),
        findings: outcome.findings,
      };
    }
    return points;
  }

  function note({ site, kind }: ChoicePoint): void {
    const key = `${site} ${kind}`;
    const entry = tried.get(key) ?? { site, kind, tried: 0 };
    entry.tried += 1;
    tried.set(key, entry);
  }

  /** Runs every tape that has one deviation more than this one, behind its last one. */
  async function deviate({ deviations: from, points }: Branch): Promise<Branch[]> {
    const next: Branch[] = [];
    for (let point = (from.at(-1)?.point ?? -1) + 1; point < points.length; point += 1) {
      const { alternatives } = points[point] ?? { alternatives: 0 };
      for (let alternative = 0; alternative < alternatives; alternative += 1) {
        const deviations = [...from, { point, alternative }];
        const seen = await run(deviations);
        const taken = seen[point];
        if (taken !== undefined) note(taken);
        if (result.counterexample !== undefined) return [];
        if (deviations.length < depth) next.push({ deviations, points: seen });
      }
    }
    return next;
  }

  const points = await run([]);
  result.points = points.length;
  result.deviations = points.reduce((sum, { alternatives }) => sum + alternatives, 0);
  let level: Branch[] = [{ deviations: [], points }];
  while (level.length > 0 && result.counterexample === undefined) {
    const next: Branch[] = [];
    for (const branch of rarestFirst(level)) {
      next.push(...(await deviate(branch)));
      if (result.counterexample !== undefined) break;
    }
    level = next;
  }
  result.coverage = [...tried.values()];
  return result;
}
