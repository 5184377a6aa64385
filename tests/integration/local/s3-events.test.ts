/** The events of the local S3, delivered to a real queue server. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  UploadPartCommand,
  type Event,
  type QueueConfiguration,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Message } from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import type { S3Server } from '../../../local/s3/server.ts';
import { connect, CREDENTIALS, postForm, REGION, signForm, startOwn } from './s3-support.ts';

const QueueArn = `arn:aws:sqs:${REGION}:000000000000:delivery`;
const EVERY: Event[] = ['s3:ObjectCreated:*'];
const queueServer = buildApp({ logger: false });

let own: Awaited<ReturnType<typeof startOwn>>;
let server: S3Server;
let client: S3Client;
let sqs: SQSClient;
let QueueUrl: string | undefined;

beforeAll(async () => {
  const endpoint = await queueServer.listen({ host: '127.0.0.1', port: 0 });
  sqs = new SQSClient({ endpoint, region: REGION, credentials: CREDENTIALS });
  ({ QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'delivery' })));
  own = await startOwn({ sqsEndpoint: endpoint });
  server = await own.start();
  client = connect({ endpoint: server.url, region: REGION, credentials: CREDENTIALS });
});

afterAll(async () => {
  client.destroy();
  sqs.destroy();
  await server.close();
  await own.remove();
  await queueServer.close();
});

async function makeBucket(events: Event[] = ['s3:ObjectCreated:*']): Promise<string> {
  const Bucket = `events-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket }));
  const rules = [
    { Name: 'prefix' as const, Value: 'staging/' },
    { Name: 'suffix' as const, Value: '.txt' },
  ];
  await client.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      NotificationConfiguration: {
        QueueConfigurations: [
          { Id: 'staged', QueueArn, Events: events, Filter: { Key: { FilterRules: rules } } },
        ],
      },
    }),
  );
  return Bucket;
}

type Rule = Pick<QueueConfiguration, 'Events' | 'Filter'>;

function toRule(prefix: string, suffix = '', Events: Event[] = EVERY): Rule {
  const rules = [
    { Name: 'prefix' as const, Value: prefix },
    { Name: 'suffix' as const, Value: suffix },
  ];
  return { Events, Filter: { Key: { FilterRules: rules.filter(({ Value }) => Value !== '') } } };
}

async function configureBoth(Bucket: string, one: Rule, other: Rule): Promise<void> {
  const QueueConfigurations = [one, other].map((rule) => ({ QueueArn, ...rule }));
  await client.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      NotificationConfiguration: { QueueConfigurations },
      SkipDestinationValidation: true,
    }),
  );
}

/** The next message, removed from the queue. */
async function receive(url = QueueUrl) {
  let message: Message | undefined;
  while (message === undefined) {
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 20 }));
    message = Messages?.[0];
  }
  await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: message.ReceiptHandle }));
  return JSON.parse(message.Body ?? '{}');
}

