/**
 * The functions, and what they speak to, on virtual time: the product's handlers and services, the ends of the
 * simulation, the fake IPD with its limit of uploads a second. Nothing fails here but by that limit. Notes when each
 * upload is staged, started and delivered.
 */
import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createHandler as createDeliver } from '../functions/deliver.ts';
import { createHandler as createIngest } from '../functions/ingest.ts';
import { createHandler as createSweep } from '../functions/sweep.ts';
import { INGEST_PREFIX } from '../lib/domain/ingestion.ts';
import { createUpload, stage } from '../lib/domain/lifecycle.ts';
import { iso, stagingKey, uploadIdOf } from '../lib/domain/upload.ts';
import type { NewUpload } from '../lib/domain/upload.ts';
import { MINUTE_MS, SECOND_MS } from '../lib/domain/units.ts';
import { sqsWith } from '../lib/messaging/sqs.ts';
import { snsWith } from '../lib/messaging/sns.ts';
import { readMessage } from '../lib/messaging/queue.ts';
import { readConfig } from '../lib/runtime/config.ts';
import type { Telemetry } from '../lib/runtime/telemetry.ts';
import { buildServices } from '../lib/services.ts';
import type { Services } from '../lib/services.ts';
import { s3With } from '../lib/storage/s3.ts';
import { createIpd } from '../local/ipd/ipd.ts';
import { makeIpdCredentials } from '../local/keys.ts';
import { createActivity } from '../tests/chaos/activity.ts';
import { createContainer } from '../tests/chaos/container.ts';
import { createDocuments } from '../tests/ends/documents.ts';
import { createObjects } from '../tests/ends/objects.ts';
import type { Creation, StoredObject } from '../tests/ends/objects.ts';
import { createMessageQueue } from '../tests/ends/queue.ts';
import type { MessageQueue } from '../tests/ends/queue.ts';
import { createTopic } from '../tests/ends/topic.ts';
import { createFaults, quietProfile } from '../tests/chaos/faults.ts';
import { createPeople } from '../tests/chaos/people.ts';
import { createRandom } from '../tests/chaos/random.ts';
import { documentsOf, queueOf, secretsOf, storageOf, topicOf } from '../tests/chaos/seams.ts';
import { createVirtualTime } from '../tests/chaos/virtual-time.ts';
import { wireOf } from '../tests/chaos/wire.ts';
import { lambdaContext, scheduledEvent } from '../tests/support/lambda-event.ts';
import { queueEvent } from '../tests/support/queue-event.ts';

export type Limits = {
  seed: string;
  /** IPD_RATE. */
  deliveriesPerMinute: number;
  /** How many uploads IPD takes in a second. */
  uploadsPerSecond: number;
  /** DELIVERY_CONCURRENCY. */
  concurrency: number;
  /** How long a request takes on its way to IPD, beside the time that each takes. */
  pauseOf?: (path: string) => number;
};

/** What is noted of one upload; times in milliseconds. */
export type Course = {
  stagedAt: number;
  /** From when on there was both its message and a function for it. */
  freeAt?: number;
  /** When the function began that had its lease first. */
  startedAt?: number;
  deliveredAt?: number;
};

const START = Date.UTC(2026, 0, 2, 3, 4, 5);
/** As serverless.yml has them. */
const INGEST_CONCURRENCY = 5;
const TIMEOUT_MS = { deliver: 300 * SECOND_MS, ingest: 60 * SECOND_MS, sweep: 50 * SECOND_MS };
/** As resources/staging.yml has them. */
const QUEUE = { visibilityMs: 30 * MINUTE_MS, maxReceives: 5 };
/** A query returns 1 MB at most. */
const ROWS_PER_PAGE = 10_000;
/** Storage's event is in the queue after this time. */
const EVENT_MS = 100;
const URL = 'http://127.0.0.1:1';

