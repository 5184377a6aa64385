import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { z } from 'zod';
import { readConfig } from '../../../lib/runtime/config.ts';
import { resolveIntrinsics } from '../../../local/intrinsics.ts';
import { bucketProperties } from '../../../local/resource-schemas.ts';
import { parametersOf, readService, resourcesOf } from '../../../local/template.ts';
import type { Json } from '../../../local/variables.ts';

const DAY_HOURS = 24;

const lifecycle = z.object({
  LifecycleConfiguration: z.object({
    Rules: z.array(
      z.object({
        Prefix: z.string(),
        Status: z.literal('Enabled'),
        ExpirationInDays: z.coerce.number(),
        AbortIncompleteMultipartUpload: z.object({ DaysAfterInitiation: z.coerce.number() }).optional(),
      }),
    ),
  }),
});
const policy = z.object({
  PolicyDocument: z.object({
    Statement: z.array(
      z.looseObject({
        Effect: z.enum(['Allow', 'Deny']),
        Resource: z.unknown(),
        Condition: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
      }),
    ),
  }),
});
const provider = z.object({ logs: z.object({ httpApi: z.object({ format: z.string() }) }) });
const retained = z.looseObject({ DeletionPolicy: z.string(), UpdateReplacePolicy: z.string() });

function read({ stage = 'dev', env = {} }: { stage?: string; env?: Record<string, string> } = {}) {
  const service = readService({ directory: join(import.meta.dirname, '../../..'), env, stage });
  const properties = (id: string): Record<string, Json> => resourcesOf(service)[id]?.Properties ?? {};
  return { service, properties };
}

