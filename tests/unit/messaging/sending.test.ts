import { describe, expect, it } from '@jest/globals';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { createIngestQueue } from '../../../lib/messaging/ingest-queue.ts';
import { createNotifications } from '../../../lib/messaging/notifications.ts';
import { createQueue } from '../../../lib/messaging/queue.ts';
import { snsWith } from '../../../lib/messaging/sns.ts';
import { sqsWith } from '../../../lib/messaging/sqs.ts';
import { iso, legal, start, uploadsByState } from '../domain/transition-samples.ts';

const queueUrl = 'https://sqs.example.com/queue';
const uploadId = '0197a1b2-0000-7000-8000-000000000000';
const settings = {
  region: 'eu-central-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local-secret' },
  maxAttempts: 1,
};

/** Queues and a topic that take what they get, or refuse it; and what they got. */
function ends({ isOut = false } = {}) {
  const sent: object[] = [];
  const keep = (input: object): void => {
    sent.push(input);
    if (isOut) throw new Error('it is out');
  };
  const sqs = new SQSClient(settings);
  sqs.middlewareStack.add(
    () => async (args) => {
      keep(args.input);
      return { output: { $metadata: {} }, response: {} };
    },
    { step: 'initialize', name: 'keep' },
  );
  const sns = new SNSClient(settings);
  sns.middlewareStack.add(
    () => async (args) => {
      keep(args.input);
      return { output: { $metadata: {} }, response: {} };
    },
    { step: 'initialize', name: 'keep' },
  );
  return {
    sent,
    queue: createQueue({ sqs: async () => sqsWith(sqs), queueUrl }),
    ingestQueue: createIngestQueue({ sqs: async () => sqsWith(sqs), queueUrl }),
    notifications: createNotifications({ sns: async () => snsWith(sns), topicArn: 'arn:topic' }),
  };
}

const request = {
  requestId: 'build-7',
  source: { bucket: 'artifacts', key: 'k' },
  projectId: 'p',
  issueId: 'i',
};
const delivered = legal(uploadsByState['delivered']);
const notification = { type: 'UploadDelivered', at: iso(start) } as const;

describe('the delivery queue', () => {
  it.each([
    [undefined, 0],
    [-1, 0],
    [0, 0],
    [1, 1],
    [1000, 1],
    [1001, 2],
    [900_000, 900],
    [900_001, 900],
  ])('is asked with %p milliseconds for a delivery in %d seconds', async (delayMs, DelaySeconds) => {
    const { queue, sent } = ends();

    await queue.send({ uploadId, attempt: 1 }, delayMs);

    const MessageBody = JSON.stringify({ uploadId, attempt: 1 });
    expect(sent).toEqual([{ QueueUrl: queueUrl, MessageBody, DelaySeconds }]);
  });
});

describe('the queue of ingestion', () => {
  it('gets drops and uploads at once, and a request in its time', async () => {
    const { ingestQueue, sent } = ends();

    await ingestQueue.sendDrops([{ key: 'ingest/p/i/a', etag: 'e' }]);
    await ingestQueue.sendResume(uploadId);
    await ingestQueue.sendAgain(request, 1001);

    const message = (body: object, DelaySeconds: number) => ({
      QueueUrl: queueUrl,
      MessageBody: JSON.stringify(body),
      DelaySeconds,
    });
    expect(sent).toEqual([
      message({ drops: [{ key: 'ingest/p/i/a', etag: 'e' }] }, 0),
      message({ resume: uploadId }, 0),
      message(request, 2),
    ]);
  });
});

describe('the topic', () => {
  it('gets the message with what subscriptions filter by', async () => {
    const { notifications, sent } = ends();

    await notifications.publish(delivered, notification);
    await notifications.publish({ ...delivered, projectId: '' }, notification);

    const type = { DataType: 'String', StringValue: 'UploadDelivered' };
    expect(sent).toMatchObject([
      {
        TopicArn: 'arn:topic',
        MessageAttributes: { type, projectId: { DataType: 'String', StringValue: 'p' } },
      },
      { MessageAttributes: { type } },
    ]);
    expect(sent[1]).not.toHaveProperty('MessageAttributes.projectId');
  });
});

describe('what cannot be sent', () => {
  it('is a failure of who sends it', async () => {
    const { queue, ingestQueue, notifications } = ends({ isOut: true });

    const failures = [
      queue.send({ uploadId, attempt: 1 }),
      ingestQueue.sendDrops([]),
      ingestQueue.sendResume(uploadId),
      ingestQueue.sendAgain(request, 0),
      notifications.publish(delivered, notification),
    ];

    expect(await Promise.allSettled(failures)).toEqual(
      failures.map(() => ({ status: 'rejected', reason: expect.objectContaining({ message: 'it is out' }) })),
    );
  });
});
