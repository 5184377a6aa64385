/**
 * The events of a bucket: which queues get them, their documents as AWS writes them, and sending them to SQS.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 * Never makes a write fail: the object is stored, and AWS may lose an event, too.
 */
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Credentials } from './auth.ts';
import { encodeKey } from './key-encoding.ts';
import { wants } from './notification-rules.ts';
import type { Bucket, Notification, StoredObject } from './store.ts';

export type Publish = (message: { queueArn: string; body: string }) => Promise<void>;

export type CreationEvent =
  'ObjectCreated:Put' | 'ObjectCreated:Post' | 'ObjectCreated:Copy' | 'ObjectCreated:CompleteMultipartUpload';

export type Announce = (creation: {
  bucket: Bucket;
  object: StoredObject;
  eventName: CreationEvent;
  requestId: string;
}) => void;

/** Announces new objects to the queues that the bucket names for them, without waiting. */
export function createAnnouncer({ region, publish }: { region: string; publish: Publish }): Announce {
  let sequence = 0n;

  /** Rises by counting within a process, and by the time across restarts. */
  function nextSequencer(time: string): string {
    const byTime = BigInt(Date.parse(time)) << 16n;
    sequence = byTime > sequence ? byTime : sequence + 1n;
    return sequence.toString(16).toUpperCase().padStart(18, '0');
  }

  return ({ bucket, object, eventName, requestId }) => {
    const sequencer = nextSequencer(object.lastModified);
    for (const notification of bucket.notifications.filter((each) => wants(each, object.key, eventName))) {
      const event = describe({ bucket, object, eventName, requestId, region, sequencer, notification });
      publish({ queueArn: notification.queueArn, body: JSON.stringify(event) }).catch((error: unknown) => {
        process.stderr.write(
          `s3: ${eventName} of ${object.key} did not reach ${notification.queueArn}: ${String(error)}\n`,
        );
      });
    }
  };
}

/** The message that a queue gets when a bucket starts to name it. */
export function testEvent({
  bucket,
  requestId,
  now,
}: {
  bucket: string;
  requestId: string;
  now: Date;
}): string {
  return JSON.stringify({
    Service: 'Amazon S3',
    Event: 's3:TestEvent',
    Time: now.toISOString(),
    Bucket: bucket,
    RequestId: requestId,
    HostId: requestId,
  });
}

/** Publishes to SQS by the queue's name; `close` waits for running requests. */
export function createSqsPublisher(options: { endpoint: string; region: string; credentials: Credentials }) {
  // The SDK retries with its own back-off.
  const client = new SQSClient({ ...options, maxAttempts: 4 });
  const pending = new Set<Promise<void>>();

  async function send({ queueArn, body }: { queueArn: string; body: string }): Promise<void> {
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: queueArn.split(':').at(-1) }));
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
  }

  return {
    async publish(message: { queueArn: string; body: string }): Promise<void> {
      const sending = send(message);
      pending.add(sending);
      try {
        await sending;
      } finally {
        pending.delete(sending);
      }
    },
    async close(): Promise<void> {
      await Promise.allSettled(pending);
      client.destroy();
    },
  };
}

function describe(
  details: Parameters<Announce>[0] & { region: string; sequencer: string; notification: Notification },
) {
  const { bucket, object, eventName, requestId, region, sequencer, notification } = details;
  return {
    Records: [
      {
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        awsRegion: region,
        eventTime: object.lastModified,
        eventName,
        userIdentity: { principalId: 'AWS:LOCAL' },
        requestParameters: { sourceIPAddress: '127.0.0.1' },
        responseElements: { 'x-amz-request-id': requestId, 'x-amz-id-2': requestId },
        s3: {
          s3SchemaVersion: '1.0',
          configurationId: notification.id,
          bucket: {
            name: bucket.name,
            ownerIdentity: { principalId: 'LOCAL' },
            arn: `arn:aws:s3:::${bucket.name}`,
          },
          object: {
            key: encodeKey(object.key),
            size: object.size,
            eTag: object.etag.replaceAll('"', ''),
            sequencer,
          },
        },
      },
    ],
  };
}
