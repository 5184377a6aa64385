/** From the queue of ingestion: objects that producers offer, one message at a time. */
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { untimed } from '../lib/runtime/invocation.ts';
import { bindCall } from '../lib/runtime/telemetry.ts';
import { loadAhead, services as ofContainer } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';

// Every message asks storage: its SDK is loaded at the start.
await loadAhead('storage');

export const handler = createHandler(ofContainer);

/** The handler over these services. */
export function createHandler(services: () => Services) {
  return middy<SQSEvent, SQSBatchResponse>(untimed).handler(async (event: SQSEvent, context: Context) => {
    const { ingestion, telemetry } = services();
    bindCall({ invocationId: context.awsRequestId });
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const { messageId, body } of event.Records) {
      try {
        await ingestion.onMessage(body, messageId);
      } catch (error) {
        telemetry.error('message not handled, the queue will bring it again', error, { messageId });
        telemetry.addMetrics({ Unhandled: 1 });
        batchItemFailures.push({ itemIdentifier: messageId });
      }
    }
    return { batchItemFailures };
  });
}
