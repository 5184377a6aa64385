import { describe, expect, it } from '@jest/globals';
import * as endings from '../../../lib/domain/endings.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import {
  after,
  fresh,
  HOUR,
  inDoubt,
  iso,
  legal,
  MINUTE,
  moment,
  sent,
  start,
  transitions,
} from './transition-samples.ts';

describe('nominate', () => {
  it('makes an attachment the candidate, and a second one a copy too many', () => {
    const first = legal(endings.nominate(after(...sent), { attachmentId: '1', now: start }));
    const second = legal(endings.nominate(first, { attachmentId: '2', now: start }));

    expect(first.candidate).toBe('1');
    expect(endings.nominate(first, { attachmentId: '1', now: start })).toBe(first);
    expect(second).toMatchObject({ candidate: '1', duplicates: ['2'] });
  });

  it('keeps in mind that IPD has the file when its own answer names the id', () => {
    const found = legal(endings.nominate(after(...sent), { attachmentId: '1', now: start }));
    const named = legal(endings.nominate(after(...sent), { attachmentId: '1', isNamed: true, now: start }));

    expect(found.doubt).toBeUndefined();
    expect(named.doubt).toEqual({ since: iso(start), absences: 0, accepted: true });
  });

  it('keeps the hash of a file that was sent again, and of no other', () => {
    const again = after(...inDoubt, 'claim', 'settle');
    const match = { attachmentId: '1', sha256: 'h', now: start };

    expect(legal(endings.nominate(again, match)).sentSha256).toBe('h');
    expect(legal(endings.nominate(after(...sent), match)).sentSha256).toBeUndefined();
  });
});

describe('delivered', () => {
  it('gives a delivered upload the id that it had not, and no second one', () => {
    const nameless = legal(endings.delivered(after(...sent), { attachmentId: null, ...moment }));
    const named = legal(endings.delivered(nameless, { attachmentId: '1', ...moment }));

    expect(endings.nominate(nameless, { attachmentId: '1', now: start })).toBeUndefined();
    expect(named).toMatchObject({ status: 'delivered', attachmentId: '1' });
    expect(named).toHaveProperty('reason', undefined);
    expect(endings.delivered(named, { attachmentId: '2', ...moment })).toBeUndefined();
    expect(endings.nominate(named, { attachmentId: '2', now: start })).toMatchObject({
      attachmentId: '1',
      duplicates: ['2'],
    });
  });
});

describe('noteForeign', () => {
  it('keeps each id once', () => {
    const upload = legal(endings.noteForeign(legal(endings.noteForeign(fresh(), ['1', '2'])), ['2', '3']));

    expect(upload.foreign).toEqual(['1', '2', '3']);
  });
});

describe('noticed', () => {
  const failed = after('stage', 'claim', 'fail');
  const told = (upload: Upload): Upload => legal(upload.notice && endings.noticed(upload, upload.notice));

  it('is legal for the end whose notification was sent, and for no other', () => {
    const again = { type: 'UploadFailed', at: iso(start + 1) } as const;

    expect(endings.noticed(failed, again)).toBeUndefined();
    expect(endings.noticed(failed, { type: 'UploadDelivered', at: iso(start) })).toBeUndefined();
    expect(endings.noticed(told(failed), { type: 'UploadFailed', at: iso(start) })).toBeUndefined();
  });

  it('is followed by the end of the time that a failed file is kept', () => {
    expect(failed).toMatchObject({ dueAt: iso(start + 2 * MINUTE), notice: { at: iso(start) } });
    expect(told(failed).dueAt).toBe(iso(start + 168 * HOUR));
  });

  it('is followed by the last moment at which a late file can arrive', () => {
    const expired = legal(lifecycle.lookAgain(fresh(), { now: start + 72 * HOUR }));

    expect(told(expired).dueAt).toBe(iso(start + 74 * HOUR));
  });

  it('comes before the removal of the files, which is done once', () => {
    const delivered = after('stage', 'claim', 'startSending', 'delivered');

    expect(endings.cleaned(delivered)).toBe(delivered);
    expect(legal(endings.cleaned(told(delivered))).dueAt).toBeUndefined();
  });

  it('comes before the end of the check for a second copy', () => {
    const resent = after(...inDoubt, 'claim', 'settle', 'startSending', 'delivered');

    expect(legal(endings.rechecked(resent)).dueAt).toBe(resent.dueAt);
    expect(legal(endings.rechecked(told(resent))).dueAt).toBeUndefined();
  });

  it.each(['retry', 'cancel'])('is not to be done any more after a %s', (name) => {
    expect(legal(transitions[name]?.(failed)).notice).toBeUndefined();
  });

  it('is not to be done for an expired upload whose file has come', () => {
    const expired = legal(lifecycle.lookAgain(fresh(), { now: start + 72 * HOUR }));

    expect(legal(transitions['stage']?.(expired)).notice).toBeUndefined();
  });

  it('is to be done again once the id of a delivery is known', () => {
    const nameless = legal(
      endings.delivered(after('stage', 'claim', 'startSending'), { attachmentId: null, ...moment }),
    );

    const named = legal(
      endings.delivered(told(nameless), { attachmentId: '1', ...moment, now: start + HOUR }),
    );

    expect(named).toMatchObject({
      notice: { type: 'UploadDelivered', at: iso(start + HOUR) },
      dueAt: iso(start + HOUR + 2 * MINUTE),
    });
  });
});

describe('the check for a second copy', () => {
  const delivered = after(...inDoubt, 'claim', 'settle', 'startSending', 'delivered', 'noticed');
  const begin = (upload: Upload, now: number) =>
    endings.beginRecheck(upload, { token: 'a', until: now + 5 * MINUTE, now });

  it('begins once, when it is due, and again when the function that did it is dead', () => {
    const begun = legal(begin(delivered, start + 11 * MINUTE));

    expect(begin(delivered, start + 11 * MINUTE - 1)).toBeUndefined();
    expect(begin(begun, start + 16 * MINUTE - 1)).toBeUndefined();
    expect(begin(begun, start + 16 * MINUTE)).toBeDefined();
    expect(begin(after(...sent, 'delivered'), start + 11 * MINUTE)).toBeUndefined();
  });

  it('is put off by the function that began it, and by no other', () => {
    const begun = legal(begin(delivered, start + 11 * MINUTE));

    expect(endings.putOffRecheck(begun, { token: 'b' })).toBeUndefined();
    expect(legal(endings.putOffRecheck(begun, { token: 'a' }))).toEqual(delivered);
  });

  it('ends, and nothing is due any more', () => {
    const ended = legal(endings.rechecked(legal(begin(delivered, start + 11 * MINUTE))));

    expect(ended.dueAt).toBeUndefined();
    expect(ended).toMatchObject({ recheckAt: undefined, recheckLease: undefined });
    expect(endings.rechecked(ended)).toBeUndefined();
  });

  it('ends a retry window after it was due, even when it never ran', () => {
    const last = start + 11 * MINUTE + 24 * HOUR;

    expect(endings.isRecheckOver(delivered, { ...moment, now: last })).toBe(false);
    expect(endings.isRecheckOver(delivered, { ...moment, now: last + 1 })).toBe(true);
    expect(endings.isRecheckOver(after(...sent, 'delivered'), { ...moment, now: last + 1 })).toBe(false);
  });
});
