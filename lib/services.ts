/**
 * Builds everything a function needs, once a container and on first use: SDK clients, adapters and
 * use cases. Secrets are fetched here and handed to the one adapter that needs them.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createArrivals } from './uploads/stage.ts';
import { createAttach } from './uploads/attach.ts';
import { createBreaker } from './pacing/breaker.ts';
import { systemClock } from './runtime/clock.ts';
import type { Clock } from './runtime/clock.ts';
import { createClosing } from './uploads/clean-up.ts';
import { readConfig, readCredentials, readSigningCredentials } from './runtime/config.ts';
import type { Config } from './runtime/config.ts';
import { createDelivery } from './delivery/deliver.ts';
import { createIntake } from './uploads/create.ts';
import { createIpdClient } from './ipd/client.ts';
import type { IpdClient } from './ipd/client.ts';
import { send as sendOverWire } from './ipd/wire.ts';
import type { Send } from './ipd/wire.ts';
import { createJournal } from './ledger/journal.ts';
import { createLedger } from './ledger/uploads.ts';
import { createMultipart } from './storage/multipart.ts';
import { createNotices } from './messaging/notices.ts';
import { createPreflight } from './uploads/preflight.ts';
import { createQueue } from './messaging/queue.ts';
import { createQuota } from './pacing/quota.ts';
import { createReconciliation } from './delivery/reconcile.ts';
import { createScanGate } from './delivery/scan-gate.ts';
import type { S3 } from './storage/s3.ts';
import type { Sns } from './messaging/sns.ts';
import type { Sqs } from './messaging/sqs.ts';
import { createSending } from './delivery/send.ts';
import type { CredentialsSource } from './runtime/settings.ts';
import { createSigning } from './storage/presigning.ts';
import type { Signer } from './storage/presigning.ts';
import { createStaging } from './storage/staged-files.ts';
import { createSweep } from './delivery/sweep.ts';
import { createTelemetry } from './runtime/telemetry.ts';
import type { Telemetry } from './runtime/telemetry.ts';
import { createUploads } from './uploads/manage.ts';
import { createUppy } from './uploads/uppy.ts';

export type Services = ReturnType<typeof buildServices>;

let built: Services | undefined;

/** The container's services. Throws one Error that names every wrong setting. */
export function services(): Services {
  built ??= buildServices(readConfig());
  return built;
}

/** What a container gets from outside: time, chance, and the ways to everything remote. */
export type Surroundings = {
  clock: Clock;
  send: Send;
  telemetry: Telemetry;
  documents: DynamoDBDocumentClient;
  s3: () => Promise<S3>;
  sqs: () => Promise<Sqs>;
  sns: () => Promise<Sns>;
};

/** Services of their own for a given configuration; whatever is not given is the real thing. */
export function buildServices(config: Config, given: Partial<Surroundings> = {}) {
  const clock = given.clock ?? systemClock;
  const telemetry = given.telemetry ?? createTelemetry();
  const { policy } = config;
  const ledger = createLedger({
    client: given.documents ?? createDocuments(),
    table: config.table,
    retentionMs: config.recordRetentionMs,
    clock,
    onWritten: createJournal(telemetry),
  });
  const storage = { s3: given.s3 ?? once(loadS3), bucket: config.bucket };
  const staging = createStaging({ ...storage, clock });
  const multipart = createMultipart(storage);
  // Storage goes by its own clock, so a URL's life begins by the machine's.
  const signing = createSigning({ signer: once(findSigner), bucket: config.bucket, now: Date.now });
  const notices = createNotices({ sns: given.sns ?? once(loadSns), topicArn: config.topicArn });
  const queue = createQueue({ sqs: given.sqs ?? once(loadSqs), queueUrl: config.queueUrl });

  const ipd = once(connect);

  async function connect(): Promise<IpdClient> {
    const { credentials: source, ...settings } = config.ipd;
    if (source === undefined) throw new Error('settings: IPD_CREDENTIALS is missing');
    const credentials = readCredentials(await fetchSecret(source));
    return createIpdClient({ ...settings, credentials, clock, send: given.send ?? sendOverWire });
  }

  /** Who signs URLs, and for which host: ourselves and the one we work with, where nothing else is said. */
  async function findSigner(): Promise<Signer> {
    const { region, s3Endpoint, keys: own } = config.aws;
    const { endpoint = s3Endpoint, credentials } = config.signer;
    const keys = credentials === undefined ? own : readSigningCredentials(await fetchSecret(credentials));
    if (region === undefined || keys === undefined) {
      throw new Error(
        'settings: to sign URLs, AWS_REGION is needed, and AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or SIGNING_CREDENTIALS',
      );
    }
    return { keys, region, endpoint };
  }

  const adapters = { ledger, staging, multipart, signing, notices, queue, clock, policy, telemetry };
  const breaker = createBreaker(adapters);
  const quota = createQuota({ ...adapters, ...config });
  const preflight = createPreflight({
    ...adapters,
    ...config,
    breaker,
    quota,
    ipd: config.ipd.credentials && ipd,
  });
  const arrivals = createArrivals(adapters);
  const closing = createClosing({ ...adapters, arrivals });
  const common = { ...adapters, breaker, arrivals, closing, quota };
  const intake = createIntake({ ...common, ...config, preflight });
  const uploads = createUploads({ ...common, ...config });
  return {
    ...common,
    config,
    intake,
    uploads,
    uppy: createUppy({ ...common, ...config, intake, uploads, preflight }),
    attach: createAttach({ ...common, intake }),
    delivery: createDelivery({
      ...common,
      ipd,
      reconciliation: createReconciliation(common),
      sending: createSending(common),
      scanGate: createScanGate({ ...common, ...config }),
    }),
    sweep: createSweep({ ...common, deliveriesPerMinute: config.deliveriesPerMinute }),
  };
}

/** Made at its first use. A start that failed is not kept: the next call tries again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => {
    made ??= make();
    made.catch(() => {
      made = undefined;
    });
    return made;
  };
}

const LOADERS = {
  storage: () => import('./storage/s3.ts'),
  queue: () => import('./messaging/sqs.ts'),
};

/** Loads SDKs that every call needs while the function starts, which costs less than within the first call. */
export async function loadAhead(...parts: (keyof typeof LOADERS)[]): Promise<void> {
  await Promise.all(parts.map((part) => LOADERS[part]()));
}

/** DynamoDB as the ledger speaks to it. */
export function createDocuments(): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
}

async function loadS3(): Promise<S3> {
  return (await import('./storage/s3.ts')).createS3();
}

async function loadSqs(): Promise<Sqs> {
  return (await import('./messaging/sqs.ts')).createSqs();
}

async function loadSns(): Promise<Sns> {
  return (await import('./messaging/sns.ts')).createSns();
}

/** Where secrets are is known at start, so only that service's client is loaded. */
export async function fetchSecret(source: CredentialsSource): Promise<string> {
  switch (source.kind) {
    case 'inline':
      return source.json;
    case 'secretsmanager':
      return (await import('./secrets/secrets-manager.ts')).readSecret(source.name);
    case 'ssm':
      return (await import('./secrets/parameter-store.ts')).readParameter(source.name);
  }
}
