import { afterAll, describe, expect, it } from '@jest/globals';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createIam } from '../../../local/iam/iam.ts';
import { functionsOf, parametersOf, readService, resourcesOf } from '../../../local/template.ts';
import { useProduct } from '../../support/use-product.ts';
import { BUCKET, MOST_ATTACHED, SOURCE_BUCKET, useEverything } from './every-use.ts';
import { grantsOf, toTable } from './permissions.ts';

const ROOT = join(import.meta.dirname, '../../..');
const LIB = join(ROOT, 'lib');
const functionKeys = ['uploads', 'uppy', 'attach', 'deliver', 'files', 'ingest', 'sweep'];

/** Actions that no function of the embedded stack performs visibly, and why. */
const UNSEEN: Record<string, string> = {
  // AWS performs these with the function's role.
  'logs:CreateLogStream': 'by Lambda',
  'logs:PutLogEvents': 'by Lambda',
  'xray:PutTraceSegments': 'by Lambda',
  'xray:PutTelemetryRecords': 'by Lambda',
  'sqs:ReceiveMessage': 'by Lambda',
  'sqs:DeleteMessage': 'by Lambda',
  'sqs:GetQueueAttributes': 'by Lambda',
  // The stack has no such services: a test below compares them with the settings.
  'secretsmanager:GetSecretValue': 'by settings',
  'ssm:GetParameter': 'by settings',
  // The stack's storage keeps no versions.
  's3:GetObjectVersion': 'by versions',
  // Only where REQUIRED_SCAN_TAG is set.
  's3:GetObjectTagging': 'by settings',
};

/** The commands of the SDK that lib/ knows, and what they need; the operator's are no function's. */
const COMMANDS: Record<string, string[]> = {
  AbortMultipartUpload: ['s3:AbortMultipartUpload'],
  CompleteMultipartUpload: ['s3:PutObject'],
  CopyObject: ['s3:GetObject', 's3:GetObjectVersion', 's3:PutObject'],
  CreateMultipartUpload: ['s3:PutObject'],
  DeleteObject: ['s3:DeleteObject'],
  Get: ['dynamodb:GetItem'],
  GetObject: ['s3:GetObject', 's3:ListBucket'],
  GetObjectTagging: ['s3:GetObjectTagging'],
  GetParameter: ['ssm:GetParameter'],
  GetSecretValue: ['secretsmanager:GetSecretValue'],
  HeadObject: ['s3:GetObject', 's3:GetObjectVersion', 's3:ListBucket'],
  ListObjectsV2: ['s3:ListBucket'],
  ListParts: ['s3:ListMultipartUploadParts'],
  Publish: ['sns:Publish'],
  Put: ['dynamodb:PutItem'],
  PutObject: ['s3:PutObject'],
  Query: ['dynamodb:Query'],
  Scan: [],
  SendMessage: ['sqs:SendMessage'],
  Update: ['dynamodb:UpdateItem'],
};

/** Settings that may name a secret or a parameter, and how the name begins in its stage's folder. */
const SECRETS = [
  ['IPD_CREDENTIALS', 'ipd'],
  ['SIGNING_CREDENTIALS', 'signing'],
  ['LINK_KEY', 'links'],
] as const;

const product = await useProduct({
  environment: {
    INGEST_SOURCE_BUCKETS: SOURCE_BUCKET,
    INGEST_MAX_OPEN: '1',
    OVERSIZE: 'link',
    MAX_FILE_BYTES: String(MOST_ATTACHED),
  },
});
const shared = { region: 'eu-central-1', credentials: product.credentials };
const s3 = new S3Client({ ...shared, endpoint: product.urls.s3Url, forcePathStyle: true });
const sqs = new SQSClient({ ...shared, endpoint: product.urls.sqsUrl });
afterAll(() => {
  s3.destroy();
  sqs.destroy();
});

/** The functions of a stage with these settings, and what their roles let them do. */
function deployed(env: Record<string, string>) {
  const service = readService({ directory: ROOT, env, stage: 'prod' });
  const resources = resourcesOf(service);
  const attributes = { Arn: 'arn', TopicArn: 'arn' };
  const references = Object.fromEntries([
    ...Object.entries(parametersOf(service)),
    ...Object.keys(resources).map((id) => [id, { ref: id, attributes }]),
    ...Object.entries({ Partition: 'aws', Region: 'eu-central-1', AccountId: '1', StackName: 'stack' }).map(
      ([name, ref]) => [`AWS::${name}`, { ref, attributes: {} }],
    ),
  ]);
  const functions = functionsOf(service, references);
  const iam = createIam(functionKeys);
  iam.enforce({ functions, resources, references });
  return functions.map(({ key, environment }) => ({ key, environment, statements: iam.statementsOf(key) }));
}

