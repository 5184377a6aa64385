/** SNS by the AWS SDK, loaded when there is something to publish. */
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';

export type Sns = ReturnType<typeof snsWith>;

export function createSns(): Sns {
  return snsWith(new SNSClient({}));
}

/** The command, and the client that sends it. */
export function snsWith(client: SNSClient) {
  return { client, PublishCommand };
}
