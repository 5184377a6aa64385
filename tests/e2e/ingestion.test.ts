import { afterAll, describe, expect, it } from '@jest/globals';
import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import {
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { SECOND_MS } from '../../lib/domain/units.ts';
import { dropId, nameBasedId } from '../../lib/ingestion/offers.ts';
import { subscribeQueue } from '../support/subscribe-queue.ts';
import { subscribe } from '../support/subscriber.ts';
import type { Received } from '../support/subscriber.ts';
import { useProduct } from '../support/use-product.ts';
import { issueId, projectId } from '../support/world.ts';

const SOURCE_BUCKET = 'ci-artifacts';
const FOLDER = `ingest/${projectId}/${issueId}/`;

// At this rate all files go at once: none waits for the sweep.
const product = await useProduct({
  environment: { INGEST_PROJECTS: projectId, INGEST_SOURCE_BUCKETS: SOURCE_BUCKET, IPD_RATE: '12000' },
});
const { settings, urls } = product;
const shared = { region: 'eu-central-1', credentials: product.credentials };
const s3 = new S3Client({ ...shared, endpoint: urls.s3Url, forcePathStyle: true });
const clients = {
  sns: new SNSClient({ ...shared, endpoint: urls.snsUrl }),
  sqs: new SQSClient({ ...shared, endpoint: urls.sqsUrl }),
};
afterAll(() => {
  for (const client of [s3, ...Object.values(clients)]) client.destroy();
});
const bucket = settings['STAGING_BUCKET'] ?? '';
const QueueUrl = settings['INGEST_QUEUE_URL'] ?? '';
await s3.send(new CreateBucketCommand({ Bucket: SOURCE_BUCKET }));
const receive = await subscribe({
  subscribe: () =>
    subscribeQueue({ clients, topicArn: settings['NOTIFICATIONS_TOPIC_ARN'], sqsUrl: QueueUrl }),
});
const heard: Received[] = [];

/** What subscribers get of an upload, once there are so many. */
async function notificationsOf(id: string, count = 1): Promise<Received[]> {
  for (;;) {
    heard.push(...(await receive()));
    const own = heard.filter(({ upload }) => upload.id === id);
    if (own.length >= count) return own;
    await delay(25);
  }
}

const hash = (algorithm: 'md5' | 'sha256', bytes: Buffer) =>
  createHash(algorithm).update(bytes).digest('hex');

/** Drops an object; answers with the upload that it is to become. */
async function drop(key: string, bytes: Buffer): Promise<string> {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: bytes }));
  return dropId({ bucket, key, etag: hash('md5', bytes) });
}

async function dropped(): Promise<{ id: string; key: string; bytes: Buffer }> {
  const [key, bytes] = [`${FOLDER}${randomUUID()}.log`, randomBytes(100)];
  return { id: await drop(key, bytes), key, bytes };
}

async function send(message: object | string): Promise<void> {
  const MessageBody = typeof message === 'string' ? message : JSON.stringify(message);
  await clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
}

/** Waits until the bridge has removed the object. */
async function removed(key: string): Promise<void> {
  const find = () =>
    s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key })).then(
      () => undefined,
      (error: unknown) => error,
    );
  let end = await find();
  for (; end === undefined; end = await find()) await delay(25);
  expect(end).toMatchObject({ name: 'NotFound' });
}

/** Storage tells in whole seconds when an object was put. */
async function nextSecond(): Promise<void> {
  const second = () => Math.floor(Date.now() / SECOND_MS);
  for (const before = second(); second() === before;) await delay(10);
}

describe('a drop', () => {
  it.each([
    ['with spaces', 'a  log of today.txt', 'a  log of today.txt'],
    ['with plus signs', 'a+b ++.txt', 'a+b ++.txt'],
    ['in folders', 'build 17/a+b/报告/report.pdf', 'report.pdf'],
    ['in Chinese', '测试 报告（终稿）.docx', '测试 报告（终稿）.docx'],
    ['with percent signs', '100% of 5%20.txt', '100% of 5%20.txt'],
    ['with an escaped slash', 'a%2Fb.txt', 'a%2Fb.txt'],
    ['with signs of XML and URLs', `it's (1) & [2] = #3?*~.txt`, `it's (1) & [2] = #3?*~.txt`],
  ])('whose key is %s arrives under its name, with its bytes', async (_case, path, filename) => {
    const [key, bytes] = [`${FOLDER}${path}`, randomBytes(1000)];

    const [notification] = await notificationsOf(await drop(key, bytes));

    const attachments = await product.received();
    expect(attachments).toMatchObject([{ filename, size: 1000, sha256: hash('sha256', bytes) }]);
    expect(notification).toMatchObject({
      type: 'UploadDelivered',
      upload: { filename, source: { kind: 'drop', key }, attachment: { id: attachments[0]?.id } },
    });
    await removed(key);
  });

  it('that is put again after its delivery is announced again, and attached once', async () => {
    const { id, key, bytes } = await dropped();
    await notificationsOf(id);
    await removed(key);
    await nextSecond();

    await drop(key, bytes);

    const [first, again] = await notificationsOf(id, 2);
    expect(first).not.toHaveProperty('replayed');
    expect(again).toMatchObject({
      type: 'UploadDelivered',
      replayed: true,
      upload: { attachment: first?.upload['attachment'], source: { kind: 'drop', key } },
    });
    await removed(key);
    expect(await product.received()).toHaveLength(1);
  });

  it('for a project that is not open becomes a failed upload, and stays', async () => {
    const key = `ingest/${'f'.repeat(32)}/${issueId}/a.log`;

    const [notification] = await notificationsOf(await drop(key, randomBytes(10)));

    expect(notification).toMatchObject({
      type: 'UploadFailed',
      upload: { source: { kind: 'drop', key }, error: { code: 'ingest_project_closed' } },
    });
    await expect(s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }))).resolves.toMatchObject({
      ContentLength: 10,
    });
    expect(await product.received()).toEqual([]);
  });
});

