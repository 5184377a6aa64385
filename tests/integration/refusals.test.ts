import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { createServer } from 'node:http';
import { notificationOf } from '../../lib/domain/endings.ts';
import { createUpload } from '../../lib/domain/lifecycle.ts';
import { scan } from '../../lib/ledger/scan.ts';
import { createTable } from '../../lib/ledger/table.ts';
import { createNotifications } from '../../lib/messaging/notifications.ts';
import { createQueue } from '../../lib/messaging/queue.ts';
import { snsWith } from '../../lib/messaging/sns.ts';
import { sqsWith } from '../../lib/messaging/sqs.ts';
import { systemClock } from '../../lib/runtime/clock.ts';
import { readParameter } from '../../lib/secrets/parameter-store.ts';
import { readSecret } from '../../lib/secrets/secrets-manager.ts';
import { createStaging } from '../../lib/storage/staged-files.ts';
import { s3With } from '../../lib/storage/s3.ts';
import { listen } from '../../local/listen.ts';
import { awsKey } from '../support/local-keys.ts';

/** What the service answers every request with. */
let answer: { status: number; name: string };
let service: Awaited<ReturnType<typeof listen>>;
let calls: Record<string, () => Promise<unknown>>;
let end: () => void;
beforeAll(async () => {
  const server = createServer((request, response) => {
    const { status, name } = answer;
    const isJson = request.headers['x-amz-target'] !== undefined;
    const error = `<Error><Code>${name}</Code><Message>no</Message></Error>`;
    // SNS wraps its error, S3 does not.
    const document = request.method === 'POST' ? `<ErrorResponse>${error}</ErrorResponse>` : error;
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': isJson ? 'application/x-amz-json-1.1' : 'text/xml' });
      response.end(isJson ? JSON.stringify({ __type: name, message: 'no' }) : document);
    });
  });
  service = await listen(server, 0);
  const connection = {
    region: 'eu-central-1',
    credentials: awsKey,
    endpoint: service.url,
    // The retries of the SDK are not tested here.
    maxAttempts: 1,
  };
  Object.assign(process.env, {
    AWS_REGION: connection.region,
    AWS_ACCESS_KEY_ID: awsKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: awsKey.secretAccessKey,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: service.url,
    AWS_ENDPOINT_URL_SSM: service.url,
    AWS_MAX_ATTEMPTS: '1',
  });
  const client = DynamoDBDocumentClient.from(new DynamoDBClient(connection));
  const s3 = new S3Client({ ...connection, forcePathStyle: true });
  const sqs = new SQSClient({ ...connection, useQueueUrlAsEndpoint: false });
  const sns = new SNSClient(connection);
  end = () => [client, s3, sqs, sns].forEach((one) => one.destroy());

  const table = createTable({ client, table: 'uploads', clock: systemClock });
  const query = { index: 'due', condition: '#a = :a', names: { '#a': 'a' }, values: { ':a': 'a' } };
  const filter = { table: 'uploads', filter: '#a = :a', names: { '#a': 'a' }, values: { ':a': 'a' } };
  const staging = createStaging({ s3: async () => s3With(s3), bucket: 'staging', clock: systemClock });
  const queue = createQueue({ sqs: async () => sqsWith(sqs), queueUrl: `${service.url}/1/queue` });
  const notifications = createNotifications({
    sns: async () => snsWith(sns),
    topicArn: 'arn:aws:sns:eu-central-1:1:t',
  });
  const policy = {
    uploadDeadlineMs: 1,
    retryWindowMs: 1,
    failedRetentionMs: 1,
    commitWindowMs: 1,
    linkedFileMs: 1,
  };
  const file = { filename: 'a', sentName: 'a', contentType: 'a/b', size: 1 };
  const about = { id: 'u', owner: 'user-1', projectId: 'p', issueId: '1', ...file };
  const upload = createUpload(about, { now: 0, policy });
  calls = {
    'the read of an item': () => table.read('upload#u'),
    'the write of an item': () => table.putUnless('upload#u', {}, { condition: 'attribute_not_exists(pk)' }),
    'the addition to an item': () => table.add('state#breaker', { numbers: { count: 1 } }),
    'the query of an index': () => table.query(query).next(),
    'the scan of the table': () => scan(client, filter).next(),
    'the removal of a file': () => staging.remove('staging/u'),
    'a message of the queue': () => queue.send({ uploadId: 'u', attempt: 1 }),
    'the notification of an end': () => notifications.publish(upload, notificationOf('UploadFailed', 0)),
    'a secret of Secrets Manager': () => readSecret('bridge/ipd'),
    'a secret of the Parameter Store': () => readParameter('bridge/ipd'),
  };
});
afterAll(async () => {
  end();
  await service.close();
});

const failureOf = async (name: string) => calls[name]?.().catch((error: unknown) => error);

describe.each([
  'the read of an item',
  'the write of an item',
  'the addition to an item',
  'the query of an index',
  'the scan of the table',
  'the removal of a file',
  'a message of the queue',
  'the notification of an end',
  'a secret of Secrets Manager',
  'a secret of the Parameter Store',
])('%s', (name) => {
  it.each([
    [500, 'InternalServerError', 'unavailable'],
    [400, 'ThrottlingException', 'unavailable'],
    [403, 'AccessDeniedException', 'internal'],
  ])('that AWS answers with %d and %s fails as %s, with AWS as the cause', async (status, cause, code) => {
    answer = { status, name: cause };

    expect(await failureOf(name)).toMatchObject({
      name: 'AppError',
      code,
      message: expect.stringMatching(/ failed$/),
      cause: { name: cause, message: 'no' },
    });
  });
});
