/**
 * The test bed: the real parts on sockets of this process, started once, the shared clock, the sweep of this process
 * and the children that deliver and ingest. It starts and stops them; it does not know the tests.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { SubscribeCommand } from '@aws-sdk/client-sns';
import { dropId, nameBasedId } from '../../../lib/ingestion/offers.ts';
import { sqsWith } from '../../../lib/messaging/sqs.ts';
import { buildServices } from '../../../lib/services.ts';
import { linkedKey } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { putFile } from '../../support/answer.ts';
import { compileCache } from '../../support/compile-cache.ts';
import { handled } from '../../support/handled.ts';
import { storageEvent } from '../../support/queue-event.ts';
import { emptyQueue, projectId, startWorld } from '../../support/world.ts';
import type { World } from '../../support/world.ts';
import { parseNotification } from '../../ends/topic.ts';
import type { NotificationMessage } from '../../ends/topic.ts';
import { createSharedClock } from './clock.ts';
import { createMailbox } from './mailbox.ts';
import { MOST_ATTACHED } from './plan.ts';
import { silence } from './silence.ts';
import { openVictims } from './victims.ts';

export type Ground = Awaited<ReturnType<typeof openGround>>;

/** Every attachment appears in its list this late. */
const LIST_DELAY_SECONDS = 45;
/** A bucket of a producer. */
const SOURCE_BUCKET = 'artifacts';

/** What a producer offers, and how. */
type Offered = { by: 'drop' | 'request'; issueId: string; name: string; isHashDeclared?: boolean };

const firedFaults = z.array(z.object({ fired: z.int() }));
const time = z.iso.datetime().transform((text) => Date.parse(text));
const heldAttachments = z.array(
  z.object({
    id: z.string(),
    projectId: z.string(),
    issueId: z.string(),
    size: z.int(),
    sha256: z.string(),
    filename: z.string(),
    rawFilename: z.string(),
    contentType: z.string(),
    createdAt: time,
    visibleAt: time,
    /** Where the fake IPD keeps the bytes; the tests do not use it. */
    blob: z.string().default(''),
  }),
);

const heldLinks = z.array(
  z.object({ id: z.string(), issueId: z.string(), url: z.string(), createdAt: time }),
);

