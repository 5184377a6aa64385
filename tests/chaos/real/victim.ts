/**
 * A process that delivers and ingests, built of the product's own services, and that dies or stops where its order says
 * so. It does what functions/deliver.ts and ingest.ts do on the time of the shared clock; it never cleans up after itself.
 */
import { readSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { z } from 'zod';
import { readConfig } from '../../../lib/runtime/config.ts';
import { uploadIdOf } from '../../../lib/domain/upload.ts';
import { send } from '../../../lib/ipd/wire.ts';
import { readMessage } from '../../../lib/messaging/queue.ts';
import { buildServices } from '../../../lib/services.ts';
import type { Services } from '../../../lib/services.ts';
import { CUT, openSharedClock } from './clock.ts';
import { orderSchema } from './orders.ts';
import type { Order, Report } from './orders.ts';
import { watchWays } from './seams.ts';
import type { Place } from './seams.ts';
import { silence } from './silence.ts';

const RUN_MS = 300_000;
const MARGIN_MS = 10_000;
const STDIN = 0;

const clock = openSharedClock(process.env['CHAOS_CLOCK'] ?? '');
const ways = watchWays(
  {
    documents: DynamoDBDocumentClient.from(new DynamoDBClient({}), {
      marshallOptions: { removeUndefinedValues: true },
    }),
    s3: new S3Client({
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
    sns: new SNSClient({}),
    // No test of a step depends on how fast the machine is: 0 is no limit.
    send: (request) => send({ ...request, idleMs: isIdleCut ? request.idleMs / CUT : 0 }),
  },
  reach,
);
const config = readConfig();
const containers = { token: build('token'), aksk: build('aksk') };

let doom: z.output<typeof orderSchema>['doom'];
let isIdleCut = false;
/** How many have come to the place of the doom. */
let come = 0;

process.on('message', (message) => void obey(orderSchema.parse(message)));
process.on('disconnect', () => process.exit());
// Node does this at the end of a process, and SIGKILL leaves it no time for that.
flushCompileCache();
await sendReport({ kind: 'ready' });

function build(auth: Order['auth']): Services {
  const settings = { ...config, ipd: { ...config.ipd, auth } };
  return buildServices(settings, { ...ways, clock, telemetry: silence });
}

async function obey(order: z.output<typeof orderSchema>): Promise<void> {
  ({ doom, isIdleCut } = order);
  come = 0;
  const { delivery, ingestion, ledger, uploads } = containers[order.auth];
  const run = { killedAt: clock.now() + RUN_MS, signal: clock.timeout(RUN_MS - MARGIN_MS) };
  /** The others wait at the place for this one, and it will not come any more. */
  async function miss(id: string | undefined): Promise<void> {
    if (!isShared()) return;
    const upload = id === undefined ? undefined : await ledger.find(id);
    throw new Error(`did not come to the place "${doom?.at}": ${JSON.stringify(upload)}`);
  }
  try {
    await Promise.all([
      ...order.bodies.map(async (body) => {
        const message = readMessage(body);
        if (message === undefined) throw new Error('a message of unknown form');
        if (message.kind === 'request') {
          await delivery.onRequest(message.request, run);
          await miss(message.request.uploadId);
        } else {
          for (const arrival of message.arrivals) {
            await delivery.onArrival(arrival, run);
            await miss(uploadIdOf(arrival.key));
          }
        }
      }),
      ...order.completes.map(async ({ owner, id }) => {
        await uploads.complete({ owner, projects: '*' }, id);
        await miss(id);
      }),
      ...order.offers.map(async ({ id, body }) => {
        await ingestion.onMessage(body, id);
        await miss(undefined);
      }),
    ]);
    await sendReport({ kind: 'done' });
  } catch (error) {
    await sendReport({ kind: 'failed', error: String(error) });
  }
}

/** Kills or stops this process when the order says so for this place. */
async function reach(place: Place): Promise<void> {
  if (doom === undefined || !isMetBy(place, doom.at)) return;
  if (doom.act === 'stop') {
    doom = undefined;
    await sendReport({ kind: 'stopped', unfinished: ways.unfinished() });
    standStill();
    return;
  }
  come += 1;
  if (come === doom.times) process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
}

/** Blocks the whole process until a byte arrives on standard input; kills it when the parent is gone. */
function standStill(): void {
  if (readSync(STDIN, Buffer.alloc(1)) === 0) process.kill(process.pid, 'SIGKILL');
}

/** Whether several have to come to the place, and wait there for each other. */
function isShared(): boolean {
  return doom !== undefined && doom.act === 'die' && doom.times > 1;
}

function isMetBy(place: Place, at: Place): boolean {
  return typeof place === 'number' && typeof at === 'number' ? place >= at : place === at;
}

async function sendReport(report: Report): Promise<void> {
  await new Promise<void>((resolve) => process.send?.(report, undefined, undefined, () => resolve()));
}
