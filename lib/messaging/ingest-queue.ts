/**
 * The queue of ingestion: how its messages are read (S3's events of drops, requests of producers, and our own), and
 * what we put on it. Knows the wire forms only; lib/ingestion/ingest.ts decides what a message leads to.
 */
import * as z from 'zod';
import { ingestRequest, requestName } from '../domain/ingestion.ts';
import type { IngestRequest } from '../domain/ingestion.ts';
import { failed } from '../runtime/aws-errors.ts';
import { readArrivals } from './arrivals.ts';
import type { Sqs } from './sqs.ts';

/** A drop, as an event or a listing names it. */
export type NamedDrop = { key: string; etag: string };

export type IngestMessage =
  | { kind: 'drops'; drops: NamedDrop[] }
  | { kind: 'request'; request: IngestRequest }
  /** It has the id of a request, and the rest is wrong. */
  | { kind: 'malformed_request'; requestId: string; body: unknown; error: z.ZodError }
  /** Our own: this upload still awaits its copy. */
  | { kind: 'resume'; uploadId: string };

export type IngestQueue = ReturnType<typeof createIngestQueue>;

/** `sqs` is called only when there is something to send. */
export function createIngestQueue({
  sqs,
  queueUrl,
}: {
  sqs: () => Promise<Sqs>;
  queueUrl: string | undefined;
}) {
  /** Drops that a listing has found. */
  async function sendDrops(drops: NamedDrop[]): Promise<void> {
    await send({ drops });
  }

  /** The copy of an upload's object is still to be made. */
  async function sendResume(uploadId: string): Promise<void> {
    await send({ resume: uploadId });
  }

  /** A request whose time has not come yet, `delayMs` from now. */
  async function sendAgain(request: IngestRequest, delayMs: number): Promise<void> {
    await send(request, Math.ceil(delayMs / 1000));
  }

  async function send(body: object, delaySeconds = 0): Promise<void> {
    const { client, SendMessageCommand } = await sqs();
    const command = new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: JSON.stringify(body),
      DelaySeconds: delaySeconds,
    });
    await client.send(command).catch(failed('queueing for ingestion'));
  }

  return { sendDrops, sendResume, sendAgain };
}

const namedDrops = z.strictObject({ drops: z.array(z.object({ key: z.string(), etag: z.string() })) });
const resumed = z.strictObject({ resume: z.uuid() });

/** What a message asks for; undefined for what is no message. A test event asks for nothing. */
export function readIngestMessage(text: string): IngestMessage | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const request = ingestRequest.safeParse(body);
  if (request.success) return { kind: 'request', request: request.data };
  const name = requestName.safeParse(body);
  if (name.success) {
    return { kind: 'malformed_request', requestId: name.data.requestId, body, error: request.error };
  }
  const named = namedDrops.safeParse(body);
  if (named.success) return { kind: 'drops', drops: named.data.drops };
  const resume = resumed.safeParse(body);
  if (resume.success) return { kind: 'resume', uploadId: resume.data.resume };
  const arrivals = readArrivals(body);
  return arrivals && { kind: 'drops', drops: arrivals };
}
