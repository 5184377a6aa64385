import { describe, expect, it } from '@jest/globals';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import type { SQSEvent } from 'aws-lambda';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { handler } from '../../../functions/deliver.ts';
import { stage } from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { startWorker } from '../../../local/gateway/worker.ts';
import { lambdaContext } from '../../support/lambda-event.ts';
import { queueEvent, storageEvent } from '../../support/queue-event.ts';
import { useWorld } from '../../support/use-world.ts';

const allDone = { batchItemFailures: [] };
const bytes = randomBytes(1000);

const world = await useWorld({ ends: 'sockets' });

const run = (event: SQSEvent, remainingMs = 300_000) => handler(event, lambdaContext(remainingMs));

const arrival = (upload: Upload, more: { key?: string; eventName?: string } = {}) =>
  storageEvent({ key: `staging/${upload.id}`, bytes, ...more });

const statusOf = async ({ id }: Upload): Promise<string> => (await world.find(id)).status;

/** An upload whose file is there, as the sweep finds it. */
async function found(): Promise<Upload> {
  const upload = await world.stage(bytes);
  const { etag, size } = world.arrival(upload, bytes);
  const now = Date.now();
  const { upload: staged } = await world.ledger.change(upload, (before) =>
    stage(before, { etag, size }, { now, policy: world.policy }),
  );
  return staged;
}

describe("storage's events", () => {
  it.each(['ObjectCreated:Put', 'ObjectCreated:Post', 'ObjectCreated:CompleteMultipartUpload'])(
    'deliver an upload on %s',
    async (eventName) => {
      const upload = await world.stage(bytes);

      const result = await run(queueEvent(arrival(upload, { eventName })));

      const [attachment] = await world.received();
      expect(result).toEqual(allDone);
      expect(await world.find(upload.id)).toMatchObject({
        status: 'delivered',
        attachmentId: attachment?.id,
      });
    },
  );

  it('deliver an upload whose key comes encoded', async () => {
    const upload = await world.stage(bytes);

    await run(queueEvent(arrival(upload, { key: `staging%2F${upload.id.replaceAll('-', '%2D')}` })));

    expect(await statusOf(upload)).toBe('delivered');
  });

  it('deliver every upload of a message', async () => {
    const uploads = [await world.stage(bytes), await world.stage(bytes)];

    const result = await run(
      queueEvent(storageEvent(...uploads.map(({ id }) => ({ key: `staging/${id}`, bytes })))),
    );

    expect(result).toEqual(allDone);
    expect(await Promise.all(uploads.map(statusOf))).toEqual(['delivered', 'delivered']);
  });

  it('deliver once when they come twice', async () => {
    const upload = await world.stage(bytes);

    const first = await run(queueEvent(arrival(upload), arrival(upload)));
    const second = await run(queueEvent(arrival(upload)));

    expect([first, second]).toEqual([allDone, allDone]);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it.each([
    'elsewhere/a',
    'staging/a+b%2Bc',
    'staging/%E5%BD%95%E5%B1%8F.mp4',
    'staging/%E0%A4%A',
    'staging/',
    `staging/${randomUUID()}`,
  ])('are done with under the unknown key %s', async (key) => {
    expect(await run(queueEvent(storageEvent({ key, bytes })))).toEqual(allDone);
    expect(world.ipd.requests).toEqual([]);
  });

  it.each(['ObjectRemoved:Delete', 'ObjectTagging:Put', 'LifecycleExpiration:Delete'])(
    'mean nothing on %s',
    async (eventName) => {
      const upload = await world.stage(bytes);

      const result = await run(queueEvent(arrival(upload, { eventName })));

      expect(result).toEqual(allDone);
      expect(await statusOf(upload)).toBe('awaiting_upload');
    },
  );
});

describe('what else the queue may contain', () => {
  it.each([
    ["storage's test", { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'staging' }],
    ['words', 'hello'],
    ['half a JSON', '{"Records":['],
    ['nothing', ''],
    ['null', 'null'],
    ['an array', []],
    ['no records', { Records: [] }],
    ['records without an object', { Records: [{ eventName: 'ObjectCreated:Put' }] }],
    ['an attempt number zero', { uploadId: randomUUID(), attempt: 0 }],
    ['an id that is none', { uploadId: 'x', attempt: 1 }],
    ['an unknown upload', { uploadId: randomUUID(), attempt: 1 }],
  ])('is done with: %s', async (_name, body) => {
    expect(await run(queueEvent(body))).toEqual(allDone);
    expect(world.ipd.requests).toEqual([]);
  });
});

describe("the sweep's requests", () => {
  it('deliver the upload when they name its next attempt', async () => {
    const { id } = await found();

    const result = await run(queueEvent({ uploadId: id, attempt: 1 }));

    expect(result).toEqual(allDone);
    expect(await world.find(id)).toMatchObject({ status: 'delivered', attempts: 1 });
  });

  it('mean nothing when they come out of order', async () => {
    const upload = await found();

    await run(queueEvent({ uploadId: upload.id, attempt: 2 }));
    const tooEarly = await statusOf(upload);
    await run(queueEvent({ uploadId: upload.id, attempt: 1 }, { uploadId: upload.id, attempt: 1 }));
    await run(queueEvent({ uploadId: upload.id, attempt: 2 }));

    expect(tooEarly).toBe('staged');
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('start the second attempt after a retryable failure, which the event does not', async () => {
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'iamUnavailable' } }]);
    await run(queueEvent(arrival(upload)));

    await run(queueEvent(arrival(upload)));
    const afterEvent = await statusOf(upload);
    await run(queueEvent({ uploadId: upload.id, attempt: 2 }));

    expect(afterEvent).toBe('waiting');
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attempts: 2 });
  });
});

