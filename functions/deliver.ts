/** From the delivery queue: S3's events and the sweep's requests, one upload at a time. */
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { untimed } from '../lib/runtime/invocation.ts';
import { bindCall } from '../lib/runtime/telemetry.ts';
import { loadAhead, services as ofContainer } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';

/** Time to record the outcome before the function is killed. */
const MARGIN_MS = 10_000;

// Every delivery reads from storage: its SDK is loaded at the start, not within the first delivery.
await loadAhead('storage');

export const handler = createHandler(ofContainer);

/** The handler over these services. */
export function createHandler(services: () => Services) {
  return middy<SQSEvent, SQSBatchResponse>(untimed).handler(async (event: SQSEvent, context: Context) => {
    const remaining = context.getRemainingTimeInMillis();
    const { delivery, clock, telemetry } = services();
    bindCall({ invocationId: context.awsRequestId });
    const run = {
      killedAt: clock.now() + remaining,
      signal: clock.timeout(Math.max(remaining - MARGIN_MS, 0)),
    };
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const { messageId, body } of event.Records) {
      try {
        await delivery.onMessage(body, run);
      } catch (error) {
        telemetry.error('message not handled, the queue will bring it again', error, { messageId });
        telemetry.addMetrics({ Unhandled: 1 });
        batchItemFailures.push({ itemIdentifier: messageId });
      }
    }
    return { batchItemFailures };
  });
}
