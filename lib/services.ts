/**
 * Builds everything a function needs, once a container and on first use: SDK clients, adapters and
 * use cases. Secrets are fetched here and handed to the one adapter that needs them.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createArrivals } from './uploads/stage.ts';
import { createAttachmentLeg } from './delivery/attachment-leg.ts';
import { createAttach } from './uploads/attach.ts';
import { createBreaker } from './pacing/breaker.ts';
import { createSlotLease } from './pacing/slot-lease.ts';
import { systemClock } from './runtime/clock.ts';
import type { Clock } from './runtime/clock.ts';
import { createClosing } from './uploads/clean-up.ts';
import { createComments } from './delivery/comment.ts';
import {
  readAuthorities,
  readConfig,
  readCredentials,
  readLinkKey,
  readSigningCredentials,
} from './runtime/config.ts';
import type { Config } from './runtime/config.ts';
import { createDelivery } from './delivery/deliver.ts';
import { createDownloads } from './uploads/download.ts';
import { createDrops } from './storage/drops.ts';
import { createIngestQueue } from './messaging/ingest-queue.ts';
import { createIngestion } from './ingestion/ingest.ts';
import { createPatrol } from './ingestion/patrol.ts';
import { createRoom } from './pacing/room.ts';
import { createIntake } from './uploads/create.ts';
import { createIpdClient } from './ipd/client.ts';
import type { IpdClient } from './ipd/client.ts';
import { createSend } from './ipd/ways.ts';
import type { Send } from './ipd/wire.ts';
import { createAddresses } from './links/addresses.ts';
import type { Addresses } from './links/addresses.ts';
import { createLinkLeg } from './delivery/link-leg.ts';
import { createLinkedFiles } from './storage/linked-files.ts';
import { createJournal } from './ledger/journal.ts';
import { createAttachments } from './ledger/attachments.ts';
import { createCounters } from './ledger/counters.ts';
import { createIdempotencyKeys } from './ledger/idempotency-keys.ts';
import { createSharedState } from './ledger/shared-state.ts';
import { createTable } from './ledger/table.ts';
import { createTickets } from './ledger/tickets.ts';
import { createLedger } from './ledger/uploads.ts';
import { createWorkItems } from './ledger/work-items.ts';
import { createMultipart } from './storage/multipart.ts';
import { createNotifications } from './messaging/notifications.ts';
import { createPreflight } from './uploads/preflight.ts';
import { createQueue } from './messaging/queue.ts';
import { createQuota } from './pacing/quota.ts';
import { createReconciliation } from './delivery/reconcile.ts';
import { createScanGate } from './delivery/scan-gate.ts';
import type { S3 } from './storage/s3.ts';
import type { Sns } from './messaging/sns.ts';
import type { Sqs } from './messaging/sqs.ts';
import { createSending } from './delivery/send.ts';
import type { TextSource } from './runtime/settings.ts';
import { createSigning } from './storage/presigning.ts';
import type { Signer } from './storage/presigning.ts';
import { createStaging } from './storage/staged-files.ts';
import { createSweep } from './delivery/sweep.ts';
import { createTelemetry } from './runtime/telemetry.ts';
import { textsIn } from './texts/language.ts';
import type { Telemetry } from './runtime/telemetry.ts';
import { createUploads } from './uploads/manage.ts';
import { createUppy } from './uploads/uppy.ts';

export type Services = ReturnType<typeof buildServices>;

let built: Services | undefined;

/** The container's services. Throws one Error that names every wrong setting. */
export function services(): Services {
  built ??= buildServices(readConfig());
  return built;
}

/** What a container gets from outside: time, chance, and the ways to everything remote. */
export type Surroundings = {
  clock: Clock;
  /** The time as storage has it: a URL's life begins by it. */
  storageTime: () => number;
  send: Send;
  telemetry: Telemetry;
  documents: DynamoDBDocumentClient;
  s3: () => Promise<S3>;
  sqs: () => Promise<Sqs>;
  sns: () => Promise<Sns>;
  readSecret: (source: TextSource) => Promise<string>;
};

