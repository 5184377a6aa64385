/** SQS by the AWS SDK, loaded when there is something to send. */
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

export type Sqs = ReturnType<typeof sqsWith>;

export function createSqs(): Sqs {
  return sqsWith(new SQSClient({}));
}

/** The command, and the client that sends it. */
export function sqsWith(client: SQSClient) {
  return { client, SendMessageCommand };
}
