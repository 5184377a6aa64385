import { describe, expect, it } from '@jest/globals';
import { adviseOf, describeFindings, describeGaps } from '../../../cli/ops/findings.ts';
import type { Findings } from '../../../cli/ops/findings.ts';

/** What a tenant shows that has a limit of each kind. */
function found({
  listDelayMs = 1000,
  taken = 3,
}: {
  listDelayMs?: number | undefined;
  taken?: number;
} = {}): Findings {
  return {
    answer: { idIsNamed: true, fields: [], listDelayMs },
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
      isSustained: true,
      throttled: { afterUploads: 5, afterSeconds: 0.1, answer: 'HTTP 429', retryAfter: undefined },
      refusal: undefined,
      rateHeaders: {},
    },
    sizes: [{ auth: 'aksk', taken: 1000, refused: 2000, answer: 'HTTP 413', isLimit: true }],
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

  it('gives no commit window where the delay was not found, and that is a gap', () => {
    const { answer, ...others } = found();
    const unseen = { ...others, answer: { ...answer, listDelayMs: undefined } };

    expect(adviseOf(unseen)).not.toHaveProperty('IPD_COMMIT_WINDOW_SECONDS');
    expect(describeGaps(unseen)).toEqual({ IPD_COMMIT_WINDOW_SECONDS: expect.stringMatching(/--patience/) });
  });

  it('gives every setting where each limit was met', () => {
    expect(adviseOf(found())).toEqual({
      MAX_FILE_BYTES: '1000',
      IPD_AUTH: 'aksk',
      IPD_RATE: '480',
      IPD_COMMIT_WINDOW_SECONDS: '600',
      DELIVERY_CONCURRENCY: '3',
    });
    expect(describeGaps(found())).toEqual({});
  });

  it('makes no setting of what was only tried: the largest size, the most at once, a rate without a throttle', () => {
    const all = found({ taken: 5 });
    const unlimited: Findings = {
      ...all,
      rate: { ...all.rate, isSustained: false, throttled: undefined },
      sizes: [{ auth: 'token', taken: 51_000_000, refused: undefined, answer: undefined, isLimit: false }],
    };

    expect(adviseOf(unlimited)).toEqual({ IPD_AUTH: 'token', IPD_COMMIT_WINDOW_SECONDS: '600' });
    expect(describeGaps(unlimited)).toEqual({
      MAX_FILE_BYTES: '51000000 bytes were taken and no limit was met: --sizes tries larger ones',
      IPD_RATE: 'no throttle was met at 600 a minute for 1.0 s: a longer --rate-seconds goes on longer',
      DELIVERY_CONCURRENCY: '5 files at once were taken, and more were not tried',
    });
    expect(describeFindings(unlimited)).toContain('size with token: 51000000 bytes taken, no limit met');
  });

  it('takes a refusal for another reason for no limit of size', () => {
    const full: Findings = {
      ...found(),
      sizes: [{ auth: 'token', taken: 0, refused: 11_000_000, answer: 'HTTP 200 full', isLimit: false }],
    };

    expect(adviseOf(full)).not.toHaveProperty('MAX_FILE_BYTES');
    expect(describeGaps(full)).toMatchObject({ MAX_FILE_BYTES: 'no file of any size was taken' });
    expect(describeFindings(full)).toContain(
      'size with token: none taken, 11000000 not taken, but not for its size: HTTP 200 full',
    );
  });

  // https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html
  it.each([0, 1, 2])('lets two files go at once at least, since Lambda takes no less (%d taken)', (taken) => {
    expect(adviseOf(found({ taken }))).toMatchObject({ DELIVERY_CONCURRENCY: '2' });
  });
});
