import { describe, expect, it } from '@jest/globals';
import { createSlots, isHourOver, scanDelay } from '../../../lib/domain/schedule.ts';
import { nextRate } from '../../../lib/domain/rate.ts';

describe('the slots of a minute', () => {
  it('are given once each, evenly, until none is left', () => {
    const { take } = createSlots(4);

    expect([take(0), take(0), take(0), take(0), take(0)]).toEqual([0, 15_000, 30_000, 45_000, undefined]);
  });

  it('are never before the earliest moment, and those before it stay free', () => {
    const { take } = createSlots(4);

    expect([take(20_000), take(20_000), take(20_000)]).toEqual([30_000, 45_000, undefined]);
    expect([take(0), take(0), take(0)]).toEqual([0, 15_000, undefined]);
  });

  it('are free as long as one at or after the moment is', () => {
    const { hasFree, take } = createSlots(2);

    const before = [hasFree(0), hasFree(30_000), hasFree(30_001)];
    take(30_000);
    const between = [hasFree(0), hasFree(1)];
    take(0);

    expect([...before, ...between, hasFree(0)]).toEqual([true, true, false, true, false, false]);
  });

  it('go on after those that were taken out of order', () => {
    const { take } = createSlots(4);

    expect([take(15_000), take(0), take(0), take(0)]).toEqual([15_000, 0, 30_000, 45_000]);
  });
});

describe('what has no slot', () => {
  it('is read in the first minute of each hour that it is overdue', () => {
    const minutes = [-1, 0, 59, 60, 60.99, 61, 119, 120, 121];

    expect(minutes.filter((minute) => isHourOver(minute * 60_000))).toEqual([60, 60.99, 120]);
  });
});

describe('the wait for a scan', () => {
  it('ends half a minute, 2 and 10 min after the arrival, then every 10 min', () => {
    const ages = [0, 10, 30, 119, 120, 599, 600, 6000];

    expect(ages.map((seconds) => scanDelay(seconds * 1000) / 1000)).toEqual([
      30, 20, 90, 1, 480, 1, 600, 600,
    ]);
  });
});

describe('a rate that is raised to the full one exactly', () => {
  it('is the full one', () => {
    expect(nextRate({ rate: 1, full: 2 }, { tries: 1, throttled: 0 })).toBeUndefined();
  });
});
