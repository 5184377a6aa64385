import { expect, it } from '@jest/globals';
import { findTargets } from './targets.ts';
import { runCampaign } from './campaign.ts';

/** `npm run fuzz` makes as many as wanted; these are here so that no change breaks it, or what it has found, unseen. */
const INPUTS = 800;

it('answers every input to every route, queue and schedule as openapi.yaml says, and hands nothing on', async () => {
  const report = await runCampaign({ inputs: INPUTS, seed: 20_260_312 });

  expect(report.failures).toEqual([]);
  expect(report.inputs).toBe(INPUTS);
  expect(Object.keys(report.routes).toSorted()).toEqual(
    findTargets()
      .map(({ name }) => name)
      .toSorted(),
  );
  expect(report.ipd.injected).toEqual([]);
}, 60_000);
