/** How a function handles what its queue brings. */
import type { Telemetry } from './telemetry.ts';

type Message = { messageId: string; body: string };

/**
 * Handles messages one after the other. Those whose handling rejects are reported, so that the queue brings them again:
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
 */
export async function handleEach(
  messages: readonly Message[],
  telemetry: Telemetry,
  handle: (message: Message) => Promise<void>,
): Promise<{ batchItemFailures: { itemIdentifier: string }[] }> {
  const batchItemFailures: { itemIdentifier: string }[] = [];
  for (const message of messages) {
    const { messageId } = message;
    try {
      await handle(message);
    } catch (error) {
      telemetry.error('message not handled, the queue will bring it again', error, { messageId });
      telemetry.addMetrics({ Unhandled: 1 });
      batchItemFailures.push({ itemIdentifier: messageId });
    }
  }
  return { batchItemFailures };
}
