/** Events as the delivery queue brings them to a function: an SQS message with an S3 event, or with our own request. */
import { createHash } from 'node:crypto';
import type { SQSEvent } from 'aws-lambda';

/** One SQS event with a message for each body; the ids are `message-1`, `message-2`, … */
export function queueEvent(...bodies: unknown[]): SQSEvent {
  return {
    Records: bodies.map((body, index) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return {
        messageId: `message-${index + 1}`,
        receiptHandle: `handle-${index + 1}`,
        body: text,
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: '1773342238000',
          SenderId: 'AIDAIENQZJOLO23YVJ4VO',
          ApproximateFirstReceiveTimestamp: '1773342238001',
        },
        messageAttributes: {},
        md5OfBody: createHash('md5').update(text).digest('hex'),
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:eu-central-1:000000000000:delivery',
        awsRegion: 'eu-central-1',
      };
    }),
  };
}

type Created = { key: string; bytes: Buffer; eventName?: string };

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
export function storageEvent(...objects: Created[]): object {
  return {
    Records: objects.map(({ key, bytes, eventName = 'ObjectCreated:Put' }) => ({
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      awsRegion: 'eu-central-1',
      eventTime: '2026-03-12T19:03:58.000Z',
      eventName,
      userIdentity: { principalId: 'AWS:AIDAJDPLRKLG7UEXAMPLE' },
      requestParameters: { sourceIPAddress: '127.0.0.1' },
      responseElements: { 'x-amz-request-id': 'C3D13FE58DE4C810', 'x-amz-id-2': 'FMyUVURIY8/IgAtTv8xRjskZ' },
      s3: {
        s3SchemaVersion: '1.0',
        configurationId: 'delivery',
        bucket: {
          name: 'staging',
          ownerIdentity: { principalId: 'A3NL1KOZZKExample' },
          arn: 'arn:aws:s3:::staging',
        },
        object: {
          key,
          // A removal has neither.
          ...(eventName.startsWith('ObjectCreated') && {
            size: bytes.length,
            eTag: createHash('md5').update(bytes).digest('hex'),
          }),
          sequencer: '0055AED6DCD90281E5',
        },
      },
    })),
  };
}
