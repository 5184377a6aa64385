/**
 * Everything around the product in one simulated world: time, the in-memory ends, and containers with the real
 * services. It starts nothing by itself: `platform.ts` runs the functions and `users.ts` the users.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { createHash } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { ZodError } from 'zod';
import { createIpd } from '../../local/ipd/ipd.ts';
import { ipdCredentials } from '../support/local-keys.ts';
import type { Send } from '../../lib/ipd/wire.ts';
import { readConfig } from '../../lib/runtime/config.ts';
import { s3With } from '../../lib/storage/s3.ts';
import { snsWith } from '../../lib/messaging/sns.ts';
import { sqsWith } from '../../lib/messaging/sqs.ts';
import { buildServices } from '../../lib/services.ts';
import type { Services } from '../../lib/services.ts';
import type { Telemetry } from '../../lib/runtime/telemetry.ts';
import { isFinal, uploadIdOf, uploadSchema } from '../../lib/domain/upload.ts';
import { createChronicle } from './chronicle.ts';
import type { Chronicle } from './chronicle.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { createContainer } from './container.ts';
import type { Container } from './container.ts';
import type { Random } from './random.ts';
import { createDocuments } from '../ends/documents.ts';
import type { Documents } from '../ends/documents.ts';
import { createObjects } from '../ends/objects.ts';
import type { Creation, StoredObject } from '../ends/objects.ts';
import { encodeKey } from '../ends/listing.ts';
import { createMessageQueue } from '../ends/queue.ts';
import type { MessageQueue } from '../ends/queue.ts';
import { createTopic } from '../ends/topic.ts';
import { createPeople } from './people.ts';
import { createActivity } from './activity.ts';
import { inBucket, withhold, withoutDeletion, withoutRestraint } from './missing.ts';
import type { MissingInEnds } from './missing.ts';
import { asNewer, createKeeping } from './newer.ts';
import { createScanner, REQUIRED_SCAN_TAG } from './scanner.ts';
import { createStorageRequests } from '../ends/storage-requests.ts';
import { createOffered } from './offered.ts';
import { LARGEST_FILE, SOURCE_BUCKET } from './producers.ts';
import { PUBLIC_URL, sha256Of } from './readers.ts';
import { createFaults } from './faults.ts';
import type { Profile } from './faults.ts';
import { documentsOf, queueOf, secretsOf, storageOf, topicOf } from './seams.ts';
import type { Tape } from './tape.ts';
import { readRecord } from './oracle-reading.ts';
import type { UploadRecord } from './oracle-reading.ts';
import { createTrace } from './trace.ts';
import { createVirtualTime } from './virtual-time.ts';
import { wireOf } from './wire.ts';
import type { IpdCall, Rule } from './wire.ts';

/** Parts of the product that a test of the oracle takes away. */
export type Missing =
  | 'reconciliation'
  | 'fence'
  | 'sweep'
  | 'notifications'
  | 'waiting'
  | 'removal'
  | 'pacing'
  | 'restraint'
  | 'identity'
  | 'linkChecks'
  | 'linkDeletion'
  | MissingInEnds;

export type Worker = {
  container: Container;
  services: Services;
  errand: { uploadId?: string | undefined; run: number };
};

export type World = ReturnType<typeof createWorld>;

const START = Date.UTC(2026, 0, 2, 3, 4, 5);
/** As resources/staging.yml has them. */
const VISIBILITY_MS = 1_800_000;
const MAX_RECEIVES = 5;
/** How far ahead a sweep reads, and how wrong its clock may be. */
const SWEEP_REACH_MS = 90_000;
const URL = 'http://127.0.0.1:1';
const BUCKET = 'staging';
/** An object beside the files and drops, which the product must leave alone. */
const OUTSIDE = 'reports/of-others.txt';

/** Where files end in links: `most`, in bytes, that become attachments. */
export type Linking = {
  most: number;
  /** How long linked files are kept. */
  days: number;
  /** Each delivery gets a comment. */
  isCommented?: boolean;
  /** What IPD may do: answer as its pages or as its SDK say, refuse a link that is there already, show only so many. */
  answer?: 'docs' | 'sdk';
  areEqualRefused?: boolean;
  shown?: number;
};

