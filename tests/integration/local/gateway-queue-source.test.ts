import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SQSClient,
  SendMessageBatchCommand,
} from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { startQueueSource } from '../../../local/gateway/queue-source.ts';
import { startSqs } from '../../../local/sqs.ts';

const REGION = 'eu-central-1';
const recordSchema = z.looseObject({ messageId: z.string(), body: z.string() });
const batchSchema = z.object({ Records: z.array(recordSchema) });
type Batch = z.infer<typeof batchSchema>['Records'];

let sqs: Awaited<ReturnType<typeof startSqs>>;
let client: SQSClient;
let source: ReturnType<typeof startQueueSource> | undefined;
let count = 0;

beforeAll(async () => {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  sqs = await startSqs({ port: 0, region: REGION, credentials: [credentials] });
  client = new SQSClient({ endpoint: sqs.url, region: REGION, credentials });
});

afterEach(() => source?.stop());

afterAll(async () => {
  client.destroy();
  await sqs.close();
});

async function makeQueue(attributes: Record<string, string> = {}) {
  count += 1;
  const QueueName = `queue-${count}`;
  await client.send(
    new CreateQueueCommand({ QueueName, Attributes: { VisibilityTimeout: '3600', ...attributes } }),
  );
  return {
    url: `${sqs.url}/000000000000/${QueueName}`,
    arn: `arn:aws:sqs:${REGION}:000000000000:${QueueName}`,
  };
}

async function send(QueueUrl: string, bodies: string[]): Promise<void> {
  const Entries = bodies.map((MessageBody, index) => ({
    Id: String(index),
    MessageBody,
    MessageAttributes: { colour: { DataType: 'String', StringValue: 'red' } },
  }));
  await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
}

async function countMessages(QueueUrl: string): Promise<number> {
  const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
  const { Attributes } = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] }),
  );
  return names.reduce((sum, name) => sum + Number(Attributes?.[name]), 0);
}

/** Polls with a function that answers each batch by `answer`, and gives the first batches as they came. */
async function run(
  options: { arn: string; batchSize?: number; report?: boolean; batches: number },
  answer: (batch: Batch) => unknown,
): Promise<Batch[]> {
  const seen: Batch[] = [];
  const enough = Promise.withResolvers<void>();
  source = startQueueSource({
    client,
    mapping: {
      arn: options.arn,
      batchSize: options.batchSize ?? 10,
      maximumConcurrency: 2,
      ...(options.report === false ? {} : { functionResponseType: 'ReportBatchItemFailures' }),
    },
    region: REGION,
    invoke: async (event) => {
      const { Records } = batchSchema.parse(event);
      if (seen.push(Records) >= options.batches) enough.resolve();
      return JSON.stringify(answer(Records)) ?? 'null';
    },
    onError: (message) => enough.reject(new Error(message)),
  });
  await enough.promise;
  await source.stop();
  return seen;
}

