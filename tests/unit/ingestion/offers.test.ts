import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import {
  malformedRequest,
  nameBasedId,
  offerOfDrop,
  offerOfRequest,
  refusedAsReused,
  refusedRequest,
} from '../../../lib/ingestion/offers.ts';
import { ingestRequest } from '../../../lib/domain/ingestion.ts';
import type { FoundObject, IngestRequest, Offer } from '../../../lib/domain/ingestion.ts';
import { isUploadId } from '../../../lib/domain/upload.ts';

const project = '0123456789abcdef0123456789abcdef';
const issue = '956239067176935400';
const bucket = 'staging';
const admission = { projects: [project], maxFileBytes: 100 };
const sha256 = createHash('sha256').update('a').digest('hex');

const object: FoundObject = {
  etag: 'e1',
  size: 10,
  contentType: 'text/plain',
  putAt: '2026-01-02T00:00:00.000Z',
  sha256: undefined,
  metadata: {},
};
const request: IngestRequest = {
  requestId: 'build-7',
  source: { bucket: 'artifacts', key: 'out/report.pdf' },
  projectId: project,
  issueId: issue,
};
const offered = { object, offerId: 'message-1' };

function drop(key: string, about: Partial<FoundObject> = {}): Offer {
  return offerOfDrop({ bucket, key, object: { ...object, ...about } }, admission);
}

const named = (name: string, metadata: Record<string, string> = {}) =>
  drop(`ingest/${project}/${issue}/${name}`, { metadata });

describe('an object that is larger than an attachment may be', () => {
  it.each([
    [50, undefined],
    [51, 'too_large'],
    [100, 'too_large'],
  ])('with %i bytes is to end as a link: %s', (size, asLink) => {
    const key = `ingest/${project}/${issue}/a.bin`;
    const offer = offerOfDrop(
      { bucket, key, object: { ...object, size } },
      { ...admission, mostAttached: 50 },
    );

    expect(offer.refusal).toBeUndefined();
    expect(offer.upload.asLink).toBe(asLink);
    expect(offer.upload).toMatchObject({ owner: `ingest#${project}`, filename: 'a.bin', sentName: 'a.bin' });
  });
});

