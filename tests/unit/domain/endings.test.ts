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
  token,
  transitions,
  uploadsByState,
} from './transition-samples.ts';

describe('setCandidate', () => {
  const found = { attachmentId: '1', token, now: start };
  const candidateOf = (upload: Upload, match: Partial<Parameters<typeof endings.setCandidate>[1]> = {}) =>
    legal(endings.setCandidate(upload, { ...found, ...match }));

  it('makes an attachment the candidate, and a second one a copy too many', () => {
    const first = candidateOf(after(...sent));
    const second = candidateOf(first, { attachmentId: '2' });

    expect(first.candidate).toBe('1');
    expect(endings.setCandidate(first, found)).toBe(first);
    expect(second).toMatchObject({ candidate: '1', duplicates: ['2'] });
  });

  it('keeps in mind that IPD has the file when its own answer names the id', () => {
    const named = candidateOf(after(...sent), { isNamed: true });

    expect(candidateOf(after(...sent)).doubt).toBeUndefined();
    expect(named.doubt).toEqual({ since: iso(start), absences: 0, accepted: true });
  });

  it('keeps the hash of a file that was sent again, and of no other', () => {
    const again = after(...inDoubt, 'claim', 'resolveDoubt');

    expect(candidateOf(again, { sha256: 'h' }).sentSha256).toBe('h');
    expect(candidateOf(after(...sent), { sha256: 'h' }).sentSha256).toBeUndefined();
    const hashed = legal({ ...again, sentSha256: 'sent' });
    expect(candidateOf(hashed, { sha256: 'h' }).sentSha256).toBe('sent');
  });

  const isWithoutId = (state: string): boolean => /without an id|for its id/.test(state);

  it.each(Object.entries(uploadsByState).filter(([state]) => !isWithoutId(state)))(
    'is not legal without the lease for what a check has found: %s',
    (_state, upload) => {
      expect(endings.setCandidate(upload, { ...found, token: undefined, attachmentId: '2' })).toBeUndefined();
      expect(
        endings.setCandidate(upload, { ...found, token: 'of another', attachmentId: '2' }),
      ).toBeUndefined();
    },
  );

  it.each(Object.entries(uploadsByState).filter(([state]) => isWithoutId(state)))(
    'needs no lease when IPD surely has the file: %s',
    (_state, upload) => {
      expect(candidateOf(upload, { token: undefined }).candidate).toBe('1');
    },
  );

  it.each(
    Object.entries(uploadsByState).filter(
      ([, { status, asLink }]) => status !== 'delivered' && asLink === undefined,
    ),
  )("needs no lease when IPD's answer names the id: %s", (_state, upload) => {
    expect(candidateOf(upload, { token: undefined, isNamed: true })).toMatchObject({
      candidate: '1',
      doubt: { accepted: true },
    });
  });

  it('needs no lease for the attachment that is the candidate already', () => {
    const waiting = legal(transitions['expireLease']?.(candidateOf(after('stage', 'claim'))));

    expect(waiting.status).toBe('waiting');
    expect(endings.setCandidate(waiting, { ...found, token: undefined })).toBe(waiting);
    expect(endings.setCandidate(waiting, { ...found, token: undefined, attachmentId: '2' })).toBeUndefined();
  });

  it('leaves an upload failed that was given up in doubt: a retry looks for its file', () => {
    const failed = after(...inDoubt, 'claim', 'fail');

    expect(endings.setCandidate(failed, found)).toBeUndefined();
    expect(candidateOf(legal(transitions['markAccepted']?.(failed))).candidate).toBe('1');
  });
});

describe('markDelivered', () => {
  it('gives a delivered upload the id that it had not, and no second one', () => {
    const nameless = legal(endings.markDelivered(after(...sent), { attachmentId: null, ...moment }));
    const named = legal(endings.markDelivered(nameless, { attachmentId: '1', ...moment }));

    expect(endings.setCandidate(nameless, { attachmentId: '1', now: start })).toBe(nameless);
    expect(named).toMatchObject({ status: 'delivered', attachmentId: '1' });
    expect(named).toHaveProperty('reason', undefined);
    expect(endings.markDelivered(named, { attachmentId: '2', ...moment })).toBeUndefined();
    expect(endings.setCandidate(named, { attachmentId: '2', isNamed: true, now: start })).toMatchObject({
      attachmentId: '1',
      duplicates: ['2'],
    });
  });
});

describe('recordMismatches', () => {
  it('keeps each id once', () => {
    const upload = legal(
      endings.recordMismatches(legal(endings.recordMismatches(fresh(), ['1', '2'])), ['2', '3']),
    );

    expect(upload.mismatches).toEqual(['1', '2', '3']);
  });
});

