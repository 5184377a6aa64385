import { describe, expect, it } from '@jest/globals';
import { nextRate } from '../../../lib/domain/rate.ts';

describe('the rate of deliveries', () => {
  const after = (rate: number | undefined, tries: number, throttled: number) =>
    nextRate({ rate, full: 60 }, { tries, throttled });

  it('stays full while no more than a tenth of the tries is throttled', () => {
    expect([after(undefined, 0, 0), after(undefined, 100, 0), after(undefined, 100, 10)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('falls to what IPD took in the minute, by half at most', () => {
    expect(after(undefined, 60, 15)).toBe(45);
    expect(after(undefined, 60, 50)).toBe(30);
    expect(after(45, 45, 5)).toBe(40);
  });

  it('is not reduced where IPD took the full rate all the same', () => {
    expect(nextRate({ rate: undefined, full: 10 }, { tries: 12, throttled: 2 })).toBeUndefined();
  });

  it('stays where IPD took all that the rate allows', () => {
    expect(after(45, 52, 7)).toBe(45);
    expect(after(undefined, 100, 11)).toBeUndefined();
  });

  it('is halved where IPD takes nothing, but one delivery a minute still asks whether it takes more', () => {
    expect([after(30, 3, 3), after(3, 1, 1), after(1, 1, 1)]).toEqual([15, 1, 1]);
  });

  it('is raised by a tenth a minute until it is full again', () => {
    const rates: (number | undefined)[] = [1];
    while (rates.at(-1) !== undefined) rates.push(after(rates.at(-1), 2, 0));

    expect(rates.slice(0, 12)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]);
    expect(rates).toHaveLength(26);
  });

  it('follows a setting that was lowered', () => {
    expect(nextRate({ rate: 30, full: 10 }, { tries: 10, throttled: 10 })).toBe(5);
    expect(nextRate({ rate: 30, full: 10 }, { tries: 10, throttled: 0 })).toBeUndefined();
  });
});