describe('what a drop offers', () => {
  it('is an upload of the project, the work item and the name in its key', () => {
    expect(named('crash.log')).toEqual({
      refusal: undefined,
      upload: {
        id: nameBasedId('drop', bucket, `ingest/${project}/${issue}/crash.log`, 'e1'),
        owner: `ingest#${project}`,
        source: {
          kind: 'drop',
          key: `ingest/${project}/${issue}/crash.log`,
          etag: 'e1',
          offer: '2026-01-02T00:00:00.000Z',
        },
        uploadedBy: undefined,
        projectId: project,
        issueId: issue,
        filename: 'crash.log',
        sentName: 'crash.log',
        contentType: 'text/plain',
        size: 10,
        sha256: undefined,
      },
    });
  });

  it.each(['a b.log', 'a+b.log', '100%.log', '%41.log', '报告.pdf', "it's (1)!.txt"])(
    'has the name as it stands in the key: %s',
    (name) => {
      expect(named(name)).toMatchObject({ refusal: undefined, upload: { filename: name, sentName: name } });
    },
  );

  it('has the name behind the last slash', () => {
    expect(named('2026/jan/crash.log')).toMatchObject({
      refusal: undefined,
      upload: { filename: 'crash.log' },
    });
  });

  it.each([
    ['%E6%8A%A5%20%2B1.pdf', '报 +1.pdf'],
    ['a+b.pdf', 'a+b.pdf'],
    ['100%.pdf', '100%.pdf'],
  ])('has the name of its metadata before that: %s', (filename, expected) => {
    expect(named('x', { filename })).toMatchObject({ refusal: undefined, upload: { filename: expected } });
  });

  it.each([
    ['J%C3%BCrgen%20%0A', 'Jürgen'],
    ['CI', 'CI'],
    ['%20', undefined],
    ['x'.repeat(300), 'x'.repeat(200)],
  ])('names its producer by its metadata: %s', (given, expected) => {
    expect(named('x', { 'uploaded-by': given }).upload.uploadedBy).toBe(expected);
  });

  it('has the hash of its metadata, or the one that storage has of the whole object', () => {
    const capitals = 'AB'.repeat(32);

    expect(named('x', { sha256: capitals }).upload.sha256).toBe('ab'.repeat(32));
    expect(drop(`ingest/${project}/${issue}/x`, { sha256 }).upload.sha256).toBe(sha256);
    expect(
      drop(`ingest/${project}/${issue}/x`, { sha256, metadata: { sha256: capitals } }).upload.sha256,
    ).toBe('ab'.repeat(32));
  });

  it.each([undefined, '', 'no type', 'binary/octet-stream', 'multipart/form-data; boundary=b'])(
    'has no content type that IPD could not take: %s',
    (contentType) => {
      expect(drop(`ingest/${project}/${issue}/x`, { contentType }).upload.contentType).toBe(
        'application/octet-stream',
      );
    },
  );

  it.each([
    ['ingest/x', 'projectId must be'],
    [`ingest/${project}`, 'issueId must be'],
    [`ingest/${project}/${issue}`, 'filename must not be empty'],
    [`ingest/${project}/12/x`, 'issueId must be'],
    [`ingest/${project.slice(1)}/${issue}/x`, 'projectId must be'],
    [`ingest/${project}/${issue}/a\\b`, 'filename must be a bare name'],
    [`ingest/${project}/${issue}/.`, 'filename must be a bare name'],
    [`ingest/${project}/${issue}/..`, 'filename must be a bare name'],
    [`ingest/${project}/${issue}/a\u0000b`, 'filename must not contain control characters'],
    [`ingest/${project}/${issue}/${'x'.repeat(201)}`, 'filename must have at most 200 characters'],
  ])('is refused as malformed where its key is %j', (key, detail) => {
    expect(drop(key)).toMatchObject({
      refusal: { code: 'ingest_malformed', detail: expect.stringContaining(detail) },
    });
  });

  it('is refused as malformed for a name or a hash of its metadata', () => {
    expect(named('x', { filename: 'a%2Fb' }).refusal).toMatchObject({ code: 'ingest_malformed' });
    expect(named('x', { sha256: 'abc' }).refusal).toEqual({
      code: 'ingest_malformed',
      detail: 'sha256 must be 64 hexadecimal digits',
    });
  });

  it('is shown as far as that is possible where it is malformed', () => {
    expect(drop(`ingest/${project}/12/a\u202eb`).upload).toMatchObject({
      owner: `ingest#${project}`,
      projectId: project,
      issueId: '12',
      filename: 'a b',
      sentName: 'a b',
      sha256: undefined,
      size: 10,
    });
    expect(drop('ingest/x').upload).toMatchObject({ owner: 'ingest#', projectId: 'x', issueId: '' });
  });

  it.each([
    [{ projects: [] }, {}, 'ingest_project_closed', project],
    [{ projects: ['*'] }, { size: 0 }, 'ingest_empty', '0 bytes'],
    [{ maxFileBytes: 9 }, {}, 'ingest_too_large', '10 bytes; at most 9'],
  ])('is refused by %j with %j', (open, about, code, detail) => {
    const key = `ingest/${project}/${issue}/x`;
    const offer = offerOfDrop({ bucket, key, object: { ...object, ...about } }, { ...admission, ...open });

    expect(offer.refusal).toEqual({ code, detail: expect.stringContaining(detail) });
    expect(offer.upload).toMatchObject({ owner: `ingest#${project}`, filename: 'x' });
  });

  it.each([
    [{ projects: ['*'] }, {}],
    [{ projects: ['other', project] }, {}],
    [{ maxFileBytes: 10 }, {}],
    [{}, { size: 1 }],
  ])('is taken by %j with %j', (open, about) => {
    const key = `ingest/${project}/${issue}/x`;

    expect(
      offerOfDrop({ bucket, key, object: { ...object, ...about } }, { ...admission, ...open }).refusal,
    ).toBeUndefined();
  });

  it('is the same upload for the same bytes under the same key, and another one otherwise', () => {
    const ids = [
      named('a').upload.id,
      named('a').upload.id,
      drop(`ingest/${project}/${issue}/a`, { putAt: 'later', size: 11, metadata: { filename: 'n' } }).upload
        .id,
      named('b').upload.id,
      drop(`ingest/${project}/${issue}/a`, { etag: 'e2' }).upload.id,
      offerOfDrop({ bucket: 'another', key: `ingest/${project}/${issue}/a`, object }, admission).upload.id,
    ];

    expect(new Set(ids.slice(0, 3)).size).toBe(1);
    expect(new Set(ids).size).toBe(4);
  });
});