describe('events', () => {
  it('begin with a test event when the configuration is put, and the configuration can be read', async () => {
    const Bucket = await makeBucket();

    expect(await receive()).toMatchObject({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket });
    const { QueueConfigurations } = await client.send(
      new GetBucketNotificationConfigurationCommand({ Bucket }),
    );
    expect(QueueConfigurations).toMatchObject([{ Id: 'staged', QueueArn, Events: ['s3:ObjectCreated:*'] }]);
  });

  it('describe a put object as AWS does, with its key encoded', async () => {
    const Bucket = await makeBucket();
    await receive();

    await client.send(new PutObjectCommand({ Bucket, Key: 'staging/ä b+c&d (1).txt', Body: 'hello' }));

    expect(await receive()).toEqual({
      Records: [
        {
          eventVersion: '2.1',
          eventSource: 'aws:s3',
          awsRegion: REGION,
          eventTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
          eventName: 'ObjectCreated:Put',
          userIdentity: { principalId: expect.any(String) },
          requestParameters: { sourceIPAddress: '127.0.0.1' },
          responseElements: { 'x-amz-request-id': expect.any(String), 'x-amz-id-2': expect.any(String) },
          s3: {
            s3SchemaVersion: '1.0',
            configurationId: 'staged',
            bucket: {
              name: Bucket,
              ownerIdentity: { principalId: expect.any(String) },
              arn: `arn:aws:s3:::${Bucket}`,
            },
            object: {
              key: 'staging/%C3%A4+b%2Bc%26d+%281%29.txt',
              size: 5,
              eTag: '5d41402abc4b2a76b9719d911017c592',
              sequencer: expect.stringMatching(/^[0-9A-F]{18}$/),
            },
          },
        },
      ],
    });
  });

  it('tell a form and a completed multipart upload apart, in rising order', async () => {
    const Bucket = await makeBucket();
    await receive();
    const fields = { key: 'staging/form.txt' };
    const form = signForm({
      bucket: Bucket,
      region: REGION,
      credentials: CREDENTIALS,
      conditions: [fields],
      fields,
    });
    const Key = 'staging/parts.txt';
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const { ETag } = await client.send(
      new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'x' }),
    );

    await postForm(`${server.url}/${Bucket}`, form, 'hello');
    const [posted] = (await receive()).Records;
    const done = await client.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    );
    const [completed] = (await receive()).Records;

    expect(posted.eventName).toBe('ObjectCreated:Post');
    expect(completed.eventName).toBe('ObjectCreated:CompleteMultipartUpload');
    expect(completed.s3.object).toMatchObject({ key: Key, size: 1, eTag: done.ETag?.replaceAll('"', '') });
    expect(completed.s3.object.sequencer > posted.s3.object.sequencer).toBe(true);
  });

  it('tell of copies by their own key, size and ETag', async () => {
    const Bucket = await makeBucket(['s3:ObjectCreated:Copy']);
    await receive();
    await client.send(new PutObjectCommand({ Bucket, Key: 'staging/from.txt', Body: 'hello' }));

    await client.send(
      new CopyObjectCommand({ Bucket, Key: 'staging/中 a+b%.txt', CopySource: `${Bucket}/staging/from.txt` }),
    );

    const [copied] = (await receive()).Records;
    expect(copied).toMatchObject({ eventName: 'ObjectCreated:Copy', s3: { bucket: { name: Bucket } } });
    expect(copied.s3.object).toEqual({
      key: 'staging/%E4%B8%AD+a%2Bb%25.txt',
      size: 5,
      eTag: '5d41402abc4b2a76b9719d911017c592',
      sequencer: expect.stringMatching(/^[0-9A-F]{18}$/),
    });
  });

  it('are sent only for the keys and the kinds that were asked for', async () => {
    const Bucket = await makeBucket(['s3:ObjectCreated:Put']);
    await receive();
    const fields = { key: 'staging/form.txt' };
    const form = signForm({
      bucket: Bucket,
      region: REGION,
      credentials: CREDENTIALS,
      conditions: [fields],
      fields,
    });

    await client.send(new PutObjectCommand({ Bucket, Key: 'other/a.txt', Body: 'x' }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'staging/a.png', Body: 'x' }));
    await postForm(`${server.url}/${Bucket}`, form, 'hello');
    await client.send(new PutObjectCommand({ Bucket, Key: 'staging/last.txt', Body: 'x' }));

    expect((await receive()).Records[0].s3.object.key).toBe('staging/last.txt');
  });

  it('need a queue that exists, and kinds that this server can send', async () => {
    const Bucket = await makeBucket();
    await receive();
    const configure = (queueArn: string, event: Event) =>
      client.send(
        new PutBucketNotificationConfigurationCommand({
          Bucket,
          NotificationConfiguration: { QueueConfigurations: [{ QueueArn: queueArn, Events: [event] }] },
        }),
      );

    await expect(configure(`${QueueArn}-missing`, 's3:ObjectCreated:*')).rejects.toMatchObject({
      name: 'InvalidArgument',
    });
    await expect(configure(QueueArn, 's3:ObjectRemoved:*')).rejects.toMatchObject({ name: 'NotImplemented' });
  });

  it('go to the queue whose prefix the key has; a configuration writes it encoded', async () => {
    const Bucket = `events-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    const { QueueUrl: otherUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'documents' }));
    const otherArn = `arn:aws:sqs:${REGION}:000000000000:documents`;
    const QueueConfigurations = [
      { QueueArn, ...toRule('staging/') },
      { QueueArn: otherArn, ...toRule('our+%E4%B8%AD/') },
    ];
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { QueueConfigurations },
      }),
    );
    await receive();
    await receive(otherUrl);

    await client.send(new PutObjectCommand({ Bucket, Key: 'our 中/文 a+b%.txt', Body: 'x' }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'elsewhere/a', Body: 'x' }));
    await client.send(new PutObjectCommand({ Bucket, Key: 'staging/a', Body: 'x' }));

    const [other] = (await receive(otherUrl)).Records;
    expect(other.s3.object.key).toBe('our+%E4%B8%AD/%E6%96%87+a%2Bb%25.txt');
    expect((await receive()).Records[0].s3.object.key).toBe('staging/a');
    const kept = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(kept.QueueConfigurations).toMatchObject([
      { Filter: { Key: { FilterRules: [{ Value: 'staging/' }] } } },
      { Filter: { Key: { FilterRules: [{ Value: 'our+%E4%B8%AD/' }] } } },
    ]);
  });

  it.each([
    ['a prefix within a prefix', toRule('a/'), toRule('a/b/')],
    ['equal prefixes', toRule('a/'), toRule('a/')],
    ['a prefix written in two ways', toRule('a b/'), toRule('a%20b/c/')],
    ['a prefix and none', toRule('a/'), { Events: EVERY }],
    ['a kind of event among all', toRule('a/'), toRule('a/', '', ['s3:ObjectCreated:Put'])],
    ['a suffix within a suffix', toRule('a/', 'pg'), toRule('a/', 'jpg')],
  ])('cannot go to two queues: %s', async (_name, one, other) => {
    const Bucket = `events-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket }));

    await expect(configureBoth(Bucket, one, other)).rejects.toMatchObject({
      name: 'InvalidArgument',
      $metadata: { httpStatusCode: 400 },
    });
    const kept = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(kept.QueueConfigurations ?? []).toEqual([]);
  });

  it.each([
    ['other prefixes', toRule('a/'), toRule('b/')],
    ['other suffixes', toRule('a/', '.jpg'), toRule('a/b/', '.png')],
    ['other kinds', toRule('', '', ['s3:ObjectCreated:Put']), toRule('', '', ['s3:ObjectCreated:Copy'])],
  ])('may go to two queues with %s', async (_name, one, other) => {
    const Bucket = `events-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket }));

    await configureBoth(Bucket, one, other);

    const kept = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    expect(kept.QueueConfigurations).toHaveLength(2);
  });

  it.each([
    ['two prefixes', ['a/', 'b/']],
    ['a value that is not encoded text', ['100%/']],
  ])('have no filter with %s', async (_name, prefixes) => {
    const Bucket = `events-${randomUUID()}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    const FilterRules = prefixes.map((Value) => ({ Name: 'prefix' as const, Value }));

    await expect(
      client.send(
        new PutBucketNotificationConfigurationCommand({
          Bucket,
          NotificationConfiguration: {
            QueueConfigurations: [{ QueueArn, Events: EVERY, Filter: { Key: { FilterRules } } }],
          },
        }),
      ),
    ).rejects.toMatchObject({ name: 'InvalidArgument' });
  });

  it('that cannot be delivered are reported once and do not fail the upload', async () => {
    const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const gone = buildApp({ logger: false });
    const endpoint = await gone.listen({ host: '127.0.0.1', port: 0 });
    const queues = new SQSClient({ endpoint, region: REGION, credentials: CREDENTIALS });
    await queues.send(new CreateQueueCommand({ QueueName: 'delivery' }));
    queues.destroy();
    const lonely = await startOwn({ sqsEndpoint: endpoint });
    const lonelyServer = await lonely.start();
    const lonelyClient = connect({ endpoint: lonelyServer.url, region: REGION, credentials: CREDENTIALS });
    const Bucket = 'lonely';
    await lonelyClient.send(new CreateBucketCommand({ Bucket }));
    const QueueConfigurations = [{ QueueArn, Events: ['s3:ObjectCreated:*' as const] }];
    await lonelyClient.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { QueueConfigurations },
      }),
    );
    await gone.close();

    const { ETag } = await lonelyClient.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }));

    lonelyClient.destroy();
    // Waits for the last attempt.
    await lonelyServer.close();
    await lonely.remove();
    const reports = stderr.mock.calls.map(([text]) => String(text)).filter((text) => text.startsWith('s3: '));
    stderr.mockRestore();
    expect(ETag).toBeDefined();
    expect(reports).toEqual([expect.stringContaining(`ObjectCreated:Put of a did not reach ${QueueArn}`)]);
  });
});
