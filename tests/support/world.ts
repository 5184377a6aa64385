/**
 * The product's services and all that they talk to: ends in memory, for tests of rules, or real parts on sockets, for
 * tests of adapters, wires and streams. Only the clock and the random source are the test's: the product runs unchanged.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SNSClient } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { readConfig, readCredentials } from '../../lib/runtime/config.ts';
import { createIpdClient } from '../../lib/ipd/client.ts';
import { s3With } from '../../lib/storage/s3.ts';
import { snsWith } from '../../lib/messaging/sns.ts';
import { sqsWith } from '../../lib/messaging/sqs.ts';
import { LANES } from '../../lib/ledger/uploads.ts';
import { buildServices } from '../../lib/services.ts';
import type { Surroundings } from '../../lib/services.ts';
import type { SignedRequest } from '../../lib/storage/presigning.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import type { PresignedRequests } from '../../lib/uploads/manage.ts';
import { openMemoryEnds } from '../ends/memory-ends.ts';
import type { startSocketEnds } from './socket-ends.ts';
import type { Signed } from './answer.ts';
import { wholeLedgerOf } from './ledger.ts';
import { ipdCredentials } from './local-keys.ts';
import { sourceOf } from './sources.ts';
import { createTestClock } from './surroundings.ts';
import type { TestClock } from './surroundings.ts';

export const projectId = '0123456789abcdef0123456789abcdef';
export const issueId = '956239067176935400';
export const caller = { owner: 'user-1', projects: '*' } as const;

const receivedList = z.array(
  z.object({
    id: z.string(),
    issueId: z.string(),
    size: z.number(),
    sha256: z.string(),
    filename: z.string(),
    rawFilename: z.string(),
  }),
);
const versioned = z.looseObject({ version: z.int() });

type Kinds = {
  memory: ReturnType<typeof openMemoryEnds>;
  sockets: Awaited<ReturnType<typeof startSocketEnds>>;
};

export type WorldOptions<K extends keyof Kinds> = {
  /** `memory`, where nothing else is said. */
  ends?: K;
  /** Settings of the product. */
  environment?: Record<string, string>;
};

/** A world of any kind. */
export type World = Awaited<ReturnType<typeof startWorld<keyof Kinds>>>;

async function openEnds<K extends keyof Kinds>(
  kind: K | undefined,
  options: { clock: TestClock; environment: Record<string, string> },
): Promise<Kinds[K]>;
async function openEnds(
  kind: keyof Kinds | undefined,
  options: { clock: TestClock; environment: Record<string, string> },
): Promise<Kinds[keyof Kinds]> {
  if (kind !== 'sockets') return openMemoryEnds(options);
  // Loaded here alone: a test of rules is over before these modules would be there.
  const { startSocketEnds } = await import('./socket-ends.ts');
  return startSocketEnds(options);
}