/** A world without users. */
export function createWorld(options: {
  random: Random;
  profile: Profile;
  without?: ReadonlySet<string>;
  /** Decides every fault, in place of the random source. */
  tape?: Tape | undefined;
  missing?: Missing | undefined;
  uploadDeadlineHours?: number;
  pageSize?: number;
  uploadsPerMinute?: number;
  /** Each message arrives twice at the same moment, and each sweep runs twice. */
  isDoubled?: boolean | undefined;
  /** Items go as soon as their time to live is over. */
  isExpiryPrompt?: boolean;
  /** A newer version of the product runs beside this one. */
  isRollingOut?: boolean;
  /** The product waits for a scan of each file. */
  isScanned?: boolean;
  /** The project for which producers may offer files; without it, ingestion is off. */
  ingestProject?: string | undefined;
  /** Without it, larger files are refused. */
  linking?: Linking | undefined;
  /** Settings that are not drawn at random. */
  settings?: Record<string, string>;
}) {
  const { random, profile, without = new Set(), tape, missing } = options;
  const { isRollingOut = false, isScanned = false, linking } = options;
  const time = createVirtualTime(START);
  const trace = createTrace(time.elapsed);
  const activity = createActivity();
  const faults = createFaults({ profile, without, tape, note: (kind) => trace.note('fault', kind) });
  const chronicle = createChronicle(time.now);
  const topic = createTopic({ onPublished: chronicle.notified });
  const documents = createDocuments({
    now: time.now,
    pageSize: options.pageSize,
    isPrompt: options.isExpiryPrompt,
    onWritten: (item) => {
      chronicle.wrote(item);
      keep(item);
      noteLink(item);
    },
  });
  const keep = createKeeping((pk) => surprises.push(`${pk} has lost what a newer version had written`));
  const queueWith = (poll: () => void): MessageQueue =>
    createMessageQueue({
      now: time.now,
      visibilityMs: VISIBILITY_MS,
      maxReceives: MAX_RECEIVES,
      onSent: (delayMs) => time.after(delayMs, poll),
    });
  const queue = queueWith(() => pollers.deliveries());
  const ingestQueue = queueWith(() => pollers.offers());
  const ingestedQueue = queueWith(() => pollers.ingestedDeliveries());
  /** What brings the messages of each queue to its function. */
  const pollers = { deliveries: ignore, offers: ignore, ingestedDeliveries: ignore };
  const ipdRandom = random.fork('ipd');
  const ipd = createIpd({
    credentials: ipdCredentials,
    clock: time.now,
    random: ipdRandom.random,
    sleep: time.sleep,
    uploadResult: ipdRandom.chance(0.15) ? 'null' : 'element',
    fileSizeAs: ipdRandom.chance(0.3) ? 'string' : 'number',
    deadToken: ipdRandom.chance(0.5) ? 'service' : 'gateway',
    linkAnswer: linking?.answer ?? 'docs',
    equalLinks: linking?.areEqualRefused === true ? 'refused' : 'taken',
    linksShown: linking?.shown ?? null,
  });
  const standard = readConfig({
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'simulated',
    AWS_SECRET_ACCESS_KEY: 'simulated',
    AWS_ENDPOINT_URL_S3: URL,
    STAGING_BUCKET: BUCKET,
    UPLOADS_TABLE: 'uploads',
    DELIVERY_QUEUE_URL: `${URL}/queue`,
    INGEST_QUEUE_URL: `${URL}/ingest`,
    INGEST_DELIVERY_QUEUE_URL: `${URL}/ingested`,
    ...(options.ingestProject !== undefined && { INGEST_PROJECTS: options.ingestProject }),
    IPD_ENDPOINT: URL,
    IPD_IAM_ENDPOINT: URL,
    IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
    IPD_PROJECTS: '*',
    IPD_AUTH: ipdRandom.pick(['auto', 'token']),
    IPD_COMMIT_WINDOW_SECONDS: missing === 'reconciliation' ? '1' : '600',
    PREFLIGHT: ipdRandom.chance(0.2) ? 'on' : 'off',
    UPLOAD_DEADLINE_HOURS: String(options.uploadDeadlineHours ?? ipdRandom.pick([1, 24])),
    FAILED_RETENTION_DAYS: ipdRandom.chance(0.2) ? '1' : '7',
    NOTIFICATIONS_TOPIC_ARN: 'arn:aws:sns:eu-central-1:000000000000:notifications',
    ...(isScanned && { REQUIRED_SCAN_TAG }),
    ...(linking !== undefined && {
      OVERSIZE: 'link',
      MAX_FILE_BYTES: String(linking.most),
      MAX_LINKED_FILE_BYTES: String(LARGEST_FILE),
      PUBLIC_URL,
      LINK_KEY: 'a key of links that is long enough for them',
      LINKED_FILES_DAYS: String(linking.days),
      COMMENT_ON_DELIVERY: linking.isCommented === true ? 'on' : 'off',
    }),
    ...options.settings,
  });
  const partSizeBytes = ipdRandom.pick([150, 400, 1200]);
  const config = {
    ...standard,
    // Files are a thousand times smaller than real ones, like every size here.
    limits: {
      multipartThresholdBytes: ipdRandom.pick([200, 1000]),
      partSizeBytes,
      maxOpenUploads: 10_000,
      uploadsPerMinute: options.uploadsPerMinute ?? 1000,
    },
    leastPartBytes: partSizeBytes,
    ingest: {
      ...standard.ingest,
      admission: standard.ingest.admission && { ...standard.ingest.admission, maxFileBytes: LARGEST_FILE },
    },
    ...(missing === 'pacing' && { deliveriesPerMinute: 100 * standard.deliveriesPerMinute }),
  };
  const people = createPeople(ipd, time.now);
  /** Errors that the simulation did not inject. */
  const surprises: string[] = [];
  const rules = { of: (_call: IpdCall): Rule | undefined => undefined };

  /** Objects that came after the upload had ended, and whose event was lost: only the lifecycle rule removes them. */
  const strays = new Set<string>();
  /** What storage was given first under each key, as SHA-256. */
  const given = new Map<string, { at: number; sha256: string }>();
  const offered = createOffered(time.now);
  const read = new Map<string, UploadRecord>();
  const source = createObjects({
    now: time.now,
    name: SOURCE_BUCKET,
    onRemoved: (key) => noteRemoval(SOURCE_BUCKET, key),
    onCreated: (key, object) => noteOffer(SOURCE_BUCKET, key, object),
  });
  const objects = createObjects({
    now: time.now,
    name: BUCKET,
    others: { [SOURCE_BUCKET]: source },
    keysPerPage: options.pageSize ?? 2,
    minPartBytes: partSizeBytes,
    partsPerPage: 2,
    onRemoved: (key) =>
      isStaged(key) || isLinked(key) ? chronicle.noted(key, false) : noteRemoval(BUCKET, key),
    onCreated: (key, object, eventName) => {
      if (isStaged(key)) noteFile(key, object);
      else if (isLinked(key)) chronicle.noted(key, true);
      else noteOffer(BUCKET, key, object);
      // A rule of the bucket sends each event to its queue; copies into staging and linked files have none.
      const isCopied = (isStaged(key) || isLinked(key)) && eventName === 'ObjectCreated:Copy';
      if (!isCopied && key !== OUTSIDE) announce(key, object, eventName);
    },
  });
  offered.byProducer(() =>
    objects.execute(new PutObjectCommand({ Bucket: BUCKET, Key: OUTSIDE, Body: Buffer.from('of others') })),
  );

  function noteFile(key: string, { bytes }: StoredObject): void {
    chronicle.noted(key, true);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (!given.has(key)) given.set(key, { at: time.now(), sha256 });
    if (isScanned) scanner.scan(key);
  }

  /** Only producers put objects beside the files. */
  function noteOffer(bucket: string, key: string, object: StoredObject): void {
    if (!offered.put(bucket, key, object)) surprises.push(`the product has put ${key} into ${bucket}`);
  }

  /** The product removes drops, and nothing else. */
  function noteRemoval(bucket: string, key: string): void {
    const stay = offered.current(bucket, key);
    offered.removed(bucket, key);
    const isDrop = bucket === BUCKET && key.startsWith('ingest/');
    if (!isDrop && stay?.endedBy === 'product') surprises.push(`the product has removed ${key} of ${bucket}`);
  }

  const scanner = createScanner({ time, objects, random: random.fork('scanner') });

  /** When links end, and of which uploads the product has said that a person has to search for their links. */
  const endsOfLinks = new Map<string, number>();
  const expired = new Set<string>();
  const reported = new Set<string>();

  function noteLink({ pk, link, removal }: Record<string, unknown>): void {
    const id = String(pk).slice('upload#'.length);
    if (link instanceof Object && 'expiresAt' in link)
      endsOfLinks.set(id, Date.parse(String(link.expiresAt)));
    if (removal instanceof Object && 'by' in removal && removal.by === 'expiry' && !expired.has(id)) {
      expired.add(id);
      faults.count('linkExpired');
    }
  }

  /** Storage sends the event of a new object; unlike S3, it may lose the event. */
  function announce(key: string, { etag, bytes }: StoredObject, eventName: Creation): void {
    const object = { key: encodeKey(key), eTag: etag.replaceAll('"', ''), size: bytes.length };
    const body = JSON.stringify({ Records: [{ eventName, s3: { object } }] });
    const ofEvent = isStaged(key) ? queue : ingestQueue;
    const site = `storage: ${eventName}`;
    if (faults.strikes('eventLost', random, site)) {
      strand(key);
      return;
    }
    const delay = (): number => faults.strikes('eventDelayed', random, site)?.ms ?? random.int(50, 2000);
    ofEvent.send(body, delay());
    if (faults.strikes('eventDuplicated', random, site)) ofEvent.send(body, delay());
  }

  /** A file has come, and no function will hear of it. */
  function strand(key: string): void {
    const upload = find(uploadIdOf(key) ?? '');
    // The file of a delivered upload is removed once: one that comes later is removed on its event alone.
    const isRemoved = chronicle.filesUnder(key).some(({ isThere }) => !isThere);
    const isPast = upload?.status === 'delivered' && isRemoved;
    if (upload !== undefined && isFinal(upload) && (isPast || upload.dueAt === undefined)) strays.add(key);
  }

  let containers = 0;
  const restrained = (parts: Parameters<typeof wireOf>[0]): Send => {
    if (missing === 'restraint') return withoutRestraint(wireOf(parts));
    return missing === 'linkDeletion' ? withoutDeletion(wireOf(parts)) : wireOf(parts);
  };

  /** A fresh container with the product's services, and the faults of its calls. */
  function createWorker(kind: string): Worker {
    containers += 1;
    const name = `${kind}${containers}`;
    const container = createContainer({ kind, time, faults, activity, random: random.fork(name) });
    const errand: Worker['errand'] = { run: 0 };
    const note = (what: string, key?: unknown): void => trace.note(name, what, key);
    const isNewer = isRollingOut && random.fork(`${name}/version`).chance(0.5);
    const own = {
      documents: isNewer ? asNewer(documents) : documents,
      objects,
      queue,
      ingestQueue,
      ingestedQueue,
      topic,
    };
    const ends = withhold(missing, own, { kind, now: time.now });
    // The id of an upload is made of the bucket's name, among others.
    const bucket = missing === 'identity' && kind === 'ingest' ? `${BUCKET}${containers}` : BUCKET;
    if (bucket !== BUCKET) ends.objects = inBucket(BUCKET, ends.objects, bucket);
    const surroundings = {
      activity,
      container,
      ...ends,
      ...(kind === 'sweep' && {
        documents: { ...ends.documents, execute: watchSweep(ends.documents, chronicle, time.now) },
      }),
      faults,
      time,
      note,
      isDenied: missing === 'fence' ? isFence : undefined,
      isMute: missing === 'notifications',
      isHasty: missing === 'waiting',
      isKept: missing === 'removal',
      offered,
      strand,
    };
    // Ready, since virtual time does not wait for modules that are loaded.
    const s3 = s3With(storageOf(surroundings));
    const sqs = sqsWith(queueOf(surroundings));
    const sns = snsWith(topicOf(surroundings));
    const services = buildServices(
      { ...config, bucket },
      {
        clock: container.clock,
        storageTime: () => container.clock.now(),
        telemetry: telemetryOf(name),
        documents: documentsOf(surroundings),
        s3: async () => s3,
        sqs: async () => sqs,
        sns: async () => sns,
        readSecret: secretsOf(surroundings),
        send: restrained({
          ...surroundings,
          ipd,
          errand: () => ({
            asked: (operation) => chronicle.asked(operation, errand),
            isInDoubt: () => find(errand.uploadId ?? '')?.doubt !== undefined,
            size: () => find(errand.uploadId ?? '')?.size ?? 1,
          }),
          people,
          rule: (call) =>
            rules.of(call) ??
            (missing === 'reconciliation' && call.operation === 'list' ? 'emptyResult' : undefined) ??
            (missing === 'linkChecks' && call.operation === 'linkList' ? 'emptyResult' : undefined),
        }),
      },
    );
    return { container, services, errand };
  }

  function telemetryOf(name: string): Telemetry {
    /** What the last error was about: a metric has no fields. */
    let concerned = '';
    const note = (message: string, fields: Record<string, unknown> = {}): void => {
      trace.note(
        name,
        [message, fields['status'], fields['code']].filter(Boolean).join(' '),
        fields['uploadId'],
      );
      if (linking !== undefined && ADDRESS.test(JSON.stringify([message, fields])))
        surprises.push(`a log line has the address of a link: ${message}`);
    };
    return {
      info: note,
      warn: note,
      error: (message, error, fields) => {
        note(message, fields);
        noteSurprise(error);
        concerned = String(fields?.['uploadId']);
      },
      addMetrics: ({ LinksNotDeleted = 0 }) => {
        if (LinksNotDeleted > 0) reported.add(concerned);
      },
    };
  }

  /** No injected error is of a type that a bug in the product, or a command unknown to an end, would throw. */
  function noteSurprise(error: unknown): void {
    if (!(error instanceof Error)) return;
    const isMistake = error instanceof TypeError || error instanceof RangeError || error instanceof ZodError;
    if (isMistake) surprises.push(error.stack ?? error.message);
    else noteSurprise(error.cause);
  }

  /** An item that has not changed is read once. */
  function readOnce(text: string): UploadRecord {
    const record = read.get(text) ?? readRecord(JSON.parse(text));
    read.set(text, record);
    return record;
  }

  function find(id: string): Upload | undefined {
    const item = documents.find(`upload#${id}`);
    return item === undefined ? undefined : uploadSchema.parse(item);
  }

  return {
    time,
    trace,
    activity,
    faults,
    random,
    documents,
    objects,
    given,
    source,
    offered,
    scanner,
    storage: createStorageRequests({ objects, now: time.now }),
    queue,
    ingestQueue,
    ingestedQueue,
    topic,
    chronicle,
    strays,
    /** The linked files by their uploads, as SHA-256. */
    linkedFiles: (): Map<string, string> =>
      new Map(
        objects
          .under('linked/')
          .map(({ key }) => [key.slice('linked/'.length), sha256Of(objects.read(key).object.bytes)]),
      ),
    /** When the link of an upload ends by its time; infinity where it never had one. */
    endOfLink: (id: string): number => endsOfLinks.get(id) ?? Infinity,
    reported,
    linking,
    ipd,
    config,
    /** What IPD is to get at most, by the settings that the operator has given. */
    ratePerMinute: standard.deliveriesPerMinute,
    missing,
    isDoubled: options.isDoubled === true,
    rules,
    people,
    surprises,
    visibilityMs: VISIBILITY_MS,
    createWorker,
    noteSurprise,
    find,
    /** All records as the oracle reads them. */
    records: () => documents.texts('upload#').map(readOnce),
    pollers,
  };
}

/** Counts what a sweep reads, and its writes that are refused. */
function watchSweep({ execute }: Documents, { sweeps }: Chronicle, now: () => number): Documents['execute'] {
  function counted<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) sweeps.refused += 1;
      throw error;
    }
  }

  return (command, options) => {
    if (command instanceof GetCommand) sweeps.reads += 1;
    const answer = counted(() => execute(command, options));
    const rows: unknown = command instanceof QueryCommand && 'Items' in answer ? answer.Items : [];
    if (Array.isArray(rows)) {
      const isDue = ({ dueAt }: { dueAt: string }): boolean => Date.parse(dueAt) <= now() + SWEEP_REACH_MS;
      sweeps.due += rows.filter(isDue).length;
    }
    return answer;
  };
}

const ignore = (): void => undefined;

/** A part of an address that is its secret. */
const ADDRESS = /\/v1\/files\/[0-9a-f-]{36}\/[\w-]{20}/;

const isLinked = (key: string): boolean => key.startsWith('linked/');
const isStaged = (key: string): boolean => key.startsWith('staging/');

/** True of the write after which IPD may have the file. */
function isFence({ status, sendingAt }: Record<string, unknown>): boolean {
  return status === 'delivering' && sendingAt !== undefined;
}