describe('the roles', () => {
  it('allow what the functions do, and nothing else', async () => {
    await useEverything({ product, s3, sqs });

    const uses = product.iam.uses();
    const grants = functionKeys
      .flatMap((key) => grantsOf(key, product.iam.statementsOf(key), uses))
      .map((grant) => ({ ...grant, covered: UNSEEN[grant.action] ?? `${grant.uses} different` }));
    if (process.env['IAM_TABLE']) process.stdout.write(`${toTable(grants)}\n`);

    expect(uses.filter(({ statement }) => statement === undefined)).toEqual([]);
    expect(grants.filter((grant) => grant.uses === 0 && UNSEEN[grant.action] === undefined)).toEqual([]);
  });

  it.each([
    [{}, { uploads: ['ipd'], uppy: ['ipd'], deliver: ['ipd'] }],
    [{ PREFLIGHT: 'off' }, { deliver: ['ipd'] }],
    [
      { SIGNING_CREDENTIALS: 'secretsmanager:ipd-attachment-bridge/prod/signing' },
      { uploads: ['ipd', 'signing'], uppy: ['ipd', 'signing'], deliver: ['ipd'] },
    ],
    [
      { PREFLIGHT: 'off', SIGNING_CREDENTIALS: 'ssm:/ipd-attachment-bridge/prod/signing' },
      { uploads: ['signing'], uppy: ['signing'], deliver: ['ipd'] },
    ],
    [
      { OVERSIZE: 'link' },
      { uploads: ['ipd', 'links'], uppy: ['ipd'], deliver: ['ipd', 'links'], files: ['links'] },
    ],
    [
      {
        OVERSIZE: 'link',
        PREFLIGHT: 'off',
        SIGNING_CREDENTIALS: 'secretsmanager:ipd-attachment-bridge/prod/signing',
        LINK_KEY: 'ssm:/ipd-attachment-bridge/prod/links',
      },
      {
        uploads: ['signing', 'links'],
        uppy: ['signing'],
        deliver: ['ipd', 'links'],
        files: ['links'],
      },
    ],
  ])('let a function read the secrets of its stage that it uses, and no other: %j', (env, expected) => {
    const readable: Record<string, string[]> = {};
    for (const { key, environment, statements } of deployed(env)) {
      const read = (action: string) =>
        statements.filter(({ Action }) => Action.includes(action)).flatMap(({ Resource }) => Resource);
      const words = SECRETS.filter(([name]) => environment[name]).map(([, word]) => word);
      if (words.length > 0) readable[key] = words;

      const arn = 'arn:aws:secretsmanager:eu-central-1:1:secret:ipd-attachment-bridge/prod';
      expect(read('secretsmanager:GetSecretValue')).toEqual(words.map((word) => `${arn}/${word}*`));
      const parameter = 'arn:aws:ssm:eu-central-1:1:parameter/ipd-attachment-bridge/prod';
      expect(read('ssm:GetParameter')).toEqual(words.map((word) => `${parameter}/${word}*`));
    }

    expect(readable).toEqual(expected);
  });

  it('know every call that the code can make, and none that it cannot', () => {
    const files = ['ledger', 'storage', 'messaging', 'secrets'].flatMap((adapter) =>
      readdirSync(join(LIB, adapter)).map((name) => join(LIB, adapter, name)),
    );
    const names = files.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(/\b([A-Z]\w+)Command\b/g)].map(([, name = '']) => name),
    );
    const granted = functionKeys.flatMap((key) =>
      product.iam.statementsOf(key).flatMap(({ Action }) => Action),
    );

    const called = [...new Set(names)].toSorted();
    expect(called).toEqual(Object.keys(COMMANDS).toSorted());
    const byCode = granted.filter((action) => UNSEEN[action] !== 'by Lambda');
    const needed = called.flatMap((name) => COMMANDS[name] ?? []);
    expect([...new Set(byCode)].toSorted()).toEqual([...new Set(needed)].toSorted());
  });

  it('let ingest read the buckets of INGEST_SOURCE_BUCKETS, and without the setting none', () => {
    const sources = (env: Record<string, string>) =>
      deployed(env)
        .filter(({ key }) => key === 'ingest')
        .flatMap(({ statements }) => statements)
        .filter(({ Resource }) => Resource.some((one) => one.startsWith('arn:*:s3:::')));

    expect(sources({ INGEST_SOURCE_BUCKETS: 'builds,crashes' })).toEqual([
      {
        Effect: 'Allow',
        Action: ['s3:GetObject', 's3:GetObjectVersion'],
        Resource: ['arn:*:s3:::builds/*', 'arn:*:s3:::crashes/*'],
      },
      {
        Effect: 'Allow',
        Action: ['s3:ListBucket'],
        Resource: ['arn:*:s3:::builds', 'arn:*:s3:::crashes'],
      },
    ]);
    expect(sources({})).toEqual([]);
  });

  it('keep a list within drops', async () => {
    const own = new S3Client({
      region: 'eu-central-1',
      endpoint: product.urls.s3Url,
      forcePathStyle: true,
      credentials: product.iam.keyOf('sweep'),
    });
    const list = (Prefix: string) => own.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix }));

    await expect(list('ingest/')).resolves.toMatchObject({ Name: BUCKET });
    await expect(list('staging/')).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(list('other/')).rejects.toMatchObject({ name: 'AccessDenied' });
    own.destroy();
  });
});