describe('a request', () => {
  it('attaches an object of another bucket, which stays', async () => {
    const [key, bytes, requestId] = ['1742/a b+c/测试 100%.pdf', randomBytes(500), randomUUID()];
    await s3.send(new PutObjectCommand({ Bucket: SOURCE_BUCKET, Key: key, Body: bytes }));

    await send({ requestId, source: { bucket: SOURCE_BUCKET, key }, projectId, issueId, uploadedBy: 'CI' });
    const [notification] = await notificationsOf(nameBasedId('request', requestId));

    expect(await product.received()).toMatchObject([
      { filename: '测试 100%.pdf', sha256: hash('sha256', bytes) },
    ]);
    expect(notification).toMatchObject({
      type: 'UploadDelivered',
      upload: { source: { kind: 'request', requestId }, uploadedBy: 'CI' },
    });
    await expect(s3.send(new HeadObjectCommand({ Bucket: SOURCE_BUCKET, Key: key }))).resolves.toMatchObject({
      ContentLength: 500,
    });
  });

  it('that is malformed becomes a failed upload, and its sender is notified', async () => {
    const body = { requestId: randomUUID(), source: 'a.pdf', projectId, issueId };

    await send(body);
    const [notification] = await notificationsOf(nameBasedId('malformed request', JSON.stringify(body)));

    expect(notification).toMatchObject({
      type: 'UploadFailed',
      upload: {
        source: { kind: 'request', requestId: body.requestId },
        projectId,
        error: { code: 'ingest_malformed' },
      },
    });
  });
});

describe('a body that is no message', () => {
  it('is given back to the queue each time, until it is among the dead letters', async () => {
    const comesBackAt = (VisibilityTimeout: string) =>
      clients.sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout } }));
    const dead = await clients.sqs.send(
      new GetQueueUrlCommand({ QueueName: 'ipd-attachment-bridge-dev-ingestdeadletters' }),
    );
    await comesBackAt('1');

    await send('not a message');

    const bodies: (string | undefined)[] = [];
    while (bodies.length === 0) {
      const { Messages = [] } = await clients.sqs.send(
        new ReceiveMessageCommand({ QueueUrl: dead.QueueUrl, WaitTimeSeconds: 1 }),
      );
      bodies.push(...Messages.map(({ Body }) => Body));
    }
    expect(bodies).toEqual(['not a message']);
    const refusals = () =>
      product.logs.lines.filter(
        ({ functionKey, line }) => functionKey === 'ingest' && line.includes('message not handled'),
      );
    // The queue may have the message back before a slow function has ended.
    while (refusals().length < 5) await delay(10);
    expect(refusals()).toHaveLength(5);
    await comesBackAt('1800');
  });
});

describe('an ingested upload', () => {
  it('is neither seen nor cancelled by a user', async () => {
    const { id } = await dropped();
    const [notification] = await notificationsOf(id);

    const found = await product.call(`GET /v1/uploads/${id}`);
    const cancelled = await product.call(`DELETE /v1/uploads/${id}`);
    const listed = await product.call('GET /v1/uploads');

    expect(notification).toMatchObject({ upload: { owner: `ingest#${projectId}` } });
    expect(found).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(cancelled).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(listed).toMatchObject({ status: 200, body: { uploads: [] } });
  });

  it('belongs to an owner that no token can name', async () => {
    const token = await product.mint({ sub: `ingest#${projectId}` });

    const answer = await product.call('GET /v1/uploads', { headers: { authorization: `Bearer ${token}` } });

    expect(answer).toMatchObject({ status: 401, body: { code: 'no_subject' } });
  });
});
