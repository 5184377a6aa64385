/**
 * The AWS clients of one container: commands of the real SDK, carried out by the in-memory ends, with the
 * faults of the connection. Errors are those that the SDK throws after its own retries have failed.
 */
import { Readable } from 'node:stream';
import { ConditionalCheckFailedException, DynamoDBServiceException } from '@aws-sdk/client-dynamodb';
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { Container } from './container.ts';
import type { Documents } from './ends/documents.ts';
import type { Objects, Reading } from './ends/objects.ts';
import type { MessageQueue } from './ends/queue.ts';
import { refusal } from './ends/refusal.ts';
import type { Topic } from './ends/topic.ts';
import type { Faults } from './faults.ts';
import type { VirtualTime } from './virtual-time.ts';

export type Ends = { documents: Documents; objects: Objects; queue: MessageQueue; topic: Topic };

type Surroundings = Ends & {
  container: Container;
  faults: Faults;
  time: VirtualTime;
  /** Called with each call and its outcome. */
  note: (what: string, key: unknown) => void;
  /** For tests of the oracle: a write that only seems to be made. */
  isDenied?: ((item: Record<string, unknown>) => boolean) | undefined;
  /** The same: messages that only seem to be published, files and parts that only seem to be removed. */
  isMute?: boolean;
  isKept?: boolean;
};

type Options = { abortSignal?: AbortSignal };

/** The ledger's client. */
export function documentsOf(surroundings: Surroundings): DynamoDBDocumentClient {
  const { container, documents, faults, note, isDenied, time } = surroundings;
  const { random } = container;

  async function execute(command: object): Promise<object> {
    if (faults.strikes('ledgerThrottled', random)) throw throttled();
    if (command instanceof QueryCommand) {
      const lagMs = faults.strikes('indexStale', random) ? random.int(1, 5000) : 0;
      return documents.execute(command, { lagMs });
    }
    if (!(command instanceof PutCommand || command instanceof UpdateCommand)) {
      if (faults.strikes('ledgerTimeout', random)) throw timedOut();
      return documents.execute(command);
    }
    const item = command instanceof PutCommand ? command.input.Item : command.input.Key;
    const { pk, status } = item ?? {};
    if (isDenied?.(item ?? {})) return {};
    note(`write ${typeof status === 'string' ? status : keyKind(pk)}`, pk);
    if (faults.strikes('ledgerTimeout', random)) {
      if (random.chance(0.5)) documents.execute(command);
      throw timedOut();
    }
    if (faults.strikes('ledgerAnswerLost', random)) {
      documents.execute(command);
      // The SDK repeats it; meanwhile others may write.
      await time.sleep(random.pick([100, 1000, 5000]));
      await container.awake();
    }
    try {
      return documents.execute(command);
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) note('refused', pk);
      throw error;
    }
  }

  return standIn(DynamoDBDocumentClient.prototype, (command) => container.call(() => execute(command), 8));
}

/** The staging adapter's client. */
export function storageOf({ container, objects, faults, note, time, isKept }: Surroundings): S3Client {
  const { random } = container;

  async function execute(command: object, { abortSignal }: Options): Promise<object> {
    note(command.constructor.name.replace('Command', ''), 'input' in command ? keyOf(command.input) : '');
    if (abortSignal?.aborted) throw abortSignal.reason;
    if (faults.strikes('storageError', random)) throw refusal(503, 'SlowDown');
    if (isKept === true && isRemoval(command)) return {};
    if (faults.strikes('storageAnswerLost', random)) {
      objects.execute(command);
      if (random.chance(0.5)) throw refusal(500, 'InternalError');
      // The SDK repeats it; meanwhile others may do the same.
      await time.sleep(random.pick([100, 1000, 5000]));
      await container.awake();
    }
    const answer = objects.execute(command, command instanceof GetObjectCommand ? drawReading() : {});
    const body = 'Body' in answer ? answer.Body : undefined;
    if (body instanceof Readable) {
      // Like an answer of node:http, which ignores errors while it has no listener.
      body.on('error', () => undefined);
      abortSignal?.addEventListener('abort', () => body.destroy(new Error('aborted')), { once: true });
    }
    return answer;
  }

  function drawReading(): Reading {
    const breakAfter = random.int(0, 1000);
    const chunkBytes = random.pick([100, 700, 4000, 4000]);
    if (faults.strikes('storageReset', random)) return { chunkBytes, breakAfter, breakBy: 'reset' };
    if (faults.strikes('storageStall', random)) return { chunkBytes, breakAfter, breakBy: 'stall' };
    if (faults.strikes('storageShort', random)) return { chunkBytes, breakAfter, breakBy: 'end' };
    return { chunkBytes };
  }

  return standIn(S3Client.prototype, (command, options = {}) =>
    container.call(() => execute(command, options), 20),
  );
}

/** The queue's client. */
export function queueOf({ container, queue, faults, note }: Surroundings): SQSClient {
  const { random } = container;

  function execute(command: object): object {
    if (faults.strikes('queueError', random)) throw new Error('SQS does not answer');
    const answer = queue.execute(command);
    note('queued', '');
    if (faults.strikes('messageDuplicated', random)) queue.execute(command);
    if (faults.strikes('queueAnswerLost', random)) throw new Error('the answer of SQS was lost');
    return answer;
  }

  return standIn(SQSClient.prototype, (command) => container.call(() => execute(command), 10));
}

/** The client of the notification topic. */
export function topicOf({ container, topic, faults, note, isMute }: Surroundings): SNSClient {
  const { random } = container;

  function execute(command: object): object {
    if (faults.strikes('notificationError', random)) throw new Error('SNS does not answer');
    if (isMute === true) return {};
    const answer = topic.execute(command);
    const { type, upload } = topic.messages.at(-1) ?? {};
    note(`published ${type ?? ''}`, upload?.id);
    if (faults.strikes('notificationAnswerLost', random)) throw new Error('the answer of SNS was lost');
    return answer;
  }

  return standIn(SNSClient.prototype, (command) => container.call(() => execute(command), 15));
}

/** The SDK's client, but for sending its commands elsewhere. */
function standIn<T extends object>(
  client: T,
  send: (command: object, options?: Options) => Promise<object>,
): T {
  return Object.create(client, { send: { value: send } });
}

function isRemoval(command: object): boolean {
  return command instanceof DeleteObjectCommand || command instanceof AbortMultipartUploadCommand;
}

function throttled(): Error {
  return new DynamoDBServiceException({
    name: 'ThrottlingException',
    message: 'throttled to the end of the retries',
    $fault: 'client',
    $metadata: { httpStatusCode: 400 },
  });
}

function timedOut(): Error {
  return Object.assign(new Error('DynamoDB did not answer'), { name: 'TimeoutError' });
}

/** The kind of an item, without its id. */
function keyKind(pk: unknown): string {
  return String(pk).split('#', 1).join('');
}

function keyOf(input: unknown): unknown {
  return input instanceof Object && 'Key' in input ? input.Key : '';
}
