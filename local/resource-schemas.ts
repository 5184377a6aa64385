/**
 * CloudFormation's properties of the resources that exist locally, turned into the input of the SDK's commands.
 * A property that is not named here (encryption, backups, tags) changes nothing locally and is dropped.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/introduction.html
 */
import type { Event, FilterRuleName } from '@aws-sdk/client-s3';
import { z } from 'zod';

const keySchema = z.array(z.object({ AttributeName: z.string(), KeyType: z.enum(['HASH', 'RANGE']) }));
const filterRuleNames = ['prefix', 'suffix'] as const satisfies FilterRuleName[];
const createdEvents = [
  's3:ObjectCreated:*',
  's3:ObjectCreated:Put',
  's3:ObjectCreated:Post',
  's3:ObjectCreated:CompleteMultipartUpload',
] as const satisfies Event[];

export const queueProperties = z.object({
  QueueName: z.string().optional(),
  VisibilityTimeout: z.number().optional(),
  MessageRetentionPeriod: z.number().optional(),
  DelaySeconds: z.number().optional(),
  ReceiveMessageWaitTimeSeconds: z.number().optional(),
  RedrivePolicy: z.object({ deadLetterTargetArn: z.string(), maxReceiveCount: z.number() }).optional(),
});

export const topicProperties = z.object({ TopicName: z.string().optional() });

export const tableProperties = z.object({
  TableName: z.string().optional(),
  BillingMode: z.literal('PAY_PER_REQUEST'),
  AttributeDefinitions: z.array(
    z.object({ AttributeName: z.string(), AttributeType: z.enum(['S', 'N', 'B']) }),
  ),
  KeySchema: keySchema,
  GlobalSecondaryIndexes: z
    .array(
      z.object({
        IndexName: z.string(),
        KeySchema: keySchema,
        Projection: z.object({
          ProjectionType: z.enum(['ALL', 'KEYS_ONLY', 'INCLUDE']),
          NonKeyAttributes: z.array(z.string()).default([]),
        }),
      }),
    )
    .transform((indexes) => indexes.map(withoutEmptyProjection))
    .optional(),
});

export const bucketProperties = z.object({
  BucketName: z.string().optional(),
  CorsConfiguration: z
    .object({
      CorsRules: z.array(
        z
          .object({
            AllowedOrigins: z.array(z.string()),
            AllowedMethods: z.array(z.string()),
            AllowedHeaders: z.array(z.string()).default([]),
            ExposedHeaders: z.array(z.string()).default([]),
            MaxAge: z.number().optional(),
          })
          .transform(({ ExposedHeaders, MaxAge, ...rule }) => ({
            ...rule,
            ExposeHeaders: ExposedHeaders,
            ...(MaxAge === undefined ? {} : { MaxAgeSeconds: MaxAge }),
          })),
      ),
    })
    .transform(({ CorsRules }) => ({ CORSRules: CorsRules }))
    .optional(),
  NotificationConfiguration: z
    .object({
      QueueConfigurations: z.array(
        z
          .object({
            Event: z.enum(createdEvents),
            Queue: z.string(),
            Filter: z
              .object({
                S3Key: z.object({
                  Rules: z.array(z.object({ Name: z.enum(filterRuleNames), Value: z.string() })),
                }),
              })
              .optional(),
          })
          .transform(({ Event: event, Queue, Filter }) => ({
            QueueArn: Queue,
            Events: [event],
            ...(Filter === undefined ? {} : { Filter: { Key: { FilterRules: Filter.S3Key.Rules } } }),
          })),
      ),
    })
    .optional(),
});

interface Projected {
  Projection: { ProjectionType: 'ALL' | 'KEYS_ONLY' | 'INCLUDE'; NonKeyAttributes: string[] };
}

/** DynamoDB refuses an empty list of attributes. */
function withoutEmptyProjection<T extends Projected>(index: T) {
  const { NonKeyAttributes, ProjectionType } = index.Projection;
  return {
    ...index,
    Projection: NonKeyAttributes.length === 0 ? { ProjectionType } : { ProjectionType, NonKeyAttributes },
  };
}
