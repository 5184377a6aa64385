/**
 * SQS event source mapping: polls a queue, invokes the function, deletes the messages that it did not report as failed.
 * Never changes a visibility timeout: a failed message returns when the queue makes it visible again, as on AWS.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DeleteMessageBatchCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { Message, SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import type { QueueEvent } from '../template.ts';

export interface QueueSourceOptions {
  client: SQSClient;
  mapping: QueueEvent;
  region: string;
  /** Runs the function and returns its answer as JSON text. */
  invoke: (event: object) => Promise<string>;
  onError: (message: string) => void;
}

/** The longest that SQS allows: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html */
const WAIT_SECONDS = 20;
const PAUSE_AFTER_ERROR_MS = 1000;

const partialAnswer = z
  .object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string().min(1) })).nullish() })
  .nullable();

/** Starts one polling loop for each concurrent invocation that the mapping allows; `stop` waits for running ones. */
export function startQueueSource(options: QueueSourceOptions): { stop: () => Promise<void> } {
  const abort = new AbortController();
  const loops = Array.from({ length: options.mapping.maximumConcurrency }, () => poll(options, abort.signal));
  return {
    async stop() {
      abort.abort();
      await Promise.all(loops);
    },
  };
}

async function poll(options: QueueSourceOptions, signal: AbortSignal): Promise<void> {
  const { client, mapping } = options;
  let queueUrl: string | undefined;
  while (!signal.aborted) {
    try {
      queueUrl ??= await findQueue(client, mapping.arn, signal);
      const messages = await receive(client, queueUrl, mapping.batchSize, signal);
      if (messages.length === 0) continue;
      const done = await handle(options, messages);
      if (done.length > 0) await remove(client, queueUrl, done);
    } catch (error) {
      if (signal.aborted) return;
      options.onError(`${mapping.arn}: ${error instanceof Error ? error.message : String(error)}`);
      await delay(PAUSE_AFTER_ERROR_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Returns the messages that are done; none when the function failed or its answer cannot be read. */
async function handle(
  { mapping, region, invoke }: QueueSourceOptions,
  messages: Message[],
): Promise<Message[]> {
  const event = { Records: messages.map((message) => toRecord(message, mapping.arn, region)) };
  const payload = await invoke(event).catch(() => undefined);
  if (payload === undefined) return [];
  if (mapping.functionResponseType === undefined) return messages;
  const failed = readFailures(payload);
  const received = new Set(messages.map((message) => message.MessageId));
  if (failed === undefined || [...failed].some((id) => !received.has(id))) return [];
  return messages.filter((message) => !failed.has(message.MessageId ?? ''));
}

/** `undefined` for an answer that AWS takes as the failure of the whole batch. */
function readFailures(payload: string): Set<string> | undefined {
  const answer = partialAnswer.safeParse(JSON.parse(payload));
  if (!answer.success) return undefined;
  return new Set((answer.data?.batchItemFailures ?? []).map((item) => item.itemIdentifier));
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
function toRecord(message: Message, eventSourceARN: string, awsRegion: string): object {
  const attributes = Object.entries(message.MessageAttributes ?? {}).map(([name, attribute]) => [
    name,
    {
      ...(attribute.StringValue === undefined ? {} : { stringValue: attribute.StringValue }),
      ...(attribute.BinaryValue === undefined
        ? {}
        : { binaryValue: Buffer.from(attribute.BinaryValue).toString('base64') }),
      stringListValues: [],
      binaryListValues: [],
      dataType: attribute.DataType,
    },
  ]);
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes ?? {},
    messageAttributes: Object.fromEntries(attributes),
    ...(message.MD5OfMessageAttributes === undefined
      ? {}
      : { md5OfMessageAttributes: message.MD5OfMessageAttributes }),
    md5OfBody: message.MD5OfBody,
    eventSource: 'aws:sqs',
    eventSourceARN,
    awsRegion,
  };
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueUrl.html */
async function findQueue(client: SQSClient, arn: string, abortSignal: AbortSignal): Promise<string> {
  const command = new GetQueueUrlCommand({ QueueName: arn.slice(arn.lastIndexOf(':') + 1) });
  const { QueueUrl } = await client.send(command, { abortSignal });
  if (QueueUrl === undefined) throw new Error('The queue has no URL');
  return QueueUrl;
}

async function receive(client: SQSClient, queueUrl: string, limit: number, abortSignal: AbortSignal) {
  const command = new ReceiveMessageCommand({
    QueueUrl: queueUrl,
    MaxNumberOfMessages: limit,
    WaitTimeSeconds: WAIT_SECONDS,
    MessageSystemAttributeNames: ['All'],
    MessageAttributeNames: ['All'],
  });
  const { Messages = [] } = await client.send(command, { abortSignal });
  return Messages;
}

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html */
async function remove(client: SQSClient, queueUrl: string, messages: Message[]): Promise<void> {
  const Entries = messages.map((message, index) => ({
    Id: String(index),
    ReceiptHandle: message.ReceiptHandle,
  }));
  const { Failed = [] } = await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries }));
  if (Failed.length > 0) throw new Error(`${Failed.length} messages could not be deleted`);
}
