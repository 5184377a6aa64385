import { describe, expect, it } from '@jest/globals';
import { erase, erasedOwner, remnantOf, whyNotErased } from '../../../lib/domain/erasure.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import { toMessage } from '../../../lib/messaging/notifications.ts';
import { itemOf, readRecord, toRecord } from '../../../lib/ledger/record.ts';
import { uploadSchema } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { legal, moment, start, uploadsByState } from './transition-samples.ts';

const order = { by: 'ann', reason: 'request 7', now: start };
const at = new Date(start).toISOString();

/** With something about a person wherever there is room for it. */
function personal(upload: Upload): Upload {
  const person = 'Li Wei';
  const deed = { at, by: person, reason: person, more: person };
  return legal(
    Object.assign({}, upload, {
      ...upload,
      owner: person,
      uploadedBy: person,
      filename: person,
      sentName: person,
      contentType: `text/x-${person}`,
      sha256: person,
      sentSha256: person,
      ...(upload.etag !== undefined && { etag: person }),
      correlationId: person,
      session: person,
      source: { kind: 'drop', key: person, etag: person, offer: at, more: person },
      others: { more: person },
      redrive: deed,
      cancellation: deed,
      multipart: { uploadId: 'mine', more: person },
      history: [{ at, status: 'staged', by: person, reason: person, more: person }],
      lastError: { code: 'ipd_refused', message: 'words', detail: person, at, more: person },
    }),
  );
}

const erasable = [
  'awaiting_upload',
  'staged',
  'delivering',
  'waiting',
  'delivered',
  'failed',
  'expired',
  'cancelled',
  'linking',
  'link in doubt',
  'failed with a link in doubt',
  'linked',
  'removed',
  'removed, and its links deleted',
];
const doubtful = [
  'sending',
  'unconfirmed',
  'checking',
  'without an id',
  'checking for its id',
  'delivered after a doubt',
  'checking for a second copy',
  'failed in doubt',
];

const sample = (name: string): Upload => legal(uploadsByState[name]);

describe('erase', () => {
  it('decides about each state that there is', () => {
    expect([...erasable, ...doubtful].toSorted()).toEqual(Object.keys(uploadsByState).toSorted());
  });

  it.each(erasable)(
    'leaves nothing about a person in one that is %s, and a record that can be read',
    (name) => {
      const erased = legal(erase(personal(sample(name)), order));

      const item = { ...itemOf(toRecord(erased)), pk: `upload#${erased.id}` };
      expect(JSON.stringify(item)).not.toContain('Li Wei');
      expect(readRecord(JSON.parse(JSON.stringify(item)))).toMatchObject({
        id: erased.id,
        owner: erasedOwner(erased.id),
        erasure: { at, by: 'ann', reason: 'request 7' },
      });
    },
  );

  it('knows of each member of a record whether it stays', () => {
    const members = new Set(uploadSchema.options.flatMap(({ shape }) => Object.keys(shape)));
    const staying = new Set(
      erasable.flatMap((name) => Object.keys(JSON.parse(JSON.stringify(legal(erase(sample(name), order)))))),
    );

    const gone = [...members].filter((member) => !staying.has(member));
    expect(gone.toSorted()).toEqual(
      [
        // About a person, or they lead to one.
        'uploadedBy',
        'sha256',
        'sentSha256',
        'etag',
        'correlationId',
        'session',
        'others',
        'redrive',
        'cancellation',
        // Of what has not ended, or is in doubt.
        'candidate',
        'doubt',
        'lease',
        'sendingAt',
        'maxSize',
        'mostAttached',
        'recheckLease',
        'throttles',
        // Only some have them; they are about IPD.
        'isBaselineNull',
        'mismatches',
        'duplicates',
        'resent',
        'reason',
        'multipart',
        'commentedAt',
        // It is taken back.
        'link',
        // The same; about storage.
        'isFileRemoved',
        'mayHaveLinkedFile',
        // The same; what stays of it is bare.
        'source',
      ].toSorted(),
    );
  });

  it('keeps what exactly-once needs: the claim, the times, the sizes, what IPD had', () => {
    const delivered = sample('delivered');

    const erased = legal(erase(personal(delivered), order));

    const { id, status, size, projectId, issueId, baseline, createdAt, stagedAt, attempts } = delivered;
    expect(erased).toMatchObject({
      id,
      status,
      size,
      projectId,
      issueId,
      baseline,
      createdAt,
      stagedAt,
      attempts,
    });
    expect(erased).toMatchObject({ attachmentId: '1' });
  });

  it.each(['awaiting_upload', 'staged', 'delivering', 'waiting', 'expired'])(
    'cancels one that is %s, and leaves its removal due',
    (name) => {
      const cancelled = legal(lifecycle.cancel(sample(name), { now: start }));

      expect(erase(sample(name), order)).toMatchObject({ status: 'cancelled', dueAt: cancelled.dueAt });
    },
  );

  it('has the file of a failed upload removed at once, and allows no retry', () => {
    const erased = legal(erase(sample('failed'), order));

    expect(erased).toMatchObject({ status: 'failed', dueAt: at, keepUntil: at });
    expect(lifecycle.retry(erased, moment)).toBeUndefined();
  });

  it.each(doubtful)('does not touch one that is %s, and says why', (name) => {
    expect(erase(sample(name), order)).toBeUndefined();
    expect(whyNotErased(sample(name))).toMatchObject({
      kind: expect.stringMatching(/^(?:sent_twice|awaited|in_doubt)$/),
    });
  });

  it('takes one that failed in doubt once its file is gone, since nothing can resolve the doubt then', () => {
    const { dueAt: _dueAt, ...gone } = sample('failed in doubt');

    expect(erase(gone, order)).toMatchObject({ status: 'failed', owner: erasedOwner(gone.id) });
    expect(remnantOf(gone)).toMatchObject({ attachmentIds: [], isCertain: false });
  });

  it('keeps an unsent notification, without a name in it', () => {
    const erased = legal(erase(personal(sample('delivered')), order));

    const { notification } = erased;
    expect(notification).toMatchObject({ type: 'UploadDelivered' });
    expect(JSON.stringify(notification && toMessage(erased, notification))).not.toContain('Li Wei');
  });

  it('changes nothing the second time', () => {
    const erased = legal(erase(sample('delivered'), order));

    expect(erase(erased, { ...order, now: start + 1 })).toBe(erased);
  });
});

describe('remnantOf', () => {
  it('names the attachment, and further copies', () => {
    const upload = { ...sample('delivered'), duplicates: ['2'] };

    expect(remnantOf(upload)).toMatchObject({ attachmentIds: ['1', '2'], isCertain: true });
  });

  it('is nothing where IPD never got the file', () => {
    expect(remnantOf(sample('cancelled'))).toBeUndefined();
    expect(remnantOf(sample('failed'))).toBeUndefined();
  });
});

describe('what stays of an erased upload', () => {
  const history = [{ at, status: 'staged', attempt: 1, code: 'ipd_unavailable' }];

  it('has each state of its history in its place, and its last error', () => {
    const lastError = { code: 'ipd_refused', message: 'words', at };
    const before = legal(Object.assign({}, sample('failed'), { history, lastError }));

    expect(erase(before, order)).toMatchObject({ history, lastError });
  });
});

describe('what is left to remove by hand', () => {
  it('names upload, project and work item', () => {
    const { id, projectId, issueId, size } = sample('delivered');

    expect(remnantOf(sample('delivered'))).toEqual({
      uploadId: id,
      projectId,
      issueId,
      attachmentIds: ['1'],
      size,
      isCertain: true,
    });
  });
});
