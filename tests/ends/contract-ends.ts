/**
 * The two kinds of ends that a contract test compares: those in memory, on virtual time and without faults, and the
 * real ones on sockets.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { ipdCredentials } from '../support/local-keys.ts';
import type { Clock } from '../../lib/runtime/clock.ts';
import { readCredentials } from '../../lib/runtime/config.ts';
import { createIpdClient } from '../../lib/ipd/client.ts';
import type { IpdClient } from '../../lib/ipd/client.ts';
import { send } from '../../lib/ipd/wire.ts';
import type { Send } from '../../lib/ipd/wire.ts';
import { systemClock } from '../../lib/runtime/clock.ts';
import { startWorld } from '../support/world.ts';
import { createContainer } from '../chaos/container.ts';
import { quietProfile } from '../chaos/faults.ts';
import { createRandom } from '../chaos/random.ts';
import { createObjects } from './objects.ts';
import { documentsOf, queueOf, storageOf } from '../chaos/seams.ts';
import { wireOf } from '../chaos/wire.ts';
import { createWorld } from '../chaos/world.ts';

export type Ends = {
  documents: DynamoDBDocumentClient;
  table: string;
  storage: S3Client;
  bucket: string;
  queue: SQSClient;
  queueUrl: string;
  send: Send;
  ipd: IpdClient;
  ipdUrl: string;
  clock: Clock;
  /** Sets the fault of the next request to IPD. */
  fault: (fault: object) => Promise<unknown>;
  /** Lets virtual time pass; with the real ends, real time passes. */
  wait: (ms: number) => Promise<void>;
  /** How many files IPD holds. */
  held: () => Promise<number>;
  /** Runs the work until it is done. */
  play: <T>(work: () => Promise<T>) => Promise<T>;
  stop: () => Promise<void>;
};

/** The simulation's ends. */
export async function openMemoryEnds(): Promise<Ends> {
  const random = createRandom('contract');
  const world = createWorld({ random, profile: quietProfile });
  const { time, faults, activity, ipd } = world;
  const container = createContainer({ kind: 'test', time, faults, activity, random });
  const surroundings = {
    ...world,
    objects: createObjects({ now: time.now }),
    container,
    note: () => undefined,
  };
  const wire = wireOf({
    ...surroundings,
    errand: () => ({
      asked: () => ({ met: () => undefined, answered: () => undefined }),
      isInDoubt: () => false,
      size: () => 1,
    }),
    rule: () => undefined,
  });
  return {
    documents: documentsOf(surroundings),
    table: world.config.table,
    storage: storageOf(surroundings),
    bucket: world.config.bucket,
    queue: queueOf(surroundings),
    queueUrl: world.config.queueUrl,
    ...ipdEnds({ send: wire, url: world.config.ipd.endpoint, clock: container.clock }),
    fault: async (fault) => ipd.admin.faults.replace([{ fault, count: 1 }]),
    wait: time.sleep,
    held: async () => ipd.admin.attachments().length,
    async play(work) {
      let isDone = false;
      const result = work().finally(() => {
        isDone = true;
      });
      result.catch(() => undefined);
      await time.run(() => isDone);
      return result;
    },
    stop: async () => undefined,
  };
}

/** The ends of the tests of rules: in memory, on the test's clock. */
export async function openRuleEnds(): Promise<Ends> {
  const world = await startWorld();
  return {
    documents: world.documents,
    table: world.config.table,
    storage: world.clients.s3,
    bucket: world.config.bucket,
    queue: world.clients.sqs,
    queueUrl: world.config.queueUrl,
    ...ipdEnds({ send: world.send, url: world.ipd.url, clock: world.clock }),
    fault: (fault) => world.faults([{ fault, count: 1 }]),
    wait: world.passTime,
    held: async () => (await world.received()).length,
    play: (work) => work(),
    stop: () => world.stop(),
  };
}

/** dynalite, the local S3, fauxqs and the fake IPD. */
export async function openRealEnds(): Promise<Ends> {
  const world = await startWorld({ ends: 'sockets' });
  return {
    documents: world.documents,
    table: world.config.table,
    storage: world.clients.s3,
    bucket: world.config.bucket,
    queue: world.clients.sqs,
    queueUrl: world.config.queueUrl,
    ...ipdEnds({ send, url: world.ipd.url, clock: { ...systemClock, now: () => world.clock.now() } }),
    fault: (fault) => world.faults([{ fault, count: 1 }]),
    wait: async () => undefined,
    held: async () => (await world.received()).length,
    play: (work) => work(),
    stop: () => world.stop(),
  };
}

function ipdEnds(way: { send: Send; url: string; clock: Clock }) {
  const ipd = createIpdClient({
    ...way,
    endpoint: way.url,
    iamEndpoint: way.url,
    region: 'cn-north-4',
    auth: 'auto',
    credentials: readCredentials(JSON.stringify(ipdCredentials)),
  });
  return { send: way.send, ipd, ipdUrl: way.url, clock: way.clock };
}
