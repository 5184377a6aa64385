/** Every minute: does what is due. */
import middy from '@middy/core';
import type { Context, ScheduledEvent } from 'aws-lambda';
import { untimed } from '../lib/runtime/invocation.ts';
import { bindCall } from '../lib/runtime/telemetry.ts';
import { services as ofContainer } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';

/** Time to finish the work under way when the signal aborts. */
const MARGIN_MS = 10_000;

export const handler = createHandler(ofContainer);

/** The handler over these services. */
export function createHandler(services: () => Services) {
  return middy<ScheduledEvent, unknown>(untimed).handler(async (_event: ScheduledEvent, context: Context) => {
    bindCall({ invocationId: context.awsRequestId });
    const { sweep, clock } = services();
    await sweep.run(clock.timeout(context.getRemainingTimeInMillis() - MARGIN_MS));
  });
}
