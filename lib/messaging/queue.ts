/**
 * The delivery queue: what we put on it, and how its messages are read, S3's events and our own. Knows the wire forms
 * only; lib/delivery/deliver.ts decides what a message leads to.
 */
import * as z from 'zod';
import { failed } from '../runtime/aws-errors.ts';
import { readArrivals } from './arrivals.ts';
import type { Arrival } from './arrivals.ts';
import type { Sqs } from './sqs.ts';

/**
 * Our own message: deliver this upload, if its next attempt has this number. `isArrival`: its file has just come, and
 * the sweep gave it no slot.
 */
export type Request = { uploadId: string; attempt: number; isArrival?: boolean | undefined };

export type Queue = ReturnType<typeof createQueue>;

/** SQS delays a message by 15 minutes at most. */
const MAX_DELAY_SECONDS = 900;

/** `sqs` is called only when there is something to send. */
export function createQueue({ sqs, queueUrl }: { sqs: () => Promise<Sqs>; queueUrl: string }) {
  /** Asks for a delivery, `delayMs` from now. */
  async function send(request: Request, delayMs = 0): Promise<void> {
    const delay = Math.min(Math.max(Math.ceil(delayMs / 1000), 0), MAX_DELAY_SECONDS);
    const { client, SendMessageCommand } = await sqs();
    const command = new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: JSON.stringify(request),
      DelaySeconds: delay,
    });
    await client.send(command).catch(failed(`queueing a delivery of upload ${request.uploadId}`));
  }

  return { send };
}

const requestBody = z.object({
  uploadId: z.uuid().toLowerCase(),
  attempt: z.int().positive(),
  isArrival: z.boolean().optional(),
});

/** What a queue message asks for. A test event asks for nothing; undefined means that it has another form. */
export function readMessage(
  body: string,
): { kind: 'request'; request: Request } | { kind: 'arrivals'; arrivals: Arrival[] } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  const request = requestBody.safeParse(value);
  if (request.success) return { kind: 'request', request: request.data };
  const arrivals = readArrivals(value);
  return arrivals && { kind: 'arrivals', arrivals };
}
