/**
 * All that the product talks to, in memory: table, storage with a second bucket, queues, topic and IPD, each under the
 * SDK's clients or under `send`. Nothing fails here by itself, and no time passes but the test's.
 */
import { ResourceNotFoundException } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { QueueDoesNotExist, SQSClient } from '@aws-sdk/client-sqs';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createIpd } from '../../local/ipd/ipd.ts';
import { snsWith } from '../../lib/messaging/sns.ts';
import { sqsWith } from '../../lib/messaging/sqs.ts';
import { s3With } from '../../lib/storage/s3.ts';
import { awsKey, ipdCredentials } from '../support/local-keys.ts';
import type { TestClock } from '../support/surroundings.ts';
import { createDocuments } from './documents.ts';
import { createIpdWay } from './ipd-way.ts';
import { createMessageQueue } from './queue.ts';
import type { MessageQueue } from './queue.ts';
import { createObjects } from './objects.ts';
import type { Objects } from './objects.ts';
import { standIn } from './stand-in.ts';
import type { SendOptions } from './stand-in.ts';
import { createStorageRequests } from './storage-requests.ts';
import type { StorageAnswer } from './storage-requests.ts';
import { createTopic } from './topic.ts';

const HOST = 'http://127.0.0.1:4';
const BUCKET = 'staging';
const TABLE = 'uploads';
/** As resources/staging.yml has them. */
const VISIBILITY_MS = 1_800_000;
const MAX_RECEIVES = 5;
const METHODS: Record<string, string> = {
  Head: 'HEAD',
  Get: 'GET',
  List: 'GET',
  Delete: 'DELETE',
  Abort: 'DELETE',
  Create: 'POST',
  Complete: 'POST',
};

export type StorageRequest = {
  method: string;
  bucket: string;
  key: string;
  operation: string;
  partNumber?: number;
  status: number;
};

/** A message as a subscriber gets it. */
export type Published = { body: string; attributes: Record<string, string | undefined> };

