import { describe, expect, it } from '@jest/globals';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import { erase } from '../../../lib/domain/erasure.ts';
import {
  begin,
  failCopy,
  ingestRequest,
  isFolder,
  isRefusal,
  isReused,
  offerAgain,
} from '../../../lib/domain/ingestion.ts';
import type { Offer } from '../../../lib/domain/ingestion.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import { uploadSchema } from '../../../lib/domain/upload.ts';
import type { Ingested, Upload } from '../../../lib/domain/upload.ts';
import { toMessage } from '../../../lib/messaging/notifications.ts';
import { itemOf, readRecord, toRecord } from '../../../lib/ledger/record.ts';
import {
  deed,
  fresh,
  HOUR,
  iso,
  legal,
  MINUTE,
  moment,
  policy,
  start,
  token,
  uploadsByState,
} from './transition-samples.ts';

const drop = { kind: 'drop', key: 'ingest/p/i/li-wei.log', etag: 'e', offer: iso(start) } as const;
const request = {
  kind: 'request',
  requestId: 'build-7',
  bucket: 'artifacts',
  key: 'li-wei.log',
  etag: 'e',
  offer: 'message-1',
} as const;
const refusal = { code: 'ingest_empty', detail: 'the object has 0 bytes' } as const;

function offerOf(source: Ingested, refused?: Offer['refusal']): Offer {
  const { id, projectId, issueId, filename, sentName, contentType, size } = fresh();
  const upload = { id, owner: 'ingest#p', projectId, issueId, filename, sentName, contentType, size, source };
  return { upload, refusal: refused };
}

const sourced = (name: string, source: Ingested = drop): Upload =>
  legal(Object.assign({}, uploadsByState[name], { source }));
const later = { now: start + HOUR, policy };
/** The same bytes, put again. */
const again = offerOf({ ...drop, offer: iso(start + HOUR) });
/** The notification of that end. */
function typeOf({ status }: Upload): string {
  if (status === 'delivered') return 'UploadDelivered';
  return status === 'removed' ? 'UploadRemoved' : 'UploadFailed';
}
const notifiedBefore = (upload: Upload): Upload =>
  legal((upload.notification && endings.markNotified(upload, upload.notification)) ?? upload);

describe('an offer that is taken', () => {
  it('begins an upload that awaits the copy of its object', () => {
    expect(begin(offerOf(drop), moment)).toMatchObject({
      status: 'awaiting_upload',
      owner: 'ingest#p',
      source: drop,
      dueAt: iso(start + MINUTE),
    });
  });

  it('is due at once when its copy is there, since the sweep gives it its slot', () => {
    const awaited = begin(offerOf(drop), moment);

    const staged = legal(lifecycle.stage(awaited, { etag: 'copy', size: 10, copiedFrom: drop.etag }, later));

    expect(staged).toMatchObject({ status: 'staged', dueAt: iso(start + HOUR) });
  });

  it.each(['another version', undefined])('does not take a copy of %s for its own', (copiedFrom) => {
    const awaited = begin(offerOf(drop), moment);

    expect(lifecycle.stage(awaited, { etag: 'copy', size: 10, copiedFrom }, later)).toBeUndefined();
  });
});

describe('an offer that is refused', () => {
  it('begins an upload that ends at once, and is kept like another failed one', () => {
    expect(begin(offerOf(drop, refusal), moment)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_empty', detail: 'the object has 0 bytes' },
      notification: { type: 'UploadFailed', at: iso(start) },
      keepUntil: iso(start + policy.failedRetentionMs),
    });
  });
});

describe('an upload that failed as a link, and is offered again', () => {
  const failed = legal(attempts.fail(sourced('linking'), { token, code: 'ipd_refused', ...moment }));

  it('is tried anew, and the copy for its link is not forgotten', () => {
    const anew = legal(offerAgain(failed, again, later));

    expect(anew).toMatchObject({ status: 'awaiting_upload', mayHaveLinkedFile: true });
    expect(anew.asLink).toBeUndefined();
  });

  it('remembers the copy however often it is offered', () => {
    const refused = legal(offerAgain(failed, { ...again, refusal }, later));

    expect(offerAgain(refused, offerOf(drop), later)).toMatchObject({
      status: 'awaiting_upload',
      mayHaveLinkedFile: true,
    });
  });
});

