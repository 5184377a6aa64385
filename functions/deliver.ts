/** From the delivery queue: S3's events and the sweep's requests, one upload at a time. */
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { handleEach } from '../lib/runtime/batch.ts';
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
    return handleEach(event.Records, telemetry, ({ body }) => delivery.onMessage(body, run));
  });
}