/** Starts the schedule; time passes while `time.run` runs. */
export function createWorld(limits: Limits) {
  const { seed, deliveriesPerMinute, uploadsPerSecond, concurrency, pauseOf } = limits;
  const random = createRandom(seed);
  const time = createVirtualTime(START);
  const { now } = time;
  const activity = createActivity();
  const faults = createFaults({ profile: quietProfile, without: new Set(), note: () => undefined });
  const courses = new Map<string, Course>();
  const invokedAt = new Map<string, number>();
  /** People's uploads that no function has been free for yet. */
  const waiting = new Set<Course>();
  const failures: unknown[] = [];
  const counts = { delivered: 0, throttled: 0, rateChanges: 0 };
  const credentials = makeIpdCredentials();
  const ipd = createIpd({
    credentials,
    clock: now,
    random: random.fork('ipd').random,
    sleep: time.sleep,
    rateLimit: { uploadsPerSecond, counts: 'bucket' },
  });
  const people = createPeople(ipd, now);
  const documents = createDocuments({
    now,
    pageSize: ROWS_PER_PAGE,
    onWritten: ({ id, status }) => {
      const course = courses.get(String(id));
      if (course === undefined) return;
      if (status === 'delivering') course.startedAt ??= invokedAt.get(String(id)) ?? now();
      if (status === 'delivered' && course.deliveredAt === undefined) {
        course.deliveredAt = now();
        counts.delivered += 1;
      }
      if (status === 'failed' || status === 'expired') failures.push(new Error(`an upload ended: ${status}`));
    },
  });
  const queueWith = (poll: () => void): MessageQueue =>
    createMessageQueue({ now, ...QUEUE, onSent: (delayMs) => time.after(delayMs, poll) });
  const deliveryQueue = queueWith(() => deliveries.poll());
  const ingestedQueue = queueWith(() => ingestedDeliveries.poll());
  const ingestQueue = queueWith(() => ingestions.poll());
  const objects = createObjects({ now, onCreated: announce });
  /** Files whose event is lost. */
  const unheard = new Set<string>();
  const config = readConfig({
    AWS_REGION: 'eu-central-1',
    STAGING_BUCKET: 'staging',
    UPLOADS_TABLE: 'uploads',
    DELIVERY_QUEUE_URL: `${URL}/deliveries`,
    INGEST_QUEUE_URL: `${URL}/ingest`,
    INGEST_DELIVERY_QUEUE_URL: `${URL}/ingested`,
    INGEST_PROJECTS: '*',
    NOTIFICATIONS_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:notifications',
    IPD_ENDPOINT: URL,
    IPD_IAM_ENDPOINT: URL,
    IPD_CREDENTIALS: JSON.stringify(credentials),
    IPD_PROJECTS: '*',
    IPD_AUTH: 'aksk',
    IPD_RATE: String(deliveriesPerMinute),
    PREFLIGHT: 'off',
  });
  const telemetry: Telemetry = {
    info: () => undefined,
    warn: (message) => {
      if (message === 'delivery rate changed') counts.rateChanges += 1;
    },
    error: (_message, error) => void failures.push(error),
    addMetrics: ({ IpdThrottles = 0 }) => {
      counts.throttled += IpdThrottles;
    },
  };

  function announce(key: string, { etag, bytes }: StoredObject, event: Creation): void {
    const uploadId = uploadIdOf(key);
    if (uploadId !== undefined) courses.set(uploadId, { stagedAt: now() });
    // No event reports a copy into staging.
    if (event === 'ObjectCreated:Copy' || unheard.has(key)) return;
    const object = { key, eTag: etag.replaceAll('"', ''), size: bytes.length };
    (uploadId === undefined ? ingestQueue : deliveryQueue).send(
      JSON.stringify({ Records: [{ eventName: event, s3: { object } }] }),
      EVENT_MS,
    );
  }

  /** Puts an object, as people and producers do. */
  function put(Key: string, Body: Buffer): void {
    objects.execute(new PutObjectCommand({ Bucket: '', Key, Body }));
  }

  function noteStart(body: string): void {
    for (const id of idsOf(body)) invokedAt.set(id, now());
  }

  let containers = 0;

  function createServices(kind: string): Services {
    containers += 1;
    const container = createContainer({ kind, time, faults, activity, random: random.fork(containers) });
    const note = (): void => undefined;
    const surroundings = {
      activity,
      container,
      documents,
      objects,
      queue: deliveryQueue,
      ingestQueue,
      ingestedQueue,
      topic,
      faults,
      time,
      note,
    };
    const s3 = s3With(storageOf(surroundings));
    const sqs = sqsWith(queueOf(surroundings));
    const sns = snsWith(topicOf(surroundings));
    const noted = { met: note, answered: note };
    const errand = () => ({ asked: () => noted, isInDoubt: () => false, size: () => 1 });
    const send = wireOf({ ...surroundings, ipd, people, errand, rule: () => undefined });
    return buildServices(config, {
      clock: container.clock,
      telemetry,
      documents: documentsOf(surroundings),
      s3: async () => s3,
      sqs: async () => sqs,
      sns: async () => sns,
      readSecret: secretsOf(surroundings),
      send: async (request) => {
        await time.sleep(pauseOf?.(request.url.pathname) ?? 0);
        return send(request);
      },
    });
  }
  const topic = createTopic();
  const deliver = createFunction('deliver', createDeliver);
  const ingest = createFunction('ingest', createIngest);
  const sweep = createFunction('sweep', createSweep);

  /** A function: a container that is idle is used again. */
  function createFunction<Event, Result>(
    name: keyof typeof TIMEOUT_MS,
    createHandler: (services: () => Services) => (event: Event, context: Context) => Promise<Result>,
  ): (event: Event) => Promise<Result> {
    const idle: ((event: Event) => Promise<Result>)[] = [];
    const start = () => {
      const services = createServices(name);
      const handler = createHandler(() => services);
      return async (event: Event): Promise<Result> => {
        const killedAt = now() + TIMEOUT_MS[name];
        return handler(
          event,
          lambdaContext(() => killedAt - now()),
        );
      };
    };
    return async (event) => {
      const instance = idle.pop() ?? start();
      try {
        return await instance(event);
      } finally {
        idle.push(instance);
      }
    };
  }

  /** The mapping of a queue to its function, with batches of one message. */
  function createSource(options: {
    source: MessageQueue;
    run: (event: SQSEvent) => Promise<SQSBatchResponse>;
    atOnce: number;
    onReceived?: (body: string) => void;
    onFree?: () => void;
  }) {
    const { source, run, atOnce, onReceived, onFree } = options;
    let running = 0;

    function poll(): void {
      while (running < atOnce) {
        onFree?.();
        const message = source.receive();
        if (message === undefined) return;
        running += 1;
        onReceived?.(message.body);
        void handle(message.id, message.body).then(poll);
      }
    }

    async function handle(id: number, body: string): Promise<void> {
      const { batchItemFailures } = await run(queueEvent(body));
      running -= 1;
      if (batchItemFailures.length === 0) source.remove(id);
      else time.after(QUEUE.visibilityMs, poll);
    }

    return { poll };
  }

  const deliveries = createSource({
    source: deliveryQueue,
    run: deliver,
    atOnce: concurrency,
    onReceived: noteStart,
    onFree: () => {
      for (const course of waiting) {
        if (course.stagedAt + EVENT_MS > now()) continue;
        course.freeAt = now();
        waiting.delete(course);
      }
    },
  });
  /** As many at once: producers' files alone use the whole rate. */
  const ingestedDeliveries = createSource({
    source: ingestedQueue,
    run: deliver,
    atOnce: concurrency,
    onReceived: noteStart,
  });
  const ingestions = createSource({ source: ingestQueue, run: ingest, atOnce: INGEST_CONCURRENCY });
  const schedule = (): void => {
    time.after(MINUTE_MS, schedule);
    void sweep(scheduledEvent);
  };
  time.after(random.int(0, MINUTE_MS), schedule);
  const { ledger, policy } = createServices('user');

  return {
    time,
    startedAt: START,
    counts,
    failures,
    courses,
    put,
    /** The drops that have not been copied and removed yet. */
    drops: (): string[] => objects.keys().filter((key) => key.startsWith(INGEST_PREFIX)),
    /** A person's upload: its record, then its file, whose event starts the delivery. Returns its id. */
    async stage(
      upload: Omit<NewUpload, 'id' | 'size'>,
      bytes: Buffer,
      { isEventLost }: { isEventLost: boolean },
    ): Promise<string> {
      const id = random.uuid();
      const created = createUpload({ ...upload, id, size: bytes.length }, { now: now(), policy });
      if (isEventLost) {
        unheard.add(stagingKey(id));
        put(stagingKey(id), bytes);
        const etag = createHash('md5').update(bytes).digest('hex');
        const staged = stage(created, { etag, size: bytes.length }, { now: now(), policy });
        if (staged !== undefined) await ledger.add({ ...staged, dueAt: iso(now()) });
        return id;
      }
      await ledger.add(created);
      put(stagingKey(id), bytes);
      const course = courses.get(id);
      if (course !== undefined) waiting.add(course);
      return id;
    },
    /** The SHA-256 of every attachment. */
    attached: (): string[] => ipd.admin.attachments().map(({ sha256 }) => sha256),
  };
}

/** The uploads that a message is about: our own request, or an event of storage. */
function idsOf(body: string): string[] {
  const message = readMessage(body);
  if (message?.kind === 'request') return [message.request.uploadId];
  return (message?.arrivals ?? []).flatMap(({ key }) => uploadIdOf(key) ?? []);
}
