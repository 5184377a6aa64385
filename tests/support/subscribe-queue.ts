/** A queue of SQS that subscribes to a topic of SNS, and what has come to it. */
import { SubscribeCommand } from '@aws-sdk/client-sns';
import type { SNSClient } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { randomUUID } from 'node:crypto';
import type { Published } from '../ends/memory-ends.ts';

/** Subscribes; the function takes what has been published since its last call. */
export async function subscribeQueue({
  clients: { sns, sqs },
  topicArn,
  sqsUrl,
}: {
  clients: { sns: SNSClient; sqs: SQSClient };
  topicArn: string | undefined;
  sqsUrl: string;
}): Promise<() => Promise<Published[]>> {
  const { QueueUrl: created = '' } = await sqs.send(
    new CreateQueueCommand({ QueueName: `listener-${randomUUID()}` }),
  );
  // Emulators name hosts that need not resolve.
  const QueueUrl = new URL(new URL(created).pathname, sqsUrl).href;
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  await sns.send(
    new SubscribeCommand({
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: Attributes?.['QueueArn'],
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  return () => takeAll(sqs, QueueUrl);
}

/** All messages that are visible now, which leave the queue. */
async function takeAll(sqs: SQSClient, QueueUrl: string): Promise<Published[]> {
  const all: Published[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
    );
    if (Messages.length === 0) return all;
    for (const { Body: body = '', MessageAttributes = {} } of Messages) {
      const attributes = Object.entries(MessageAttributes).map(([name, { StringValue }]) => [
        name,
        StringValue,
      ]);
      all.push({ body, attributes: Object.fromEntries(attributes) });
    }
    await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl,
        Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
      }),
    );
  }
}
