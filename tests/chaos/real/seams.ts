/**
 * The places where a delivery or an ingestion calls a service, by name, so that a process can die exactly there. Wraps
 * the clients of DynamoDB, S3, SNS and IPD and reports when a place has been passed; changes nothing of what they do.
 */
import { setImmediate as nextCycle } from 'node:timers/promises';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { PublishCommand } from '@aws-sdk/client-sns';
import type { SNSClient } from '@aws-sdk/client-sns';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { INGEST_PREFIX } from '../../../lib/domain/ingestion.ts';
import { linkedKey } from '../../../lib/domain/upload.ts';
import type { Send } from '../../../lib/ipd/wire.ts';
import type { Sink } from '../../../lib/runtime/stream.ts';
import { s3With } from '../../../lib/storage/s3.ts';
import { snsWith } from '../../../lib/messaging/sns.ts';
import type { Surroundings } from '../../../lib/services.ts';

/** In the order of a delivery; each means: directly after that. */
export const STEPS = [
  'claimed',
  'work item taken',
  'list read',
  'file opened',
  'fence written',
  'boundary sent',
  'answered',
  'candidate written',
  'attachment claimed',
  'state written',
  'notification published',
  'file removed',
] as const;

/** Of a delivery that ends in a link, those that no other delivery has, in their order; claims and records are the same. */
export const LINK_STEPS = ['links listed', 'file kept', 'link made'] as const;

/** When a link is taken back, in their order; the links are listed in between. */
export const REMOVAL_STEPS = [
  'linked file removed',
  'its removal recorded',
  'check begun',
  'link deleted',
  'deletion recorded',
] as const;

/** In the order of an ingestion; a request has no drop to be removed. */
export const INGEST_STEPS = ['record written', 'object copied', 'copy recorded', 'drop removed'] as const;

/** The one place before a delivery: S3 has joined the parts, and the ledger does not say so yet. */
export const JOINED = 'parts joined';

export type Step =
  | (typeof STEPS)[number]
  | (typeof LINK_STEPS)[number]
  | (typeof REMOVAL_STEPS)[number]
  | (typeof INGEST_STEPS)[number]
  | typeof JOINED;

/** By the method of a call about links. */
const LINK_CALLS: Record<string, Step> = { GET: 'links listed', POST: 'link made', DELETE: 'link deleted' };

/** A named step, or so many bytes of the request to IPD. */
export type Place = Step | number;

/** Called when a delivery or an ingestion reaches a place; it waits until the promise resolves. */
type Reach = (place: Place) => Promise<void>;

type Ways = Pick<Surroundings, 'documents' | 'send'> & { s3: S3Client; sns: SNSClient };

/** The same clients, watched; `unfinished` counts the files that IPD has not received completely. */
export function watchWays({ documents, s3, sns, send }: Ways, reach: Reach) {
  const underWay = new Set<object>();

  const watchedSend: Send = async (request) => {
    if (request.url.pathname.endsWith('/attachments/upload')) return sendFile(request);
    const answer = await send(request);
    if (request.url.pathname.endsWith('/attachments')) await reach('list read');
    const ofLinks = LINK_CALLS[request.method];
    if (request.url.pathname.endsWith('/associate-third-party') && ofLinks !== undefined)
      await reach(ofLinks);
    return answer;
  };

  async function sendFile({ body, ...request }: Parameters<Send>[0]) {
    const length = Number(request.headers['content-length']);
    let passed = Promise.resolve();
    async function watchedBody(sink: Sink, signal: AbortSignal): Promise<void> {
      let sent = 0;
      const watchedSink = async (chunk: Uint8Array): Promise<void> => {
        await sink(chunk);
        sent += chunk.length;
        if (sent === length) underWay.delete(request);
        // Read now: the boundary may follow within the cycle, and would count twice.
        const place = sent === length ? 'boundary sent' : sent;
        // The socket gets what was written at the end of the event loop's cycle.
        passed = nextCycle().then(() => reach(place));
        await passed;
      };
      await (body instanceof Uint8Array ? watchedSink(body) : body?.(watchedSink, signal));
    }
    underWay.add(request);
    const answer = await send({ ...request, body: watchedBody }).finally(() => underWay.delete(request));
    // A delivery that waits at the boundary must not get the answer yet.
    await passed;
    await reach('answered');
    return answer;
  }

  const [storage, topic] = [s3With(watch(s3, reach)), snsWith(watch(sns, reach))];
  return {
    documents: watch(documents, reach),
    s3: async () => storage,
    sns: async () => topic,
    send: watchedSend,
    unfinished: () => underWay.size,
  };
}

/** The client, with `reach` called after each command. */
function watch<Client extends object>(client: Client, reach: Reach): Client {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name !== 'send' || typeof value !== 'function') return value;
      return async (...call: unknown[]): Promise<unknown> => {
        const answer: unknown = await Reflect.apply(value, target, call);
        const step = stepOf(call[0]);
        if (step !== undefined) await reach(step);
        return answer;
      };
    },
  });
}

const item = z.object({
  pk: z.string(),
  status: z.string().optional(),
  candidate: z.string().optional(),
  sendingAt: z.string().optional(),
  isLinkedFileRemoved: z.boolean().optional(),
  recheckLease: z.object({}).optional(),
  removal: z.object({ linksDeletedAt: z.string().optional() }).optional(),
});

function stepOf(command: unknown): Step | undefined {
  if (command instanceof GetObjectCommand) return 'file opened';
  if (command instanceof CopyObjectCommand)
    return isLinked(command.input.Key) ? 'file kept' : 'object copied';
  if (command instanceof DeleteObjectCommand) {
    if (isLinked(command.input.Key)) return 'linked file removed';
    return command.input.Key?.startsWith(INGEST_PREFIX) === true ? 'drop removed' : 'file removed';
  }
  if (command instanceof CompleteMultipartUploadCommand) return JOINED;
  if (command instanceof PublishCommand) return 'notification published';
  if (!(command instanceof PutCommand)) return undefined;
  const { pk, status, candidate, sendingAt, ...removed } = item.parse(command.input.Item);
  if (pk.startsWith('work-item#')) return 'work item taken';
  if (pk.startsWith('attachment#')) return 'attachment claimed';
  if (status === 'awaiting_upload') return 'record written';
  if (status === 'staged') return 'copy recorded';
  if (status === 'delivered') return 'state written';
  if (status === 'removed') return stepOfRemoval(removed);
  if (candidate !== undefined) return 'candidate written';
  if (status !== 'delivering') return undefined;
  return sendingAt === undefined ? 'claimed' : 'fence written';
}

function stepOfRemoval({
  isLinkedFileRemoved,
  recheckLease,
  removal,
}: Pick<z.output<typeof item>, 'isLinkedFileRemoved' | 'recheckLease' | 'removal'>): Step | undefined {
  if (recheckLease !== undefined) return 'check begun';
  if (removal?.linksDeletedAt !== undefined) return 'deletion recorded';
  return isLinkedFileRemoved === true ? 'its removal recorded' : undefined;
}

function isLinked(key = ''): boolean {
  return key.startsWith(linkedKey(''));
}
