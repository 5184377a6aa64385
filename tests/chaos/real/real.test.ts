/** A short run of the real layer; `npm run chaos -- --real` makes long ones. */
import { describe, expect, it } from '@jest/globals';
import { LASTING, TRANSIENT } from './faults.ts';
import { runReal } from './run.ts';

describe('runReal', () => {
  it('delivers every upload once through killed processes and a failing IPD', async () => {
    const lines: string[] = [];

    const result = await runReal({ schedules: 10, seed: 1, log: (line) => lines.push(line) });

    expect(lines.filter((line) => line.startsWith('failed'))).toEqual([]);
    expect(result).toMatchObject({ schedules: 10, lost: 0, duplicates: 0, stuck: 0 });
    expect(result).toMatchObject({ untold: 0, leftovers: 0 });
    const failed = Object.values(result.failed).reduce((sum, count) => sum + count, 0);
    expect(result.delivered + failed).toBe(result.uploads);
    expect(result.delivered).toBeGreaterThan(failed);
    expect(result.drops).toBeGreaterThan(0);
    expect(result.requests).toBeGreaterThan(0);
    expect(result.linked).toBeGreaterThan(0);
    const always = [
      'killedInTime',
      'killedAtStep',
      'killedInBody',
      'paused',
      'lostEvent',
      'repeatedEvent',
      'notCompleted',
      'ingest killedInTime',
      'ingest killedAtStep',
      'ingest paused',
    ];
    const missing = [...Object.keys(TRANSIENT), ...always].filter((name) => !(name in result.faults));
    expect(missing).toEqual([]);
    // Two of them are planned; a kill may end the upload before the second is met.
    expect(Object.keys(result.faults).filter((name) => Object.hasOwn(LASTING, name))).not.toEqual([]);
  });
});
