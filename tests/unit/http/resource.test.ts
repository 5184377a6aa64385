import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import { etagOf, pollAfterSeconds, toIpdAnswer, toResource } from '../../../lib/http/resource.ts';
import { en } from '../../../lib/texts/en.ts';
import { zhCn } from '../../../lib/texts/zh-cn.ts';
import { uploadSchema } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const now = Date.UTC(2026, 0, 2);
const policy = {
  uploadDeadlineMs: 72 * HOUR_MS,
  retryWindowMs: 24 * HOUR_MS,
  failedRetentionMs: 168 * HOUR_MS,
  commitWindowMs: 600_000,
  linkedFileMs: 86_400_000,
};
const moment = { now, policy };
const token = 'mine';

function legal(upload: Upload | undefined): Upload {
  if (upload === undefined) throw new Error('this transition is legal');
  return uploadSchema.parse(upload);
}

const names = { owner: 'user-1', projectId: 'p', issueId: 'i', filename: 'f "1"', sentName: 'f 1' };
const awaiting = lifecycle.createUpload({ ...names, id: 'u', contentType: 'a/b', size: 10 }, moment);
const lease = { token, until: now + HOUR_MS, now, attempt: 1 };
const sending = legal(
  attempts.startSending(
    legal(attempts.claim(legal(lifecycle.stage(awaiting, { etag: 'e', size: 10 }, moment)), lease)),
    { token, now, marginMs: 0, baseline: [] },
  ),
);
const unconfirmed = legal(attempts.markUnconfirmed(sending, { token, detail: 'HTTP 504', ...moment }));
const nameless = legal(endings.markDelivered(sending, { attachmentId: null, ...moment }));
const unknown = legal(
  attempts.fail(sending, { token, code: 'outcome_unknown', detail: '100 are there', ...moment }),
);

const named = legal(endings.markDelivered(sending, { attachmentId: '7', ...moment }));
const linked = legal(
  endings.markLinked(
    legal(
      attempts.startSending(
        legal(
          attempts.changeToLink(
            legal(attempts.claim(legal(lifecycle.stage(awaiting, { etag: 'e', size: 10 }, moment)), lease)),
            { token, why: 'too_large' },
          ),
        ),
        { token, now, marginMs: 0, baseline: [] },
      ),
    ),
    { linkId: '9', hasLeftover: false, ...moment },
  ),
);
const later = new Date(now + 1).toISOString();

describe('toResource', () => {
  it('says of an upload in doubt what happens next, and that nothing is to be done', () => {
    expect(toResource({ upload: unconfirmed, bytesStored: 10 }, en)).toMatchObject({
      status: 'unconfirmed',
      delivery: { nextAttemptAt: unconfirmed.dueAt },
      attachment: null,
      link: null,
      error: { code: 'answer_lost', detail: 'HTTP 504', retryable: false },
    });
  });

  it('has each member in its place', () => {
    const upload = { ...awaiting, sha256: 'a'.repeat(64), attempts: 2, bytesSent: 3, size: 10 };

    const resource: unknown = JSON.parse(
      JSON.stringify(toResource({ upload: { ...upload, updatedAt: later }, bytesStored: 4 }, en)),
    );

    expect(resource).toEqual({
      id: 'u',
      status: 'awaiting_upload',
      projectId: 'p',
      issueId: 'i',
      filename: 'f "1"',
      contentType: 'a/b',
      size: 10,
      sha256: 'a'.repeat(64),
      createdAt: awaiting.createdAt,
      updatedAt: later,
      uploadDeadline: awaiting.uploadDeadline,
      staging: { mode: 'single', bytesStored: 4 },
      delivery: { endsAs: 'attachment', attempts: 2, bytesSent: 3 },
      attachment: null,
      link: null,
      error: null,
    });
  });

  it('has a link with its URL, where the upload ends in one', () => {
    const linkUrl = 'https://bridge.example.com/v1/files/u/secret';

    const resource = toResource({ upload: linked, bytesStored: 0, linkUrl }, en);

    expect(resource).toMatchObject({ delivery: { endsAs: 'link' }, link: { id: '9', url: linkUrl } });
    expect(resource.delivery.nextAttemptAt).toBeUndefined();
    expect(toResource({ upload: nameless, bytesStored: 0, linkUrl }, en).link).toBeNull();
  });

  it('has its presigned request, and how often it was replayed', () => {
    const url = 'https://storage.example.com/';
    const presigned = { expiresInSeconds: 60, method: 'PUT' as const, url, headers: {} };
    const replay = { replayed: true as const, attachmentGone: undefined };
    const view = { upload: awaiting, bytesStored: 0, presigned, replay };

    expect(toResource(view, en)).toMatchObject({ staging: presigned, ...replay });
  });

  it('names the next attempt of one that waits, and of no other', () => {
    const waiting = legal(
      attempts.postpone(sending, { token, code: 'ipd_unavailable', counts: true, random: 0.5, ...moment }),
    );

    expect(toResource({ upload: waiting, bytesStored: 0 }, en).delivery.nextAttemptAt).toBe(waiting.dueAt);
    expect(toResource({ upload: sending, bytesStored: 0 }, en).delivery.nextAttemptAt).toBeUndefined();
  });

  it('says why there is no id', () => {
    expect(toResource({ upload: nameless, bytesStored: 10 }, en)).toMatchObject({
      status: 'delivered',
      attachment: { id: null, reason: expect.stringContaining('id') },
      error: null,
    });
  });

  it('lets a person retry what may be in IPD', () => {
    expect(toResource({ upload: unknown, bytesStored: 10 }, en)).toMatchObject({
      error: { code: 'outcome_unknown', retryable: true },
    });
  });

  it('names no owner and no lease', () => {
    expect(JSON.stringify(toResource({ upload: sending, bytesStored: 10 }, en))).not.toMatch(
      /owner|lease|token|user-1/,
    );
  });
});

