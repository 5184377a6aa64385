/** A queue that subscribes to the notification topic, like a program that follows the ends of uploads. */
import { SubscribeCommand } from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { World } from './world.ts';

const message = z.looseObject({
  type: z.string(),
  time: z.string(),
  deduplicationId: z.string(),
  upload: z.looseObject({ id: z.string() }),
});

export type Received = z.infer<typeof message> & { attributes: Record<string, string | undefined> };

/** Subscribes; what is read from now on has been published from now on. */
export async function subscribe({
  clients: { sns, sqs },
  config,
}: {
  clients: Pick<World['clients'], 'sns' | 'sqs'>;
  config: Pick<World['config'], 'queueUrl' | 'topicArn'>;
}) {
  const { QueueUrl: created = '' } = await sqs.send(
    new CreateQueueCommand({ QueueName: `listener-${randomUUID()}` }),
  );
  // Emulators name hosts that need not resolve.
  const QueueUrl = new URL(new URL(created).pathname, config.queueUrl).href;
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  await sns.send(
    new SubscribeCommand({
      TopicArn: config.topicArn,
      Protocol: 'sqs',
      Endpoint: Attributes?.['QueueArn'],
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );

  /** Takes the notifications since the last call from the queue; only those of one upload, where one is named. */
  return async function receive(uploadId?: string): Promise<Received[]> {
    const all: Received[] = [];
    for (;;) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageAttributeNames: ['All'] }),
      );
      if (Messages.length === 0) return all.filter(({ upload }) => upload.id === (uploadId ?? upload.id));
      for (const { Body = '', MessageAttributes = {} } of Messages) {
        const attributes = Object.fromEntries(
          Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]),
        );
        all.push({ ...message.parse(JSON.parse(Body)), attributes });
      }
      await sqs.send(
        new DeleteMessageBatchCommand({
          QueueUrl,
          Entries: Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle })),
        }),
      );
    }
  };
}