describe('startQueueSource', () => {
  it('hands over records in the shape of AWS and deletes them afterwards', async () => {
    const queue = await makeQueue();
    await send(queue.url, ['{"a":1}']);

    const [batch] = await run({ arn: queue.arn, batches: 1 }, () => ({ batchItemFailures: [] }));

    expect(batch).toEqual([
      {
        messageId: expect.any(String),
        receiptHandle: expect.any(String),
        body: '{"a":1}',
        attributes: expect.objectContaining({
          ApproximateReceiveCount: '1',
          SentTimestamp: expect.stringMatching(/^\d{13}$/),
          ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          SenderId: expect.any(String),
        }),
        messageAttributes: {
          colour: { stringValue: 'red', stringListValues: [], binaryListValues: [], dataType: 'String' },
        },
        md5OfMessageAttributes: expect.any(String),
        md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
        eventSource: 'aws:sqs',
        eventSourceARN: queue.arn,
        awsRegion: REGION,
      },
    ]);
    expect(await countMessages(queue.url)).toBe(0);
  });

  it('keeps only the messages that a partial answer reports', async () => {
    const queue = await makeQueue();
    await send(queue.url, ['good', 'bad', 'fine']);

    await run({ arn: queue.arn, batches: 1 }, (batch) => ({
      batchItemFailures: batch
        .filter(({ body }) => body === 'bad')
        .map((item) => ({ itemIdentifier: item.messageId })),
    }));

    expect(await countMessages(queue.url)).toBe(1);
  });

  it.each([
    ['names an unknown message', { batchItemFailures: [{ itemIdentifier: 'unknown' }] }],
    ['names an empty message', { batchItemFailures: [{ itemIdentifier: '' }] }],
    ['has another shape', { batchItemFailures: 'all' }],
    ['is a text', 'done'],
  ])('keeps the whole batch when the answer %s', async (_what, answer) => {
    const queue = await makeQueue();
    await send(queue.url, ['one', 'two']);

    await run({ arn: queue.arn, batches: 1 }, () => answer);

    expect(await countMessages(queue.url)).toBe(2);
  });

  it.each([[null], [{}], [{ batchItemFailures: null }]])('takes %j for success', async (answer) => {
    const queue = await makeQueue();
    await send(queue.url, ['one', 'two']);

    await run({ arn: queue.arn, batches: 1 }, () => answer);

    expect(await countMessages(queue.url)).toBe(0);
  });

  it('does not read the answer when partial answers are not asked for', async () => {
    const queue = await makeQueue();
    await send(queue.url, ['one']);

    await run({ arn: queue.arn, report: false, batches: 1 }, ([first]) => ({
      batchItemFailures: [{ itemIdentifier: first?.messageId }],
    }));

    expect(await countMessages(queue.url)).toBe(0);
  });

  it('gives no more messages at once than batchSize', async () => {
    const queue = await makeQueue();
    await send(queue.url, ['1', '2', '3']);

    const batches = await run({ arn: queue.arn, batchSize: 1, batches: 3 }, () => null);

    expect(batches.map((batch) => batch.length)).toEqual([1, 1, 1]);
  });

  it('sees a failed message again after its visibility timeout, and then the dead letters have it', async () => {
    const dead = await makeQueue();
    const redrive = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 });
    const queue = await makeQueue({ RedrivePolicy: redrive, VisibilityTimeout: '1' });
    await send(queue.url, ['poison']);
    const sentAt = Date.now();

    const seen: number[] = [];
    source = startQueueSource({
      client,
      mapping: {
        arn: queue.arn,
        batchSize: 10,
        maximumConcurrency: 2,
        functionResponseType: 'ReportBatchItemFailures',
      },
      region: REGION,
      invoke: async () => {
        seen.push(Date.now() - sentAt);
        throw new Error('poisoned');
      },
      onError: () => undefined,
    });
    let messages: Message[] = [];
    while (messages.length === 0) {
      const poll = new ReceiveMessageCommand({ QueueUrl: dead.url, WaitTimeSeconds: 20 });
      ({ Messages: messages = [] } = await client.send(poll));
    }

    expect(messages).toMatchObject([{ Body: 'poison' }]);
    expect(seen).toHaveLength(2);
    expect(seen[1]).toBeGreaterThanOrEqual(990);
  });

  it('stops in the middle of a long poll', async () => {
    const queue = await makeQueue();
    const ending = new AbortController();
    const longPoll = client
      .send(new ReceiveMessageCommand({ QueueUrl: queue.url, WaitTimeSeconds: 20 }), {
        abortSignal: ending.signal,
      })
      .catch(() => undefined);
    source = startQueueSource({
      client,
      mapping: { arn: queue.arn, batchSize: 1, maximumConcurrency: 2 },
      region: REGION,
      invoke: async () => 'null',
      onError: () => undefined,
    });

    const first = await Promise.race([
      source.stop().then(() => 'it has stopped'),
      longPoll.then(() => 'a poll that began before is over'),
    ]);

    expect(first).toBe('it has stopped');
    ending.abort();
    await longPoll;
  });

  it('reports a queue that does not exist and goes on trying', async () => {
    const reported = Promise.withResolvers<string>();
    source = startQueueSource({
      client,
      mapping: { arn: `arn:aws:sqs:${REGION}:000000000000:nowhere`, batchSize: 1, maximumConcurrency: 2 },
      region: REGION,
      invoke: async () => 'null',
      onError: reported.resolve,
    });

    expect(await reported.promise).toMatch(/nowhere: .*does not exist/i);
  });
});