describe('an upload that is offered again', () => {
  const underWay = [
    'awaiting_upload',
    'staged',
    'delivering',
    'sending',
    'waiting',
    'unconfirmed',
    'checking',
    'without an id',
    'checking for its id',
    'linking',
    'link in doubt',
  ];
  const toAnnounce = [
    'delivered',
    'delivered after a doubt',
    'checking for a second copy',
    'failed in doubt',
    'failed with a link in doubt',
    'linked',
    'removed',
    'removed, and its links deleted',
  ];
  const toTry = ['failed', 'expired', 'cancelled'];

  it('is accepted in each state that there is', () => {
    expect([...underWay, ...toAnnounce, ...toTry].toSorted()).toEqual(Object.keys(uploadsByState).toSorted());
  });

  it.each(underWay)('goes on while it is %s', (name) => {
    expect(offerAgain(sourced(name), again, later)).toBeUndefined();
  });

  it.each(toAnnounce)('is announced once more when it is %s, and nothing else of it changes', (name) => {
    const before = notifiedBefore(sourced(name));

    const after = legal(offerAgain(before, again, later));

    expect(after).toEqual({
      ...before,
      source: again.upload.source,
      notification: {
        type: typeOf(before),
        at: iso(start + HOUR),
        replayed: true,
      },
      dueAt: iso(start + HOUR + 2 * MINUTE),
      ...(before.status === 'failed' && { keepUntil: iso(start + HOUR + policy.failedRetentionMs) }),
    });
  });

  it('keeps the announcement that subscribers have not got yet', () => {
    const before = sourced('delivered');

    const after = legal(offerAgain(before, again, later));

    expect(after.notification).toEqual(before.notification);
    expect(after.notification?.replayed).toBeUndefined();
  });

  it.each(toTry)('is tried anew when it is %s', (name) => {
    const before = { ...sourced(name), version: 7, others: { novelty: 1 } };

    const after = legal(offerAgain(before, again, later));

    expect(after).toEqual({
      ...legal(begin(again, later)),
      version: 7,
      createdAt: before.createdAt,
      history: before.history,
      attempts: before.attempts,
      others: { novelty: 1 },
    });
    expect(after.lastError).toBeUndefined();
  });

  it('ends again where it is refused again', () => {
    const refused = { ...again, refusal };

    expect(offerAgain(sourced('failed'), refused, later)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_empty' },
      keepUntil: iso(start + HOUR + policy.failedRetentionMs),
    });
  });

  it.each([...toAnnounce, 'failed', 'cancelled'])('stays as it is for its own offer: %s', (name) => {
    expect(offerAgain(sourced(name), offerOf(drop), later)).toBeUndefined();
    expect(offerAgain(sourced(name, request), offerOf(request), later)).toBeUndefined();
  });

  it('is tried anew for its own offer where it has expired: it never got its copy', () => {
    expect(offerAgain(sourced('expired'), offerOf(drop), later)).toMatchObject({
      status: 'awaiting_upload',
      uploadDeadline: iso(start + HOUR + policy.uploadDeadlineMs),
    });
  });
});

describe('an upload that was erased', () => {
  const erased = (name: string, source: Ingested): Upload =>
    legal(erase(notifiedBefore(sourced(name, source)), { ...deed, now: start }));

  it.each([drop, request])('keeps nothing of its source but which offer it was: %j', (source) => {
    const upload = erased('cancelled', source);

    const item = JSON.stringify({ ...itemOf(toRecord(upload)), pk: `upload#${upload.id}` });
    expect(item).not.toContain('li-wei');
    expect(item).not.toContain('build-7');
    expect(readRecord(JSON.parse(item)).source).toMatchObject({ kind: source.kind, offer: source.offer });
  });

  it.each(['awaiting_upload', 'cancelled', 'failed', 'delivered'])(
    'is not made anew by an event of its offer that comes late: %s',
    (name) => {
      expect(offerAgain(erased(name, drop), offerOf(drop), later)).toBeUndefined();
    },
  );

  it('is tried anew when its producer offers it again', () => {
    const after = legal(offerAgain(erased('cancelled', drop), again, later));

    expect(after).toMatchObject({ status: 'awaiting_upload', source: again.upload.source });
    expect(after.erasure).toBeUndefined();
  });

  it('is announced again without what was erased', () => {
    const after = legal(offerAgain(erased('delivered', drop), again, later));

    expect(after).toMatchObject({ source: { key: '', offer: iso(start + HOUR) } });
    expect(JSON.stringify(toMessage(after, { type: 'UploadDelivered', at: iso(start) }))).not.toContain(
      'li-wei',
    );
  });

  it('does not tell what it was asked for, so no request of its id is another one', () => {
    const other = offerOf({ ...request, bucket: 'other' });

    expect(isReused(erased('cancelled', request), other)).toBe(false);
  });
});

