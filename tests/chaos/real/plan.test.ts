import { describe, expect, it } from '@jest/globals';
import { createRandom } from '../random.ts';
import { LASTING, TRANSIENT } from './faults.ts';
import { MAX_RECEIVES } from './mailbox.ts';
import { drawPlans } from './plan.ts';

describe('drawPlans', () => {
  it('draws the same plans from the same seed, and other plans from another seed', () => {
    expect(drawPlans(createRandom('a'), 20)).toEqual(drawPlans(createRandom('a'), 20));
    expect(drawPlans(createRandom('a'), 20)).not.toEqual(drawPlans(createRandom('b'), 20));
  });

  it('uses every passing fault within ten schedules, and every lasting one within thirty', () => {
    const plans = drawPlans(createRandom('a'), 30);

    const early = new Set(plans.slice(0, 10).flatMap(({ transient }) => transient));
    const lasting = new Set(plans.flatMap((plan) => plan.lasting ?? []));

    expect([...early].toSorted()).toEqual(Object.keys(TRANSIENT).toSorted());
    expect([...lasting].toSorted()).toEqual(Object.keys(LASTING).toSorted());
  });

  it('never loses a request, and has fewer deaths of ingestion than a message has receives', () => {
    const plans = drawPlans(createRandom('a'), 50);
    const uploads = plans.flatMap((plan) => plan.uploads);

    expect(new Set(uploads.map(({ by }) => by))).toEqual(new Set(['url', 'parts', 'drop', 'request']));
    expect(uploads.filter(({ by, events }) => by === 'request' && events.length === 0)).toEqual([]);
    expect(uploads.some(({ by, events }) => by === 'drop' && events.length === 0)).toBe(true);
    expect(uploads.some(({ by, events }) => by === 'drop' && events.length > 1)).toBe(true);
    for (const { ingestFates } of plans) expect(ingestFates.length).toBeLessThan(MAX_RECEIVES);
  });

  it('has an upload for each fault that stores a file, so that all of them happen', () => {
    for (const { transient, uploads } of drawPlans(createRandom('a'), 50)) {
      const storing = transient.filter((name) => 'stores' in TRANSIENT[name]);

      expect(uploads.length).toBeGreaterThanOrEqual(storing.length);
      expect(transient.slice(transient.length - storing.length)).toEqual(storing);
    }
  });
});
