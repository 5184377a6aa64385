/**
 * Reads and writes the secrets that settings name. A write makes a new current version; the previous one stays:
 * Secrets Manager labels it AWSPREVIOUS, the Parameter Store keeps it under its number.
 */
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import type { TextSource } from '../../lib/runtime/settings.ts';
import { fill, Trouble } from '../texts.ts';
import type { Phrase } from '../texts.ts';

export type Stored = { value: string; since: number };

export type SecretStore = ReturnType<typeof openSecret>;

/** The names of the SDK's errors for a secret that does not exist. */
const MISSING = new Set(['ResourceNotFoundException', 'ParameterNotFound']);

/** Throws when the setting names no secret in either store. */
export function openSecret(setting: string, source: TextSource | undefined) {
  switch (source?.kind) {
    case 'secretsmanager':
      return secretsManager(source.name);
    case 'ssm':
      return parameterStore(source.name);
    case 'inline':
    case undefined:
      throw new Trouble(({ ops }) => fill(ops.rotateKey.noStore, { setting }));
  }
}

function secretsManager(name: string) {
  const client = new SecretsManagerClient({});

  /** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html */
  async function read(): Promise<Stored | undefined> {
    const command = new GetSecretValueCommand({ SecretId: name });
    const found = await client.send(command).catch(unlessMissing);
    return found && { value: found.SecretString ?? '', since: found.CreatedDate?.getTime() ?? 0 };
  }

  /** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html */
  async function write(value: string): Promise<Phrase> {
    const command = new PutSecretValueCommand({ SecretId: name, SecretString: value });
    const { VersionId: version = '' } = await client.send(command);
    return ({ ops }) => fill(ops.rotateKey.inSecretsManager, { name, version });
  }

  return { read, write };
}

function parameterStore(name: string) {
  const client = new SSMClient({});

  /** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html */
  async function read(): Promise<Stored | undefined> {
    const command = new GetParameterCommand({ Name: name, WithDecryption: true });
    const found = await client.send(command).catch(unlessMissing);
    const { Value = '', LastModifiedDate } = found?.Parameter ?? {};
    return found && { value: Value, since: LastModifiedDate?.getTime() ?? 0 };
  }

  /** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html */
  async function write(value: string): Promise<Phrase> {
    const { Version = 0 } = await client.send(
      new PutParameterCommand({ Name: name, Value: value, Type: 'SecureString', Overwrite: true }),
    );
    const version = { version: Version, before: Version - 1 };
    return ({ ops }) => fill(ops.rotateKey.inParameterStore, { name, ...version });
  }

  return { read, write };
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && MISSING.has(error.name)) return undefined;
  throw error;
}