describe('a request of an id that there is', () => {
  const before = begin(offerOf(request), moment);
  const { upload } = offerOf({ ...request, etag: 'e2', offer: 'message-2' });

  it.each([
    ['the same', upload, false],
    ['another name', { ...upload, filename: 'other' }, false],
    ['another project', { ...upload, projectId: 'other' }, true],
    ['another work item', { ...upload, issueId: 'other' }, true],
    ['another bucket', { ...upload, source: { ...request, bucket: 'other' } }, true],
    ['another key', { ...upload, source: { ...request, key: 'other' } }, true],
    ['a version', { ...upload, source: { ...request, versionId: 'v' } }, true],
    ['a drop', { ...upload, source: drop, projectId: 'other' }, false],
  ])('that asks for %s', (_what, asked, expected) => {
    expect(isReused(before, { upload: asked, refusal: undefined })).toBe(expected);
  });

  it('is none where the upload is of another kind', () => {
    expect(isReused(fresh(), { upload, refusal: undefined })).toBe(false);
    expect(isReused(begin(offerOf(drop), moment), { upload, refusal: undefined })).toBe(false);
  });
});

describe('failCopy', () => {
  const because = { code: 'ingest_source_replaced', detail: 'why', ...later } as const;

  it('ends an upload that awaits its copy', () => {
    expect(failCopy(sourced('awaiting_upload'), because)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_source_replaced', detail: 'why' },
      keepUntil: iso(start + HOUR + policy.failedRetentionMs),
    });
  });

  it.each(Object.keys(uploadsByState).filter((name) => name !== 'awaiting_upload'))(
    'does nothing with one that is %s',
    (name) => {
      expect(failCopy(sourced(name), because)).toBeUndefined();
    },
  );
});

describe('an upload that has ended', () => {
  it('was refused where the fault is in the offer, and not where IPD or nothing is at fault', () => {
    expect(isRefusal(begin(offerOf(drop, refusal), moment))).toBe(true);
    expect(isRefusal(sourced('failed'))).toBe(false);
    expect(isRefusal(sourced('delivered'))).toBe(false);
  });
});

describe('the notification of an ingested upload', () => {
  const notificationFor = (upload: Upload, replayed?: boolean) =>
    JSON.parse(JSON.stringify(toMessage(upload, { type: 'UploadDelivered', at: iso(start), replayed })));

  it.each([
    [drop, { kind: 'drop', key: drop.key }],
    [request, { kind: 'request', requestId: 'build-7' }],
    [{ kind: 'attach' } as const, { kind: 'attach' }],
  ])('says how it came: %j', (source, expected) => {
    expect(notificationFor({ ...fresh(), source }).upload.source).toEqual(expected);
  });

  it('says how a user began the upload', () => {
    expect(notificationFor(fresh()).upload.source).toEqual({ kind: 'api' });
    expect(notificationFor({ ...fresh(), session: 'hash' }).upload.source).toEqual({ kind: 'uppy' });
  });

  it('says where an end is announced once more', () => {
    expect(notificationFor(fresh(), true).replayed).toBe(true);
    expect(notificationFor(fresh())).not.toHaveProperty('replayed');
  });
});

describe('the record of an ingested upload', () => {
  it.each([drop, { ...request, versionId: 'v' }])('is read as it was written: %j', (source) => {
    const upload = uploadSchema.parse({ ...begin(offerOf(source), moment), version: 1 });

    const item = JSON.parse(JSON.stringify({ ...itemOf(toRecord(upload)), pk: `upload#${upload.id}` }));

    expect(readRecord(item)).toMatchObject({ source, owner: 'ingest#p' });
  });
});

describe('a folder', () => {
  it('is a key that ends with a slash', () => {
    expect(['ingest/', 'ingest/p/i/', 'ingest/p/i/x'].map(isFolder)).toEqual([true, true, false]);
  });
});

describe('a request', () => {
  const asked = (source: object) =>
    ingestRequest.safeParse({
      requestId: 'build-7',
      source: { bucket: 'artifacts', key: 'a', ...source },
      projectId: '0'.repeat(32),
      issueId: '1'.repeat(18),
    }).success;

  it.each([
    [{ key: '' }, false],
    [{ key: 'a' }, true],
    [{ key: 'a'.repeat(1024) }, true],
    [{ key: 'a'.repeat(1025) }, false],
    [{ key: `${'a'.repeat(1022)}é` }, true],
    [{ key: `${'a'.repeat(1023)}é` }, false],
    [{ versionId: '' }, false],
    [{ versionId: 'v' }, true],
    [{ versionId: 'v'.repeat(1024) }, true],
    [{ versionId: 'v'.repeat(1025) }, false],
  ])('names an object as storage can: %j', (source, isTaken) => {
    expect(asked(source)).toBe(isTaken);
  });
});
