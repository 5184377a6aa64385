/**
 * `npm run ops -- dead-letters`: lists the messages that SQS gave up after too many receives, and puts them back on
 * the delivery queue. A message only asks for a delivery; the ledger decides, so no message sends a file twice.
 */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { readMessage } from '../../lib/messaging/queue.ts';
import { uploadIdOf } from '../../lib/domain/upload.ts';
import { openServices } from './place.ts';
import type { Opened } from './place.ts';
import { readCount, sayAge } from './terms.ts';
import type { Task } from './terms.ts';
import { fill, texts } from '../texts.ts';

/** The most that SQS hands out at once. */
const BATCH = 10;
/** Long enough to put a batch back; after that SQS shows the rest again. */
const HIDDEN_SECONDS = 60;
/** The most that SQS hides a message for. */
const LONGEST_HIDDEN_SECONDS = 43_200;
const STANDARD_LIMIT = 100;

const policy = z.object({ deadLetterTargetArn: z.string() });

type Letter = {
  messageId: string;
  ageSeconds: number;
  /** What it asks for; undefined when it is no message of the bridge. */
  kind: 'request' | 'arrival' | undefined;
  uploadId: string | undefined;
  status: string | undefined;
};

export const deadLetters: Task = {
  takes: ['redrive', 'limit'],

  check: ({ values }) => void readCount('limit', values.limit, STANDARD_LIMIT),

  async run({ values, say, signal }) {
    const services = await openServices(values);
    const client = new SQSClient({});
    const from = await findDeadLetters(client, services.config.queueUrl);
    const limit = readCount('limit', values.limit, STANDARD_LIMIT);
    // Messages that stay are hidden until all are read, or SQS would return them again: a second for each is plenty.
    const whileReading = Math.min(HIDDEN_SECONDS + limit, LONGEST_HIDDEN_SECONDS);
    const hiddenSeconds = values.redrive ? HIDDEN_SECONDS : whileReading;
    const letters: Letter[] = [];
    const staying: Message[] = [];
    let moved = 0;
    while (letters.length < limit && !signal.aborted) {
      const most = Math.min(limit - letters.length, BATCH);
      const batch = await receive(client, { from, most, hiddenSeconds });
      if (batch.length === 0) break;
      const received = await Promise.all(batch.map((message) => read(services, message)));
      received.forEach((letter) => say(describe(letter)));
      letters.push(...received);
      for (const message of batch) {
        if (!values.redrive || signal.aborted) staying.push(message);
        else {
          await sendBack(client, { from, to: services.config.queueUrl }, message);
          moved += 1;
        }
      }
    }
    for (const message of staying) await release(client, from, message);
    say(
      values.redrive
        ? fill(texts.ops.deadLetters.moved, { count: moved })
        : fill(texts.ops.deadLetters.count, { count: letters.length }),
    );
    return { well: !signal.aborted, answer: { deadLetters: letters, moved } };
  },
};

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html */
async function findDeadLetters(client: SQSClient, queueUrl: string): Promise<string> {
  const asked = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['RedrivePolicy'] });
  const { Attributes } = await client.send(asked);
  const { deadLetterTargetArn } = policy.parse(JSON.parse(Attributes?.['RedrivePolicy'] ?? '{}'));
  const QueueName = deadLetterTargetArn.split(':').at(-1);
  const { QueueUrl = '' } = await client.send(new GetQueueUrlCommand({ QueueName }));
  // An emulator may return a host that does not resolve; the host of the delivery queue does.
  return new URL(new URL(QueueUrl).pathname, queueUrl).href;
}

async function receive(
  client: SQSClient,
  { from, most, hiddenSeconds }: { from: string; most: number; hiddenSeconds: number },
): Promise<Message[]> {
  const { Messages = [] } = await client.send(
    new ReceiveMessageCommand({
      QueueUrl: from,
      MaxNumberOfMessages: most,
      VisibilityTimeout: hiddenSeconds,
      // Long polling asks all servers of SQS, so a few messages are found at once.
      WaitTimeSeconds: 1,
      MessageSystemAttributeNames: ['SentTimestamp'],
    }),
  );
  return Messages;
}

/** Sends before it deletes: a message that comes twice is harmless, a lost one is not. */
async function sendBack(
  client: SQSClient,
  { from, to }: { from: string; to: string },
  message: Message,
): Promise<void> {
  await client.send(new SendMessageCommand({ QueueUrl: to, MessageBody: message.Body }));
  await client.send(new DeleteMessageCommand({ QueueUrl: from, ReceiptHandle: message.ReceiptHandle }));
}

async function release(client: SQSClient, from: string, { ReceiptHandle }: Message): Promise<void> {
  await client.send(
    new ChangeMessageVisibilityCommand({ QueueUrl: from, ReceiptHandle, VisibilityTimeout: 0 }),
  );
}

async function read({ ledger, clock }: Opened, message: Message): Promise<Letter> {
  const { MessageId: messageId = '', Body = '', Attributes } = message;
  const ageSeconds = Math.floor((clock.now() - Number(Attributes?.SentTimestamp ?? 0)) / 1000);
  const asked = readMessage(Body);
  const about = { messageId, ageSeconds };
  if (asked === undefined) return { ...about, kind: undefined, uploadId: undefined, status: undefined };
  const isRequest = asked.kind === 'request';
  const uploadId = isRequest ? asked.request.uploadId : uploadIdOf(asked.arrivals[0]?.key ?? '');
  const upload = uploadId === undefined ? undefined : await ledger.find(uploadId);
  return { ...about, kind: isRequest ? 'request' : 'arrival', uploadId, status: upload?.status };
}

function describe({ messageId, ageSeconds, kind, uploadId, status }: Letter): string {
  const age = sayAge(ageSeconds * 1000);
  if (kind === undefined) return `${messageId}  ${age}  ${texts.ops.deadLetters.other}`;
  const words = kind === 'request' ? texts.ops.deadLetters.request : texts.ops.deadLetters.arrival;
  const values = {
    upload: uploadId ?? texts.ops.deadLetters.noUpload,
    status: status ?? texts.ops.deadLetters.notInLedger,
  };
  return `${messageId}  ${age}  ${fill(words, values)}`;
}
