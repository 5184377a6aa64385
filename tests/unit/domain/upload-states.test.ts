import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import { summaryOf } from '../../../lib/domain/summary.ts';
import {
  isFileRemoved,
  isUnwanted,
  mayBeInIpd,
  mayBeRetried,
  mayLeaveLinkedFile,
  readUploadId,
  uploadIdOf,
  uploadSchema,
} from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import {
  after,
  fresh,
  HOUR,
  inDoubt,
  legal,
  MINUTE,
  moment,
  policy,
  sent,
  start,
  token,
  uploadsByState,
} from './transition-samples.ts';

const states = (is: (upload: Upload) => boolean): string[] =>
  Object.entries(uploadsByState).flatMap(([name, upload]) => (is(upload) ? [name] : []));
const withoutDue = ({ dueAt: _dueAt, ...upload }: Upload): Upload => legal(upload);

describe('an upload id', () => {
  it('is read from a text of any case, and from no other text', () => {
    const id = 'abcdef00-0000-4000-8000-000000000000';

    expect(readUploadId(id.toUpperCase())).toBe(id);
    expect(readUploadId(`${id}0`)).toBeUndefined();
  });

  it('is not read from a key of another folder, however long its name is', () => {
    expect(uploadIdOf(`archive/${fresh().id}`)).toBeUndefined();
  });
});

describe('a staged file', () => {
  it('is needed by no transition once its upload is delivered or cancelled, or failed and cleaned', () => {
    const delivered = states(({ status }) => status === 'delivered');

    expect(states(isUnwanted).toSorted()).toEqual(
      [...delivered, 'cancelled', 'removed', 'removed, and its links deleted'].toSorted(),
    );
    expect(isUnwanted(withoutDue(after('stage', 'claim', 'fail')))).toBe(true);
  });

  it('is removed once storage has said so', () => {
    const delivered = after(...sent, 'markDelivered');

    expect(isFileRemoved(delivered)).toBe(false);
    expect(isFileRemoved(endings.markFileRemoved(delivered))).toBe(true);
    expect(isFileRemoved(fresh())).toBe(false);
  });

  it('is noted as removed for a delivered upload alone', () => {
    const failed = after('stage', 'claim', 'fail');

    expect(endings.markFileRemoved(failed)).toBe(failed);
  });
});

describe('a linked file', () => {
  it('may be left by each end without a link of an upload that was to have one', () => {
    const asLink = (upload: Upload) => mayLeaveLinkedFile({ ...upload, asLink: 'too_large' });

    expect(states(mayLeaveLinkedFile)).toEqual(['failed with a link in doubt']);
    expect(states(asLink)).toEqual([
      'delivered',
      'delivered after a doubt',
      'checking for a second copy',
      'failed',
      'failed in doubt',
      'expired',
      'cancelled',
      'failed with a link in doubt',
    ]);
    expect(states((upload) => mayLeaveLinkedFile({ ...upload, mayHaveLinkedFile: true }))).toEqual(
      states(asLink),
    );
  });

  it('is left by no attachment once the staged file was removed with it', () => {
    const delivered = endings.markFileRemoved(after(...sent, 'markDelivered'));

    expect(mayLeaveLinkedFile({ ...delivered, mayHaveLinkedFile: true })).toBe(false);
  });
});

describe('a failed upload', () => {
  const failed = after('stage', 'claim', 'fail');

  it('may be retried as long as it has its file', () => {
    expect(states(mayBeRetried)).toEqual(['failed', 'failed in doubt', 'failed with a link in doubt']);
    expect(mayBeRetried(withoutDue(failed))).toBe(false);
    expect(mayBeRetried(uploadSchema.parse({ ...failed, etag: undefined }))).toBe(false);
  });

  it('may not be retried where the same file would fail again', () => {
    const changed = attempts.fail(after('stage', 'claim'), { token, code: 'checksum_mismatch', ...moment });

    expect(mayBeRetried(legal(changed))).toBe(false);
  });
});

describe('IPD', () => {
  it('may have what was sent, is in doubt, has a candidate or is delivered', () => {
    const found = legal(
      endings.setCandidate(after('stage', 'claim'), { attachmentId: '1', token, now: start }),
    );

    expect(mayBeInIpd(found)).toBe(true);
    expect(states(mayBeInIpd)).toEqual([
      'sending',
      'unconfirmed',
      'checking',
      'without an id',
      'checking for its id',
      'delivered',
      'delivered after a doubt',
      'checking for a second copy',
      'failed in doubt',
      'link in doubt',
      'failed with a link in doubt',
      'linked',
      'removed',
      'removed, and its links deleted',
    ]);
  });

  it('has nothing of an upload that waits, also when its attempt had passed the fence', () => {
    const event = { token, code: 'storage_unavailable', counts: true, random: 0, ...moment } as const;
    const waiting = attempts.postpone(after(...sent), event) ?? fresh();

    expect(waiting.status).toBe('waiting');
    expect(mayBeInIpd(waiting)).toBe(false);
  });
});

describe('an operator', () => {
  const order = { by: 'ann', reason: 'why', now: start };

  it('has nothing tried again that has not failed', () => {
    expect(lifecycle.redrive(after('stage'), { ...order, policy })).toBeUndefined();
  });

  it('changes nothing of an upload that its owner has cancelled', () => {
    const cancelled = after('cancel');

    expect(lifecycle.withdraw(cancelled, order)).toBe(cancelled);
    expect(lifecycle.cancel(cancelled, { now: start + HOUR })).toBe(cancelled);
  });
});

describe('a delivered upload', () => {
  const resent = after(...inDoubt, 'claim', 'resolveDoubt', 'startSending', 'markDelivered');

  it('is queued for its check for a second copy, and for nothing else', () => {
    expect(lifecycle.requeue(resent, { now: start })).toMatchObject({ status: 'delivered' });
    expect(lifecycle.requeue(after(...sent, 'markDelivered'), { now: start })).toBeUndefined();
  });

  it('is not given up while a function checks it', () => {
    const late = start + 11 * MINUTE + 25 * HOUR;
    const checking = legal(endings.beginRecheck(resent, { token: 'a', until: late + MINUTE, now: late }));

    expect(endings.isRecheckOver(checking, { now: late, policy })).toBe(false);
    expect(endings.isRecheckOver(checking, { now: late + MINUTE, policy })).toBe(true);
  });
});

describe('a retry', () => {
  it('keeps the age of the file, also of a record that does not tell it', () => {
    const { storedAt: _storedAt, ...old } = after('stage', 'claim', 'fail');

    expect(lifecycle.retry(old, { now: start + HOUR, policy })).toMatchObject({
      stagedAt: new Date(start + HOUR).toISOString(),
      storedAt: new Date(start).toISOString(),
    });
  });
});

describe('the summary', () => {
  it('has a size once it is certain', () => {
    expect(summaryOf(fresh()).size).toBe(10);
    expect(summaryOf({ ...fresh(), size: 0, maxSize: 20 }).size).toBeNull();
  });
});
