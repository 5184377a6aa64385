/**
 * The real parts that the product talks to, on sockets of this process, and the product's services over them:
 * for tests of lib/ and functions/. Only the clock and the random source are the test's: the product runs unchanged.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { startDynamoDb } from '../../local/dynamodb.ts';
import { startFakeIpd } from '../../local/ipd/server.ts';
import { provision } from '../../local/provision.ts';
import { startS3 } from '../../local/s3/server.ts';
import { startSqs } from '../../local/sqs.ts';
import { functionsOf, readService, resourcesOf } from '../../local/template.ts';
import { readConfig, readCredentials } from '../../lib/runtime/config.ts';
import { createIpdClient } from '../../lib/ipd/client.ts';
import { send } from '../../lib/ipd/wire.ts';
import { s3With } from '../../lib/storage/s3.ts';
import { snsWith } from '../../lib/messaging/sns.ts';
import { sqsWith } from '../../lib/messaging/sqs.ts';
import { LANES } from '../../lib/ledger/uploads.ts';
import { buildServices } from '../../lib/services.ts';
import type { Surroundings } from '../../lib/services.ts';
import type { SignedRequest } from '../../lib/storage/presigning.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import type { PresignedRequests } from '../../lib/uploads/manage.ts';
import { putFile } from './answer.ts';
import { wholeLedgerOf } from './ledger.ts';
import { awsKey, ipdCredentials } from './local-keys.ts';
import { sourceOf } from './sources.ts';
import { createTestClock } from './surroundings.ts';

export const projectId = '0123456789abcdef0123456789abcdef';
export const issueId = '956239067176935400';
export const caller = { owner: 'user-1', projects: '*' } as const;

const region = 'eu-central-1';
const receivedList = z.array(
  z.object({
    id: z.string(),
    issueId: z.string(),
    size: z.number(),
    sha256: z.string(),
    filename: z.string(),
    rawFilename: z.string(),
  }),
);
const versioned = z.looseObject({ version: z.int() });
/** A second pair that storage knows. */
export const signingKeys = { accessKeyId: 'local-signer', secretAccessKey: 'signer-secret' };

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Starts the parts and puts their addresses into the environment, as the gateway does for a function. */
export async function startWorld({ environment = {} }: { environment?: Record<string, string> } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-test-'));
  const clock = createTestClock();
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
  const testEnvironment = {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: awsKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: awsKey.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ENDPOINT_URL_SQS: sqs.url,
    AWS_ENDPOINT_URL_SNS: sqs.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
    IPD_ENDPOINT: ipd.url,
    IPD_IAM_ENDPOINT: ipd.url,
    IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
    IPD_PROJECTS: '*',
    // The tests of one file are all the same user's, within the same minute.
    MAX_OPEN_UPLOADS: '1000',
    UPLOADS_PER_MINUTE: '1000',
    ...environment,
  };
  const service = readService({
    directory: join(import.meta.dirname, '../..'),
    env: { ...process.env, ...testEnvironment },
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
  const settings = Object.assign({}, ...functionsOf(service, references).map((entry) => entry.environment));
  Object.assign(process.env, testEnvironment, settings);
  // The same goes for what is asked of IPD before a file is taken.
  const config = { ...readConfig({ ...testEnvironment, ...settings }), preflightsPerMinute: 1000 };

  /** Services as a container of their own; what is given replaces the surroundings, and settings. */
  function build({ config: other, s3: storage, sqs: queue, sns: topic, ...given }: Given = {}) {
    return buildServices(
      { ...config, ...other },
      {
        clock,
        ...given,
        ...(storage && { s3: async () => s3With(storage) }),
        ...(queue && { sqs: async () => sqsWith(queue) }),
        ...(topic && { sns: async () => snsWith(topic) }),
      },
    );
  }

  async function admin(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await fetch(`${ipd.url}/__admin${path}`, {
      method,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  const built = build();
  const opened: DynamoDBClient[] = [];
  const services = { ...built, ledger: wholeLedgerOf(built) };
  let workItems = 0n;
  return {
    ...services,
    s3,
    ipd,
    clients,
    clock,
    build,
    config,

    /** Sets storage's own clock forward by a second, so that two objects are not put at the same time. */
    passSecondInStorage(): void {
      storageAheadMs += 1000;
    },
    /** What IPD holds. */
    received: async () => receivedList.parse(await (await admin('GET', '/attachments')).json()),
    /** A person deletes an attachment on IPD's own page. */
    removeInIpd: (attachmentId: string) => admin('DELETE', `/attachments/${attachmentId}`),
    faults: (faults: unknown[]) => admin('PUT', '/faults', faults),
    ipdSettings: (values: unknown) => admin('PUT', '/settings', values),
    /** A connection of its own to the table, for a test that tampers with its requests; `stop` closes it. */
    connectTable() {
      const client = new DynamoDBClient({});
      opened.push(client);
      const documents = DynamoDBDocumentClient.from(client, {
        marshallOptions: { removeUndefinedValues: true },
      });
      return { client, documents };
    },
    /** Resets to an empty IPD without faults, a work item without uploads, and no due upload. */
    async reset(): Promise<void> {
      await admin('DELETE', '');
      for (const lane of LANES) {
        for await (const { id } of services.ledger.due(Date.parse('2999-01-01'), lane)) {
          await services.ledger.change(id, (before) => ({ ...before, dueAt: undefined }));
        }
      }
      workItems += 1n;
      const { version } = versioned.parse((await services.ledger.readState('breaker')) ?? { version: 0 });
      await services.ledger.writeState('breaker', version, { openings: 0 });
    },
    /** The upload requests that IPD has seen, oldest first. */
    uploadRequests: () => ipd.requests.filter(({ operation }) => operation === 'upload'),
    listRequests: () => ipd.requests.filter(({ operation }) => operation === 'list'),
    downloads: () => ipd.requests.filter(({ operation }) => operation === 'download'),

    /** Creates an upload and puts its file; the event stays in the queue. */
    stage,
    create,
    /** The same, and lets its event come. */
    async deliver(
      bytes: Buffer = randomBytes(1000),
      request: Partial<NewFile> = {},
      owner: string = caller.owner,
    ): Promise<Upload> {
      const { id } = await stage(bytes, request, owner);
      await services.delivery.onArrival(arrivalOf(id, bytes), run());
      return find(id);
    },
    /** Sets the clock forward until the upload is due, and handles the request that the sweep would have queued. */
    async next(id: string): Promise<Upload> {
      const { attempts, dueAt } = await find(id);
      if (dueAt === undefined) throw new Error(`upload ${id} is not due any more`);
      clock.set(Math.max(clock.now(), Date.parse(dueAt)));
      await services.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, run());
      return find(id);
    },
    /** Attaches a file to the upload's work item without the product; answers with its id. */
    async attach(item: Upload, bytes: Buffer): Promise<string> {
      const client = createIpdClient({
        ...config.ipd,
        credentials: readCredentials(testEnvironment.IPD_CREDENTIALS),
        clock,
        send,
      });
      const sent = await client.upload({
        ...item,
        filename: 'of-others.bin',
        size: bytes.length,
        file: sourceOf([bytes]),
        fence: async () => undefined,
        signal: AbortSignal.timeout(300_000),
      });
      if (sent.kind !== 'stored') throw new Error(sent.detail);
      return sent.attachmentId ?? '';
    },
    /** A function run with plenty of time by the test's clock. */
    run,
    arrival: (upload: Upload, bytes: Buffer) => arrivalOf(upload.id, bytes),
    find,
    isStaged: async (id: string): Promise<boolean> =>
      (await services.staging.head(`staging/${id}`)) !== undefined,
    /** Empties the queues of deliveries of what is visible now; answers with the requests for this upload's delivery. */
    async requestsFor(uploadId: string): Promise<string[]> {
      const queues = [...new Set([config.queueUrl, config.ingest.deliveryQueueUrl])];
      const bodies = await Promise.all(queues.map((url) => emptyQueue(clients.sqs, url)));
      return bodies.flat().filter((body) => body.includes(`{"uploadId":"${uploadId}"`));
    },

    async stop(): Promise<void> {
      for (const client of [...Object.values(clients), ...opened]) client.destroy();
      await Promise.all([sqs.close(), dynamodb.close(), ipd.close(), s3.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };

  type Given = Partial<Omit<Surroundings, keyof Clients>> &
    Partial<Clients> & { config?: Partial<typeof config> };
  type Clients = { s3: S3Client; sqs: SQSClient; sns: SNSClient };
  type NewFile = Parameters<typeof services.intake.create>[1];

  function run(ms = 300_000) {
    return { killedAt: clock.now() + ms, signal: AbortSignal.timeout(300_000) };
  }

  async function find(id: string): Promise<Upload> {
    const upload = await services.ledger.find(id);
    if (upload === undefined) throw new Error(`no upload ${id}`);
    return upload;
  }

  async function stage(
    bytes: Buffer = randomBytes(1000),
    request: Partial<NewFile> = {},
    owner: string = caller.owner,
  ): Promise<Upload> {
    const upload = await create(bytes, request, owner);
    const { presigned } = await services.uploads.presign(upload);
    const response = await putFile(oneRequest(presigned), bytes);
    if (!response.ok) throw new Error(`PUT ${response.status} ${await response.text()}`);
    return upload;
  }

  async function create(
    bytes: Buffer,
    request: Partial<NewFile> = {},
    owner: string = caller.owner,
  ): Promise<Upload> {
    const by = { ...caller, owner };
    const { upload } = await services.intake.create(by, {
      projectId,
      issueId: String(BigInt(issueId) + workItems),
      filename: 'report.pdf',
      contentType: 'application/pdf',
      size: bytes.length,
      ...request,
    });
    return upload;
  }
}

/** The one request of an upload that is not cut into parts. */
export function oneRequest(presigned: PresignedRequests | undefined): SignedRequest {
  if (presigned === undefined || !('url' in presigned)) throw new Error('there is not one request to make');
  return presigned;
}

/** The bodies of the messages that are visible now. They come again after the queue's visibility timeout. */
export async function emptyQueue(sqs: SQSClient, queueUrl: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
    );
    if (Messages.length === 0) return bodies;
    bodies.push(...Messages.map(({ Body = '' }) => Body));
  }
}

function arrivalOf(id: string, bytes: Buffer) {
  return { key: `staging/${id}`, etag: createHash('md5').update(bytes).digest('hex'), size: bytes.length };
}
