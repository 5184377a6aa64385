/**
 * The AWS clients of one container: commands of the real SDK, carried out by the in-memory ends, with the
 * faults of the connection. Errors are those that the SDK throws after its own retries have failed.
 */
import { Readable } from 'node:stream';
import { ConditionalCheckFailedException, DynamoDBServiceException } from '@aws-sdk/client-dynamodb';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { Activity } from './activity.ts';
import type { Container } from './container.ts';
import type { Documents } from '../ends/documents.ts';
import type { Objects, Reading } from '../ends/objects.ts';
import type { MessageQueue } from '../ends/queue.ts';
import { fetchSecret } from '../../lib/services.ts';
import type { TextSource } from '../../lib/runtime/settings.ts';
import { refusal } from '../ends/refusal.ts';
import type { Topic } from '../ends/topic.ts';
import type { Offered } from './offered.ts';
import type { Faults } from './faults.ts';
import type { VirtualTime } from './virtual-time.ts';

export type Ends = {
  documents: Documents;
  objects: Objects;
  queue: MessageQueue;
  ingestQueue: MessageQueue;
  /** Deliveries of what producers offer. */
  ingestedQueue: MessageQueue;
  topic: Topic;
};

type Surroundings = Ends & {
  activity: Activity;
  container: Container;
  faults: Faults;
  time: VirtualTime;
  /** Called with each call and its outcome. */
  note: (what: string, key: unknown) => void;
  /** For tests of the oracle: a write that only seems to be made. */
  isDenied?: ((item: Record<string, unknown>) => boolean) | undefined;
  /** The same: a function that does not wait until its message is published. */
  isHasty?: boolean;
  /** The same: messages that only seem to be published, files and parts that only seem to be removed. */
  isMute?: boolean;
  isKept?: boolean;
  offered?: Offered;
  /** Called with the key of a copy whose sender has given up before it was made. */
  strand?: (key: string) => void;
};

type Options = { abortSignal?: AbortSignal };

/** The ledger's client. */
export function documentsOf(surroundings: Surroundings): DynamoDBDocumentClient {
  const { activity, container, documents, faults, note, isDenied, time } = surroundings;
  const { random } = container;

  async function execute(command: object): Promise<object> {
    const where = whereOf(command);
    const site = `${container.kind}: ${where}`;
    if (faults.strikes('ledgerThrottled', random, site)) throw throttled();
    if (command instanceof QueryCommand) {
      return documents.execute(command, { lagMs: faults.strikes('indexStale', random, site)?.lagMs });
    }
    if (!(command instanceof PutCommand || command instanceof UpdateCommand)) {
      if (faults.strikes('ledgerTimeout', random, site)) throw timedOut();
      return documents.execute(command);
    }
    const item = itemOf(command);
    if (isDenied?.(item)) return {};
    note(where, item['pk']);
    const timeout = faults.strikes('ledgerTimeout', random, site);
    if (timeout !== undefined) {
      if (timeout.landsAfterMs === 0) documents.execute(command);
      else if (timeout.landsAfterMs !== undefined) {
        const land = time.sleep(timeout.landsAfterMs).then(() => documents.execute(command));
        // Its sender has given up, so the outcome has no receiver.
        activity.during(land).catch(() => undefined);
      }
      throw timedOut();
    }
    const lost = faults.strikes('ledgerAnswerLost', random, site);
    if (lost !== undefined) {
      documents.execute(command);
      // The SDK repeats it; meanwhile others may write.
      await time.sleep(lost.repeatedAfterMs);
      await container.awake();
    }
    try {
      return documents.execute(command);
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) note('refused', item['pk']);
      throw error;
    }
  }

  return standIn(DynamoDBDocumentClient.prototype, (command) =>
    container.call(() => execute(command), whereOf(command), 8),
  );
}

