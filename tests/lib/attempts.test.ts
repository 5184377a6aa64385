import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../lib/attempts.ts';
import * as endings from '../../lib/endings.ts';
import {
  after,
  every,
  HOUR,
  inDoubt,
  iso,
  legal,
  MINUTE,
  moment,
  policy,
  sending,
  sent,
  start,
  token,
  until,
} from './moves-samples.ts';

describe('claim', () => {
  it.each([-1, 0, 2])('takes no attempt but the next: %i', (attempt) => {
    expect(attempts.claim(after('stage'), { token, until, attempt })).toBeUndefined();
  });

  it('gives a lease, and is due a moment after it has ended', () => {
    const upload = after('stage', 'claim');

    expect(upload).toMatchObject({ attempts: 1, lease: { token, until: new Date(until).toISOString() } });
    expect(upload.dueAt).toBe(new Date(until + 5000).toISOString());
  });
});

describe('startSending', () => {
  it.each([
    [until - 1001, true],
    [until - 1000, false],
    [until, false],
  ])('at %i is legal: %s', (now, isLegal) => {
    expect(attempts.startSending(after('stage', 'claim'), { ...sending, now }) !== undefined).toBe(isLegal);
  });

  it('notes what the work item held before, once and for all', () => {
    const first = after(...sent);
    const second = legal(
      attempts.startSending(after(...inDoubt, 'claim', 'settle'), { ...sending, now: start, known: ['8'] }),
    );

    expect(first).toMatchObject({ known: ['7'], bytesSent: 10 });
    expect(second.known).toEqual(['7']);
  });

  it('is not legal once an attachment is ours', () => {
    const found = legal(endings.nominate(after('stage', 'claim'), { attachmentId: '1', now: start }));

    expect(attempts.startSending(found, { ...sending, now: start })).toBeUndefined();
  });
});

describe('lapse', () => {
  it('waits for the end of the lease', () => {
    const event = { random: 0.5, policy };

    expect(attempts.lapse(after('stage', 'claim'), { ...event, now: until - 1 })).toBeUndefined();
    expect(attempts.lapse(after('stage', 'claim'), { ...event, now: until })).toBeDefined();
  });

  it('takes the end of the lease for the last moment at which a byte can have left', () => {
    const upload = legal(attempts.lapse(after(...sent), { now: until + HOUR, random: 0.5, policy }));

    expect(upload).toMatchObject({ doubt: { since: iso(until), absences: 0, accepted: false } });
  });
});

describe('setBack', () => {
  const event = { token, code: 'ipd_unavailable', counts: true, now: start, random: 1, policy } as const;
  /** Minutes until the next attempt after so many failed ones. */
  const pauseAfter = (
    failedAttempts: number,
    other: Partial<Parameters<typeof attempts.setBack>[1]> = {},
  ) => {
    const upload = attempts.setBack({ ...after('stage', 'claim'), failedAttempts }, { ...event, ...other });
    return (Date.parse(upload?.dueAt ?? '') - start) / MINUTE;
  };

  it('waits longer after each failed attempt, up to 4 hours, with full jitter', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7, 50].map((failed) => pauseAfter(failed))).toEqual([
      0.5, 2, 10, 30, 60, 120, 240, 240, 240,
    ]);
    expect(pauseAfter(6, { random: 0 })).toBe(0);
    expect(pauseAfter(6, { random: 0.25 })).toBe(60);
  });

  it('waits at least as long as it was asked to', () => {
    expect(pauseAfter(0, { afterMs: 10 * MINUTE, random: 0 })).toBe(10);
  });

  it('counts an attempt or not', () => {
    const upload = after('stage', 'claim');

    expect(attempts.setBack(upload, event)).toMatchObject({ failedAttempts: 1, attempts: 1 });
    expect(attempts.setBack(upload, { ...event, counts: false })).toMatchObject({
      failedAttempts: 0,
      attempts: 1,
    });
  });

  it('gives up when the next attempt would come after the retry window', () => {
    const late = { ...event, now: start + 24 * HOUR, detail: 'HTTP 502' };

    expect(attempts.setBack(after('stage', 'claim'), { ...late, random: 0 })).toMatchObject({
      status: 'waiting',
    });
    expect(attempts.setBack(after('stage', 'claim'), late)).toMatchObject({
      status: 'failed',
      error: { code: 'retries_exhausted', detail: expect.stringContaining('HTTP 502') },
      keepUntil: new Date(start + 192 * HOUR).toISOString(),
    });
  });
});

describe('pause', () => {
  it('gives the time back that it takes from the retry window', () => {
    const upload = legal(every['pause']?.(after('stage')));

    expect(upload).toMatchObject({ dueAt: iso(until), retryUntil: iso(start + 24 * HOUR + 5 * MINUTE) });
    expect(upload).toMatchObject({ attempts: 0, failedAttempts: 0, error: { code: 'ipd_paused' } });
  });

  it('does not hide a doubt behind its own reason', () => {
    expect(every['pause']?.(after(...inDoubt))).toMatchObject({ error: { code: 'answer_lost' } });
  });

  it('ends the upload when it would outlast the retry window and the time its file is kept', () => {
    const longest = start + 192 * HOUR;
    const paused = (end: number) =>
      attempts.pause(after('stage'), { until: end, code: 'ipd_paused', ...moment });

    expect(paused(longest)).toMatchObject({ status: 'staged' });
    expect(paused(longest + 1)).toMatchObject({ status: 'failed', error: { code: 'retries_exhausted' } });
  });
});
