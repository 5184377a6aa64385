import { describe, expect, it } from '@jest/globals';
import { createRandom } from './random.ts';
import { drawProfile, faultKinds } from './faults.ts';
import { ipdFaultKinds, isAlone, refusals } from './ipd-faults.ts';
import { runSchedule } from './schedule.ts';
import { shrink } from './shrink.ts';
import { playAll, playRange } from './simulation.ts';
import { createVirtualTime } from './virtual-time.ts';

describe('the simulation', () => {
  it('finds nothing lost, doubled, stuck, without notification, left over, late or costly, accounts for every upload and leaves no kind of fault out', async () => {
    const { report, broken } = await playAll({ seed: 3, schedules: 200, processes: 2 });

    expect(broken).toEqual([]);
    expect(report).toMatchObject({ schedules: 200, lost: 0, duplicates: 0, stuck: 0 });
    expect(report).toMatchObject({ untold: 0, leftovers: 0, late: 0, costly: 0 });
    const failed = Object.values(report.failed).reduce((sum, count) => sum + count, 0);
    expect(report.delivered + failed + report.removed).toBe(report.uploads);
    expect(report.uploads).toBeGreaterThan(400);
    expect(report.linked).toBeGreaterThan(20);
    const ofIpd = new Set<string>(ipdFaultKinds);
    expect(faultKinds.filter((kind) => report.faults[kind] === 0 && !ofIpd.has(kind))).toEqual([]);
  });

  it('lets IPD fail in every way but those that only a tape tries', () => {
    const profiles = Array.from({ length: 200 }, (_, index) => drawProfile(createRandom(`profile ${index}`)));

    const drawn = new Set(profiles.flatMap(({ ipdKinds }) => ipdKinds));

    expect(ipdFaultKinds.filter((kind) => !drawn.has(kind))).toEqual(
      ipdFaultKinds.filter((kind) => isAlone(kind) || refusals.includes(kind) || kind === 'listOf'),
    );
    expect(profiles.some(({ lastingRate }) => lastingRate > 0)).toBe(true);
    expect(profiles.some(({ isListFull }) => isListFull)).toBe(true);
  });

  it('gives the same trace for the same schedule, and another trace for another schedule', async () => {
    const first = await runSchedule({ seed: 1, index: 8 });
    const again = await runSchedule({ seed: 1, index: 8 });
    const other = await runSchedule({ seed: 2, index: 8 });

    expect(first.lines().length).toBeGreaterThan(100);
    expect(again.lines()).toEqual(first.lines());
    expect(again.trace).toBe(first.trace);
    expect(other.trace).not.toBe(first.trace);
  });

  it('gives the same sum for every distribution of the schedules over processes', async () => {
    const halves = [
      await playRange({ seed: 3, from: 0, to: 5 }),
      await playRange({ seed: 3, from: 5, to: 10 }),
    ];
    const whole = await playRange({ seed: 3, from: 0, to: 10 });

    expect(halves.flatMap(({ traces }) => traces)).toEqual(whole.traces);
    expect(halves.reduce((sum, { uploads }) => sum + uploads, 0)).toBe(whole.uploads);
  });
});

describe('a failing schedule', () => {
  it('is shown with no more faults than it needs', async () => {
    const { broken } = await playRange({ seed: 1, from: 0, to: 20, missing: 'sweep' });
    const total = (faults: ReadonlyMap<unknown, number>): number =>
      [...faults.values()].reduce((sum, count) => sum + count, 0);
    const runs = await Promise.all(
      broken.map(async (index) => {
        const { faults } = await runSchedule({ seed: 1, index, missing: 'sweep' });
        return { index, faults: total(faults) };
      }),
    );
    const [worst] = runs.toSorted((a, b) => b.faults - a.faults);

    const { outcome } = await shrink({ seed: 1, index: worst?.index ?? 0, missing: 'sweep' });

    expect(outcome.stuck).toBeGreaterThan(0);
    expect(total(outcome.faults)).toBeLessThan(worst?.faults ?? 0);
  });
});

describe('virtual time', () => {
  it('fires every timer in order, and no cancelled one', async () => {
    const time = createVirtualTime(1000);
    const random = createRandom('timers');
    const heard: number[] = [];
    const delays = Array.from({ length: 200 }, () => random.int(0, 500));
    for (const delay of delays) time.after(delay, () => heard.push(delay));
    time.after(250, () => heard.push(Number.NaN))();

    await time.run(() => false);

    expect(heard).toEqual(delays.toSorted((a, b) => a - b));
    expect(time.now()).toBe(1000 + Math.max(...delays));
  });

  it('wakes a sleeper at once when its signal aborts', async () => {
    const time = createVirtualTime(0);
    const controller = new AbortController();
    time.after(10, () => controller.abort(new Error('enough')));
    const sleep = time.sleep(1000, controller.signal).catch((error: unknown) => [time.now(), error]);

    await time.run(() => false);

    expect(await sleep).toEqual([10, new Error('enough')]);
  });
});