describe('toResource of an upload in parts', () => {
  const inParts = { ...awaiting, multipart: { uploadId: 'of-storage', partSize: 5 } };

  it('tells how it is cut and what is there, and nothing of the multipart upload behind it', () => {
    const resource = toResource({ upload: inParts, bytesStored: 5 }, en);

    expect(resource.staging).toEqual({ mode: 'multipart', bytesStored: 5, partSize: 5 });
    expect(JSON.stringify(resource)).not.toContain('of-storage');
  });

  it('has no part size where the client cuts the parts, and no size as long as it is unknown', () => {
    const uppys = { ...awaiting, size: 0, maxSize: 10, multipart: { uploadId: 'of-storage' } };

    const resource: unknown = JSON.parse(JSON.stringify(toResource({ upload: uppys, bytesStored: 7 }, en)));

    expect(resource).toMatchObject({ size: null, staging: { mode: 'multipart', bytesStored: 7 } });
    expect(resource).not.toHaveProperty('staging.partSize');
  });

  it('has an ETag that changes with what is stored, as long as the file is awaited', () => {
    const staged = legal(lifecycle.stage(inParts, { etag: 'e', size: 10 }, moment));

    expect(etagOf({ upload: inParts, bytesStored: 5 }, en)).toBe('"1-5"');
    expect(etagOf({ upload: staged, bytesStored: 10 }, en)).toBe('"1"');
    expect(etagOf({ upload: awaiting, bytesStored: 0 }, en)).toBe('"1"');
  });
});

describe('an upload for a Chinese reader', () => {
  it('has its texts in Chinese, and the detail for developers as it was', () => {
    expect(toResource({ upload: unknown, bytesStored: 10 }, zhCn)).toMatchObject({
      error: { message: zhCn.failures.outcome_unknown, detail: '100 are there' },
    });
    expect(toResource({ upload: nameless, bytesStored: 10 }, zhCn)).toMatchObject({
      attachment: { id: null, reason: zhCn.remarks.attachment_id_unknown },
    });
  });

  it('has the text of the record where only a newer version has the code', () => {
    const lastError = { code: 'of_tomorrow', message: 'Of tomorrow.', at: awaiting.createdAt };
    const upload = uploadSchema.parse({ ...unconfirmed, lastError });

    expect(toResource({ upload, bytesStored: 10 }, zhCn)).toMatchObject({
      error: { message: 'Of tomorrow.' },
    });
  });

  it('has a version of its own', () => {
    expect(etagOf({ upload: nameless, bytesStored: 10 }, zhCn)).toBe('"1-zh-CN"');
  });
});

describe('pollAfterSeconds', () => {
  it('sets the time of the next poll by what is due, within bounds', () => {
    expect(pollAfterSeconds(awaiting, now)).toBe(1);
    expect(pollAfterSeconds(unconfirmed, now)).toBe(15);
    expect(pollAfterSeconds(unconfirmed, now + 14_500)).toBe(2);
    expect(pollAfterSeconds(unconfirmed, now - HOUR_MS)).toBe(60);
    expect(pollAfterSeconds(nameless, now)).toBeUndefined();
    expect(pollAfterSeconds(sending, now)).toBe(1);
    expect(pollAfterSeconds(legal(Object.assign({}, unconfirmed, { status: 'waiting' })), now)).toBe(15);
  });

  it('is asked for in five seconds where nothing is due', () => {
    expect(pollAfterSeconds({ ...unconfirmed, dueAt: undefined }, now)).toBe(5);
  });
});

describe('toIpdAnswer', () => {
  it('has no result when IPD gave no id', () => {
    expect(toIpdAnswer(nameless)).toEqual({
      statusCode: 200,
      body: { status: 'success', message: null, result: null },
    });
  });

  it('has the attachment as IPD would answer', () => {
    expect(toIpdAnswer(named)).toEqual({
      statusCode: 200,
      body: {
        status: 'success',
        message: null,
        result: [
          {
            progress: 100,
            id: '7',
            workitem_id: 'i',
            filesize: 10,
            store_filename: 'f 1',
            title: 'f "1"',
          },
        ],
      },
    });
  });

  it('says where the work item has a link', () => {
    expect(toIpdAnswer(linked)).toEqual({
      statusCode: 200,
      body: {
        status: 'success',
        message: 'The work item has a link to the file, no attachment.',
        result: null,
      },
    });
  });

  it('says of one without an error that it has ended', () => {
    const cancelled = legal(lifecycle.cancel(awaiting, { now }));

    expect(() => toIpdAnswer(cancelled)).toThrow(
      expect.objectContaining({ code: 'delivery_failed', message: 'The upload is cancelled.', failure: '' }),
    );
  });

  it('has none yet while IPD is checked for it', () => {
    expect(toIpdAnswer(unconfirmed)).toMatchObject({ statusCode: 202, body: { result: null } });
  });

  it('says that the scan refused the file', () => {
    const upload = legal(
      attempts.fail(sending, { token, code: 'scan_refused', detail: 'tag is bad', ...moment }),
    );

    expect(() => toIpdAnswer(upload)).toThrow(
      expect.objectContaining({
        code: 'scan_refused',
        message: `${en.failures.scan_refused} tag is bad`,
      }),
    );
  });

  it('says that the outcome is unknown, and names the failure that people read about', () => {
    expect(() => toIpdAnswer(unknown)).toThrow('100 are there');
    expect(() => toIpdAnswer(unknown)).toThrow(
      expect.objectContaining({ code: 'delivery_failed', failure: 'outcome_unknown' }),
    );
  });
});
