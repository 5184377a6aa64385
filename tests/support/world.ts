/**
 * The real parts that the product talks to, on sockets of this process, and the product's services over them:
 * for tests of lib/ and functions/. Nothing of the product is replaced; time and dice are the test's own.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { startDynamoDb } from '../../local/dynamodb.ts';
import { startFakeIpd } from '../../local/ipd/server.ts';
import { provision } from '../../local/provision.ts';
import { startS3 } from '../../local/s3/server.ts';
import { IPD_CREDENTIALS } from '../../local/settings.ts';
import { startSqs } from '../../local/sqs.ts';
import { functionsOf, readService, resourcesOf } from '../../local/template.ts';
import type { Clock } from '../../lib/clock.ts';
import { readConfig } from '../../lib/config.ts';
import type { Send } from '../../lib/ipd/wire.ts';
import { buildServices } from '../../lib/services.ts';
import type { Upload } from '../../lib/upload.ts';

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
const keys = { accessKeyId: 'local', secretAccessKey: 'local-secret' };

export type World = Awaited<ReturnType<typeof startWorld>>;

/** Time that passes only when told to, or when somebody sleeps. */
export function createTestClock(
  start = Date.now(),
): Clock & { advance(ms: number): void; set(ms: number): void } {
  let now = start;
  return {
    now: () => now,
    random: () => 0.5,
    timeout: (ms) => AbortSignal.timeout(ms),
    uuid: () => randomUUID(),
    sleep: async (ms) => {
      now += ms;
    },
    advance: (ms) => {
      now += ms;
    },
    set: (ms) => {
      now = ms;
    },
  };
}

/** Starts the parts and puts their addresses into the environment, as the gateway does for a function. */
export async function startWorld({ environment = {} }: { environment?: Record<string, string> } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-test-'));
  const clock = createTestClock();
  const [sqs, dynamodb, ipd] = await Promise.all([
    startSqs({ port: 0, region }),
    startDynamoDb({ port: 0, dataDirectory: join(directory, 'dynamodb') }),
    startFakeIpd({
      port: 0,
      credentials: IPD_CREDENTIALS,
      dataDirectory: directory,
      clock: () => clock.now(),
    }),
  ]);
  const s3 = await startS3({
    port: 0,
    dataDirectory: join(directory, 's3'),
    credentials: [keys],
    region,
    sqsEndpoint: sqs.url,
  });
  const ours = {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ENDPOINT_URL_SQS: sqs.url,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
    IPD_ENDPOINT: ipd.url,
    IPD_IAM_ENDPOINT: ipd.url,
    IPD_CREDENTIALS: JSON.stringify(IPD_CREDENTIALS),
    IPD_PROJECTS: '*',
    ...environment,
  };
  const service = readService({
    directory: join(import.meta.dirname, '../..'),
    env: { ...process.env, ...ours },
  });
  const connection = { region, credentials: keys };
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
  Object.assign(process.env, ours, settings);
  const config = readConfig({ ...ours, ...settings });

  /** Services as a container of their own; what is given replaces time and the way to IPD, and settings. */
  function build(given: { clock?: Clock; send?: Send; config?: Partial<typeof config> } = {}) {
    return buildServices({ ...config, ...given.config }, { clock, ...given });
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

  const services = build();
  return {
    ...services,
    s3,
    ipd,
    clients,
    clock,
    build,
    config,

    /** What IPD holds. */
    received: async () => receivedList.parse(await (await admin('GET', '/attachments')).json()),
    faults: (faults: unknown[]) => admin('PUT', '/faults', faults),
    ipdSettings: (values: unknown) => admin('PUT', '/settings', values),
    resetIpd: () => admin('DELETE', ''),
    /** The upload requests that IPD has seen, oldest first. */
    uploadRequests: () => ipd.requests.filter(({ operation }) => operation === 'upload'),

    /** Creates an upload and puts its file; the event stays in the queue. */
    async stage(bytes: Buffer = randomBytes(1000), request: Partial<NewFile> = {}): Promise<Upload> {
      const upload = await create(bytes, request);
      const signed = await services.intake.sign(upload);
      if (signed === undefined) throw new Error('nothing to sign');
      const response = await fetch(signed.url, {
        method: 'PUT',
        headers: signed.headers,
        body: new Uint8Array(bytes),
      });
      if (!response.ok) throw new Error(`PUT ${response.status} ${await response.text()}`);
      return upload;
    },
    create,
    /** A function run with plenty of time by the test's clock. */
    run: (ms = 300_000) => ({ killedAt: clock.now() + ms, signal: AbortSignal.timeout(60_000) }),
    arrival: (upload: Upload, bytes: Buffer) => ({
      key: `staging/${upload.id}`,
      etag: createHash('md5').update(bytes).digest('hex'),
      size: bytes.length,
    }),
    find: async (id: string): Promise<Upload> => {
      const upload = await services.ledger.find(id);
      if (upload === undefined) throw new Error(`no upload ${id}`);
      return upload;
    },
    isStaged: async (id: string): Promise<boolean> =>
      (await services.staging.look(`staging/${id}`)) !== undefined,
    /** Empties the queue of what is visible now; answers with the requests for this upload's delivery. */
    async requestsFor(uploadId: string): Promise<string[]> {
      const bodies: string[] = [];
      for (;;) {
        const { Messages = [] } = await clients.sqs.send(
          new ReceiveMessageCommand({
            QueueUrl: config.queueUrl,
            MaxNumberOfMessages: 10,
            WaitTimeSeconds: 0,
          }),
        );
        if (Messages.length === 0) return bodies.filter((body) => body.includes(`{"uploadId":"${uploadId}"`));
        bodies.push(...Messages.map(({ Body = '' }) => Body));
      }
    },

    async stop(): Promise<void> {
      for (const client of Object.values(clients)) client.destroy();
      await Promise.all([sqs.close(), dynamodb.close(), ipd.close(), s3.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };

  type NewFile = Parameters<typeof services.intake.create>[1];

  async function create(bytes: Buffer, request: Partial<NewFile> = {}): Promise<Upload> {
    const { upload } = await services.intake.create(caller, {
      projectId,
      issueId,
      filename: 'report.pdf',
      contentType: 'application/pdf',
      size: bytes.length,
      ...request,
    });
    return upload;
  }
}