/** Services of their own for a given configuration; what is not given is the real thing. */
export function buildServices(config: Config, given: Partial<Surroundings> = {}) {
  const clock = given.clock ?? systemClock;
  const telemetry = given.telemetry ?? createTelemetry();
  const readSecret = given.readSecret ?? fetchSecret;
  const { policy } = config;
  const retentionMs = config.recordRetentionMs;
  const table = createTable({ client: given.documents ?? createDocuments(), table: config.table, clock });
  const ledger = createLedger({ table, clock, retentionMs, onWritten: createJournal(telemetry) });
  const attachments = createAttachments({ table, clock, retentionMs });
  const workItems = createWorkItems({ table, clock, retentionMs, find: ledger.find });
  const idempotencyKeys = createIdempotencyKeys({ table, clock, retentionMs });
  const tickets = createTickets({ table, clock });
  const counters = createCounters({ table, clock });
  const sharedState = createSharedState({ table });
  const storage = { s3: given.s3 ?? once(loadS3), bucket: config.bucket };
  const staging = createStaging({ ...storage, clock });
  const multipart = createMultipart(storage);
  const linkedFiles = createLinkedFiles(storage);
  const drops = createDrops(storage);
  // Storage goes by its own clock, so a URL's life begins by the machine's.
  const storageTime = given.storageTime ?? Date.now;
  const signing = createSigning({ signer: once(findSigner), bucket: config.bucket, now: storageTime });
  const notifications = createNotifications({ sns: given.sns ?? once(loadSns), topicArn: config.topicArn });
  const sqs = given.sqs ?? once(loadSqs);
  const queue = createQueue({ sqs, queueUrl: config.queueUrl });
  // Of its own: in one queue with people's files, these would wait behind all of the producers'.
  const ingestedQueue = createQueue({ sqs, queueUrl: config.ingest.deliveryQueueUrl });
  const ingestQueue = createIngestQueue({ sqs, queueUrl: config.ingest.queueUrl });

  const ipd = once(connect);

  async function connect(): Promise<IpdClient> {
    const { credentials: source, ...settings } = config.ipd;
    if (source === undefined) throw new Error('settings: IPD_CREDENTIALS is missing');
    const [text, send] = await Promise.all([
      readSecret(source),
      given.send ?? openWays(config.ipd, readSecret),
    ]);
    return createIpdClient({ ...settings, credentials: readCredentials(text), clock, send });
  }

  /** Who signs URLs, and for which host: ourselves and the one we work with, where nothing else is said. */
  async function findSigner(): Promise<Signer> {
    const { region, s3Endpoint, keys: own } = config.aws;
    const { endpoint = s3Endpoint, credentials } = config.signer;
    const keys = credentials === undefined ? own : readSigningCredentials(await readSecret(credentials));
    if (region === undefined || keys === undefined) {
      throw new Error(
        'settings: to sign URLs, AWS_REGION is needed, and AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or SIGNING_CREDENTIALS',
      );
    }
    return { keys, region, endpoint };
  }

  /** Undefined in a function without them, and while linking is off. */
  function openAddresses(): Addresses | undefined {
    const { publicUrl, key: source } = config.links ?? {};
    if (publicUrl === undefined || source === undefined) return undefined;
    return createAddresses({ key: once(async () => readLinkKey(await readSecret(source))), publicUrl });
  }

  const { links, comment } = config;
  const addresses = openAddresses();
  const { limits, stagingUrlTtlSeconds, preflightsPerMinute, deliveriesPerMinute } = config;
  const breaker = createBreaker({ sharedState, clock, telemetry });
  const slotLease = createSlotLease({ sharedState });
  const quota = createQuota({ ledger, counters, clock, limits, preflightsPerMinute });
  const arrivals = createArrivals({ ledger, staging, multipart, queue, drops, clock, policy });
  const closing = createClosing({ ledger, notifications, arrivals, linkedFiles, telemetry });
  const preflight = createPreflight({
    breaker,
    quota,
    ipd: config.ipd.credentials && ipd,
    preflight: config.preflight,
    maxFileBytes: config.maxFileBytes,
    maxLinkedBytes: links?.maxFileBytes,
    clock,
    policy,
    telemetry,
  });
  const intake = createIntake({
    ledger,
    idempotencyKeys,
    multipart,
    breaker,
    preflight,
    quota,
    clock,
    policy,
    limits,
    linkedFileDays: links?.days,
    stagingUrlTtlSeconds,
  });
  const uploads = createUploads({
    ledger,
    staging,
    signing,
    multipart,
    arrivals,
    quota,
    queue,
    addresses,
    clock,
    policy,
    stagingUrlTtlSeconds,
  });
  const downloads = createDownloads({ ledger, signing, quota, addresses, clock });
  const uppy = createUppy({
    tickets,
    intake,
    uploads,
    arrivals,
    preflight,
    quota,
    signing,
    multipart,
    clock,
    sessionTtlSeconds: config.sessionTtlSeconds,
    stagingUrlTtlSeconds,
    leastPartBytes: config.leastPartBytes,
    telemetry,
  });
  const reconciliation = createReconciliation({
    ledger,
    attachments,
    workItems,
    staging,
    clock,
    policy,
    telemetry,
  });
  const scanGate = createScanGate({ staging, clock, requiredScanTag: config.requiredScanTag });
  const delivery = createDelivery({
    ledger,
    workItems,
    staging,
    breaker,
    reconciliation,
    legs: {
      attachment: createAttachmentLeg({
        ledger,
        staging,
        reconciliation,
        sending: createSending({ ledger, staging, clock }),
        scanGate,
        clock,
        policy,
        telemetry,
      }),
      link: createLinkLeg({ ledger, linkedFiles, addresses, scanGate, clock, policy, telemetry }),
    },
    linkedFiles,
    isLinking: links !== undefined,
    comments: createComments({
      ledger,
      ipd,
      texts: comment && (() => textsIn(comment.language)),
      clock,
      telemetry,
    }),
    scanGate,
    closing,
    ipd,
    clock,
    policy,
    telemetry,
  });
  const { admission, maxOpen, promptPerMinute } = config.ingest;
  const ingestion = createIngestion({
    ledger,
    counters,
    drops,
    staging,
    ingestQueue,
    queue: ingestedQueue,
    room: createRoom({ ledger, clock, maxOpen }),
    closing,
    clock,
    policy,
    bucket: config.bucket,
    admission,
    promptPerMinute,
    telemetry,
  });
  const sweep = createSweep({
    ledger,
    arrivals,
    closing,
    queues: { people: queue, ingest: ingestedQueue },
    breaker,
    slotLease,
    linkedFiles,
    ingestQueue,
    patrol: admission && createPatrol({ drops, ingestQueue, sharedState, clock }),
    clock,
    policy,
    deliveriesPerMinute,
    telemetry,
  });
  return {
    config,
    clock,
    policy,
    telemetry,
    ledger,
    attachments,
    workItems,
    idempotencyKeys,
    tickets,
    counters,
    sharedState,
    staging,
    linkedFiles,
    drops,
    multipart,
    signing,
    notifications,
    queue,
    breaker,
    quota,
    arrivals,
    closing,
    intake,
    uploads,
    downloads,
    uppy,
    attach: createAttach({ intake, ledger, staging, queue, clock, policy }),
    reconciliation,
    delivery,
    ingestion,
    sweep,
  };
}

