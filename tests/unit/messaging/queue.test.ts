import { describe, expect, it } from '@jest/globals';
import { readMessage } from '../../../lib/messaging/queue.ts';

const uploadId = '0197a1b2-0000-7000-8000-000000000000';

describe('a message of the delivery queue', () => {
  it('of our own asks for an attempt', () => {
    const request = { uploadId, attempt: 2, isArrival: true };

    expect(readMessage(JSON.stringify(request))).toEqual({ kind: 'request', request });
  });

  it('of S3 tells of each object that was created, and of nothing else', () => {
    const object = { key: 'staging/a+b%2Bc', eTag: 'e', size: 3 };
    const body = {
      Records: [
        { eventName: 'ObjectCreated:Put', s3: { object } },
        { eventName: 'ObjectRemoved:Delete', s3: { object: { key: 'staging/gone' } } },
        { eventName: 'ObjectCreated:CompleteMultipartUpload', s3: { object: { ...object, key: '%' } } },
      ],
    };

    expect(readMessage(JSON.stringify(body))).toEqual({
      kind: 'arrivals',
      arrivals: [
        { key: 'staging/a b+c', etag: 'e', size: 3 },
        { key: '%', etag: 'e', size: 3 },
      ],
    });
  });

  it('with which S3 tries the queue asks for nothing', () => {
    const body = { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'staging' };

    expect(readMessage(JSON.stringify(body))).toEqual({ kind: 'arrivals', arrivals: [] });
  });

  it.each(['', '{', 'null', '{}', '{"Event":"other"}', '{"uploadId":"one","attempt":1}', '{"Records":[{}]}'])(
    'has no meaning in another form: %s',
    (body) => {
      expect(readMessage(body)).toBeUndefined();
    },
  );
});
