/**
 * Builds everything a function needs, once a container and on first use: SDK clients, adapters and
 * use cases. Secrets are fetched here and handed to the one adapter that needs them.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createAttach } from './attach.ts';
import { createBreaker } from './breaker.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { readConfig, readCredentials } from './config.ts';
import type { Config, CredentialsSource } from './config.ts';
import { createDelivery } from './delivery.ts';
import { createIntake } from './intake.ts';
import { createIpdClient } from './ipd/client.ts';
import type { IpdClient } from './ipd/client.ts';
import { send as sendOverWire } from './ipd/wire.ts';
import type { Send } from './ipd/wire.ts';
import { createLedger } from './ledger.ts';
import { createQueue } from './queue.ts';
import { createReconciliation } from './reconciliation.ts';
import { createSending } from './sending.ts';
import { createStaging } from './staging.ts';
import { createSweep } from './sweep.ts';
import { createTelemetry } from './telemetry.ts';
import type { Telemetry } from './telemetry.ts';

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
};

/** Services of their own for a given configuration; whatever is not given is the real thing. */
export function buildServices(config: Config, given: Partial<Surroundings> = {}) {
  const clock = given.clock ?? systemClock;
  const telemetry = given.telemetry ?? createTelemetry();
  const { policy } = config;
  const ledger = createLedger({ client: given.documents ?? createDocuments(), table: config.table, clock });
  const staging = createStaging({ client: given.s3 ?? createS3(), bucket: config.bucket, clock });
  const queue = createQueue({ client: given.sqs ?? new SQSClient({}), queueUrl: config.queueUrl });

  let client: Promise<IpdClient> | undefined;
  const ipd = async (): Promise<IpdClient> => {
    client ??= connect();
    // A failed start is not kept: the next call tries again.
    client.catch(() => {
      client = undefined;
    });
    return client;
  };

  async function connect(): Promise<IpdClient> {
    const { credentials: source, ...settings } = config.ipd;
    if (source === undefined) throw new Error('settings: IPD_CREDENTIALS is missing');
    const credentials = readCredentials(await fetchSecret(source));
    return createIpdClient({ ...settings, credentials, clock, send: given.send ?? sendOverWire });
  }

  const adapters = { ledger, staging, queue, clock, policy, telemetry };
  const common = { ...adapters, breaker: createBreaker(adapters) };
  const intake = createIntake({ ...common, ...config, ipd: config.ipd.credentials && ipd });
  return {
    ...common,
    config,
    intake,
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

function createDocuments(): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
}

/** Without the SDK's own checksums: a presigned URL would carry the one of an empty body, and a stream would be hashed twice. */
function createS3(): S3Client {
  return new S3Client({
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
