import { describe, expect, it } from '@jest/globals';
import { playOutage } from './outage.ts';

describe('an outage of IPD of six hours', () => {
  it.each([
    { what: 'as it comes', seed: 1, uploads: 1000, recoveredInMinutes: 38 },
    {
      what: 'with many more arriving while it is made up for',
      seed: 112,
      uploads: 300,
      recoveredInMinutes: 14,
    },
    // Each upload needs a check of its own.
    { what: 'of an IPD that names no ids', seed: 104, uploads: 300, recoveredInMinutes: 27 },
  ])(
    'ends in as many attachments as uploads, without help and without a stampede: $what',
    async ({ seed, uploads, recoveredInMinutes }) => {
      const outage = await playOutage({ seed, uploads, hours: 6 });

      expect(outage).toMatchObject({ uploads, delivered: uploads, lost: 0, duplicates: 0, stuck: 0 });
      expect(outage.peakPerMinute).toBeLessThanOrEqual(2 * outage.ratePerMinute);
      // As fast as the settings allow, and the breaker's longest pause.
      expect(outage.recoveredInMinutes).toBeLessThan(recoveredInMinutes);
    },
  );
});