describe('what a request offers', () => {
  it('is an upload of the object that it names', () => {
    const { upload, refusal } = offerOfRequest(
      {
        ...request,
        source: { ...request.source, versionId: 'v1' },
        filename: 'other.pdf',
        contentType: 'application/pdf',
        uploadedBy: 'CI',
      },
      { object: { ...object, sha256 }, offerId: 'message-1' },
      admission,
    );

    expect(refusal).toBeUndefined();
    expect(upload).toEqual({
      id: nameBasedId('request', 'build-7'),
      owner: `ingest#${project}`,
      source: {
        kind: 'request',
        requestId: 'build-7',
        bucket: 'artifacts',
        key: 'out/report.pdf',
        versionId: 'v1',
        etag: 'e1',
        offer: 'message-1',
      },
      uploadedBy: 'CI',
      projectId: project,
      issueId: issue,
      filename: 'other.pdf',
      sentName: 'other.pdf',
      contentType: 'application/pdf',
      size: 10,
      sha256,
    });
  });

  it('has the name and the type of its object where it gives none', () => {
    expect(offerOfRequest(request, offered, admission).upload).toMatchObject({
      filename: 'report.pdf',
      contentType: 'text/plain',
    });
  });

  it('names no producer by an empty name', () => {
    expect(
      offerOfRequest({ ...request, uploadedBy: '' }, offered, admission).upload.uploadedBy,
    ).toBeUndefined();
  });

  it.each(['out/', `a/${'x'.repeat(201)}`])('is malformed where its object has no name: %s', (key) => {
    const offer = offerOfRequest({ ...request, source: { bucket: 'artifacts', key } }, offered, admission);

    expect(offer).toMatchObject({
      refusal: { code: 'ingest_malformed' },
      upload: { id: nameBasedId('request', 'build-7'), projectId: project, issueId: issue },
    });
  });

  it.each([
    [{ projects: [] }, 'ingest_project_closed'],
    [{ maxFileBytes: 9 }, 'ingest_too_large'],
  ])('is refused by %j', (open, code) => {
    expect(offerOfRequest(request, offered, { ...admission, ...open }).refusal?.code).toBe(code);
  });

  it('is the same upload for the same requestId, though its object is another', () => {
    const other = { ...request, source: { bucket: 'artifacts', key: 'other' } };

    expect(offerOfRequest(other, offered, admission).upload.id).toBe(
      offerOfRequest(request, offered, admission).upload.id,
    );
  });

  it('keeps what the message says where its object cannot be had', () => {
    const refusal = { code: 'ingest_source_missing' as const, detail: 'why' };

    expect(refusedRequest(request, { offerId: 'message-1', refusal })).toMatchObject({
      refusal,
      upload: {
        id: nameBasedId('request', 'build-7'),
        owner: `ingest#${project}`,
        projectId: project,
        issueId: issue,
        filename: 'out/report.pdf',
        size: 0,
        source: { kind: 'request', etag: '', offer: 'message-1' },
      },
    });
  });

  it('keeps the name that it gives where its object cannot be had', () => {
    const refusal = { code: 'ingest_source_missing' as const, detail: 'why' };
    const given = { ...request, filename: 'other.pdf' };

    expect(refusedRequest(given, { offerId: 'message-1', refusal }).upload).toMatchObject({
      filename: 'other.pdf',
      sentName: 'other.pdf',
    });
  });

  it('has an id of its own where its requestId belongs to another one', () => {
    const offer = offerOfRequest(request, offered, admission);
    const ofOther = offerOfRequest(
      { ...request, source: { ...request.source, versionId: 'v2' } },
      offered,
      admission,
    );

    const refused = refusedAsReused(offer);

    expect(refused.refusal?.code).toBe('ingest_request_reused');
    expect(refused.upload).toEqual({ ...offer.upload, id: refused.upload.id });
    expect(refusedAsReused(offer)).toEqual(refused);
    expect(new Set([offer.upload.id, refused.upload.id, refusedAsReused(ofOther).upload.id]).size).toBe(3);
  });
});

