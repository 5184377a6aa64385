import { describe, expect, it } from '@jest/globals';
import { adviseOf, describeGaps } from '../../cli/ops/findings.ts';
import type { Findings } from '../../cli/ops/findings.ts';

/** What a tenant shows that takes everything at once. */
function found({
  listDelayMs = 1000,
  taken = 5,
}: {
  listDelayMs?: number | undefined;
  taken?: number;
} = {}): Findings {
  return {
    answer: { idIsTold: true, fields: [], listDelayMs },
    names: [],
    bodies: {
      chunked: { taken: true, answer: '' },
      slow: { taken: true, answer: '', seconds: 1 },
    },
    parallel: { sent: 5, taken, refusal: undefined },
    rate: {
      taken: 10,
      seconds: 1,
      perMinute: 600,
      throttled: undefined,
      refusal: undefined,
      rateHeaders: {},
    },
    sizes: [{ auth: 'aksk', taken: 1000, refused: undefined, answer: undefined }],
    fullness: undefined,
  };
}

describe('adviseOf', () => {
  it.each([
    [0, '600'],
    [30_000, '600'],
    [30_001, '601'],
    [7_200_000, '86400'],
  ])(
    'takes twenty times the delay of the list, within what the setting may be (%d ms)',
    (listDelayMs, seconds) => {
      expect(adviseOf(found({ listDelayMs }))).toMatchObject({ IPD_COMMIT_WINDOW_SECONDS: seconds });
    },
  );

  it('gives no commit window where nothing is known of the delay, and that is a gap', () => {
    const { answer, ...others } = found();
    const unseen = { ...others, answer: { ...answer, listDelayMs: undefined } };

    expect(adviseOf(unseen)).not.toHaveProperty('IPD_COMMIT_WINDOW_SECONDS');
    expect(describeGaps(unseen)).toEqual([expect.stringMatching(/^IPD_COMMIT_WINDOW_SECONDS: .*--patience/)]);
    expect(describeGaps(found())).toEqual([]);
  });

  // https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html
  it.each([0, 1, 2])('lets two files go at once at least, since Lambda takes no less (%d taken)', (taken) => {
    expect(adviseOf(found({ taken }))).toMatchObject({ DELIVERY_CONCURRENCY: '2' });
  });
});