describe('deliver', () => {
  it('reports only the message that it could not handle', async () => {
    const broken = randomUUID();
    await world.clients.dynamodb.send(
      new PutItemCommand({
        TableName: world.config.table,
        Item: { pk: { S: `upload#${broken}` }, status: { S: 'of a later version' } },
      }),
    );
    const upload = await found();

    const result = await run(
      queueEvent({ uploadId: broken, attempt: 1 }, { uploadId: upload.id, attempt: 1 }),
    );

    expect(result).toEqual({ batchItemFailures: [{ itemIdentifier: 'message-1' }] });
    expect(await statusOf(upload)).toBe('delivered');
  });

  it('ends before the function is killed, with the state of the upload written', async () => {
    const file = randomBytes(8_000_000);
    const upload = await world.stage(file);
    await world.faults([
      { match: { operation: 'upload' }, fault: { kind: 'stall', afterBytes: 1000, seconds: 60 } },
    ]);
    const event = storageEvent({ key: `staging/${upload.id}`, bytes: file });

    const result = await run(queueEvent(event), 10_300);

    expect(result).toEqual(allDone);
    expect(await world.find(upload.id)).toMatchObject({ status: 'waiting', attempts: 1 });
  });

  it('gives every message back while the ledger cannot be reached', async () => {
    const upload = await found();
    const lines: string[] = [];
    const worker = startWorker({
      name: 'deliver',
      modulePath: join(import.meta.dirname, '../../../functions/deliver.ts'),
      exportName: 'handler',
      timeout: 60,
      memorySize: 256,
      region: 'eu-central-1',
      environment: { ...productEnvironment(), UPLOADS_TABLE: 'no-such-table', POWERTOOLS_LOG_LEVEL: 'INFO' },
      cacheDirectory: '',
      log: (line) => lines.push(line),
    });

    const event = queueEvent(arrival(upload), { uploadId: upload.id, attempt: 1 }, 'garbage');
    const result = JSON.parse(await worker.run(event)) as unknown;
    worker.kill();
    await worker.exited;

    expect(result).toEqual({
      batchItemFailures: [{ itemIdentifier: 'message-1' }, { itemIdentifier: 'message-2' }],
    });
    expect(await statusOf(upload)).toBe('staged');
    expect(lines.filter((line) => line.includes('message not handled'))).toHaveLength(2);
  });
});

/** The environment that the test world set for the product. */
function productEnvironment(): Record<string, string> {
  const names = /^(AWS|IPD|STAGING|UPLOADS|DELIVERY|PROJECTS)_/;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      names.test(name) && value !== undefined ? [[name, value]] : [],
    ),
  );
}
