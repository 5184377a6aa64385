/** From the queue of ingestion: objects that producers offer, one message at a time. */
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { handleEach } from '../lib/runtime/batch.ts';
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
    return handleEach(event.Records, telemetry, ({ body, messageId }) =>
      ingestion.onMessage(body, messageId),
    );
  });
}