/** The staging adapter's client. */
export function storageOf(surroundings: Surroundings): S3Client {
  const { container, objects, faults, note, time, activity, isKept, offered, strand } = surroundings;
  const { random } = container;
  /** When this container asked for an object last, by its key. */
  const asked = new Map<string, number>();

  async function execute(command: object, { abortSignal }: Options): Promise<object> {
    const site = `${container.kind}: ${nameOf(command)}`;
    note(nameOf(command), 'input' in command ? keyOf(command.input) : '');
    if (abortSignal?.aborted) throw abortSignal.reason;
    if (faults.strikes('storageError', random, site)) throw refusal(503, 'SlowDown');
    if (isKept === true && isRemoval(command)) return {};
    if (command instanceof HeadObjectCommand) asked.set(command.input.Key ?? '', time.now());
    if (command instanceof DeleteObjectCommand) noteOvertaken(command.input.Key ?? '');
    if (command instanceof CopyObjectCommand) {
      // Its sender died while it was on its way, or its run is counted as lost.
      if (container.isAbandoned()) strand?.(command.input.Key ?? '');
      const late = faults.strikes('copyLate', random, site);
      if (late !== undefined) copyLater(command, late.landsAfterMs);
      if (late !== undefined) throw new Error('storage did not answer in time');
    }
    const lost = faults.strikes('storageAnswerLost', random, site);
    if (lost !== undefined) {
      objects.execute(command);
      if (lost.repeatedAfterMs === undefined) throw refusal(500, 'InternalError');
      // The SDK repeats it; meanwhile others may do the same.
      await time.sleep(lost.repeatedAfterMs);
      await container.awake();
    }
    if (command instanceof GetObjectCommand && faults.strikes('fileReplaced', random, site)) {
      objects.replace(command.input.Key ?? '');
    }
    const answer = objects.execute(command, command instanceof GetObjectCommand ? drawReading(site) : {});
    const body = 'Body' in answer ? answer.Body : undefined;
    if (body instanceof Readable) {
      // Like an answer of node:http, which ignores errors while it has no listener.
      body.on('error', () => undefined);
      abortSignal?.addEventListener('abort', () => body.destroy(new Error('aborted')), { once: true });
    }
    return answer;
  }

  /** Storage goes on with a copy whose client has given up. */
  function copyLater(command: CopyObjectCommand, afterMs: number): void {
    const land = time.sleep(afterMs).then(() => {
      objects.execute(command);
      strand?.(command.input.Key ?? '');
      return undefined;
    });
    activity.during(land).catch(() => undefined);
  }

  /** The same bytes were put again since this container asked: storage has no condition that would tell them apart. */
  function noteOvertaken(key: string): void {
    const stay = offered?.current('staging', key);
    const askedAt = asked.get(key);
    if (stay !== undefined && askedAt !== undefined && stay.from >= askedAt) stay.isOvertaken = true;
  }

  function drawReading(site: string): Reading {
    const chunkBytes = random.pick([4000, 4000, 700, 100]);
    const reset = faults.strikes('storageReset', random, site);
    if (reset !== undefined) return { chunkBytes, breakAfter: reset.afterBytes, breakBy: 'reset' };
    const stall = faults.strikes('storageStall', random, site);
    if (stall !== undefined) return { chunkBytes, breakAfter: stall.afterBytes, breakBy: 'stall' };
    const short = faults.strikes('storageShort', random, site);
    if (short !== undefined) return { chunkBytes, breakAfter: short.afterBytes, breakBy: 'end' };
    return { chunkBytes };
  }

  return standIn(S3Client.prototype, (command, options = {}) =>
    container.call(() => execute(command, options), nameOf(command), 20),
  );
}

/** The client of the queues, each of which is chosen by the end of its URL. */
export function queueOf(surroundings: Surroundings): SQSClient {
  const { container, queue, ingestQueue, ingestedQueue, faults, note } = surroundings;
  const { random } = container;

  function queueAt(url = ''): MessageQueue {
    if (url.endsWith('/ingest')) return ingestQueue;
    return url.endsWith('/ingested') ? ingestedQueue : queue;
  }

  function execute(command: object): object {
    const site = `${container.kind}: ${nameOf(command)}`;
    if (faults.strikes('queueError', random, site)) throw new Error('SQS does not answer');
    const { execute: send } = command instanceof SendMessageCommand ? queueAt(command.input.QueueUrl) : queue;
    const answer = send(command);
    note('queued', '');
    if (faults.strikes('messageDuplicated', random, site)) send(command);
    if (faults.strikes('queueAnswerLost', random, site)) throw new Error('the answer of SQS was lost');
    return answer;
  }

  return standIn(SQSClient.prototype, (command) =>
    container.call(() => execute(command), nameOf(command), 10),
  );
}

/** The client of the notification topic. */
export function topicOf({ container, topic, faults, note, isMute, isHasty }: Surroundings): SNSClient {
  const { random } = container;

  function execute(command: object): object {
    const site = `${container.kind}: ${nameOf(command)}`;
    if (faults.strikes('notificationError', random, site)) throw new Error('SNS does not answer');
    if (isMute === true) return {};
    const answer = topic.execute(command);
    const { type, upload } = topic.messages.at(-1) ?? {};
    note(`published ${type ?? ''}`, upload?.id);
    if (faults.strikes('notificationAnswerLost', random, site)) throw new Error('the answer of SNS was lost');
    return answer;
  }

  return standIn(SNSClient.prototype, async (command) => {
    const published = container.call(() => execute(command), nameOf(command), 15);
    return isHasty === true ? { published: published.catch(() => undefined) } : published;
  });
}

/** The way to the secrets: the configuration has them in plain text. */
export function secretsOf({ container, faults }: Surroundings): (source: TextSource) => Promise<string> {
  const { random } = container;
  const where = 'read secret';
  const read = async (source: TextSource): Promise<string> => {
    const isUnreadable = faults.strikes('secretUnreadable', random, `${container.kind}: ${where}`);
    if (isUnreadable) throw new Error('the secret cannot be read');
    return fetchSecret(source);
  };
  return (source) => container.call(() => read(source), where, 20);
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

/** What is read or written, without ids: `write delivering`, `read work-item`. */
function whereOf(command: object): string {
  if (command instanceof QueryCommand) return `query ${command.input.IndexName}`;
  const { pk, status } = itemOf(command);
  const kind = String(pk).split('#', 1).join('');
  if (command instanceof PutCommand || command instanceof UpdateCommand) {
    return `write ${typeof status === 'string' ? status : kind}`;
  }
  return `read ${kind}`;
}

/** The item that is written, or its key. */
function itemOf(command: object): Record<string, unknown> {
  if (command instanceof PutCommand) return command.input.Item ?? {};
  if (command instanceof UpdateCommand || command instanceof GetCommand) return command.input.Key ?? {};
  return {};
}

function nameOf(command: object): string {
  return command.constructor.name.replace('Command', '');
}

function keyOf(input: unknown): unknown {
  return input instanceof Object && 'Key' in input ? input.Key : '';
}
