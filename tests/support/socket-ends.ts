/**
 * All that the product talks to, as real parts on sockets of this process: dynalite, the local S3, fauxqs and the fake
 * IPD. Their addresses stand in the environment, as the gateway puts them there for a function.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { startDynamoDb } from '../../local/dynamodb.ts';
import { startFakeIpd } from '../../local/ipd/server.ts';
import { provision } from '../../local/provision.ts';
import { startS3 } from '../../local/s3/server.ts';
import { startSqs } from '../../local/sqs.ts';
import { functionsOf, readService, resourcesOf } from '../../local/template.ts';
import { send } from '../../lib/ipd/wire.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { subscribeQueue } from './subscribe-queue.ts';
import { awsKey, ipdCredentials, signingKeys } from './local-keys.ts';

const region = 'eu-central-1';

/** Starts the parts. */
export async function startSocketEnds({
  clock,
  environment,
}: {
  clock: Clock;
  environment: Record<string, string>;
}) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-test-'));
  const [sqs, dynamodb, ipd] = await Promise.all([
    startSqs({ port: 0, region, credentials: [awsKey] }),
    startDynamoDb({ port: 0, credentials: [awsKey] }),
    startFakeIpd({
      port: 0,
      credentials: ipdCredentials,
      dataDirectory: directory,
      clock: () => clock.now(),
    }),
  ]);
  let storageAheadMs = 0;
  const s3 = await startS3({
    port: 0,
    dataDirectory: join(directory, 's3'),
    credentials: [awsKey, signingKeys],
    region,
    sqsEndpoint: sqs.url,
    clock: () => Date.now() + storageAheadMs,
  });
  const addresses = {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: awsKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: awsKey.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ENDPOINT_URL_SQS: sqs.url,
    AWS_ENDPOINT_URL_SNS: sqs.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
    IPD_ENDPOINT: ipd.url,
    IPD_IAM_ENDPOINT: ipd.url,
    ...environment,
  };
  const service = readService({
    directory: join(import.meta.dirname, '../..'),
    env: { ...process.env, ...addresses },
  });
  const connection = { region, credentials: awsKey };
  const clients = {
    s3: new S3Client({ ...connection, endpoint: s3.url, forcePathStyle: true }),
    sqs: new SQSClient({ ...connection, endpoint: sqs.url }),
    sns: new SNSClient({ ...connection, endpoint: sqs.url }),
    dynamodb: new DynamoDBClient({ ...connection, endpoint: dynamodb.url }),
  };
  const references = await provision({
    resources: resourcesOf(service),
    clients,
    sqsUrl: sqs.url,
    region,
    prefix: 'test',
  });
  const settings: Record<string, string> = Object.assign(
    addresses,
    ...functionsOf(service, references).map((entry) => entry.environment),
  );
  Object.assign(process.env, settings);
  const opened: { destroy: () => void }[] = Object.values(clients);

  function connected<C extends { destroy: () => void }>(client: C): C {
    opened.push(client);
    return client;
  }

  function connectTable() {
    const client = connected(new DynamoDBClient({}));
    const documents = DynamoDBDocumentClient.from(client, {
      marshallOptions: { removeUndefinedValues: true },
    });
    return { client, documents };
  }

  return {
    settings,
    clients,
    /** What replaces the way to storage and IPD in the product's services: nothing. */
    given: {},
    documents: connectTable().documents,
    /** A connection of its own to the table, for a test that watches its requests. */
    connectTable,
    connectStorage: () => connected(new S3Client({ forcePathStyle: true, maxAttempts: 1 })),
    connectQueues: () => connected(new SQSClient({})),
    connectTopic: () => connected(new SNSClient({})),
    /** Subscribes a queue to the topic; the function takes what has been published since its last call. */
    subscribe: () =>
      subscribeQueue({ clients, topicArn: settings['NOTIFICATIONS_TOPIC_ARN'], sqsUrl: sqs.url }),
    /** A bucket of others, and the URL of a queue. */
    async createBucket(Bucket: string): Promise<void> {
      await clients.s3.send(new CreateBucketCommand({ Bucket }));
    },
    async createQueue(QueueName: string): Promise<string> {
      const { QueueUrl = '' } = await clients.sqs.send(new CreateQueueCommand({ QueueName }));
      // Emulators name hosts that need not resolve.
      return new URL(new URL(QueueUrl).pathname, sqs.url).href;
    },
    send,
    request: fetch,
    admin: (method: string, path: string, body?: unknown) =>
      fetch(`${ipd.url}/__admin${path}`, {
        method,
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      }),
    s3,
    ipd,
    /** Sets storage's own clock forward by a second, so that two objects are not put at the same time. */
    passSecondInStorage(): void {
      storageAheadMs += 1000;
    },
    async stop(): Promise<void> {
      for (const client of opened) client.destroy();
      await Promise.all([sqs.close(), dynamodb.close(), ipd.close(), s3.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}
