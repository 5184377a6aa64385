/**
 * Makes the template's queues, topics, tables and buckets through the AWS SDK, on any service that speaks its protocol,
 * and returns the values of `!Ref` and `!GetAtt` for each. Existing resources stay; only a bucket's CORS and
 * notifications are written each time. Resources of other types (roles, policies, alarms) are not needed and skipped.
 */
import { CreateTableCommand, DescribeTableCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateBucketCommand,
  HeadBucketCommand,
  PutBucketCorsCommand,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { CreateTopicCommand } from '@aws-sdk/client-sns';
import type { SNSClient } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { z } from 'zod';
import { resolveIntrinsics } from './intrinsics.ts';
import type { Reference, References } from './intrinsics.ts';
import { bucketProperties, queueProperties, tableProperties, topicProperties } from './resource-schemas.ts';
import type { Resource } from './template.ts';

export interface AwsClients {
  sqs: SQSClient;
  sns: SNSClient;
  s3: S3Client;
  dynamodb: DynamoDBClient;
}

interface Order {
  resources: Record<string, Resource>;
  clients: AwsClients;
  /** Where the functions reach SQS. */
  sqsUrl: string;
  region: string;
  /** `service-stage`: the start of every name that the template leaves open. */
  prefix: string;
}

const TABLE_WAIT_SECONDS = 30;

/** Makes the missing resources and returns the references of all, pseudo parameters included. */
export async function provision(order: Order): Promise<References> {
  const { clients } = order;
  const references = pseudoParameters(order);
  const queues = idsOf(order.resources, 'AWS::SQS::Queue');
  // A queue's redrive policy names another queue, which must exist first.
  const deadLetters = queues.filter((id) => order.resources[id]?.Properties['RedrivePolicy'] === undefined);

  const make = async <S extends z.ZodType>(
    id: string,
    schema: S,
    create: (properties: z.infer<S>, name: string) => Promise<Reference>,
  ): Promise<void> => {
    const place = `resources.${id}`;
    const properties = resolveIntrinsics(order.resources[id]?.Properties ?? {}, references, place);
    const parsed = schema.safeParse(properties);
    if (!parsed.success) throw new Error(`${place}: ${parsed.error.message}`);
    references[id] = await create(parsed.data, `${order.prefix}-${id}`.toLowerCase());
  };
  const makeQueue = (id: string) => make(id, queueProperties, (...queue) => createQueue(order, ...queue));

  await Promise.all([
    (async () => {
      await Promise.all(deadLetters.map(makeQueue));
      await Promise.all(queues.filter((id) => !deadLetters.includes(id)).map(makeQueue));
      const buckets = idsOf(order.resources, 'AWS::S3::Bucket');
      await Promise.all(
        buckets.map((id) => make(id, bucketProperties, (...bucket) => createBucket(clients.s3, ...bucket))),
      );
    })(),
    ...idsOf(order.resources, 'AWS::SNS::Topic').map((id) =>
      make(id, topicProperties, (...topic) => createTopic(clients.sns, ...topic)),
    ),
    ...idsOf(order.resources, 'AWS::DynamoDB::Table').map((id) =>
      make(id, tableProperties, (...table) => createTable(order, ...table)),
    ),
  ]);
  return references;
}

async function createQueue(
  { clients: { sqs: client }, sqsUrl }: Order,
  { QueueName, RedrivePolicy, ...attributes }: z.infer<typeof queueProperties>,
  defaultName: string,
): Promise<Reference> {
  const name = QueueName ?? defaultName;
  const find = client.send(new GetQueueUrlCommand({ QueueName: name }));
  const existing = await find.catch(
    unlessMissing('QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue'),
  );
  const Attributes = {
    ...Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)])),
    ...(RedrivePolicy === undefined ? {} : { RedrivePolicy: JSON.stringify(RedrivePolicy) }),
  };
  const queue = existing ?? (await client.send(new CreateQueueCommand({ QueueName: name, Attributes })));
  // Emulators may return a host that does not resolve; the endpoint in use works.
  const QueueUrl = new URL(new URL(queue.QueueUrl ?? '').pathname, sqsUrl).href;
  const described = await client.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  return {
    ref: QueueUrl,
    attributes: { Arn: described.Attributes?.['QueueArn'] ?? '', QueueName: name, QueueUrl },
  };
}

async function createTopic(
  client: SNSClient,
  { TopicName }: z.infer<typeof topicProperties>,
  defaultName: string,
): Promise<Reference> {
  // Idempotent: https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
  const name = TopicName ?? defaultName;
  const { TopicArn = '' } = await client.send(new CreateTopicCommand({ Name: name }));
  return { ref: TopicArn, attributes: { TopicArn, TopicName: name } };
}

async function createTable(
  { clients: { dynamodb: client }, region }: Order,
  { TableName: givenName, ...properties }: z.infer<typeof tableProperties>,
  defaultName: string,
): Promise<Reference> {
  const TableName = givenName ?? defaultName;
  const find = client.send(new DescribeTableCommand({ TableName }));
  const existing = await find.catch(unlessMissing('ResourceNotFoundException'));
  if (existing === undefined) await client.send(new CreateTableCommand({ TableName, ...properties }));
  const wait = { client, maxWaitTime: TABLE_WAIT_SECONDS, minDelay: 1, maxDelay: 1 };
  const { reason } = await waitUntilTableExists(wait, { TableName });
  const arn = reason?.Table?.TableArn ?? existing?.Table?.TableArn ?? '';
  // dynalite's ARN names another region than that of the request.
  return { ref: TableName, attributes: { Arn: arn.replace(/^(arn:[^:]*:dynamodb):[^:]*/, `$1:${region}`) } };
}

async function createBucket(
  client: S3Client,
  properties: z.infer<typeof bucketProperties>,
  defaultName: string,
): Promise<Reference> {
  const Bucket = properties.BucketName ?? defaultName;
  const existing = await client
    .send(new HeadBucketCommand({ Bucket }))
    .catch(unlessMissing('NotFound', 'NoSuchBucket'));
  if (existing === undefined) await client.send(new CreateBucketCommand({ Bucket }));
  const { CorsConfiguration, NotificationConfiguration } = properties;
  if (CorsConfiguration !== undefined) {
    await client.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration: CorsConfiguration }));
  }
  if (NotificationConfiguration !== undefined) {
    const command = { Bucket, NotificationConfiguration, SkipDestinationValidation: true };
    await client.send(new PutBucketNotificationConfigurationCommand(command));
  }
  return { ref: Bucket, attributes: { Arn: `arn:aws:s3:::${Bucket}` } };
}

function pseudoParameters({ region, prefix }: Order): References {
  const values = {
    'AWS::AccountId': '000000000000',
    'AWS::Partition': 'aws',
    'AWS::Region': region,
    'AWS::StackName': prefix,
    'AWS::URLSuffix': 'amazonaws.com',
  };
  return Object.fromEntries(Object.entries(values).map(([name, ref]) => [name, { ref, attributes: {} }]));
}

function idsOf(resources: Record<string, Resource>, type: string): string[] {
  return Object.keys(resources).filter((id) => resources[id]?.Type === type);
}

/** Only these errors mean that the resource is missing; a refusal or an outage is thrown on. */
function unlessMissing(...names: string[]): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && names.includes(error.name)) return undefined;
    throw error;
  };
}
