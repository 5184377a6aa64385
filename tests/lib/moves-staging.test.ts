import { describe, expect, it } from '@jest/globals';
import * as moves from '../../lib/moves.ts';
import type { Upload } from '../../lib/upload.ts';
import { after, every, fresh, HOUR, inDoubt, iso, legal, MINUTE, moment, start } from './moves-samples.ts';

const inParts: Upload = { ...fresh(), multipart: { uploadId: 'first', partSize: 5 } };

describe('lookAgain', () => {
  const waits = (looks: number, hasParts: boolean): number => {
    const { dueAt = '' } = legal(moves.lookAgain({ ...fresh(), looks }, { now: start, hasParts }));
    return (Date.parse(dueAt) - start) / MINUTE;
  };

  it('waits longer each time, and no longer than 5 minutes once a part is there', () => {
    expect([0, 1, 2, 3, 50].map((looks) => waits(looks, false))).toEqual([5, 15, 60, 60, 60]);
    expect([0, 1, 2, 3, 50].map((looks) => waits(looks, true))).toEqual([5, 5, 5, 5, 5]);
  });

  it('never waits beyond the deadline, at which the upload ends and is to be told', () => {
    const deadline = start + 72 * HOUR;

    const last = legal(moves.lookAgain({ ...fresh(), looks: 9 }, { now: deadline - MINUTE }));
    const expired = legal(moves.lookAgain(last, { now: deadline }));

    expect(last.dueAt).toBe(iso(deadline));
    expect(expired).toMatchObject({
      status: 'expired',
      notice: { type: 'UploadExpired', at: iso(deadline) },
      dueAt: iso(deadline + 2 * MINUTE),
    });
  });
});

describe('stage where nobody has declared the size', () => {
  const open: Upload = { ...fresh(), size: 0, maxSize: 10 };

  it.each([1, 10])('takes a file of %i bytes, which is its size from then on', (size) => {
    const staged = legal(moves.stage(open, { etag: 'e', size }, moment));

    expect(staged).toMatchObject({ status: 'staged', size });
    expect(staged.maxSize).toBeUndefined();
  });

  it.each([0, 11])('ends an upload whose file has %i bytes', (size) => {
    expect(moves.stage(open, { etag: 'e', size }, moment)).toMatchObject({
      status: 'failed',
      error: { code: 'size_mismatch', detail: `${size} bytes stored, 1 to 10 allowed` },
      notice: { type: 'UploadFailed' },
    });
  });
});

describe('replaceMultipart', () => {
  it('puts another in the place of the one that is gone, and of no other', () => {
    const replaced = legal(moves.replaceMultipart(inParts, { gone: 'first', uploadId: 'second' }));

    expect(replaced.multipart).toEqual({ uploadId: 'second', partSize: 5 });
    expect(moves.replaceMultipart(replaced, { gone: 'first', uploadId: 'third' })).toBeUndefined();
    expect(moves.replaceMultipart(fresh(), { gone: 'first', uploadId: 'third' })).toBeUndefined();
  });

  it.each(['stage', 'cancel'])('is not legal any more after %s', (name) => {
    const upload = legal(every[name]?.(inParts));

    expect(moves.replaceMultipart(upload, { gone: 'first', uploadId: 'second' })).toBeUndefined();
  });
});

describe('noticed', () => {
  const failed = after('stage', 'claim', 'fail');
  const told = (upload: Upload): Upload => legal(upload.notice && moves.noticed(upload, upload.notice));

  it('is legal for the end that was told, and for no other', () => {
    const again = { type: 'UploadFailed', at: iso(start + 1) } as const;

    expect(moves.noticed(failed, again)).toBeUndefined();
    expect(moves.noticed(failed, { type: 'UploadDelivered', at: iso(start) })).toBeUndefined();
    expect(moves.noticed(told(failed), { type: 'UploadFailed', at: iso(start) })).toBeUndefined();
  });

  it('is followed by the end of the time that a failed file is kept', () => {
    expect(failed).toMatchObject({ dueAt: iso(start + 2 * MINUTE), notice: { at: iso(start) } });
    expect(told(failed).dueAt).toBe(iso(start + 168 * HOUR));
  });

  it('is followed by the last moment at which a late file can arrive', () => {
    const expired = legal(moves.lookAgain(fresh(), { now: start + 72 * HOUR }));

    expect(told(expired).dueAt).toBe(iso(start + 74 * HOUR));
  });

  it('is waited for by the removal of what is left, which is done once', () => {
    const delivered = after('stage', 'claim', 'startSending', 'delivered');

    expect(moves.cleaned(delivered)).toBe(delivered);
    expect(legal(moves.cleaned(told(delivered))).dueAt).toBeUndefined();
  });

  it('is waited for by the look for a second copy', () => {
    const resent = after(...inDoubt, 'claim', 'settle', 'startSending', 'delivered');

    expect(legal(moves.rechecked(resent, { duplicates: [] })).dueAt).toBe(resent.dueAt);
    expect(legal(moves.rechecked(told(resent), { duplicates: [] })).dueAt).toBeUndefined();
  });

  it.each(['retry', 'cancel'])('is not to be done any more after a %s', (name) => {
    expect(legal(every[name]?.(failed)).notice).toBeUndefined();
  });

  it('is not to be done for an expired upload whose file has come', () => {
    const expired = legal(moves.lookAgain(fresh(), { now: start + 72 * HOUR }));

    expect(legal(every['stage']?.(expired)).notice).toBeUndefined();
  });

  it('is to be done again once the id of a delivery is known', () => {
    const nameless = legal(
      moves.delivered(after('stage', 'claim', 'startSending'), { attachmentId: null, ...moment }),
    );

    const named = legal(moves.nominate(told(nameless), { attachmentId: '1', now: start + HOUR }));

    expect(named).toMatchObject({
      notice: { type: 'UploadDelivered', at: iso(start + HOUR) },
      dueAt: iso(start + HOUR + 2 * MINUTE),
    });
  });
});
