import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import { after, HOUR, iso, legal, moment, policy, start, token } from './transition-samples.ts';

describe('a failure that is not the upload’s own', () => {
  const event = { token, code: 'ipd_paused', counts: false, random: 1, ...moment } as const;
  const failing = { ...after('stage', 'claim'), failedAttempts: 6, throttles: 3 };

  it('waits as after a first failure, however often the upload has failed itself', () => {
    expect(attempts.postpone(failing, event)).toMatchObject({
      dueAt: iso(start + 30_000),
      failedAttempts: 6,
    });
  });

  it('leaves the throttles in a row as they are, unless it tells of more', () => {
    expect(attempts.postpone(failing, event)).toMatchObject({ throttles: 3 });
    expect(attempts.postpone(failing, { ...event, throttles: 4 })).toMatchObject({ throttles: 4 });
  });
});

describe('a failure of the upload itself', () => {
  it('ends the throttles in a row', () => {
    const event = { token, code: 'ipd_unavailable', counts: true, random: 1, ...moment } as const;

    expect(attempts.postpone({ ...after('stage', 'claim'), throttles: 3 }, event)?.throttles).toBeUndefined();
  });
});

describe('an upload that is given up for a reason that only a newer version has', () => {
  it('has no reason in words', () => {
    const lastError = { code: 'of-a-newer-version', message: 'm', at: iso(start) };
    const ended = legal(
      attempts.giveUp({ ...after('stage'), lastError }, { now: start + 192 * HOUR, policy }),
    );

    expect(ended.lastError).toMatchObject({ code: 'retries_exhausted' });
    expect(ended.lastError?.detail).toBeUndefined();
  });
});
