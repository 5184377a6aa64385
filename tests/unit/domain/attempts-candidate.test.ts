import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
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
  sent,
  start,
  token,
  until,
} from './transition-samples.ts';

const found = (upload: Upload, ...ids: string[]): Upload =>
  ids.reduce(
    (one, attachmentId) => legal(endings.setCandidate(one, { attachmentId, token, now: start })),
    upload,
  );
const reject = (upload: Upload, attachmentId: string, now = start): Upload =>
  legal(attempts.rejectCandidate(upload, { attachmentId, now, policy }));

describe('a candidate that another upload has claimed', () => {
  it('is followed by the first further copy, and the upload is not in doubt', () => {
    const rejected = reject(found(after(...sent), '1', '2', '3'), '1');

    expect(rejected).toMatchObject({
      status: 'delivering',
      candidate: '2',
      duplicates: ['3'],
      mismatches: ['1'],
    });
    expect(rejected.doubt).toBeUndefined();
  });

  it('is no further copy any more, and the candidate stays', () => {
    const rejected = reject(found(after(...sent), '1', '2', '3'), '2');

    expect(rejected).toMatchObject({
      status: 'delivering',
      candidate: '1',
      duplicates: ['3'],
      mismatches: ['2'],
    });
  });

  it('leaves a doubt as old as it is, with its next check', () => {
    const rejected = reject(found(after(...inDoubt, 'claim'), '1'), '1', start + 2 * MINUTE);

    expect(rejected).toMatchObject({
      status: 'unconfirmed',
      doubt: { since: iso(start), accepted: false },
      dueAt: iso(start + 4 * MINUTE),
      mismatches: ['1'],
    });
  });

  it('is found out, too, when the function that found it has died', () => {
    const unconfirmed = legal({ ...after(...inDoubt), candidate: '1' });

    expect(reject(unconfirmed, '1', start + 2 * MINUTE)).toMatchObject({
      status: 'unconfirmed',
      dueAt: iso(start + 4 * MINUTE),
      readyAt: iso(start + 4 * MINUTE),
      mismatches: ['1'],
    });
  });

  it('changes nothing else of an upload that is not under way', () => {
    const failed = legal({ ...after('stage', 'claim', 'fail'), candidate: '1' });

    expect(reject(failed, '1')).toEqual(
      legal({ ...failed, candidate: undefined, duplicates: [], mismatches: ['1'] }),
    );
  });
});

describe('an upload that IPD has accepted', () => {
  const named = legal(endings.setCandidate(after(...sent), { attachmentId: '1', isNamed: true, now: start }));

  it('stays accepted when its function dies', () => {
    const lapsed = legal(attempts.expireLease(named, { now: until, random: 0.5, policy }));

    expect(lapsed).toMatchObject({ candidate: '1', doubt: { since: iso(start), accepted: true } });
  });

  it('stays accepted when the answer to a later run is lost', () => {
    expect(attempts.markUnconfirmed(named, { token, ...moment })).toMatchObject({
      candidate: '1',
      doubt: { since: iso(start), accepted: true },
    });
  });

  it('is searched for anew when it was in doubt before', () => {
    const accepted = attempts.markAccepted(after(...inDoubt), { now: start + 2 * MINUTE, policy });

    expect(accepted).toMatchObject({
      status: 'unconfirmed',
      lastError: { code: 'id_missing' },
      doubt: { since: iso(start + 2 * MINUTE), absences: 0, accepted: true },
      dueAt: iso(start + 2 * MINUTE + 15_000),
    });
  });
});

describe('an upload with a candidate', () => {
  it('waits on when its retry window is over: its next attempt ends it without a call to IPD', () => {
    const upload = found(after('stage', 'claim'), '1');
    const failure = { token, code: 'ipd_unavailable', counts: true, random: 0 } as const;

    expect(attempts.postpone(upload, { ...failure, now: start + 30 * HOUR, policy })).toMatchObject({
      status: 'waiting',
      candidate: '1',
    });
  });
});

describe('an upload whose time is over', () => {
  const end = start + 192 * HOUR;

  it('ends at that very moment, where it would be paused', () => {
    const pause = (now: number) =>
      attempts.pause(after('stage'), { until: now + HOUR, code: 'ipd_paused', now, policy });

    expect(pause(end - 1)).toMatchObject({ status: 'staged', dueAt: iso(end) });
    expect(pause(end)).toMatchObject({ status: 'failed', lastError: { code: 'retries_exhausted' } });
  });

  it.each(['delivering', 'delivered'])('is not given up while it is %s', (status) => {
    const upload = status === 'delivering' ? after('stage', 'claim') : after(...sent, 'markDelivered');

    expect(attempts.giveUp(upload, { now: end, policy })).toBeUndefined();
  });

  it('is ready from the first of several pauses on', () => {
    const paused = legal(attempts.pause(after('stage'), { until, ...moment }));

    expect(attempts.pause(paused, { until, now: start + HOUR, policy })).toMatchObject({
      readyAt: iso(start),
    });
  });

  it('is ready from the pause on where its record does not tell', () => {
    const { readyAt: _unknown, ...old } = after('stage');

    expect(attempts.pause(old, { until, ...moment })).toMatchObject({ readyAt: iso(start) });
  });
});

describe('a doubt', () => {
  it('that IPD resolves with an id goes on from its beginning', () => {
    const upload = after(...inDoubt, 'claim');
    const { doubt } = upload;

    const named = endings.setCandidate(upload, { attachmentId: '1', isNamed: true, now: start + HOUR });

    expect(named).toMatchObject({ candidate: '1', doubt: { ...doubt, accepted: true } });
  });
});
