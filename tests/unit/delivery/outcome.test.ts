import { describe, expect, it } from '@jest/globals';
import {
  contactOfUpload,
  objectionTo,
  outcomeOf,
  readingOf,
  toOutcome,
} from '../../../lib/delivery/outcome.ts';
import { AppError } from '../../../lib/domain/errors.ts';
import type { Delivering, Upload } from '../../../lib/domain/upload.ts';
import { after, committed, inDoubt, moment, policy, sent } from '../domain/transition-samples.ts';

const delivering = held(after('stage', 'claim'));
const doubtful = held(after(...inDoubt, 'claim'));
const accepted = held(after(...sent, 'markAccepted', 'claim'));
/** The list was read once before, and did not show the file. */
const absent = (upload: Delivering): Delivering => ({
  ...upload,
  ...(upload.doubt && { doubt: { ...upload.doubt, absences: 1 } }),
});
const reading = { listed: [], baseline: [], isBaselineNull: false, isFull: false };
const late = { now: committed, policy };

function held(upload: Upload): Delivering {
  if (upload.status !== 'delivering') throw new Error(`it is ${upload.status}`);
  return upload;
}

describe('a work item that cannot be read', () => {
  const refused = { kind: 'refused', code: 'work_item_missing', detail: 'gone' } as const;

  it('ends what was never sent with its refusal', () => {
    expect(readingOf(refused, delivering)).toBe(refused);
  });

  it('leaves open what became of a file that IPD may have', () => {
    expect(readingOf(refused, doubtful)).toEqual({ kind: 'failed', code: 'outcome_unknown', detail: 'gone' });
  });

  it('is no doubt: a read changes nothing', () => {
    expect(readingOf({ kind: 'unconfirmed', detail: 'HTTP 504' }, delivering)).toEqual({
      kind: 'unavailable',
      detail: 'HTTP 504',
    });
  });

  it.each(['unread', 'unproven'] as const)(
    'is a retryable failure that says whether IPD may have the file: %s',
    (kind) => {
      const counted = { kind: 'retryable_failure', detail: 'none', counts: true };

      expect(readingOf({ kind, detail: 'none' }, doubtful)).toEqual({ ...counted, code: 'answer_lost' });
      expect(readingOf({ kind, detail: 'none' }, delivering)).toEqual({
        ...counted,
        code: 'ipd_unavailable',
      });
    },
  );

  it.each([
    [true, false],
    [false, true],
  ])('uses up an attempt unless more of it was compared than before: %s', (hasProgress, counts) => {
    const finding = { kind: 'unfinished', hasProgress, detail: '6 attachments' } as const;

    expect(readingOf(finding, doubtful)).toMatchObject({ kind: 'retryable_failure', counts });
  });
});

describe('a work item without our file', () => {
  it('takes a file that was never sent, unless it is full', () => {
    expect(objectionTo(delivering, reading, moment)).toBeUndefined();
    expect(objectionTo(delivering, { ...reading, isFull: true }, moment)).toMatchObject({
      kind: 'failed',
      code: 'work_item_full',
    });
  });

  it('takes a file in doubt at the second reading after the commit window', () => {
    expect(objectionTo(doubtful, reading, late)).toEqual({ kind: 'absent' });
    expect(objectionTo(absent(doubtful), reading, { ...late, now: committed - 1 })).toEqual({
      kind: 'absent',
    });
    expect(objectionTo(absent(doubtful), reading, late)).toBeUndefined();
  });

  it('proves nothing when its list is full', () => {
    expect(objectionTo(absent(doubtful), { ...reading, isFull: true }, late)).toMatchObject({
      kind: 'failed',
      code: 'outcome_unknown',
      detail: expect.stringContaining('none is this file'),
    });
  });

  it('never takes a file again that IPD has accepted', () => {
    expect(objectionTo(absent(accepted), reading, late)).toEqual({
      kind: 'failed',
      code: 'outcome_unknown',
      detail: 'not in the list',
    });
  });
});

describe('an answer of IPD', () => {
  it.each([
    [
      { kind: 'refused', code: 'ipd_refused', detail: 'd' },
      { kind: 'failed', code: 'ipd_refused', detail: 'd' },
    ],
    [
      { kind: 'locked_out', detail: 'd' },
      { code: 'ipd_paused', counts: false, detail: 'd' },
    ],
    [
      { kind: 'unavailable', detail: 'd' },
      { code: 'ipd_unavailable', counts: true, detail: 'd' },
    ],
    [
      { kind: 'token_dead', detail: 'd' },
      { code: 'ipd_unavailable', counts: true, detail: 'd' },
    ],
    [
      { kind: 'unconfirmed', detail: 'd' },
      { kind: 'unconfirmed', detail: 'd' },
    ],
  ] as const)('means an outcome: %j', (answer, outcome) => {
    expect(toOutcome(answer)).toMatchObject(outcome);
  });

  it.each([
    [{ kind: 'locked_out', detail: 'd' }, 'locked_out'],
    [{ kind: 'unavailable', detail: 'd' }, 'upload_failed'],
    [{ kind: 'unconfirmed', detail: 'd' }, 'upload_failed'],
    [{ kind: 'refused', code: 'ipd_refused', detail: 'd' }, 'answered'],
    [{ kind: 'accepted' }, 'answered'],
  ] as const)('tells the breaker how IPD is: %j', (answer, contact) => {
    expect(contactOfUpload(answer)).toBe(contact);
  });
});

describe('an error of our own', () => {
  const thrownBy = (error: unknown) => () => outcomeOf(error);

  it('is the outcome that its code means', () => {
    expect(outcomeOf(new AppError('checksum_mismatch', 'm'))).toEqual({
      kind: 'failed',
      code: 'checksum_mismatch',
      detail: 'm',
    });
    expect(outcomeOf(new AppError('storage_unavailable', 'm'))).toEqual({
      kind: 'retryable_failure',
      code: 'storage_unavailable',
      detail: 'm',
      counts: true,
    });
  });

  it('is thrown where its code is neither, and so is any other', () => {
    const neither = new AppError('unavailable', 'm');
    const other = new Error('storage_unavailable');
    const namesake = Object.assign(new Error('m'), { code: 'storage_unavailable' });

    for (const error of [neither, other, namesake]) expect(thrownBy(error)).toThrow(error);
  });
});
