/** The Parameter Store by the AWS SDK, loaded where a secret is kept there. */
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { failed } from '../runtime/aws-errors.ts';

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html */
export async function readParameter(name: string): Promise<string> {
  const command = new GetParameterCommand({ Name: name, WithDecryption: true });
  const { Parameter } = await new SSMClient({}).send(command).catch(failed(`reading the parameter ${name}`));
  return Parameter?.Value ?? '';
}
