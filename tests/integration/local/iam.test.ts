import { describe, expect, it } from '@jest/globals';
import { DynamoDBClient, ListTablesCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { startDynamoDb } from '../../../local/dynamodb.ts';
import { findGrant, readPolicies } from '../../../local/iam/policy.ts';
import type { Access } from '../../../local/iam/policy.ts';
import { startS3 } from '../../../local/s3/server.ts';
import { startSqs } from '../../../local/sqs.ts';
import { makeTemporaryDirectory } from '../../support/probe-stack.ts';

const region = 'eu-central-1';
const credentials = { accessKeyId: 'me', secretAccessKey: 'secret' };
const BUCKET = 'arn:aws:s3:::files';

function statements(...list: { [key: string]: string | string[] | object }[]) {
  const statement = list.map((one) => ({ Effect: 'Allow', ...one }));
  const policies = [{ PolicyName: 'p', PolicyDocument: { Version: '2012-10-17', Statement: statement } }];
  return readPolicies(JSON.parse(JSON.stringify(policies)), 'policies');
}

describe('a policy', () => {
  const own = statements(
    { Action: 's3:GetObject', Resource: `${BUCKET}/staging/*` },
    {
      Action: ['s3:ListBucket', 's3:GetObject'],
      Resource: [BUCKET],
      Condition: { StringLikeIfExists: { 's3:prefix': 'staging/*' } },
    },
  );

  it.each([
    ['what it names', { action: 's3:GetObject', resource: `${BUCKET}/staging/a/b` }, 0],
    ['no other action', { action: 's3:PutObject', resource: `${BUCKET}/staging/a` }, undefined],
    ['no other resource', { action: 's3:GetObject', resource: `${BUCKET}/other/a` }, undefined],
    ['nothing that only begins like it', { action: 's3:ListBucket', resource: `${BUCKET}-2` }, undefined],
    ['a call without the key of its condition', { action: 's3:ListBucket', resource: BUCKET }, 1],
    ['a call with a fitting one', { action: 's3:ListBucket', resource: BUCKET, prefix: 'staging/x' }, 1],
    ['none with another', { action: 's3:ListBucket', resource: BUCKET, prefix: '' }, undefined],
  ])('allows %s', (_name, access, statement) => {
    expect(findGrant(own, access)?.statement).toBe(statement);
  });

  it.each([
    ['a denial', { Effect: 'Deny', Action: 's3:*', Resource: '*' }],
    ['another condition', { Action: 'a:b', Resource: '*', Condition: { Bool: { x: 'true' } } }],
    ['the opposite of a resource', { Action: 'a:b', NotResource: '*' }],
  ])('is refused when it has %s, which the embedded stack cannot enforce', (_name, statement) => {
    expect(() => statements(statement)).toThrow('policies is not what the embedded stack can enforce');
  });
});

describe('a service of the stack', () => {
  /** Notes what is asked for, and allows what does not begin with `denied`. */
  function judge(...denied: string[]) {
    const asked: Access[] = [];
    const allows = (access: Access): boolean => {
      asked.push(access);
      return !denied.includes(access.action);
    };
    return { asked, allows };
  }

  it('tells of a missing object only those who may list the bucket', async () => {
    const data = await makeTemporaryDirectory();
    const { asked, allows } = judge('s3:ListBucket', 's3:PutObject');
    const server = await startS3({
      port: 0,
      dataDirectory: data.path,
      credentials: [credentials],
      region,
      allows,
    });
    const client = new S3Client({ region, credentials, endpoint: server.url, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'files' }));
    const about = { Bucket: 'files', Key: 'staging/a' };

    const reading = client.send(new HeadObjectCommand(about));
    await expect(reading).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    const storing = client.send(new PutObjectCommand({ ...about, Body: 'x' }));
    await expect(storing).rejects.toMatchObject({ name: 'AccessDenied' });

    expect(asked.map(({ action, resource }) => `${action} ${resource}`)).toContain(
      `s3:PutObject ${BUCKET}/staging/a`,
    );
    client.destroy();
    await server.close();
    await data.remove();
  });

  it('lets a copy do only what its caller may do with source, target and tags', async () => {
    const data = await makeTemporaryDirectory();
    const denied = new Set<string>();
    const server = await startS3({
      port: 0,
      dataDirectory: data.path,
      credentials: [credentials],
      region,
      allows: ({ action, resource }) => !denied.has(`${action} ${resource}`),
    });
    const client = new S3Client({ region, credentials, endpoint: server.url, forcePathStyle: true });
    await client.send(new CreateBucketCommand({ Bucket: 'files' }));
    await client.send(new CreateBucketCommand({ Bucket: 'source' }));
    await client.send(new PutObjectCommand({ Bucket: 'source', Key: 'a', Body: 'x', Tagging: 'a=1' }));
    const copy = (Key: string) =>
      client.send(new CopyObjectCommand({ Bucket: 'files', Key: 'b', CopySource: `source/${Key}` }));

    for (const needed of [
      's3:GetObject arn:aws:s3:::source/a',
      's3:GetObjectTagging arn:aws:s3:::source/a',
      `s3:PutObject ${BUCKET}/b`,
      `s3:PutObjectTagging ${BUCKET}/b`,
    ]) {
      denied.add(needed);
      await expect(copy('a')).rejects.toMatchObject({ name: 'AccessDenied' });
      denied.clear();
    }
    await copy('a');
    denied.add('s3:GetObjectVersion arn:aws:s3:::source/a');
    await expect(copy('a?versionId=null')).rejects.toMatchObject({ name: 'AccessDenied' });
    const reading = client.send(new HeadObjectCommand({ Bucket: 'source', Key: 'a', VersionId: 'null' }));
    await expect(reading).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    await client.send(new HeadObjectCommand({ Bucket: 'source', Key: 'a' }));
    denied.add(`s3:ListBucket ${BUCKET}`);
    await expect(copy('missing')).rejects.toMatchObject({ name: 'NoSuchKey' });
    denied.add('s3:ListBucket arn:aws:s3:::source');
    await expect(copy('missing')).rejects.toMatchObject({ name: 'AccessDenied' });

    client.destroy();
    await server.close();
    await data.remove();
  });

  it('deletes by an ETag only for a caller that may read the object', async () => {
    const data = await makeTemporaryDirectory();
    const { allows } = judge('s3:GetObject');
    const server = await startS3({
      port: 0,
      dataDirectory: data.path,
      credentials: [credentials],
      region,
      allows,
    });
    const client = new S3Client({ region, credentials, endpoint: server.url, forcePathStyle: true });
    const about = { Bucket: 'files', Key: 'a' };
    await client.send(new CreateBucketCommand({ Bucket: 'files' }));
    const { ETag } = await client.send(new PutObjectCommand({ ...about, Body: 'x' }));

    const deleting = client.send(new DeleteObjectCommand({ ...about, IfMatch: ETag }));
    await expect(deleting).rejects.toMatchObject({ name: 'AccessDenied' });
    await client.send(new DeleteObjectCommand(about));

    client.destroy();
    await server.close();
    await data.remove();
  });

  it('denies a query of an index by the name of the index', async () => {
    const data = await makeTemporaryDirectory();
    const { asked, allows } = judge('dynamodb:Query');
    const server = await startDynamoDb({
      port: 0,
      dataDirectory: data.path,
      credentials: [credentials],
      allows,
    });
    const client = new DynamoDBClient({ region, credentials, endpoint: server.url });

    const query = client.send(new QueryCommand({ TableName: 't', IndexName: 'i' }));
    await expect(query).rejects.toMatchObject({ name: 'AccessDeniedException' });
    await expect(client.send(new ListTablesCommand({}))).resolves.toMatchObject({ TableNames: [] });

    const resource = 'arn:aws:dynamodb:eu-central-1:000000000000:table/t/index/i';
    expect(asked).toContainEqual({ accessKeyId: 'me', action: 'dynamodb:Query', resource });
    client.destroy();
    await server.close();
    await data.remove();
  });

  it('denies messages and notifications', async () => {
    const { asked, allows } = judge('sqs:SendMessage', 'sns:Publish');
    const server = await startSqs({ port: 0, region, credentials: [credentials], allows });
    const sqs = new SQSClient({ region, credentials, endpoint: server.url });
    const sns = new SNSClient({ region, credentials, endpoint: server.url });
    const QueueUrl = `${server.url}/000000000000/q`;
    const TopicArn = 'arn:aws:sns:eu-central-1:000000000000:t';

    const Entries = [{ Id: '1', MessageBody: 'x' }];
    const sending = sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    await expect(sending).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    const telling = sns.send(new PublishCommand({ TopicArn, Message: 'x' }));
    await expect(telling).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });

    expect(asked.map(({ action, resource }) => [action, resource])).toEqual([
      ['sqs:SendMessage', 'arn:aws:sqs:eu-central-1:000000000000:q'],
      ['sns:Publish', TopicArn],
    ]);
    sqs.destroy();
    sns.destroy();
    await server.close();
  });
});
