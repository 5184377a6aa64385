/** Secrets Manager by the AWS SDK, loaded where a secret is kept there. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { failed } from '../runtime/aws-errors.ts';

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html */
export async function readSecret(name: string): Promise<string> {
  const command = new GetSecretValueCommand({ SecretId: name });
  const { SecretString } = await new SecretsManagerClient({})
    .send(command)
    .catch(failed(`reading the secret ${name}`));
  return SecretString ?? '';
}
