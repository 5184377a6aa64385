/**
 * Finds what would stop a stack's removal. CloudFormation cannot delete a user who has an access key that it has not
 * made, and would fail only at the end, after it has deleted all functions. Only reads; deletes nothing.
 */
import { CloudFormationClient, DescribeStackResourceCommand } from '@aws-sdk/client-cloudformation';
import { IAMClient, ListAccessKeysCommand } from '@aws-sdk/client-iam';
import type { IAMClientConfig } from '@aws-sdk/client-iam';

/** How serverless reaches AWS. */
export type AwsConfig = Pick<IAMClientConfig, 'region' | 'credentials'>;

/** Undefined when nothing stops the removal, or when that cannot be read: then the removal itself reports it. */
export async function findHindrance(stack: string, config: AwsConfig): Promise<string | undefined> {
  const user = await findSigningUser(stack, config).catch(() => undefined);
  if (user === undefined) return undefined;
  const keys = await listKeys(user, config).catch(() => []);
  if (keys.length === 0) return undefined;
  const commands = keys.map((key) => `aws iam delete-access-key --user-name ${user} --access-key-id ${key}`);
  return [
    'The key that signs URLs has to go first, and every URL that it has signed ends with it:',
    ...commands,
  ].join('\n');
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html */
async function findSigningUser(StackName: string, config: AwsConfig): Promise<string | undefined> {
  const command = new DescribeStackResourceCommand({ StackName, LogicalResourceId: 'SigningUser' });
  const { StackResourceDetail } = await new CloudFormationClient(config).send(command);
  return StackResourceDetail?.PhysicalResourceId;
}

/** https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html */
async function listKeys(UserName: string, config: AwsConfig): Promise<string[]> {
  const { AccessKeyMetadata = [] } = await new IAMClient(config).send(
    new ListAccessKeysCommand({ UserName }),
  );
  return AccessKeyMetadata.flatMap(({ AccessKeyId }) => AccessKeyId ?? []);
}