/** The ways to IPD and IAM by the settings. Throws an Error that names IPD_CA when that cannot be read. */
export async function openWays(ipd: Config['ipd'], readText = fetchSecret): Promise<Send> {
  const { authorities: source, ...hosts } = ipd;
  const text = source && (await readText(source));
  return createSend({ ...hosts, authorities: text === undefined ? undefined : readAuthorities(text) });
}

/** Made at its first use. A start that failed is not kept: the next call tries again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return async () => {
    made ??= make();
    made.catch(() => {
      made = undefined;
    });
    return made;
  };
}

const LOADERS = {
  storage: () => import('./storage/s3.ts'),
  queue: () => import('./messaging/sqs.ts'),
};

/** Loads SDKs that every call needs while the function starts, which costs less than within the first call. */
export async function loadAhead(...parts: (keyof typeof LOADERS)[]): Promise<void> {
  await Promise.all(parts.map((part) => LOADERS[part]()));
}

/** DynamoDB as the ledger speaks to it. */
export function createDocuments(): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
}

async function loadS3(): Promise<S3> {
  return (await import('./storage/s3.ts')).createS3();
}

async function loadSqs(): Promise<Sqs> {
  return (await import('./messaging/sqs.ts')).createSqs();
}

async function loadSns(): Promise<Sns> {
  return (await import('./messaging/sns.ts')).createSns();
}

/** The configuration says where secrets are, so only that service's client is loaded. */
export async function fetchSecret(source: TextSource): Promise<string> {
  switch (source.kind) {
    case 'inline':
      return source.text;
    case 'secretsmanager':
      return (await import('./secrets/secrets-manager.ts')).readSecret(source.name);
    case 'ssm':
      return (await import('./secrets/parameter-store.ts')).readParameter(source.name);
  }
}
