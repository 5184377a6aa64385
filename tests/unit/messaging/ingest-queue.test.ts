import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { readIngestMessage } from '../../../lib/messaging/ingest-queue.ts';

const request = {
  requestId: 'build-7',
  source: { bucket: 'artifacts', key: 'out/报告 1+1 100%.pdf' },
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
};
const read = (body: unknown) => readIngestMessage(JSON.stringify(body));

describe('a message of the queue of ingestion', () => {
  it('of S3 names the objects that were created, with their keys decoded', () => {
    const created = (key: string) => ({
      eventName: 'ObjectCreated:Put',
      s3: { object: { key, eTag: 'e', size: 3 } },
    });
    const Records = [
      created('ingest/p/i/a+b%2Bc%2520'),
      { eventName: 'ObjectRemoved:Delete', s3: { object: { key: 'ingest/p/i/gone' } } },
      created('ingest/p/i/%E6%8A%A5%E5%91%8A.pdf'),
    ];

    expect(read({ Records })).toMatchObject({
      kind: 'drops',
      drops: [
        { key: 'ingest/p/i/a b+c%20', etag: 'e' },
        { key: 'ingest/p/i/报告.pdf', etag: 'e' },
      ],
    });
  });

  it('with which S3 tries the queue asks for nothing', () => {
    expect(read({ Service: 'Amazon S3', Event: 's3:TestEvent' })).toEqual({ kind: 'drops', drops: [] });
  });

  it('of a listing names drops', () => {
    const drops = [{ key: 'ingest/p/i/a+b', etag: 'e' }];

    expect(read({ drops })).toEqual({ kind: 'drops', drops });
  });

  it('of our own asks for the copy of an upload', () => {
    const uploadId = '0197a1b2-0000-8000-8000-000000000000';

    expect(read({ resume: uploadId })).toEqual({ kind: 'resume', uploadId });
  });

  it('of a producer is a request', () => {
    const full = {
      ...request,
      source: { ...request.source, versionId: 'null' },
      filename: 'e\u0301.pdf',
      contentType: 'application/pdf',
      uploadedBy: ' CI\n ',
    };

    expect(read(request)).toEqual({ kind: 'request', request });
    expect(read(full)).toEqual({
      kind: 'request',
      request: { ...full, filename: 'é.pdf', uploadedBy: 'CI' },
    });
  });

  it.each([
    { ...request, projectId: 'p' },
    { ...request, issueId: 956239067176935 },
    { ...request, more: 1 },
    { ...request, filename: 'a/b' },
    { ...request, contentType: 'multipart/mixed' },
    { ...request, source: undefined },
    { ...request, source: { ...request.source, bucket: 'arn:aws:s3:eu-central-1:1:accesspoint/mine' } }, // cspell:disable-line
    { ...request, source: { ...request.source, bucket: 'Upper' } },
    { ...request, source: { ...request.source, bucket: 'a/b' } },
    { ...request, source: { ...request.source, key: '' } },
    { ...request, source: { ...request.source, key: 'é'.repeat(513) } },
    { ...request, source: { ...request.source, key: 'a\ud800b' } },
    { ...request, source: { ...request.source, versionId: '' } },
    { ...request, source: { ...request.source, versionId: '\udc00' } },
    { requestId: 'x'.repeat(200) },
  ])('is a malformed request where only its id can be read: %#', (body) => {
    expect(read(body)).toEqual({
      kind: 'malformed_request',
      requestId: body.requestId,
      body: JSON.parse(JSON.stringify(body)),
      error: expect.any(z.ZodError),
    });
  });

  it('may name a key of as many bytes as storage takes', () => {
    expect(read({ ...request, source: { ...request.source, key: 'é'.repeat(512) } })?.kind).toBe('request');
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"Event":"other"}',
    '{"resume":"one"}',
    '{"drops":[{"key":"k"}]}',
    '{"requestId":""}',
    '{"requestId":7}',
    '{"requestId":"a b"}',
    `{"requestId":"${'x'.repeat(201)}"}`,
    '{"Records":[{}]}',
  ])('has no meaning in another form: %s', (body) => {
    expect(readIngestMessage(body)).toBeUndefined();
  });
});