describe('the template', () => {
  it.each([
    [{}, ['http://localhost:3000']],
    [
      { ALLOWED_ORIGINS: 'https://app.example.com,https://admin.example.com' },
      ['https://app.example.com', 'https://admin.example.com'],
    ],
  ])('opens the API and the bucket to the pages of the same origins (%j)', (env, origins) => {
    const { service, properties } = read({ env });

    const bucket = resolveIntrinsics(properties('StagingBucket')['CorsConfiguration'] ?? null, {}, 'cors');
    expect(service.provider.httpApi.cors?.allowedOrigins).toEqual(origins);
    expect(bucket).toMatchObject({ CorsRules: [{ AllowedOrigins: origins }] });
  });

  it.each([{}, { UPLOAD_DEADLINE_HOURS: '24', PARTS_EXPIRE_DAYS: '2', STAGED_FILES_EXPIRE_DAYS: '60' }])(
    'removes files of staging and drops after the number of days that the functions get (%j)',
    (env) => {
      const { service, properties } = read({ env });

      const { Rules } = lifecycle.parse(properties('StagingBucket')).LifecycleConfiguration;
      const { environment } = service.provider;
      expect(Rules.map(({ Prefix }) => Prefix)).toEqual(['staging/', 'ingest/', 'linked/']);
      for (const { ExpirationInDays, AbortIncompleteMultipartUpload } of Rules.slice(0, 2)) {
        const days = AbortIncompleteMultipartUpload?.DaysAfterInitiation;
        expect({
          PARTS_EXPIRE_DAYS: String(days),
          STAGED_FILES_EXPIRE_DAYS: String(ExpirationInDays),
        }).toEqual({
          PARTS_EXPIRE_DAYS: environment['PARTS_EXPIRE_DAYS'],
          STAGED_FILES_EXPIRE_DAYS: environment['STAGED_FILES_EXPIRE_DAYS'],
        });
        expect(days).toBe(Number(environment['UPLOAD_DEADLINE_HOURS']) / DAY_HOURS + 1);
      }
    },
  );

  it.each([
    [{}, 400],
    [{ STAGED_FILES_EXPIRE_DAYS: '60', LINKED_FILES_EXPIRE_DAYS: '700' }, 700],
  ])('removes linked files after days of their own, and nothing else (%j)', (env, days) => {
    const { Rules } = lifecycle.parse(read({ env }).properties('StagingBucket')).LifecycleConfiguration;

    const ofLinked = { Prefix: 'linked/', Status: 'Enabled', ExpirationInDays: days };
    expect(Rules.filter(({ Prefix }) => 'linked/'.startsWith(Prefix))).toEqual([ofLinked]);
    expect(Rules.filter(({ Prefix }) => !Prefix.endsWith('/'))).toEqual([]);
  });

  it('lets the accounts of INGEST_PRINCIPALS put drops, and without the setting none', () => {
    const allowed = (env: Record<string, string>) => {
      const { service, properties } = read({ env });
      const references = {
        ...parametersOf(service),
        StagingBucket: { ref: 'staging', attributes: { Arn: 'arn:aws:s3:::staging' } },
      };
      const { PolicyDocument } = policy.parse(
        resolveIntrinsics(properties('StagingBucketPolicy'), references, 'policy'),
      );
      return PolicyDocument.Statement.filter(({ Effect }) => Effect === 'Allow');
    };
    const roles = ['arn:aws:iam::222222222222:role/ci', 'arn:aws:iam::333333333333:root'];

    expect(allowed({ INGEST_PRINCIPALS: String(roles) })).toEqual([
      {
        Effect: 'Allow',
        Principal: { AWS: roles },
        Action: ['s3:PutObject', 's3:AbortMultipartUpload'],
        Resource: 'arn:aws:s3:::staging/ingest/*',
      },
    ]);
    expect(allowed({})).toEqual([]);
  });

  it('has settings that the functions take', () => {
    const { service } = read({ env: { IPD_PROJECTS: '*' } });
    const plain = Object.entries(service.provider.environment).filter(
      ([, value]) => typeof value === 'string',
    );
    const references = {
      STAGING_BUCKET: 'staging',
      UPLOADS_TABLE: 'uploads',
      DELIVERY_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/delivery',
    };

    expect(() =>
      readConfig({
        ...Object.fromEntries(plain),
        ...references,
      }),
    ).not.toThrow();
  });

  it.each([
    ['DeliveryQueue', 'deliver'],
    ['IngestDeliveryQueue', 'deliver'],
    ['IngestQueue', 'ingest'],
  ])('hides a message of %s for six times as long as %s may take', (queue, functionKey) => {
    const { service, properties } = read();

    expect(properties(queue)['VisibilityTimeout']).toBe(6 * (service.functions[functionKey]?.timeout ?? 0));
  });

  it('takes messages from its own bucket and its own account only, and nothing that is not encrypted on its way', () => {
    const { properties } = read();
    const ofAccount = { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } };
    const ofBucket = {
      ...ofAccount,
      // CloudFormation writes a bucket's name in small letters and may shorten what follows the service's name.
      ArnLike: { 'aws:SourceArn': { 'Fn::Sub': 'arn:${AWS::Partition}:s3:::ipd-attachment-bridge-*' } },
    };
    const allowed = (id: string) =>
      policy
        .parse(properties(id))
        .PolicyDocument.Statement.filter(({ Effect }) => Effect === 'Allow')
        .map(({ Condition }) => Condition);

    expect(allowed('DeliveryQueuePolicy')).toEqual([ofBucket]);
    expect(allowed('IngestQueuePolicy')).toEqual([ofBucket, ofAccount]);
    expect(allowed('IngestDeliveryQueuePolicy')).toEqual([]);
    const ids = [
      'StagingBucketPolicy',
      'DeliveryQueuePolicy',
      'DeliveryDeadLettersPolicy',
      'IngestQueuePolicy',
      'IngestDeliveryQueuePolicy',
      'IngestDeadLettersPolicy',
      'NotificationsTopicPolicy',
    ];
    for (const id of ids) {
      expect([id, policy.parse(properties(id)).PolicyDocument.Statement.at(-1)]).toMatchObject([
        id,
        { Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
      ]);
    }
  });

  it('hears of drops however they come, and of staged files unless they are copies', () => {
    const { NotificationConfiguration } = bucketProperties.parse(
      resolveIntrinsics(
        read().properties('StagingBucket'),
        {
          DeliveryQueue: { ref: '', attributes: { Arn: 'delivery' } },
          IngestQueue: { ref: '', attributes: { Arn: 'ingestion' } },
        },
        'StagingBucket',
      ),
    );

    const heard = NotificationConfiguration?.QueueConfigurations.map(({ QueueArn, Events, Filter }) => [
      QueueArn,
      ...Events,
      Filter?.Key.FilterRules[0]?.Value,
    ]);
    expect(heard).toEqual([
      ['delivery', 's3:ObjectCreated:Put', 'staging/'],
      ['delivery', 's3:ObjectCreated:Post', 'staging/'],
      ['delivery', 's3:ObjectCreated:CompleteMultipartUpload', 'staging/'],
      ['ingestion', 's3:ObjectCreated:*', 'ingest/'],
    ]);
  });

  it('lets the principals of INGEST_PRINCIPALS put drops, and without the setting no other account', () => {
    const principals = ['111122223333', 'arn:aws:iam::444455556666:role/ci'];
    const statements = (env: Record<string, string>) => {
      const { service, properties } = read({ env });
      const references = {
        ...parametersOf(service),
        StagingBucket: { ref: 'files', attributes: { Arn: 'arn:aws:s3:::files' } },
      };
      const resolved = resolveIntrinsics(properties('StagingBucketPolicy'), references, 'policy');
      return policy.parse(resolved).PolicyDocument.Statement;
    };

    expect(statements({ INGEST_PRINCIPALS: principals.join(',') })).toEqual([
      {
        Effect: 'Allow',
        Principal: { AWS: principals },
        Action: ['s3:PutObject', 's3:AbortMultipartUpload'],
        Resource: 'arn:aws:s3:::files/ingest/*',
      },
      expect.objectContaining({ Effect: 'Deny' }),
    ]);
    expect(statements({})).toEqual([expect.objectContaining({ Effect: 'Deny' })]);
  });

  it.each(['StagingBucket', 'UploadsTable'])(
    'keeps the %s of production when the stack goes, but not of a first deploy that failed',
    (id) => {
      const policies = { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' };

      expect(retained.parse(resourcesOf(read({ stage: 'prod' }).service)[id])).toMatchObject(policies);
      expect(retained.parse(resourcesOf(read().service)[id])).toMatchObject({ DeletionPolicy: 'Delete' });
    },
  );

  it('leaves the protection of the table to a command: a failed first deploy could not remove it', () => {
    expect(read({ stage: 'prod' }).properties('UploadsTable')).not.toHaveProperty(
      'DeletionProtectionEnabled',
    );
  });

  it('logs no path and no header: a ticket or the secret of a link is in one, a token in the other', () => {
    const { format } = provider.parse(read().service.provider).logs.httpApi;

    const fields = [...format.matchAll(/\$context\.([\w.]+)/g)].map(([, name]) => name);
    expect(fields).toContain('routeKey');
    expect(fields.filter((name) => /path|header|authorizer\.(?!error)|claims/i.test(name ?? ''))).toEqual([]);
    expect(() => JSON.parse(format)).not.toThrow();
  });
});