/** Starts a world; on sockets, it puts its addresses into the environment, as the gateway does for a function. */
export async function startWorld<K extends keyof Kinds = 'memory'>({
  ends: kind,
  environment: own = {},
}: WorldOptions<K> = {}) {
  const clock = createTestClock();
  const environment = {
    IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
    IPD_PROJECTS: '*',
    // The tests of one file are all the same user's, within the same minute.
    MAX_OPEN_UPLOADS: '1000',
    UPLOADS_PER_MINUTE: '1000',
    ...own,
  };
  const ends = await openEnds<K>(kind, { clock, environment });
  const { clients, ipd } = ends;
  // The same goes for what is asked of IPD before a file is taken.
  const config = { ...readConfig({ ...ends.settings, ...environment }), preflightsPerMinute: 1000 };

  /** Services as a container of their own; what is given replaces the surroundings, and settings. */
  function build({ config: other, s3: storage, sqs: queue, sns: topic, ...given }: Given = {}) {
    return buildServices(
      { ...config, ...other },
      {
        clock,
        ...ends.given,
        ...given,
        ...(storage && { s3: async () => s3With(storage) }),
        ...(queue && { sqs: async () => sqsWith(queue) }),
        ...(topic && { sns: async () => snsWith(topic) }),
      },
    );
  }

  async function admin(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await ends.admin(method, path, body);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  }

  const built = build();
  const services = { ...built, ledger: wholeLedgerOf(built) };
  let workItems = 0n;
  return {
    ...services,
    ...ends,
    /** What a function is built over. */
    services: built,
    admin,
    clock,
    build,
    config,

    /** What IPD holds. */
    received: async () => receivedList.parse(await (await admin('GET', '/attachments')).json()),
    /** A person deletes an attachment on IPD's own page. */
    removeInIpd: (attachmentId: string) => admin('DELETE', `/attachments/${attachmentId}`),
    faults: (faults: unknown[]) => admin('PUT', '/faults', faults),
    ipdSettings: (values: unknown) => admin('PUT', '/settings', values),
    /** Clients that reach nothing. */
    silent: {
      s3: () => withoutAnswer(ends.connectStorage()),
      sqs: () => withoutAnswer(ends.connectQueues()),
      sns: () => withoutAnswer(ends.connectTopic()),
    },
    /** Resets to an empty IPD without faults, a work item without uploads, and no due upload. */
    async reset(): Promise<void> {
      await admin('DELETE', '');
      for (const lane of LANES) {
        for await (const { id } of services.ledger.due(Date.parse('2999-01-01'), lane)) {
          await services.ledger.change(id, (before) => ({ ...before, dueAt: undefined }));
        }
      }
      workItems += 1n;
      const { version } = versioned.parse((await services.ledger.readState('breaker')) ?? { version: 0 });
      await services.ledger.writeState('breaker', version, { openings: 0 });
    },
    /** The upload requests that IPD has seen, oldest first. */
    uploadRequests: () => ipd.requests.filter(({ operation }) => operation === 'upload'),
    listRequests: () => ipd.requests.filter(({ operation }) => operation === 'list'),
    downloads: () => ipd.requests.filter(({ operation }) => operation === 'download'),

    /** Puts bytes by a presigned request, with its headers and nothing else. */
    putFile,
    /** Creates an upload and puts its file; the event stays in the queue. */
    stage,
    create,
    /** The same, and lets its event come. */
    async deliver(
      bytes: Buffer = randomBytes(1000),
      request: Partial<NewFile> = {},
      owner: string = caller.owner,
    ): Promise<Upload> {
      const { id } = await stage(bytes, request, owner);
      await services.delivery.onArrival(arrivalOf(id, bytes), run());
      return find(id);
    },
    /** Sets the clock forward until the upload is due, and handles the request that the sweep would have queued. */
    async next(id: string): Promise<Upload> {
      const { attempts, dueAt } = await find(id);
      if (dueAt === undefined) throw new Error(`upload ${id} is not due any more`);
      clock.set(Math.max(clock.now(), Date.parse(dueAt)));
      await services.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, run());
      return find(id);
    },
    /** Attaches a file to the upload's work item without the product; answers with its id. */
    async attach(item: Upload, bytes: Buffer): Promise<string> {
      const client = createIpdClient({
        ...config.ipd,
        credentials: readCredentials(environment.IPD_CREDENTIALS),
        clock,
        send: ends.send,
      });
      const sent = await client.upload({
        ...item,
        filename: 'of-others.bin',
        size: bytes.length,
        file: sourceOf([bytes]),
        fence: async () => undefined,
        signal: AbortSignal.timeout(300_000),
      });
      if (sent.kind !== 'stored') throw new Error(sent.detail);
      return sent.attachmentId ?? '';
    },
    /** A function run with plenty of time by the test's clock. */
    run,
    arrival: (upload: Upload, bytes: Buffer) => arrivalOf(upload.id, bytes),
    find,
    isStaged: async (id: string): Promise<boolean> =>
      (await services.staging.head(`staging/${id}`)) !== undefined,
    /** Empties the queues of deliveries of what is visible now; answers with the requests for this upload's delivery. */
    async requestsFor(uploadId: string): Promise<string[]> {
      const queues = [...new Set([config.queueUrl, config.ingest.deliveryQueueUrl])];
      const bodies = await Promise.all(queues.map((url) => emptyQueue(clients.sqs, url)));
      return bodies.flat().filter((body) => body.includes(`{"uploadId":"${uploadId}"`));
    },
  };

  type Given = Partial<Omit<Surroundings, keyof Clients>> &
    Partial<Clients> & { config?: Partial<typeof config> };
  type Clients = { s3: S3Client; sqs: SQSClient; sns: SNSClient };
  type NewFile = Parameters<typeof services.intake.create>[1];

  function run(ms = 300_000) {
    return { killedAt: clock.now() + ms, signal: AbortSignal.timeout(300_000) };
  }

  async function find(id: string): Promise<Upload> {
    const upload = await services.ledger.find(id);
    if (upload === undefined) throw new Error(`no upload ${id}`);
    return upload;
  }

  function putFile({ url, headers }: Signed, bytes: Buffer): Promise<Response> {
    return ends.request(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });
  }

  async function stage(
    bytes: Buffer = randomBytes(1000),
    request: Partial<NewFile> = {},
    owner: string = caller.owner,
  ): Promise<Upload> {
    const upload = await create(bytes, request, owner);
    const { presigned } = await services.uploads.presign(upload);
    const response = await putFile(oneRequest(presigned), bytes);
    if (!response.ok) throw new Error(`PUT ${response.status} ${await response.text()}`);
    return upload;
  }

  async function create(
    bytes: Buffer,
    request: Partial<NewFile> = {},
    owner: string = caller.owner,
  ): Promise<Upload> {
    const by = { ...caller, owner };
    const { upload } = await services.intake.create(by, {
      projectId,
      issueId: String(BigInt(issueId) + workItems),
      filename: 'report.pdf',
      contentType: 'application/pdf',
      size: bytes.length,
      ...request,
    });
    return upload;
  }
}

/** The one request of an upload that is not cut into parts. */
export function oneRequest(presigned: PresignedRequests | undefined): SignedRequest {
  if (presigned === undefined || !('url' in presigned)) throw new Error('there is not one request to make');
  return presigned;
}

/** The bodies of the messages that are visible now. They come again after the queue's visibility timeout. */
export async function emptyQueue(sqs: SQSClient, queueUrl: string): Promise<string[]> {
  const bodies: string[] = [];
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 }),
    );
    if (Messages.length === 0) return bodies;
    bodies.push(...Messages.map(({ Body = '' }) => Body));
  }
}

type Stack = { add: (middleware: () => () => Promise<never>, options: { step: 'initialize' }) => void };

/** The same client, none of whose commands gets an answer. */
function withoutAnswer<C extends { middlewareStack: Stack }>(client: C): C {
  client.middlewareStack.add(
    () => () => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })),
    { step: 'initialize' },
  );
  return client;
}

function arrivalOf(id: string, bytes: Buffer) {
  return { key: `staging/${id}`, etag: createHash('md5').update(bytes).digest('hex'), size: bytes.length };
}