/** Starts everything. `spare`: children that are kept ready to replace dead ones. */
export async function openGround({ spare }: { spare: number }) {
  const directory = await mkdtemp(join(tmpdir(), 'bridge-chaos-'));
  const clockFile = join(directory, 'clock');
  const clock = createSharedClock(clockFile);
  const world = await startWorld({
    ends: 'sockets',
    environment: {
      PREFLIGHT: 'off',
      POWERTOOLS_LOG_LEVEL: 'SILENT',
      INGEST_PROJECTS: '*',
      OVERSIZE: 'link',
      MAX_FILE_BYTES: String(MOST_ATTACHED),
      PUBLIC_URL: 'https://files.example.com',
      LINK_KEY: 'a key of links that is long enough for them',
    },
  });
  // The fake IPD and the functions that create uploads use the world's clock.
  Object.assign(world.clock, clock);
  await world.ipdSettings({ listDelaySeconds: LIST_DELAY_SECONDS });
  const listener = await listen(world);
  await world.clients.s3.send(new CreateBucketCommand({ Bucket: SOURCE_BUCKET }));
  const mailbox = createMailbox(clock, world.config.ingest.queueUrl);
  const sqs = sqsWith(mailbox.client);
  const services = buildServices(world.config, { clock, telemetry: silence, sqs: async () => sqs });
  const victims = openVictims({
    clockFile,
    cacheDirectory: compileCache() ?? join(directory, 'compile-cache'),
    spare,
  });

  async function askIpd(path: string): Promise<unknown> {
    return (await fetch(`${world.ipd.url}/__admin${path}`)).json();
  }

  /** Creates an upload in parts and puts them all, but does not complete it. */
  async function stageParts(bytes: Buffer, request: Parameters<typeof world.create>[1]): Promise<Upload> {
    const upload = await world.create(bytes, { ...request, mode: 'multipart' });
    const { presigned } = await world.uploads.presign(upload, { isNew: true });
    for (const part of presigned !== undefined && 'parts' in presigned ? presigned.parts : []) {
      const response = await putFile(part, bytes.subarray(part.offset, part.offset + part.length));
      if (!response.ok) throw new Error(`PUT ${response.status} ${await response.text()}`);
    }
    return upload;
  }

  /** Puts an object as a producer does; answers with the message that offers it, and the upload that it is to become. */
  async function offer(bytes: Buffer, { by, issueId, name, isHashDeclared = false }: Offered) {
    const isDrop = by === 'drop';
    const bucket = isDrop ? world.config.bucket : SOURCE_BUCKET;
    const key = isDrop ? `ingest/${projectId}/${issueId}/${name}` : `${issueId}/${name}`;
    const checksum = isHashDeclared ? { ChecksumAlgorithm: 'SHA256' as const } : {};
    const command = new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes, ...checksum });
    await world.clients.s3.send(command);
    const etag = createHash('md5').update(bytes).digest('hex');
    const message = isDrop
      ? storageEvent({ key, bytes })
      : { requestId: key, source: { bucket, key }, projectId, issueId };
    return {
      id: isDrop ? dropId({ bucket, key, etag }) : nameBasedId('request', key),
      drop: isDrop ? key : undefined,
      body: JSON.stringify(message),
    };
  }

  return {
    world,
    clock,
    mailbox,
    victims,
    stageParts,
    offer,
    /** True while the staging bucket has the object. */
    isThere: async (key: string): Promise<boolean> => (await world.staging.head(key)) !== undefined,
    /** Ingestion in a child asks SQS itself for a delivery: brings these messages over to the shared clock. */
    async collect(): Promise<void> {
      for (const body of await emptyQueue(world.clients.sqs, world.config.ingest.deliveryQueueUrl)) {
        mailbox.put({ to: 'deliver', body, delayMs: 0 });
      }
    },
    /** Of the process of the sweep. */
    services,
    sweep: async (): Promise<void> => {
      await services.sweep.run(AbortSignal.timeout(300_000));
    },
    /** All that IPD holds. */
    attachments: async () => heldAttachments.parse(await askIpd('/attachments')),
    links: async () => heldLinks.parse(await askIpd('/links')),
    /** What a browser gets by the address of a link, as SHA-256; undefined where it gets no file. */
    async follow(url: string): Promise<string | undefined> {
      const [id = '', secret = ''] = new URL(url).pathname.split('/').slice(-2);
      const location = await services.downloads.find(id, secret).catch(() => undefined);
      if (location === undefined) return undefined;
      const answer = await fetch(location);
      return answer.ok ? hashOf(Buffer.from(await answer.arrayBuffer())) : undefined;
    },
    /** The linked file of an upload, as SHA-256; undefined where storage has none. */
    async linkedFile(id: string): Promise<string | undefined> {
      const key = linkedKey(id);
      if ((await world.staging.head(key)) === undefined) return undefined;
      const { Body } = await world.clients.s3.send(
        new GetObjectCommand({ Bucket: world.config.bucket, Key: key }),
      );
      return hashOf((await Body?.transformToByteArray()) ?? '');
    },
    /** All notifications that the subscriber has received so far. */
    notifications: listener,
    /** How often each of the faults in force has happened. */
    firedFaults: async () => firedFaults.parse(await askIpd('/faults')).map(({ fired }) => fired),
    /**
     * Resolves once IPD has handled all requests, except `standing` ones whose child is stopped. Only then may the
     * clock be set forward: otherwise IPD would break the product's assumption about the commit window.
     */
    quiet: (standing: number) => handled(world.ipd, { standing }),
    async close(): Promise<void> {
      await victims.close();
      mailbox.client.destroy();
      await world.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function hashOf(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Subscribes a queue to the notifications; the function that it returns reads all that have come. */
async function listen({
  clients: { sqs, sns },
  config: { topicArn },
}: World): Promise<() => Promise<NotificationMessage[]>> {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'chaos-notifications' }));
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  await sns.send(
    new SubscribeCommand({
      TopicArn: topicArn,
      Protocol: 'sqs',
      Endpoint: Attributes?.['QueueArn'],
      Attributes: { RawMessageDelivery: 'true' },
    }),
  );
  const heard: NotificationMessage[] = [];
  return async () => {
    for (;;) {
      const { Messages = [] } = await sqs.send(
        // Hidden for longer than any run takes.
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 43_200 }),
      );
      if (Messages.length === 0) return heard;
      heard.push(...Messages.map(({ Body = '' }) => parseNotification(Body)));
    }
  };
}