describe('a message with a requestId that is no request', () => {
  const offerOf = (body: { requestId: string; [name: string]: unknown }, offerId = 'message-1'): Offer => {
    const { error } = ingestRequest.safeParse(body);
    if (error === undefined) throw new Error('this is a request');
    return malformedRequest({ requestId: body.requestId, body, error }, { offerId });
  };

  it('is a refused offer under an id that a good request does not have', () => {
    const body = { requestId: 'build-7', projectId: project, issueId: 7 };

    const offer = offerOf(body);

    expect(offer).toMatchObject({
      refusal: { code: 'ingest_malformed', detail: expect.stringContaining('issueId must be a string') },
      upload: {
        owner: `ingest#${project}`,
        projectId: project,
        issueId: '',
        filename: '',
        size: 0,
        source: { kind: 'request', requestId: 'build-7', bucket: '', key: '', offer: 'message-1' },
      },
    });
    expect(offer.upload.id).toBe(offerOf(body, 'message-2').upload.id);
    expect(offer.upload.id).not.toBe(nameBasedId('request', 'build-7'));
    expect(offerOf({ ...body, issueId: 8 }).upload.id).not.toBe(offer.upload.id);
  });

  it('keeps what it says of project, work item and name in their places', () => {
    const body = { requestId: 'build-7', projectId: 'p', issueId: 'i', filename: 'f' };

    expect(offerOf(body).upload).toMatchObject({ projectId: 'p', issueId: 'i', filename: 'f' });
  });

  it('does not say more of its faults than a record can have', () => {
    const body = { requestId: 'build-7', ['x'.repeat(300_000)]: 1, projectId: 'p'.repeat(300_000) };

    const offer = offerOf(body);

    expect(JSON.stringify(offer).length).toBeLessThan(2_000);
    expect(offer.refusal?.detail).toContain('projectId must be');
    expect(offer.refusal?.detail).toHaveLength(500);
  });
});

describe('a name-based id', () => {
  it('is an upload id, and a UUID of version 8', () => {
    const ids = Array.from({ length: 100 }, (_, index) => nameBasedId('drop', String(index)));

    expect(ids.every(isUploadId)).toBe(true);
    expect(ids.every((id) => /^.{8}-.{4}-8.{3}-[89ab].{3}-.{12}$/.test(id))).toBe(true);
    expect(new Set(ids.map((id) => id[19])).size).toBe(4);
  });

  it('never changes: records are found by it', () => {
    expect(nameBasedId('drop', 'staging', 'ingest/p/i/报告.pdf', 'e1')).toBe(
      'ed07c4f9-d868-80fa-8fd1-ad8b4ee0cf69',
    );
  });

  it('keeps its names apart', () => {
    expect(nameBasedId('a', 'bc')).not.toBe(nameBasedId('ab', 'c'));
  });
});
