import { describe, expect, it } from '@jest/globals';
import { playTape, walk } from './enumeration.ts';
import { smallWorldOf, smallWorlds } from './small-worlds.ts';
import type { SmallWorld } from './small-worlds.ts';
import { createTape, readTape, toText } from './tape.ts';

function worldOf(name: string): SmallWorld {
  const small = smallWorldOf(name);
  if (small === undefined) throw new Error(`there is no small world ${name}`);
  return small;
}

describe('the enumeration', () => {
  it('finds nothing in a small world, and tries every fault that is possible at every call', async () => {
    const small = worldOf('one upload');
    const { points } = await playTape(small, []);

    const { coverage, counterexample, schedules, pruned } = await walk(small, { depth: 1 });

    expect(counterexample).toBeUndefined();
    const offered = new Set(points.map(({ site, kind }) => `${site} × ${kind}`));
    expect(new Set(coverage.map(({ site, kind }) => `${site} × ${kind}`))).toEqual(offered);
    expect(schedules).toBe(1 + points.reduce((sum, { alternatives }) => sum + alternatives, 0));
    expect(pruned).toBeGreaterThan(schedules / 2);
  });

  it.each(smallWorlds.map(({ name }) => name))('ends well without faults: %s', async (name) => {
    const { outcome } = await playTape(worldOf(name), []);

    expect(outcome).toMatchObject({
      lost: 0,
      duplicates: 0,
      stuck: 0,
      untold: 0,
      leftovers: 0,
      findings: [],
    });
  });

  it('shows what is wrong with a product without its fence as a tape that can be played again', async () => {
    const small = worldOf('one upload');
    const missing = 'fence';

    const { counterexample } = await walk(small, { depth: 1, missing });

    expect(counterexample).toMatchObject({
      world: 'one upload',
      findings: [expect.stringContaining('copies of 21 bytes'), expect.stringContaining('copies too many')],
    });
    const tape = readTape(counterexample?.tape ?? '') ?? [];
    expect(tape).toHaveLength(1);
    const { outcome } = await playTape(small, tape, { missing });
    expect(outcome?.findings).toEqual(counterexample?.findings);
  });

  it('finds with two deviations what it does not find with one', async () => {
    const small = worldOf('three equal files, two at once');
    const bounds = { missing: 'workItemVersion', kinds: new Set(['reset']) } as const;

    const singles = await walk(small, { depth: 1, ...bounds });
    const pairs = await walk(small, { depth: 2, ...bounds });

    expect(singles.counterexample).toBeUndefined();
    expect(pairs.counterexample?.faults).toHaveLength(2);
  });
});

describe('a tape', () => {
  it('takes the default at every choice point for which it has no deviation', () => {
    const tape = createTape([{ point: 1, alternative: 1 }]);

    const taken = ['first', 'second', 'third'].map((site) => tape.choose(site, 'pause', ['short', 'long']));

    expect(taken).toEqual([undefined, 'long', undefined]);
    expect(tape.points().map(({ site }) => site)).toEqual(['first', 'second', 'third']);
    expect(tape.isPlayed()).toBe(true);
  });

  it('offers no second deviation beside a fault that goes alone', () => {
    const tape = createTape([{ point: 0, alternative: 0 }]);

    tape.choose('list', 'hiddenRow', [{}], { isAlone: true });
    tape.choose('upload', 'pause', [{}]);

    expect(tape.points().map(({ alternatives }) => alternatives)).toEqual([1, 0]);
  });

  it('is read as it was written', () => {
    const deviations = [
      { point: 412, alternative: 1 },
      { point: 500, alternative: 0 },
    ];

    expect(toText(deviations)).toBe('412.1+500.0');
    expect(readTape('412.1+500.0')).toEqual(deviations);
    expect(readTape('')).toEqual([]);
    expect(readTape('412')).toBeUndefined();
  });
});
