import { describe, expect, it } from '@jest/globals';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { fresh, HOUR, iso, legal, MINUTE, moment, policy, start, transitions } from './transition-samples.ts';

const inParts: Upload = { ...fresh(), multipart: { uploadId: 'first', partSize: 5 } };

describe('stage', () => {
  it('ends an upload whose file has another size', () => {
    const upload = lifecycle.stage(fresh(), { etag: 'e', size: 11 }, { now: start, policy });

    expect(upload).toMatchObject({
      status: 'failed',
      lastError: { code: 'size_mismatch', detail: '11 bytes stored, 10 declared' },
    });
  });
});

describe('stage where no size was declared', () => {
  const open: Upload = { ...fresh(), size: 0, maxSize: 10 };

  it.each([1, 10])('takes a file of %i bytes, which is its size from then on', (size) => {
    const staged = legal(lifecycle.stage(open, { etag: 'e', size }, moment));

    expect(staged).toMatchObject({ status: 'staged', size });
    expect(staged.maxSize).toBeUndefined();
  });

  it.each([
    [5, 5, undefined],
    [6, 5, 'too_large'],
    [10, undefined, undefined],
  ])('lets %i bytes end as a link where an attachment has at most %p: %p', (size, mostAttached, asLink) => {
    const staged = legal(lifecycle.stage({ ...open, mostAttached }, { etag: 'e', size }, moment));

    expect(staged.asLink).toBe(asLink);
    expect(staged.mostAttached).toBeUndefined();
  });

  it.each([0, 11])('ends an upload whose file has %i bytes', (size) => {
    expect(lifecycle.stage(open, { etag: 'e', size }, moment)).toMatchObject({
      status: 'failed',
      lastError: { code: 'size_mismatch', detail: `${size} bytes stored, 1 to 10 allowed` },
      notification: { type: 'UploadFailed' },
    });
  });
});

describe('expireOrWait', () => {
  const waits = (stagingChecks: number, hasParts: boolean): number => {
    const { dueAt = '' } = legal(
      lifecycle.expireOrWait({ ...fresh(), stagingChecks }, { now: start, hasParts }),
    );
    return (Date.parse(dueAt) - start) / MINUTE;
  };

  it('waits longer each time, and no longer than 5 minutes once a part is there', () => {
    expect([0, 1, 2, 3, 50].map((stagingChecks) => waits(stagingChecks, false))).toEqual([5, 15, 60, 60, 60]);
    expect([0, 1, 2, 3, 50].map((stagingChecks) => waits(stagingChecks, true))).toEqual([5, 5, 5, 5, 5]);
  });

  it('never waits beyond the deadline, at which the upload ends and needs a notification', () => {
    const deadline = start + 72 * HOUR;

    const last = legal(lifecycle.expireOrWait({ ...fresh(), stagingChecks: 9 }, { now: deadline - MINUTE }));
    const expired = legal(lifecycle.expireOrWait(last, { now: deadline }));

    expect(last.dueAt).toBe(iso(deadline));
    expect(expired).toMatchObject({
      status: 'expired',
      notification: { type: 'UploadExpired', at: iso(deadline) },
      dueAt: iso(deadline + 2 * MINUTE),
    });
  });
});

describe('replaceMultipart', () => {
  it('replaces the multipart upload that is gone, and no other', () => {
    const replaced = legal(lifecycle.replaceMultipart(inParts, { gone: 'first', uploadId: 'second' }));

    expect(replaced.multipart).toEqual({ uploadId: 'second', partSize: 5 });
    expect(lifecycle.replaceMultipart(replaced, { gone: 'first', uploadId: 'third' })).toBeUndefined();
    expect(lifecycle.replaceMultipart(fresh(), { gone: 'first', uploadId: 'third' })).toBeUndefined();
  });

  it.each(['stage', 'cancel'])('is not legal any more after %s', (name) => {
    const upload = legal(transitions[name]?.(inParts));

    expect(lifecycle.replaceMultipart(upload, { gone: 'first', uploadId: 'second' })).toBeUndefined();
  });
});

describe('retry', () => {
  it('needs a file that was there once', () => {
    const failed = legal(lifecycle.stage(fresh(), { etag: 'e', size: 11 }, moment));

    expect(lifecycle.retry(failed, moment)).toBeUndefined();
  });
});

describe('createUpload', () => {
  it('begins with nothing sent, tried or looked for', () => {
    expect(fresh()).toMatchObject({
      version: 1,
      stagingChecks: 0,
      attempts: 0,
      failedAttempts: 0,
      bytesSent: 0,
    });
  });
});
