import { describe, expect, it } from '@jest/globals';
import { playOutage } from './outage.ts';

describe('an outage of IPD', () => {
  it('of six hours with 1,000 uploads ends in 1,000 attachments, without help and without a stampede', async () => {
    const outage = await playOutage({ seed: 1, uploads: 1000, hours: 6 });

    expect(outage).toMatchObject({ uploads: 1000, delivered: 1000, lost: 0, duplicates: 0, stuck: 0 });
    expect(outage.peakPerMinute).toBeLessThanOrEqual(2 * outage.ratePerMinute);
    // As fast as the settings allow, and the breaker's longest pause.
    expect(outage.recoveredInMinutes).toBeLessThan(1000 / outage.ratePerMinute + 15);
  }, 120_000);
});