/** Opens all of them, empty. */
export function openMemoryEnds({ clock }: { clock: TestClock }) {
  let aheadMs = 0;
  /** URLs and messages live by the machine's time, as those on sockets do. */
  const storageTime = (): number => Date.now() + aheadMs;
  const documents = createDocuments({ now: () => clock.now(), pageSize: 100 });
  /** Buckets of others, by name. */
  const others: Record<string, Objects> = {};
  const objects = createObjects({ now: storageTime, name: BUCKET, others });
  const storage = createStorageRequests({ objects, now: storageTime });
  const topic = createTopic();
  const queues = new Map<string, MessageQueue>();
  const requests: StorageRequest[] = [];
  /** What each subscriber of the topic has got and not taken yet. */
  const listeners: Published[][] = [];
  const ipd = createIpd({
    credentials: ipdCredentials,
    clock: () => clock.now(),
    random: () => clock.random(),
    async sleep(ms) {
      // A connection may be idle for less time than its caller waits.
      way.stall(ms);
      clock.pass(ms);
    },
  });
  const way = createIpdWay(ipd, { origin: HOST });

  function createQueue(name: string): string {
    const url = `${HOST}/queues/${name}`;
    if (!queues.has(url)) {
      queues.set(
        url,
        createMessageQueue({ now: storageTime, visibilityMs: VISIBILITY_MS, maxReceives: MAX_RECEIVES }),
      );
    }
    return url;
  }

  const connectTable = () => ({
    documents: standIn(DynamoDBDocumentClient.prototype, (command) => {
      if (textOf(command.input, 'TableName') !== TABLE) {
        throw new ResourceNotFoundException({
          message: 'no such table',
          $metadata: { httpStatusCode: 400 },
        });
      }
      return documents.execute(command);
    }),
  });

  const connectStorage = (): S3Client => standIn(S3Client.prototype, executeInStorage);

  function executeInStorage(command: object, { abortSignal }: SendOptions): object {
    const answer = logged(command, () => objects.execute(command));
    const body = 'Body' in answer ? answer.Body : undefined;
    if (body instanceof Readable) {
      // Like an answer of node:http, which ignores errors while it has no listener.
      body.on('error', () => undefined);
      Object.assign(body, { transformToByteArray: async () => new Uint8Array(await buffer(body)) });
      abortSignal?.addEventListener('abort', () => body.destroy(new Error('aborted')), { once: true });
    }
    return answer;
  }

  function logged<T extends object>(command: object, work: () => T): T {
    const input: object = 'input' in command && command.input instanceof Object ? command.input : {};
    const operation = command.constructor.name.replace('Command', '');
    const [verb = ''] = /^[A-Z][a-z]+/.exec(operation) ?? [];
    const entry: StorageRequest = {
      method: METHODS[verb] ?? 'PUT',
      bucket: textOf(input, 'Bucket'),
      key: textOf(input, 'Key'),
      operation,
      ...('PartNumber' in input && { partNumber: Number(input.PartNumber) }),
      status: 200,
    };
    requests.push(entry);
    try {
      return work();
    } catch (error) {
      entry.status = statusOf(error);
      throw error;
    }
  }

  const connectQueues = (): SQSClient =>
    standIn(SQSClient.prototype, (command) => {
      const queue = queues.get(textOf(command.input, 'QueueUrl'));
      if (queue === undefined) {
        throw new QueueDoesNotExist({ message: 'no such queue', $metadata: { httpStatusCode: 400 } });
      }
      return queue.execute(command);
    });

  const connectTopic = (): SNSClient =>
    standIn(SNSClient.prototype, (command) => {
      const answer = topic.execute(command);
      if (command instanceof PublishCommand) {
        const { Message = '', MessageAttributes = {} } = command.input;
        const attributes = Object.entries(MessageAttributes).map(([name, { StringValue }]) => [
          name,
          StringValue,
        ]);
        for (const listener of listeners) {
          listener.push({ body: Message, attributes: Object.fromEntries(attributes) });
        }
      }
      return answer;
    });

  /** A request by its presigned URL, as a phone or a browser sends it. */
  async function request(
    address: string | URL,
    init: { method?: string; headers?: Record<string, string>; body?: Uint8Array | FormData } = {},
  ): Promise<Response> {
    const url = String(address);
    const { method = 'GET', headers = {}, body = new Uint8Array() } = init;
    if (method === 'GET') {
      const { status, bytes, disposition = '', contentType = '' } = storage.get(url);
      const described = { 'content-disposition': disposition, 'content-type': contentType };
      return new Response(bytes === undefined ? null : Buffer.from(bytes), { status, headers: described });
    }
    if (body instanceof FormData) {
      const file = body.get('file');
      const fields = [...body].filter((field): field is [string, string] => typeof field[1] === 'string');
      const bytes = file instanceof Blob ? Buffer.from(await file.arrayBuffer()) : Buffer.alloc(0);
      return answerTo(storage.post(Object.fromEntries(fields), bytes));
    }
    if (method !== 'PUT') throw new TypeError(`storage in memory knows no ${method} by URL`);
    const answer = storage.isAlive(url)
      ? storage.put({ url, headers }, Buffer.from(body))
      : { status: 403, code: 'AccessDenied' };
    const { pathname, searchParams } = new URL(url);
    const [, bucket = '', ...path] = pathname.split('/').map(decodeURIComponent);
    const partNumber = Number(searchParams.get('partNumber') ?? Number.NaN);
    requests.push({
      method,
      bucket,
      key: path.join('/'),
      operation: partNumber > 0 ? 'UploadPart' : 'PutObject',
      ...(partNumber > 0 && { partNumber }),
      status: answer.status,
    });
    return answerTo(answer);
  }

  /** A call of the fake IPD's admin interface. */
  async function admin(method: string, path: string, body?: unknown): Promise<Response> {
    const bytes = Buffer.from(body === undefined ? '' : JSON.stringify(body));
    const answer = await ipd.handle({
      method,
      url: `/__admin${path}`,
      headers: { 'content-type': 'application/json', 'content-length': String(bytes.length) },
      body: Readable.from([bytes]),
    });
    if (answer === 'reset') throw new Error('the fake IPD resets the connection');
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    const hasBody = answer.status !== 204;
    return new Response(hasBody ? Buffer.concat(chunks) : null, { status: answer.status });
  }

  const clients = { s3: connectStorage(), sqs: connectQueues(), sns: connectTopic() };
  return {
    settings: {
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: awsKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: awsKey.secretAccessKey,
      AWS_ENDPOINT_URL_S3: HOST,
      STAGING_BUCKET: BUCKET,
      UPLOADS_TABLE: TABLE,
      DELIVERY_QUEUE_URL: createQueue('delivery'),
      INGEST_QUEUE_URL: createQueue('ingest-events'),
      INGEST_DELIVERY_QUEUE_URL: createQueue('ingested'),
      NOTIFICATIONS_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:notifications',
      IPD_ENDPOINT: HOST,
      IPD_IAM_ENDPOINT: HOST,
    },
    clients,
    given: {
      documents: connectTable().documents,
      s3: async () => s3With(clients.s3),
      sqs: async () => sqsWith(clients.sqs),
      sns: async () => snsWith(clients.sns),
      send: way.send,
    },
    documents: connectTable().documents,
    connectTable,
    connectStorage,
    connectQueues,
    connectTopic,
    async createBucket(name: string): Promise<void> {
      others[name] ??= createObjects({ now: storageTime, name });
    },
    /** Subscribes to the topic; the function takes what has been published since its last call. */
    async subscribe(): Promise<() => Promise<Published[]>> {
      const listener: Published[] = [];
      listeners.push(listener);
      return async () => listener.splice(0);
    },
    createQueue: async (name: string): Promise<string> => createQueue(name),
    send: way.send,
    request,
    admin,
    topic,
    s3: { url: HOST, requests },
    ipd: { url: HOST, requests: ipd.admin.requests },
    passSecondInStorage(): void {
      aheadMs += 1000;
    },
    /** Sets the time by which URLs and messages live forward. */
    passTime: async (ms: number): Promise<void> => {
      aheadMs += ms;
    },
    stop: async (): Promise<void> => undefined,
  };
}

/** What storage answers, as its HTTP answer says it. */
function answerTo({ status, code, etag }: StorageAnswer): Response {
  const text = code === undefined ? null : `<Error><Code>${code}</Code></Error>`;
  return new Response(text, { status, ...(etag !== undefined && { headers: { etag } }) });
}

function textOf(input: object, name: string): string {
  const value: unknown = Object.entries(input).find(([key]) => key === name)?.[1];
  return typeof value === 'string' ? value : '';
}

function statusOf(error: unknown): number {
  const metadata = error instanceof Object && '$metadata' in error ? error.$metadata : undefined;
  const status =
    metadata instanceof Object && 'httpStatusCode' in metadata ? metadata.httpStatusCode : undefined;
  return typeof status === 'number' ? status : 500;
}
