import { describe, expect, it } from '@jest/globals';
import { findTargets } from './targets.ts';
import { runCampaign } from './campaign.ts';
import { summarize } from './summary.ts';
import type { Report } from './summary.ts';

/** `npm run fuzz` runs any number of inputs; these few show that the campaign works and its findings stay fixed. */
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
});

describe('the summary', () => {
  const report: Report = {
    seed: 7,
    seconds: 3,
    inputs: 12,
    failures: [],
    heapMb: [40, 41.5],
    routes: { 'POST /v1/uploads': { '400': 9, '201': 2 }, sweep: { done: 1 } },
    ipd: { attachments: 1, injected: [] },
    peakRssMb: 120,
  };

  it('says in a few lines what was answered', () => {
    expect(summarize(report)).toEqual([
      '12 inputs with seed 7 in 3 s; 120 MB at most, 40, 41.5 MB in use',
      '  POST /v1/uploads  201: 2, 400: 9',
      '  sweep             done: 1',
      '1 attachments in IPD',
      'Nothing went wrong.',
    ]);
  });

  it('names each thing that went wrong, and how to see it again', () => {
    const ipd = { attachments: 1, injected: ['a"b'] };

    expect(summarize({ ...report, failures: ['GET /v1/uploads 500'], ipd }).slice(-3)).toEqual([
      'WRONG: GET /v1/uploads 500',
      'WRONG: IPD has read a name that nests: "a\\"b"',
      '2 went wrong: --seed 7 repeats it.',
    ]);
  });
});
