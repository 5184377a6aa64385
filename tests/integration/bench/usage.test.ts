import { afterAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { MIB } from '../../../lib/domain/units.ts';
import { sizes, steps } from '../../../bench/usage.ts';
import type { Step } from '../../../bench/usage.ts';
import { handler as deliver } from '../../../functions/deliver.ts';
import { handler as uploads } from '../../../functions/uploads.ts';
import { putFile } from '../../support/answer.ts';
import { callHttp } from '../../support/http-event.ts';
import { lambdaContext } from '../../support/lambda-event.ts';
import { queueEvent, storageEvent } from '../../support/queue-event.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';
import { createCounter } from './counted.ts';
import { startRecorder } from './recorder.ts';
import type { Recorder } from './recorder.ts';

const world = await useWorld({ environment: { POWERTOOLS_LOG_LEVEL: 'SILENT' } });
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
