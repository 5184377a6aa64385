import { describe, expect, it } from '@jest/globals';
import { playOutage } from './outage.ts';

describe('an outage of IPD of six hours with 1,000 uploads', () => {
  it.each([
    { what: 'as it comes', seed: 1, recoveredInMinutes: 38 },
    { what: 'with many more arriving while it is made up for', seed: 112, recoveredInMinutes: 38 },
    // Each upload needs a check of its own.
    { what: 'of an IPD that names no ids', seed: 104, recoveredInMinutes: 60 },
  ])(
    'ends in 1,000 attachments, without help and without a stampede: $what',
    async ({ seed, recoveredInMinutes }) => {
      const outage = await playOutage({ seed, uploads: 1000, hours: 6 });

      expect(outage).toMatchObject({ uploads: 1000, delivered: 1000, lost: 0, duplicates: 0, stuck: 0 });
      expect(outage.peakPerMinute).toBeLessThanOrEqual(2 * outage.ratePerMinute);
      // As fast as the settings allow, and the breaker's longest pause.
      expect(outage.recoveredInMinutes).toBeLessThan(recoveredInMinutes);
    },
  );
});
