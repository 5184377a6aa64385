/**
 * A ledger and the queue beside it, made as serverless.yml says, on servers in a process of their own. A bench fills
 * the ledger with records before the measurement.
 */
import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import {
  BatchWriteItemCommand,
  DeleteItemCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { systemClock } from '../lib/runtime/clock.ts';
import { createTable } from '../lib/ledger/table.ts';
import { createLedger } from '../lib/ledger/uploads.ts';
import type { Upload } from '../lib/domain/upload.ts';
import { provision } from '../local/provision.ts';
import { makeAwsKey } from '../local/keys.ts';
import { readService, resourcesOf } from '../local/template.ts';
import { DAY_MS } from '../lib/domain/units.ts';

export type Ledger = Awaited<ReturnType<typeof startLedger>>;

export const SERVICE_DIRECTORY = join(import.meta.dirname, '..');
const PROCESS = fileURLToPath(new URL('ledger-process.ts', import.meta.url));
const AT_ONCE = 16;
/** https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html */
const BATCH = 25;

const startMessage = z.object({ dynamodbUrl: z.string(), sqsUrl: z.string() });
const countMessage = z.record(z.string(), z.number());

/** Starts a ledger whose data lie in the directory. */
export async function startLedger({ directory }: { directory: string }) {
  const service = readService({ directory: SERVICE_DIRECTORY, env: process.env });
  const { region, stage } = service.provider;
  const credentials = makeAwsKey();
  const { accessKeyId, secretAccessKey } = credentials;
  const child = fork(PROCESS, [directory, region, accessKeyId, secretAccessKey], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const urls = startMessage.parse((await once(child, 'message'))[0]);

  const connection = { region, credentials };
  const clients = {
    dynamodb: new DynamoDBClient({ ...connection, endpoint: urls.dynamodbUrl }),
    sqs: new SQSClient({ ...connection, endpoint: urls.sqsUrl }),
    sns: new SNSClient({ ...connection, endpoint: urls.sqsUrl }),
    s3: new S3Client(connection),
  };
  const isMade = /^AWS::(DynamoDB::Table|SQS::Queue|SNS::Topic)$/;
  const resources = Object.entries(resourcesOf(service)).filter(([, { Type }]) => isMade.test(Type));
  const references = await provision({
    resources: Object.fromEntries(resources),
    clients,
    sqsUrl: urls.sqsUrl,
    region,
    prefix: `${service.service}-${stage}`,
  });
  const table = references['UploadsTable']?.ref ?? '';
  const documents = DynamoDBDocumentClient.from(clients.dynamodb, {
    marshallOptions: { removeUndefinedValues: true },
  });
  const ledger = createLedger({
    table: createTable({ client: documents, table, clock: systemClock }),
    clock: systemClock,
    retentionMs: 400 * DAY_MS,
  });

  /** Adds records through the ledger's own function. */
  async function add(uploads: readonly Upload[]): Promise<void> {
    await inBatches(uploads, AT_ONCE, async (upload) => {
      await ledger.add(upload);
    });
  }

  /**
   * Copies the records that are there, each under a new id, until there are `count`. Then writes the copies again until
   * there have been about `writes` writes.
   */
  async function multiply(count: number, writes = count): Promise<void> {
    const { Items: samples = [] } = await clients.dynamodb.send(new ScanCommand({ TableName: table }));
    const copies = Array.from({ length: count - samples.length }, (_, index) =>
      copyOf(samples[index % samples.length]),
    );
    for (let written = 0; written < writes; written += count) await write(copies);
  }

  async function write(items: Record<string, AttributeValue>[]): Promise<void> {
    const batches = Array.from({ length: Math.ceil(items.length / BATCH) }, (_, index) =>
      items.slice(index * BATCH, (index + 1) * BATCH),
    );
    await inBatches(batches, AT_ONCE, async (batch) => {
      const requests = batch.map((Item) => ({ PutRequest: { Item } }));
      await clients.dynamodb.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }));
    });
  }

  return {
    urls,
    credentials,
    service,
    references,
    table,
    clients,
    find: ledger.find,
    add,
    multiply,
    async remove(ids: readonly string[]): Promise<void> {
      await inBatches(ids, AT_ONCE, async (id) => {
        const Key = { pk: { S: `upload#${id}` } };
        await clients.dynamodb.send(new DeleteItemCommand({ TableName: table, Key }));
      });
    },
    /** Lets the next sweep give slots, though less than a minute has passed since the last one. */
    async freeSlots(): Promise<void> {
      const Key = { pk: { S: 'state#slots' } };
      await clients.dynamodb.send(new DeleteItemCommand({ TableName: table, Key }));
    },
    /** How often each operation of DynamoDB and SQS was requested since the start. */
    async asked(): Promise<Record<string, number>> {
      const answer = once(child, 'message');
      child.send('asked');
      return countMessage.parse((await answer)[0]);
    },
    async stop(): Promise<void> {
      for (const client of Object.values(clients)) client.destroy();
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

/** Does the work for each item, `atOnce` items at a time. */
export async function inBatches<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

/** A copy of the record under a new id, in its key and in every other attribute that holds the id. */
function copyOf(item: Record<string, AttributeValue> | undefined): Record<string, AttributeValue> {
  const id = item?.['id']?.S;
  if (item === undefined || id === undefined) throw new Error('there is no record to copy');
  const other = randomUUID();
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => [
      name,
      value.S === undefined ? value : { S: value.S.replace(id, other) },
    ]),
  );
}
