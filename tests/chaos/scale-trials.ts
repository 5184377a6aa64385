/**
 * The trials of `npm run chaos -- --scale`, each in a process of its own, and what the design promises for all of them.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';
import type { Trial } from './scale.ts';
import { HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';

/** The trials of `npm run chaos -- --scale`, or the same with a hundredth and less of it. */
export function trials({ seed, isSmall = false }: { seed: number; isSmall?: boolean }): Trial[] {
  const backlog = isSmall ? 100 : 10_000;
  const rate = isSmall ? 60 : 600;
  const waiting = { seed, kind: 'waiting', uploads: backlog, perWorkItem: 20, rate } as const;
  const hot = { seed, uploads: 100, perWorkItem: 100, rate: 60 };
  return [
    isSmall
      ? { ...waiting, name: 'backlog', records: 1000 }
      : { ...waiting, name: 'backlog', uploads: 100_000, records: 1_000_000 },
    { ...waiting, name: 'ten late sweeps', late: { sweeps: 10, ms: HOUR_MS } },
    {
      ...waiting,
      name: 'thirty hours',
      // At this rate a sweep gives six slots a minute.
      rate: 8,
      uploads: isSmall ? backlog : 30 * 60 * 6,
      personEveryMs: (isSmall ? 2 : 10) * MINUTE_MS,
    },
    { ...hot, name: 'equal files to one work item', kind: 'equal' },
    { ...hot, name: 'files of different sizes to one work item', kind: 'arriving' },
    ...[0, 1, 5, 15].map((lag) => ({
      ...waiting,
      // It takes longer than the index is behind.
      rate: isSmall ? 8 : rate,
      name: `index behind by ${lag} min`,
      lagMs: lag * MINUTE_MS,
    })),
  ];
}

/** What every trial must find, however many uploads it has. */
const promised = z.object({
  trial: z.string(),
  uploads: z.number(),
  delivered: z.number(),
  lost: z.literal(0),
  copies: z.literal(0),
  unclosed: z.literal(0),
  askedTwice: z.literal(0),
  /** Two slots at an IPD_RATE of 8. */
  longestForPersonSeconds: z.number().max(15),
});

/** Plays all of them, so many at a time; prints a JSON line for each, and returns whether all kept their promises. */
export async function playTrials(options: {
  seed: number;
  processes: number;
  print: (line: string) => void;
}): Promise<boolean> {
  const { seed, processes, print } = options;
  const left = trials({ seed });
  let isKept = true;
  async function playNext(): Promise<void> {
    const trial = left.shift();
    if (trial === undefined) return;
    const figures = await playElsewhere(trial);
    print(JSON.stringify(figures));
    const checked = promised.safeParse(figures);
    if (!checked.success || checked.data.delivered !== checked.data.uploads) isKept = false;
    await playNext();
  }
  await Promise.all(Array.from({ length: processes }, playNext));
  return isKept;
}

async function playElsewhere(trial: Trial): Promise<unknown> {
  const child = fork(new URL('scale-process.ts', import.meta.url), [JSON.stringify(trial)], {
    // A million records live long: less is copied on the way to the old generation.
    execArgv: [...process.execArgv, '--max-semi-space-size=64'],
  });
  const end = once(child, 'exit').then(([code]) => {
    throw new Error(`the process of the trial "${trial.name}" ended with ${code} before its figures`);
  });
  const [figures] = await Promise.race([once(child, 'message'), end]);
  return figures;
}
