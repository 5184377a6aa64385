/**
 * Builds everything a function needs, once a container and on first use: SDK clients, adapters and
 * use cases. Secrets are fetched here and handed to the one adapter that needs them.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createAttach } from './attach.ts';
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
import { createStaging } from './staging.ts';
import { createSweep } from './sweep.ts';
import { createTelemetry } from './telemetry.ts';

export type Services = ReturnType<typeof buildServices>;

let built: Services | undefined;

/** The container's services. Throws one Error that names every wrong setting. */
export function services(): Services {
  built ??= buildServices(readConfig());
  return built;
}

/** Services of their own for a given configuration; time, dice and the way to IPD can be given, too. */
export function buildServices(config: Config, given: { clock?: Clock; send?: Send } = {}) {
  const clock = given.clock ?? systemClock;
  const { policy } = config;
  const telemetry = createTelemetry();
  const ledger = createLedger({
    client: DynamoDBDocumentClient.from(new DynamoDBClient({}), {
      marshallOptions: { removeUndefinedValues: true },
    }),
    table: config.table,
    clock,
  });
  const staging = createStaging({
    client: new S3Client({
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
    bucket: config.bucket,
  });
  const queue = createQueue({ client: new SQSClient({}), queueUrl: config.queueUrl });

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

  const common = { ledger, staging, queue, clock, policy, telemetry };
  const intake = createIntake({ ...common, ...config, ipd: config.ipd.credentials && ipd });
  return {
    ...common,
    config,
    intake,
    attach: createAttach({ ...common, intake }),
    delivery: createDelivery({ ...common, ipd }),
    sweep: createSweep({ ...common, deliveriesPerMinute: config.deliveriesPerMinute }),
  };
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
