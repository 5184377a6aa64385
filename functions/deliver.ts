/** From the delivery queue: S3's events and the sweep's requests, one upload at a time. */
import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { Run } from '../lib/delivery/send.ts';
import { readMessage } from '../lib/messaging/queue.ts';
// Every delivery reads from storage: its SDK is loaded at the start, not within the first delivery.
import '../lib/storage/s3.ts';
import { services } from '../lib/services.ts';
import { bindCall } from '../lib/runtime/telemetry.ts';

/** Time to write down how it ended before the function is killed. */
const MARGIN_MS = 10_000;

export const handler = middy<SQSEvent, SQSBatchResponse>().handler(
  async (event: SQSEvent, context: Context) => {
    bindCall({ invocationId: context.awsRequestId });
    const remaining = context.getRemainingTimeInMillis();
    const { clock, telemetry } = services();
    const run: Run = {
      killedAt: clock.now() + remaining,
      signal: clock.timeout(Math.max(remaining - MARGIN_MS, 0)),
    };
    const batchItemFailures: SQSBatchResponse['batchItemFailures'] = [];
    for (const { messageId, body } of event.Records) {
      try {
        await handleMessage(body, run);
      } catch (error) {
        telemetry.error('message not handled, the queue will bring it again', error, { messageId });
        telemetry.measure({ Unhandled: 1 });
        batchItemFailures.push({ itemIdentifier: messageId });
      }
    }
    return { batchItemFailures };
  },
);

async function handleMessage(body: string, run: Run): Promise<void> {
  const { delivery, telemetry } = services();
  const message = readMessage(body);
  if (message === undefined) telemetry.warn('message of unknown form ignored');
  else if ('request' in message) await delivery.onRequest(message.request, run);
  else for (const arrival of message.arrivals) await delivery.onArrival(arrival, run);
}
