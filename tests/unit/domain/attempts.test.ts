import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import {
  after,
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
  transitions,
  until,
} from './transition-samples.ts';

describe('the fence of a try that never reached IPD', () => {
  it('is withdrawn without a write', () => {
    const claimed = after('stage', 'claim');

    expect(attempts.withdrawFence(claimed, { token, sentName: claimed.sentName })).toBe(claimed);
    expect(attempts.withdrawFence(claimed, { token, sentName: 'plain' })).toMatchObject({
      sentName: 'plain',
    });
    expect(attempts.withdrawFence(claimed, { token: 'other', sentName: 'plain' })).toBeUndefined();
  });
});

describe('claim', () => {
  it.each([-1, 0, 2])('takes no attempt but the next: %i', (attempt) => {
    expect(attempts.claim(after('stage'), { token, until, now: start, attempt })).toBeUndefined();
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

  it('notes the baseline of the work item once and never changes it', () => {
    const first = after(...sent);
    const second = legal(
      attempts.startSending(after(...inDoubt, 'claim', 'resolveDoubt'), {
        ...sending,
        now: start,
        baseline: ['8'],
      }),
    );

    expect(first).toMatchObject({ baseline: ['7'], bytesSent: 10 });
    expect(second.baseline).toEqual(['7']);
  });

  it.each([
    [true, false],
    [false, true],
  ])('notes with the baseline, and no later, whether IPD gave no list: %s', (isBaselineNull, isLater) => {
    const staged = after('stage', 'claim');
    const first = legal(attempts.startSending(staged, { ...sending, now: start, isBaselineNull }));
    const again = legal(attempts.startSending(first, { ...sending, now: start, isBaselineNull: isLater }));

    expect([first.isBaselineNull, again.isBaselineNull]).toEqual(
      isBaselineNull ? [true, true] : [undefined, undefined],
    );
  });

  it('is not legal once there is a candidate', () => {
    const found = legal(
      endings.setCandidate(after('stage', 'claim'), { attachmentId: '1', token, now: start }),
    );

    expect(attempts.startSending(found, { ...sending, now: start })).toBeUndefined();
  });
});

describe('expireLease', () => {
  it('waits for the end of the lease', () => {
    const event = { random: 0.5, policy };

    expect(attempts.expireLease(after('stage', 'claim'), { ...event, now: until - 1 })).toBeUndefined();
    expect(attempts.expireLease(after('stage', 'claim'), { ...event, now: until })).toBeDefined();
  });

  it('takes the end of the lease for the last moment at which a byte can have left', () => {
    const upload = legal(attempts.expireLease(after(...sent), { now: until + HOUR, random: 0.5, policy }));

    expect(upload).toMatchObject({ doubt: { since: iso(until), absences: 0, accepted: false } });
  });
});

describe('postpone', () => {
  const event = { token, code: 'ipd_unavailable', counts: true, now: start, random: 1, policy } as const;
  /** Minutes until the next attempt after so many failed ones. */
  const pauseAfter = (
    failedAttempts: number,
    other: Partial<Parameters<typeof attempts.postpone>[1]> = {},
  ) => {
    const upload = attempts.postpone({ ...after('stage', 'claim'), failedAttempts }, { ...event, ...other });
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

    expect(attempts.postpone(upload, event)).toMatchObject({ failedAttempts: 1, attempts: 1 });
    expect(attempts.postpone(upload, { ...event, counts: false })).toMatchObject({
      failedAttempts: 0,
      attempts: 1,
    });
  });

  it('tries once more at the end of the retry window, never before it is over, then gives up', () => {
    const early = { ...event, now: start + 23 * HOUR };
    const last = legal(attempts.postpone({ ...after('stage', 'claim'), failedAttempts: 6 }, early));
    const late = { ...event, now: start + 24 * HOUR, detail: 'HTTP 502' };

    expect(last).toMatchObject({ status: 'waiting', dueAt: iso(start + 24 * HOUR) });
    expect(attempts.postpone(after('stage', 'claim'), { ...late, random: 0 })).toMatchObject({
      status: 'failed',
      lastError: { code: 'retries_exhausted', detail: 'IPD did not take the file. HTTP 502' },
      keepUntil: iso(start + 192 * HOUR),
    });
  });

  it.each(['ipd_throttled', 'ipd_paused', 'work_item_busy'] as const)(
    'waits on after the window where the upload could not be tried, to the last moment: %s',
    (code) => {
      const other = { ...event, code, counts: false, afterMs: 300 * HOUR };
      const upload = legal(attempts.postpone(after('stage', 'claim'), { ...other, now: start + 30 * HOUR }));
      const ended = attempts.postpone(after('stage', 'claim'), { ...other, now: start + 192 * HOUR });

      expect(upload).toMatchObject({ status: 'waiting', dueAt: iso(start + 192 * HOUR) });
      expect(ended).toMatchObject({ status: 'failed', lastError: { code: 'retries_exhausted' } });
    },
  );

  it.each([
    ['ipd_throttled', 'retries_exhausted', 'IPD asked for fewer requests. HTTP 429'],
    [
      'ipd_paused',
      'retries_exhausted',
      'IPD did not answer, or did not accept our credentials, so all deliveries waited. HTTP 429',
    ],
    [
      'work_item_busy',
      'retries_exhausted',
      'Another upload of the same size to this work item came first. HTTP 429',
    ],
    ['storage_unavailable', 'retries_exhausted', 'The stored file could not be read. HTTP 429'],
    ['scan_pending', 'scan_timed_out', 'The file had not been scanned for malware. HTTP 429'],
  ] as const)('gives the real reason at the end: %s', (code, failure, detail) => {
    const last = { ...event, code, counts: false, now: start + 192 * HOUR, detail: 'HTTP 429' };

    expect(attempts.postpone(after('stage', 'claim'), last)).toMatchObject({
      status: 'failed',
      lastError: { code: failure, detail },
    });
  });
});

describe('the retry window', () => {
  const claimAt = (upload: Upload, now: number): Upload =>
    legal(attempts.claim(upload, { token, until: now + 5 * MINUTE, now, attempt: upload.attempts + 1 }));
  const counted = { token, code: 'ipd_unavailable', counts: true, random: 1, policy } as const;
  const busy = { ...counted, code: 'work_item_busy', counts: false, afterMs: 20_000 } as const;

  it('is extended by the time that an upload waits for its slot, even when the sweep is late', () => {
    const waiting = legal(attempts.postpone(claimAt(after('stage'), start), { ...counted, now: start }));
    const queued = legal(lifecycle.requeue(waiting, { now: start + 20 * HOUR }));

    const upload = claimAt(queued, start + 30 * HOUR);

    // It was to be tried after half a minute.
    expect(upload.retryUntil).toBe(iso(start + 54 * HOUR - MINUTE / 2));
  });

  it('is extended by the whole time in which another upload comes first', () => {
    let upload = after('stage');
    for (let now = start; now < start + 48 * HOUR; now += HOUR) {
      upload = legal(attempts.postpone(claimAt(upload, now), { ...busy, now: now + MINUTE }));
    }

    expect(upload).toMatchObject({ status: 'waiting', retryUntil: iso(start + 24 * HOUR + 47 * HOUR) });
  });

  it('is not extended while the upload waits for its next planned attempt', () => {
    let [upload, now] = [after('stage'), start];
    while (upload.status !== 'failed') {
      upload = legal(attempts.postpone(claimAt(upload, now), { ...counted, now }));
      now = upload.status === 'failed' ? now : Date.parse(upload.dueAt ?? '');
    }

    expect(now).toBe(start + 24 * HOUR);
  });

  it('is extended by the time in which no sweep recovered the upload from a dead function', () => {
    const upload = legal(
      attempts.expireLease(after('stage', 'claim'), { now: until + 30 * HOUR, random: 0, policy }),
    );

    expect(upload).toMatchObject({ status: 'waiting', retryUntil: iso(start + 54 * HOUR) });
  });

  it('begins at the due time for a record without the time at which the upload was ready', () => {
    const { readyAt: _unknown, ...old } = after('stage');

    const upload = claimAt({ ...old, dueAt: iso(start + HOUR) }, start + 3 * HOUR);

    expect(upload.retryUntil).toBe(iso(start + 26 * HOUR));
  });
});

describe('a candidate', () => {
  const found = legal(
    endings.setCandidate(after('stage', 'claim'), { attachmentId: '1', token, now: start }),
  );

  it('is finished however late it is: nothing ends an upload that has its attachment', () => {
    const now = start + 100 * 24 * HOUR;

    const lapsed = legal(attempts.expireLease(found, { now, random: 0.5, policy }));

    expect(lapsed).toMatchObject({ status: 'waiting', candidate: '1' });
    expect(attempts.giveUp(lapsed, { now, policy })).toBeUndefined();
  });

  it('that belongs to another upload is rejected, and the file is in doubt', () => {
    const rejected = legal(attempts.rejectCandidate(found, { attachmentId: '1', now: start, policy }));

    expect(rejected).toMatchObject({ status: 'unconfirmed', doubt: { accepted: false }, mismatches: ['1'] });
    expect(rejected.candidate).toBeUndefined();
  });
});

describe('giveUp', () => {
  const end = start + 192 * HOUR;
  const giveUp = (upload: Upload, now = end): Upload | undefined => attempts.giveUp(upload, { now, policy });

  it('ends what still waits when the window and the time for which failed files are kept are over', () => {
    const reason = { code: 'ipd_paused', detail: 'IPD is out' } as const;
    const paused = legal(attempts.pause(after('stage'), { until, ...reason, ...moment }));

    expect(giveUp(paused, end - 1)).toBeUndefined();
    expect(giveUp(paused)).toMatchObject({
      status: 'failed',
      lastError: {
        code: 'retries_exhausted',
        detail: expect.stringMatching(/all deliveries waited. IPD is out$/),
      },
      keepUntil: iso(end + 168 * HOUR),
    });
  });

  it('says so when the upload was never tried', () => {
    expect(giveUp(after('stage'))).toMatchObject({
      lastError: {
        detail: 'It waited for a free slot all the time: more uploads came than the rate limit lets through.',
      },
    });
  });

  it('leaves open whether IPD has what is in doubt, and delivers what it has accepted', () => {
    expect(giveUp(after(...inDoubt))).toMatchObject({
      status: 'failed',
      lastError: { code: 'outcome_unknown' },
    });
    expect(giveUp(after(...sent, 'markAccepted'))).toMatchObject({ status: 'delivered', attachmentId: null });
  });

  it('comes no later for an upload that waits again and again', () => {
    const paused = legal(
      attempts.pause(after('stage'), { until: end + HOUR, code: 'ipd_paused', now: end - 1, policy }),
    );

    expect(paused.dueAt).toBe(iso(end));
    expect(giveUp(paused)).toMatchObject({ status: 'failed' });
  });

  it('ends a retried upload when its file must be removed, and a further retry does not postpone that', () => {
    const fail = (upload: Upload, now: number): Upload =>
      legal(
        attempts.fail(
          legal(attempts.claim(upload, { token, until: now, now, attempt: upload.attempts + 1 })),
          { token, code: 'ipd_refused', now, policy },
        ),
      );
    const retry = (upload: Upload, now: number): Upload => legal(lifecycle.retry(upload, { now, policy }));
    const fileUntil = end + 168 * HOUR;

    const first = fail(after('stage'), start);
    const again = retry(first, start + 100 * HOUR);
    const second = fail(again, start + 300 * HOUR);
    const third = retry(second, fileUntil - HOUR);

    expect(first).toMatchObject({ keepUntil: iso(start + 168 * HOUR) });
    expect(again).toMatchObject({ retryUntil: iso(start + 124 * HOUR) });
    expect(giveUp(again, fileUntil - 1)).toBeUndefined();
    expect(giveUp(again, fileUntil)).toMatchObject({ status: 'failed', keepUntil: iso(fileUntil) });
    expect(second).toMatchObject({ keepUntil: iso(fileUntil) });
    expect(giveUp(third, fileUntil)).toMatchObject({ status: 'failed' });
  });
});

describe('a retried upload', () => {
  const end = start + 400 * HOUR;
  const retried = (...names: string[]): Upload => legal(lifecycle.retry(after(...names), moment));

  it('forgets why it had failed: when it is never tried again, that was not the reason', () => {
    const upload = retried('stage', 'claim', 'fail');

    expect(upload.lastError).toBeUndefined();
    expect(attempts.giveUp(upload, { now: end, policy })).toMatchObject({
      lastError: { code: 'retries_exhausted', detail: expect.stringMatching(/^It waited for a free slot/) },
    });
  });

  it('still says that IPD may have its file', () => {
    const upload = retried(...inDoubt, 'claim', 'fail');
    const lastError = { code: 'answer_lost', at: iso(start) };

    expect(upload).toMatchObject({ status: 'unconfirmed', lastError });
    expect(upload.lastError?.detail).toBeUndefined();
    expect(attempts.giveUp(upload, { now: end, policy })).toMatchObject({
      lastError: { code: 'outcome_unknown', detail: expect.stringMatching(/its answer was lost\.$/) },
    });
  });
});

describe('pause', () => {
  it('leaves the attempt and the window as they are, and says why', () => {
    const upload = legal(transitions['pause']?.(after('stage')));

    expect(upload).toMatchObject({
      dueAt: iso(until),
      retryUntil: iso(start + 24 * HOUR),
      readyAt: iso(start),
    });
    expect(upload).toMatchObject({ attempts: 0, failedAttempts: 0, lastError: { code: 'ipd_paused' } });
  });

  it('gives no reason where an upload only waits for its slot', () => {
    const upload = attempts.pause(after('stage'), { until: start, ...moment });

    expect(upload).toMatchObject({ status: 'staged', dueAt: iso(start) });
    expect(upload?.lastError).toBeUndefined();
  });

  it('does not hide a doubt behind its own reason', () => {
    expect(transitions['pause']?.(after(...inDoubt))).toMatchObject({ lastError: { code: 'answer_lost' } });
  });
});

describe('the bytes that were sent', () => {
  const progressed = legal(attempts.recordProgress(after('stage', 'claim'), { token, bytesSent: 5 }));

  it('count from 0 again when an attempt ends without the file', () => {
    expect(progressed.bytesSent).toBe(5);
    expect(transitions['postpone']?.(progressed)).toMatchObject({ status: 'waiting', bytesSent: 0 });
  });

  it('count from 0 in each attempt', () => {
    expect(transitions['claim']?.({ ...after('stage'), bytesSent: 5 })).toMatchObject({ bytesSent: 0 });
  });
});

describe('a doubt that begins with the loss of the candidate', () => {
  it('has no absence yet, and nothing was accepted', () => {
    const candidate = { ...after(...sent), candidate: '1' };

    const rejected = attempts.rejectCandidate(candidate, { attachmentId: '1', ...moment });

    expect(rejected).toMatchObject({
      status: 'unconfirmed',
      doubt: { since: iso(start), absences: 0, accepted: false },
    });
  });
});
