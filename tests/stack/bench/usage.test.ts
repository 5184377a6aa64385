import { afterAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { MIB } from '../../../lib/domain/units.ts';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { sizes, steps } from '../../../bench/usage.ts';
import type { Step } from '../../../bench/usage.ts';
import { handler as deliver } from '../../../functions/deliver.ts';
import { handler as files } from '../../../functions/files.ts';
import { handler as sweep } from '../../../functions/sweep.ts';
import { handler as uploads } from '../../../functions/uploads.ts';
import { putFile } from '../../support/answer.ts';
import { callHttp } from '../../support/http-event.ts';
import { lambdaContext, scheduledEvent } from '../../support/lambda-event.ts';
import { createWholeLedger } from '../../support/ledger.ts';
import { queueEvent, storageEvent } from '../../support/queue-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';
import { createCounter } from './counted.ts';
import { startRecorder } from './recorder.ts';
import type { Recorder } from './recorder.ts';

/** A larger file becomes a link. */
const MOST_ATTACHED = 13 * MIB;

const world = await useWorld({
  ends: 'sockets',
  environment: {
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    OVERSIZE: 'link',
    MAX_FILE_BYTES: String(MOST_ATTACHED),
    PUBLIC_URL: 'https://uploads.example.com',
    LINK_KEY: 'a-key-of-at-least-32-characters-...',
  },
});
const recorders = await Promise.all(['S3', 'SQS', 'SNS', 'DYNAMODB'].map(standBetween));
let counter: ReturnType<typeof createCounter>;

// Time stands still: a delivery that takes five seconds on a busy machine would also write down its progress.
jest.spyOn(Date, 'now').mockReturnValue(Date.now());

beforeEach(() => {
  counter = createCounter();
  for (const recorder of recorders) recorder.take();
});
afterAll(async () => {
  jest.restoreAllMocks();
  await Promise.all(recorders.map((recorder) => recorder.close()));
});

/** From here on the functions reach this service through a recorder. */
async function standBetween(service: string): Promise<Recorder> {
  const recorder = await startRecorder(process.env[`AWS_ENDPOINT_URL_${service}`] ?? '');
  process.env[`AWS_ENDPOINT_URL_${service}`] = recorder.url;
  if (service === 'SQS') {
    const { pathname } = new URL(world.config.queueUrl);
    process.env['DELIVERY_QUEUE_URL'] = new URL(pathname, recorder.url).href;
  }
  return recorder;
}

/** What was asked of all services since the last time. */
const counted = () => counter.count(recorders.flatMap((recorder) => recorder.take()));

/** What the bill counts for these steps together. */
function billed(...together: Step[]) {
  const calls: Record<string, number> = {};
  const sums = { records: 0, items: 0, entries: 0 };
  for (const step of together) {
    for (const [name, times] of Object.entries(step.calls)) calls[name] = (calls[name] ?? 0) + times;
    for (const part of ['records', 'items', 'entries'] as const) sums[part] += step[part] ?? 0;
  }
  return { calls, ...sums };
}

async function create(bytes: Buffer) {
  const body = {
    projectId,
    issueId,
    filename: '现场照片 IMG_20260312_190358.jpg',
    contentType: 'image/jpeg',
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
  const headers = { 'idempotency-key': randomUUID() };
  const claims = { sub: randomUUID() };
  const created = await callHttp(uploads, { route: 'POST /v1/uploads', headers, claims, body });
  expect(created.status).toBe(201);
  const on = (route: string) => callHttp(uploads, { route, claims, parameters: { id: created.id } });
  return { ...created, on };
}

const dynamodb = new DynamoDBClient({
  region: 'eu-central-1',
  endpoint: process.env['AWS_ENDPOINT_URL_DYNAMODB'] ?? '',
});
afterAll(() => dynamodb.destroy());
/** Writes to the table where the counter sees it. */
const ledger = createWholeLedger({
  client: DynamoDBDocumentClient.from(dynamodb, { marshallOptions: { removeUndefinedValues: true } }),
  table: world.config.table,
  clock: systemClock,
});
const slotLease = z.object({ version: z.int() });
const withLink = z.object({ link: z.object({ url: z.string() }) });

/** The days of the link are over, or it is time to check what IPD has. What that writes does not count. */
async function makeDue(id: string, what: 'link' | 'check'): Promise<void> {
  const past = new Date(Date.now() - 1000).toISOString();
  await ledger.change(id, (upload) => {
    if (what === 'check') return { ...upload, dueAt: past, recheckAt: past };
    if (upload.status !== 'delivered' || upload.link === undefined) return undefined;
    return { ...upload, dueAt: past, link: { ...upload.link, expiresAt: past } };
  });
  // Time stands still, so the slots of the sweep before are still given.
  const lease = slotLease.safeParse(await ledger.readState('slots')).data;
  if (lease !== undefined) await ledger.writeState('slots', lease.version, { until: 0 });
  counted();
}

/** As a browser that follows a link. */
async function download(url: string): Promise<void> {
  const [, id = '', secret = ''] = /\/v1\/files\/([^/]+)\/(.+)$/.exec(url) ?? [];
  const { headers } = await callHttp(files, {
    route: 'GET /v1/files/{id}/{secret}',
    parameters: { id, secret },
    claims: null,
  });
  await (await fetch(String(headers['location']))).bytes();
}

const runSweep = () => sweep(scheduledEvent, lambdaContext(50_000));
const bring = (message: unknown) => deliver(queueEvent(message), lambdaContext(300_000));

describe('the calls that the bill counts are those that an upload makes', () => {
  it('in one request', async () => {
    const bytes = randomBytes(1000);

    const { id, signed, on } = await create(bytes);
    const created = counted();
    await putFile(signed(), bytes);
    const put = counted();
    await on('GET /v1/uploads/{id}');
    const polled = counted();
    await bring(storageEvent({ key: `staging/${id}`, bytes }));
    const delivered = counted();

    expect(created).toEqual(billed(steps.create));
    expect(put).toEqual(billed(steps.put));
    expect(polled).toEqual(billed(steps.poll));
    expect(delivered).toEqual(billed(steps.deliver));
    const record = await world.find(id);
    expect([record.status, record.dueAt]).toEqual(['delivered', undefined]);
  });

  it('in parts', async () => {
    const bytes = randomBytes(12 * MIB);

    const { id, parts, on } = await create(bytes);
    const created = counted();
    for (const { offset, length, ...part } of parts()) {
      await putFile(part, bytes.subarray(offset, offset + length));
    }
    const put = counted();
    await on('POST /v1/uploads/{id}/complete');
    const completed = counted();
    await bring({ uploadId: id, attempt: 1 });
    const delivered = counted();
    await bring(
      storageEvent({ key: `staging/${id}`, bytes, eventName: 'ObjectCreated:CompleteMultipartUpload' }),
    );
    const echoed = counted();

    expect(created).toEqual(billed(steps.create, steps.begin));
    expect(put).toEqual(billed(steps.putPart, steps.putPart, steps.putPart));
    expect(completed).toEqual(billed(steps.complete));
    expect(delivered).toEqual(billed(steps.deliver));
    expect(echoed).toEqual(billed(steps.echo));
    const record = await world.find(id);
    expect([record.status, record.dueAt]).toEqual(['delivered', undefined]);
  });

  it('as a link that is followed, and comes to its end', async () => {
    const bytes = randomBytes(MOST_ATTACHED + 1);
    const { id, parts, on } = await create(bytes);
    for (const { offset, length, ...part } of parts()) {
      await putFile(part, bytes.subarray(offset, offset + length));
    }
    await on('POST /v1/uploads/{id}/complete');
    counted();

    await bring({ uploadId: id, attempt: 1 });
    const linked = counted();
    const { body } = await on('GET /v1/uploads/{id}');
    const { url } = withLink.parse(body).link;
    counted();
    await download(url);
    const downloaded = counted();
    // The first run of a container also counts what is open.
    await runSweep();
    counted();
    await runSweep();
    const idle = counted();
    await makeDue(id, 'link');
    const removed = [await runSweep().then(counted)];
    for (const attempt of [2, 3]) {
      await makeDue(id, 'check');
      removed.push(await runSweep().then(counted), await bring({ uploadId: id, attempt }).then(counted));
    }

    expect(linked).toEqual(billed(steps.link));
    expect(downloaded).toEqual(billed(steps.download));
    expect(billed(...removed)).toEqual(billed(steps.remove, idle, idle, idle));
    const record = await world.find(id);
    expect([record.status, record.dueAt]).toEqual(['removed', undefined]);
  });

  it('with records of the size that they are billed by', async () => {
    const bytes = randomBytes(1000);

    const { id, signed } = await create(bytes);
    await putFile(signed(), bytes);
    await bring(storageEvent({ key: `staging/${id}`, bytes }));
    counted();

    expect(counter.largestRecord()).toBeGreaterThan(600);
    expect(counter.largestRecord()).toBeLessThan(sizes.recordUnits * 1024);
  });
});
