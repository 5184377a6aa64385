import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import {
  after,
  committed,
  HOUR,
  inDoubt,
  iso,
  legal,
  MINUTE,
  moment,
  policy,
  SECOND,
  sent,
  start,
  token,
  transitions,
} from './transition-samples.ts';

describe('a doubt', () => {
  const since = start;
  const doubtful = after(...inDoubt);
  const absentAt = (upload: Upload, now: number): Upload =>
    legal(
      attempts.recordAbsence(
        legal(attempts.claim(upload, { token, until: now + 5 * MINUTE, now, attempt: upload.attempts + 1 })),
        { token, now, policy },
      ),
    );

  it('is checked after 15 s, 1 min, 4 min and after the commit window, then every 15 s', () => {
    let upload = doubtful;
    const checkedAfter: number[] = [];
    while (checkedAfter.length < 6) {
      const due = Date.parse(upload.dueAt ?? '');
      checkedAfter.push((due - since) / SECOND);
      upload = absentAt(upload, due);
    }

    expect(checkedAfter).toEqual([15, 60, 240, 660, 675, 690]);
    expect(upload).toMatchObject({
      status: 'unconfirmed',
      doubt: { absences: 6 },
      lastError: { code: 'answer_lost' },
    });
  });

  it.each([
    { absences: 0, now: committed, resolves: false },
    { absences: 1, now: committed - 1, resolves: false },
    { absences: 1, now: committed, resolves: true },
    { absences: 9, now: start + MINUTE, resolves: false },
  ])('after $absences absences at $now is resolved by one more: $resolves', ({ absences, now, resolves }) => {
    const doubt = { since: iso(since), absences, accepted: false };

    expect(attempts.resolvesDoubt(doubt, { now, policy })).toBe(resolves);
  });

  it('goes when it is resolved, and is checked once more a commit window after the delivery', () => {
    const resolved = after(...inDoubt, 'claim', 'resolveDoubt');
    const upload = legal(transitions['markDelivered']?.(resolved));

    expect(resolved).toMatchObject({ resent: true });
    expect(resolved.doubt).toBeUndefined();
    expect(upload).toMatchObject({ recheckAt: iso(committed), dueAt: iso(start + 2 * MINUTE) });
    expect(legal(endings.markCleaned(legal(transitions['markNotified']?.(upload)))).dueAt).toBe(
      iso(committed),
    );
  });

  it('stays through every retryable failure and the end of the upload', () => {
    const checking = after(...inDoubt, 'claim');

    expect(transitions['postpone']?.(checking)).toMatchObject({
      status: 'unconfirmed',
      doubt: checking.doubt,
    });
    expect(transitions['fail']?.(checking)).toMatchObject({
      status: 'failed',
      doubt: checking.doubt,
      lastError: { code: 'outcome_unknown', detail: 'IPD refused the file.' },
    });
  });

  it('begins its readings anew at a retry', () => {
    const failed = legal(
      attempts.fail(legal(transitions['claim']?.(absentAt(doubtful, start))), {
        token,
        code: 'outcome_unknown',
        ...moment,
      }),
    );

    expect(failed).toMatchObject({ doubt: { absences: 1 } });
    expect(lifecycle.retry(failed, moment)).toMatchObject({ doubt: { absences: 0 }, failedAttempts: 0 });
  });

  it('is none once IPD has said success: never resolved, delivered without an id in the end', () => {
    const checking = after(...sent, 'markAccepted', 'claim');
    const late = {
      token,
      code: 'ipd_unavailable',
      counts: true,
      random: 1,
      now: start + 24 * HOUR,
      policy,
    } as const;

    expect(attempts.resolveDoubt(checking, { token })).toBeUndefined();
    for (const end of [
      attempts.fail(checking, { token, code: 'outcome_unknown', ...moment }),
      attempts.postpone(checking, late),
    ]) {
      expect(end).toMatchObject({
        status: 'delivered',
        attachmentId: null,
        reason: expect.any(String),
        doubt: undefined,
        lastError: undefined,
      });
    }
  });
});
