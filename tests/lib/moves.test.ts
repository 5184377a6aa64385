import { describe, expect, it } from '@jest/globals';
import * as moves from '../../lib/moves.ts';
import { stagingKey, uploadIdOf } from '../../lib/upload.ts';
import {
  after,
  every,
  fresh,
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

describe('stage', () => {
  it('ends an upload whose file has another size', () => {
    const upload = moves.stage(fresh(), { etag: 'e', size: 11 }, { now: start, policy });

    expect(upload).toMatchObject({
      status: 'failed',
      error: { code: 'size_mismatch', detail: '11 bytes stored, 10 declared' },
    });
  });
});

describe('claim', () => {
  it.each([-1, 0, 2])('takes no attempt but the next: %i', (attempt) => {
    expect(moves.claim(after('stage'), { token, until, attempt })).toBeUndefined();
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
    expect(moves.startSending(after('stage', 'claim'), { ...sending, now }) !== undefined).toBe(isLegal);
  });

  it('notes what the work item held before, once and for all', () => {
    const first = after(...sent);
    const second = legal(
      moves.startSending(after(...inDoubt, 'claim', 'settle'), { ...sending, now: start, known: ['8'] }),
    );

    expect(first).toMatchObject({ known: ['7'], bytesSent: 10 });
    expect(second.known).toEqual(['7']);
  });

  it('is not legal once an attachment is ours', () => {
    const found = legal(moves.nominate(after('stage', 'claim'), { attachmentId: '1', now: start }));

    expect(moves.startSending(found, { ...sending, now: start })).toBeUndefined();
  });
});

describe('lapse', () => {
  it('waits for the end of the lease', () => {
    const event = { random: 0.5, policy };

    expect(moves.lapse(after('stage', 'claim'), { ...event, now: until - 1 })).toBeUndefined();
    expect(moves.lapse(after('stage', 'claim'), { ...event, now: until })).toBeDefined();
  });

  it('takes the end of the lease for the last moment at which a byte can have left', () => {
    const upload = legal(moves.lapse(after(...sent), { now: until + HOUR, random: 0.5, policy }));

    expect(upload).toMatchObject({ doubt: { since: iso(until), absences: 0, accepted: false } });
  });
});

describe('setBack', () => {
  const event = { token, code: 'ipd_unavailable', counts: true, now: start, random: 1, policy } as const;
  /** Minutes until the next attempt after so many failed ones. */
  const pauseAfter = (failedAttempts: number, other: Partial<Parameters<typeof moves.setBack>[1]> = {}) => {
    const upload = moves.setBack({ ...after('stage', 'claim'), failedAttempts }, { ...event, ...other });
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

    expect(moves.setBack(upload, event)).toMatchObject({ failedAttempts: 1, attempts: 1 });
    expect(moves.setBack(upload, { ...event, counts: false })).toMatchObject({
      failedAttempts: 0,
      attempts: 1,
    });
  });

  it('gives up when the next attempt would come after the retry window', () => {
    const late = { ...event, now: start + 24 * HOUR, detail: 'HTTP 502' };

    expect(moves.setBack(after('stage', 'claim'), { ...late, random: 0 })).toMatchObject({
      status: 'waiting',
    });
    expect(moves.setBack(after('stage', 'claim'), late)).toMatchObject({
      status: 'failed',
      error: { code: 'retries_exhausted', detail: expect.stringContaining('HTTP 502') },
      keepUntil: new Date(start + 192 * HOUR).toISOString(),
    });
  });
});

describe('nominate', () => {
  it('makes an attachment the candidate, and a second one a copy too many', () => {
    const first = legal(moves.nominate(after(...sent), { attachmentId: '1', now: start }));
    const second = legal(moves.nominate(first, { attachmentId: '2', now: start }));

    expect(first.candidate).toBe('1');
    expect(moves.nominate(first, { attachmentId: '1', now: start })).toBe(first);
    expect(second).toMatchObject({ candidate: '1', duplicates: ['2'] });
  });

  it('gives a delivered upload the id that it had not, and no second one', () => {
    const nameless = legal(moves.delivered(after(...sent), { attachmentId: null, ...moment }));
    const named = legal(moves.nominate(nameless, { attachmentId: '1', now: start }));

    expect(named).toMatchObject({ status: 'delivered', attachmentId: '1' });
    expect(named).toHaveProperty('reason', undefined);
    expect(moves.nominate(named, { attachmentId: '2', now: start })).toMatchObject({
      attachmentId: '1',
      duplicates: ['2'],
    });
  });
});

describe('noteForeign', () => {
  it('keeps each id once', () => {
    const upload = legal(moves.noteForeign(legal(moves.noteForeign(fresh(), ['1', '2'])), ['2', '3']));

    expect(upload.foreign).toEqual(['1', '2', '3']);
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
      moves.pause(after('stage'), { until: end, code: 'ipd_paused', ...moment });

    expect(paused(longest)).toMatchObject({ status: 'staged' });
    expect(paused(longest + 1)).toMatchObject({ status: 'failed', error: { code: 'retries_exhausted' } });
  });
});

describe('retry', () => {
  it('needs a file that was there once', () => {
    const failed = legal(moves.stage(fresh(), { etag: 'e', size: 11 }, moment));

    expect(moves.retry(failed, moment)).toBeUndefined();
  });
});

describe('rechecked', () => {
  it('ends the look for a second copy and keeps what it found', () => {
    const upload = legal(
      every['rechecked']?.(after(...inDoubt, 'claim', 'settle', 'startSending', 'delivered', 'noticed')),
    );

    expect(upload).toMatchObject({ duplicates: ['2'] });
    expect(upload.dueAt).toBeUndefined();
    expect(every['rechecked']?.(upload)).toBeUndefined();
  });
});

describe('stagingKey', () => {
  it('is read back to the id, and nothing else is', () => {
    const { id } = fresh();

    expect(uploadIdOf(stagingKey(id))).toBe(id);
    for (const key of [
      '',
      id,
      `x/staging/${id}`,
      `staging/${id}x`,
      `staging/${id}/x`,
      'staging/../etc',
      'staging/',
    ]) {
      expect(uploadIdOf(key)).toBeUndefined();
    }
  });
});