describe('markNotified', () => {
  const failed = after('stage', 'claim', 'fail');
  const notified = (upload: Upload): Upload =>
    legal(upload.notification && endings.markNotified(upload, upload.notification));

  it('is legal for the end whose notification was sent, and for no other', () => {
    const again = { type: 'UploadFailed', at: iso(start + 1) } as const;

    expect(endings.markNotified(failed, again)).toBeUndefined();
    expect(endings.markNotified(failed, { type: 'UploadDelivered', at: iso(start) })).toBeUndefined();
    expect(endings.markNotified(notified(failed), { type: 'UploadFailed', at: iso(start) })).toBeUndefined();
  });

  it('is followed by the end of the time that a failed file is kept', () => {
    expect(failed).toMatchObject({ dueAt: iso(start + 2 * MINUTE), notification: { at: iso(start) } });
    expect(notified(failed).dueAt).toBe(iso(start + 168 * HOUR));
  });

  it('is followed by the last moment at which a late file can arrive', () => {
    const expired = legal(lifecycle.expireOrWait(fresh(), { now: start + 72 * HOUR }));

    expect(notified(expired).dueAt).toBe(iso(start + 74 * HOUR));
  });

  it('comes before the removal of the files, which is done once', () => {
    const delivered = after('stage', 'claim', 'startSending', 'markDelivered');

    const removed = legal(endings.markCleaned(delivered));
    expect(removed).toEqual({ ...delivered, isFileRemoved: true });
    expect(endings.markCleaned(removed)).toBe(removed);
    expect(legal(endings.markCleaned(notified(delivered))).dueAt).toBeUndefined();
  });

  it('comes before the end of the check for a second copy', () => {
    const resent = after(...inDoubt, 'claim', 'resolveDoubt', 'startSending', 'markDelivered');

    expect(legal(endings.finishRecheck(resent)).dueAt).toBe(resent.dueAt);
    expect(legal(endings.finishRecheck(notified(resent))).dueAt).toBeUndefined();
  });

  it.each(['retry', 'cancel'])('is not to be done any more after a %s', (name) => {
    expect(legal(transitions[name]?.(failed)).notification).toBeUndefined();
  });

  it('is not to be done for an expired upload whose file has come', () => {
    const expired = legal(lifecycle.expireOrWait(fresh(), { now: start + 72 * HOUR }));

    expect(legal(transitions['stage']?.(expired)).notification).toBeUndefined();
  });

  it('is to be done again once the id of a delivery is found', () => {
    const nameless = legal(
      endings.markDelivered(after('stage', 'claim', 'startSending'), { attachmentId: null, ...moment }),
    );

    const named = legal(
      endings.markDelivered(notified(nameless), { attachmentId: '1', ...moment, now: start + HOUR }),
    );

    expect(named).toMatchObject({
      notification: { type: 'UploadDelivered', at: iso(start + HOUR) },
      dueAt: iso(start + HOUR + 2 * MINUTE),
    });
  });
});

describe('the check for a second copy', () => {
  const delivered = after(
    ...inDoubt,
    'claim',
    'resolveDoubt',
    'startSending',
    'markDelivered',
    'markNotified',
  );
  const begin = (upload: Upload, now: number) =>
    endings.beginRecheck(upload, { token: 'a', until: now + 5 * MINUTE, now });

  it('begins once, when it is due, and again when the function that did it is dead', () => {
    const begun = legal(begin(delivered, start + 11 * MINUTE));

    expect(begin(delivered, start + 11 * MINUTE - 1)).toBeUndefined();
    expect(begin(begun, start + 16 * MINUTE - 1)).toBeUndefined();
    expect(begin(begun, start + 16 * MINUTE)).toBeDefined();
    expect(begin(after(...sent, 'markDelivered'), start + 11 * MINUTE)).toBeUndefined();
  });

  it('is put off by the function that began it, and by no other', () => {
    const begun = legal(begin(delivered, start + 11 * MINUTE));

    expect(endings.postponeRecheck(begun, { token: 'b' })).toBeUndefined();
    expect(legal(endings.postponeRecheck(begun, { token: 'a' }))).toEqual(delivered);
  });

  it('ends, and nothing is due any more', () => {
    const ended = legal(endings.finishRecheck(legal(begin(delivered, start + 11 * MINUTE))));

    expect(ended.dueAt).toBeUndefined();
    expect(ended).toMatchObject({ recheckAt: undefined, recheckLease: undefined });
    expect(endings.finishRecheck(ended)).toBeUndefined();
  });

  it('ends a retry window after it was due, even when it never ran', () => {
    const last = start + 11 * MINUTE + 24 * HOUR;

    expect(endings.isRecheckOver(delivered, { ...moment, now: last })).toBe(false);
    expect(endings.isRecheckOver(delivered, { ...moment, now: last + 1 })).toBe(true);
    expect(endings.isRecheckOver(after(...sent, 'markDelivered'), { ...moment, now: last + 1 })).toBe(false);
  });
});
