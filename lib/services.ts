/**
 * Builds everything a function needs, once a container and on first use: SDK clients, adapters and
 * use cases. Secrets are fetched here and handed to the one adapter that needs them.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createArrivals } from './arrival.ts';
import { createAttach } from './attach.ts';
import { createBreaker } from './breaker.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { createClosing } from './closing.ts';
import { readConfig, readCredentials, readSigningCredentials } from './config.ts';
import type { Config, CredentialsSource } from './config.ts';
import { createDelivery } from './delivery.ts';
import { createIntake } from './intake.ts';
import { createIpdClient } from './ipd/client.ts';
import type { IpdClient } from './ipd/client.ts';
import { send as sendOverWire } from './ipd/wire.ts';
import type { Send } from './ipd/wire.ts';
import { createLedger } from './ledger.ts';
import { createMultipart } from './multipart.ts';
import { createNotices } from './notices.ts';
import { createPreflight } from './preflight.ts';
import { createQueue } from './queue.ts';
import { createReconciliation } from './reconciliation.ts';
import { createSending } from './sending.ts';
import { createSigning } from './signing.ts';
import { createStaging } from './staging.ts';
import { createSweep } from './sweep.ts';
import { createTelemetry } from './telemetry.ts';
import type { Telemetry } from './telemetry.ts';
import { createUploads } from './uploads.ts';
import { createUppy } from './uppy.ts';

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
  s3: S3Client;
  sqs: SQSClient;
  sns: SNSClient;
};

/** Services of their own for a given configuration; whatever is not given is the real thing. */
export function buildServices(config: Config, given: Partial<Surroundings> = {}) {
  const clock = given.clock ?? systemClock;
  const telemetry = given.telemetry ?? createTelemetry();
  const { policy } = config;
  const ledger = createLedger({ client: given.documents ?? createDocuments(), table: config.table, clock });
  const s3 = given.s3 ?? createS3();
  const storage = { client: s3, bucket: config.bucket };
  const staging = createStaging({ ...storage, clock });
  const multipart = createMultipart(storage);
  const signing = createSigning({ signer: once(createSigner), bucket: config.bucket });
  const notices = createNotices({ client: once(createSns), topicArn: config.topicArn });
  const queue = createQueue({ client: given.sqs ?? new SQSClient({}), queueUrl: config.queueUrl });

  const ipd = once(connect);

  async function connect(): Promise<IpdClient> {
    const { credentials: source, ...settings } = config.ipd;
    if (source === undefined) throw new Error('settings: IPD_CREDENTIALS is missing');
    const credentials = readCredentials(await fetchSecret(source));
    return createIpdClient({ ...settings, credentials, clock, send: given.send ?? sendOverWire });
  }

  /** Who signs URLs, and for which host: ourselves and the one we work with, where nothing else is said. */
  async function createSigner(): Promise<S3Client> {
    const { endpoint, credentials } = config.signer;
    if (endpoint === undefined && credentials === undefined) return s3;
    return createS3({
      ...(endpoint !== undefined && { endpoint, forcePathStyle: !AWS_HOST.test(new URL(endpoint).hostname) }),
      ...(credentials && { credentials: readSigningCredentials(await fetchSecret(credentials)) }),
    });
  }

  async function createSns(): Promise<SNSClient> {
    return given.sns ?? new (await import('@aws-sdk/client-sns')).SNSClient({});
  }

  const adapters = { ledger, staging, multipart, signing, notices, queue, clock, policy, telemetry };
  const breaker = createBreaker(adapters);
  const preflight = createPreflight({
    ...adapters,
    ...config,
    breaker,
    ipd: config.ipd.credentials && ipd,
  });
  const arrivals = createArrivals(adapters);
  const closing = createClosing({ ...adapters, arrivals });
  const common = { ...adapters, breaker, arrivals, closing };
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
    }),
    sweep: createSweep({ ...common, deliveriesPerMinute: config.deliveriesPerMinute }),
  };
}

/** Elsewhere a bucket is no host of its own. */
const AWS_HOST = /\.amazonaws\.com(\.cn)?$/;

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

function createDocuments(): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
}

/** Without the SDK's own checksums: a presigned URL would carry the one of an empty body, and a stream would be hashed twice. */
function createS3(settings: S3ClientConfig = {}): S3Client {
  return new S3Client({
    ...settings,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** Where secrets are is known at start, so only that service's client is loaded. */
async function fetchSecret(source: CredentialsSource): Promise<string> {
  switch (source.kind) {
    case 'inline':
      return source.json;
    case 'secretsmanager': {
      const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
      const answer = await new SecretsManagerClient({}).send(
        new GetSecretValueCommand({ SecretId: source.name }),
      );
      return answer.SecretString ?? '';
    }
    case 'ssm': {
      const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
      const command = new GetParameterCommand({ Name: source.name, WithDecryption: true });
      const answer = await new SSMClient({}).send(command);
      return answer.Parameter?.Value ?? '';
    }
  }
}
