import { describe, expect, it } from '@jest/globals';
import { playScale } from './scale.ts';
import { trials } from './scale-trials.ts';
import type { Figures } from './scale.ts';

/** The trials of `npm run chaos -- --scale` with a hundred uploads among a thousand records. */
const small = new Map(trials({ seed: 1, isSmall: true }).map((trial) => [trial.name, trial]));

async function play(name: string): Promise<Figures> {
  const trial = small.get(name);
  if (trial === undefined) throw new Error(`there is no trial ${name}`);
  return playScale(trial);
}

/** What a delivery costs at least: two requests to IPD, seven writes, and reads of its own record. */
const whole = { uploads: 100, delivered: 100, lost: 0, copies: 0, unclosed: 0, askedTwice: 0 };

describe('a backlog of a hundred uploads', () => {
  it('drains as fast as the rate allows, and costs each upload a fixed number of calls', async () => {
    const figures = await play('backlog');

    expect(figures).toMatchObject(whole);
    // A minute until the first sweep, and one in which the last slots are used.
    expect(figures.drainMinutes).toBeLessThan(figures.fairMinutes + 2);
    expect(figures.longestBeyondFairMinutes).toBeLessThan(4);
    expect(figures.askedPerShard).toHaveLength(8);
    expect(figures.callsPerUpload).toMatchObject({
      'IPD list': 1,
      'IPD upload': 1,
      GetObject: 1,
      SendMessage: 1,
      'write record': 6,
    });
    expect(figures.readsPerUpload).toBeLessThan(8);
    // Every sweep reads what is still due: 100, 55 and 10 rows.
    expect(figures.rowsPerUpload).toBeLessThan(3);
    expect(figures.sweeps.mostReads).toBeLessThan(100);
  });

  it('is asked for once by ten sweeps that begin an hour late and at the same moment', async () => {
    const figures = await play('ten late sweeps');

    expect(figures).toMatchObject(whole);
    expect(figures.drainMinutes).toBeLessThan(figures.fairMinutes + 2);
    // A delivery takes two requests.
    expect(figures.peakPerMinute).toBeLessThanOrEqual(2 * figures.rate);
    expect(figures.callsPerUpload).toMatchObject({ SendMessage: 1, 'IPD list': 1, 'IPD upload': 1 });
  });

  it('does not keep a person waiting whose file arrives meanwhile', async () => {
    const figures = await play('thirty hours');

    expect(figures).toMatchObject(whole);
    expect(figures.sentMeanwhile).toBeGreaterThan(0);
    // Two slots of the sweep.
    expect(figures.longestForPersonSeconds).toBeLessThanOrEqual((2 * 60) / figures.rate);
  });

  it.each([0, 1, 5, 15])('drains as fast when the index is %i min behind', async (minutes) => {
    const figures = await play(`index behind by ${minutes} min`);

    expect(figures).toMatchObject(whole);
    expect(figures.drainMinutes).toBeLessThan(figures.fairMinutes + 2);
    // A sweep begins with a shard at random.
    expect(figures.askedPerShard).toHaveLength(8);
    expect(figures.longestBeyondFairMinutes).toBeLessThan(figures.fairMinutes);
    expect(figures.callsPerUpload).toMatchObject({ SendMessage: 1, 'IPD list': 1, 'IPD upload': 1 });
    // Each sweep reads the shards of both lanes.
    expect(figures.readsPerUpload).toBeLessThan(11 + minutes);
  });
});

describe('a work item that gets a hundred files at once', () => {
  it.each([
    { name: 'equal files to one work item', minutes: 5, reads: 16 },
    { name: 'files of different sizes to one work item', minutes: 1, reads: 8 },
  ])('holds each of them once: $name', async ({ name, minutes, reads }) => {
    const figures = await play(name);

    expect(figures).toMatchObject(whole);
    expect(figures.drainMinutes).toBeLessThan(minutes);
    expect(figures.readsPerUpload).toBeLessThan(reads);
    expect(figures.callsPerUpload).toMatchObject({ 'IPD list': 1, 'IPD upload': 1, GetObject: 1 });
  });
});
