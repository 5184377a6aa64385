/**
 * Runs in a process of its own, whose log lines no process reads, and takes the CPU time of one round of calls
 * at each message. Ends with its parent.
 */
import { randomUUID } from 'node:crypto';
import { PutObjectCommand, S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Context } from 'aws-lambda';
import { handler } from '../functions/uploads.ts';
import { readConfig } from '../lib/runtime/config.ts';
import { createSigning } from '../lib/storage/presigning.ts';
import { MIB } from '../lib/domain/units.ts';
import { newCreateEvent } from './create-event.ts';

const CALLS = 200;
const LIFE_SECONDS = 3600;
const SIZE = MIB;
const PART_BYTES = 5 * MIB;
const TEN = Array.from({ length: 10 }, (_, index) => ({
  number: index + 1,
  offset: index * PART_BYTES,
  length: PART_BYTES,
}));

const { bucket, aws } = readConfig();
const { region = '', keys } = aws;
if (keys === undefined) throw new Error('keys are needed to sign with');
const signer = { keys, region, endpoint: aws.s3Endpoint };
const signing = createSigning({ signer: async () => signer, bucket, now: Date.now });
const s3 = new S3Client({ requestChecksumCalculation: 'WHEN_REQUIRED' });

const newKey = (): string => `staging/${randomUUID()}`;

/** What is measured, by its name. Each is one call. */
const WORK = {
  create: async () => {
    answerAtOnce();
    return createUpload();
  },
  createWithLedger: async () => {
    answerReally();
    return createUpload();
  },
  getSignedUrl: async () =>
    getSignedUrl(
      s3,
      new PutObjectCommand({
        Bucket: bucket,
        Key: newKey(),
        ContentLength: SIZE,
        ContentType: 'application/pdf',
        IfNoneMatch: '*',
      }),
      { expiresIn: LIFE_SECONDS, signableHeaders: new Set(['content-type']) },
    ),
  tenPartUrls: async () =>
    signing.putParts({ key: newKey(), uploadId: 'upload', expiresInSeconds: LIFE_SECONDS }, TEN),
  tenGetSignedUrls: async () => {
    const key = newKey();
    return Promise.all(
      TEN.map(({ number, length }) => {
        const target = { Bucket: bucket, Key: key, UploadId: 'upload' };
        const command = new UploadPartCommand({ ...target, PartNumber: number, ContentLength: length });
        return getSignedUrl(s3, command, { expiresIn: LIFE_SECONDS });
      }),
    );
  },
};

process.on('disconnect', () => process.exit(0));
process.on('message', () => void measure());
process.send?.('ready');

/** Tells the microseconds of CPU that one call of each takes. */
async function measure(): Promise<void> {
  const round: Record<string, number> = {};
  for (const [name, work] of Object.entries(WORK)) {
    const before = process.cpuUsage();
    for (let call = 0; call < CALLS; call += 1) await work();
    const { user, system } = process.cpuUsage(before);
    round[name] = (user + system) / CALLS;
  }
  process.send?.(round);
}

async function createUpload(): Promise<void> {
  const { statusCode, body = '' } = await handler(newCreateEvent({ size: SIZE }), context);
  if (statusCode !== 201 || !body.includes('X-Amz-Signature=')) throw new Error(`${statusCode} ${body}`);
}

/** The ledger's client answers as an empty table does, without a call: what is left is the handler and the signature. */
function answerAtOnce(): void {
  Object.defineProperty(DynamoDBDocumentClient.prototype, 'send', {
    value: async (command: unknown) => (command instanceof QueryCommand ? { Items: [] } : {}),
    configurable: true,
  });
}

function answerReally(): void {
  Reflect.deleteProperty(DynamoDBDocumentClient.prototype, 'send');
}

const context: Context = {
  callbackWaitsForEmptyEventLoop: true,
  functionName: 'uploads',
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:uploads',
  memoryLimitInMB: '512',
  awsRequestId: 'bench',
  logGroupName: 'bench',
  logStreamName: 'bench',
  getRemainingTimeInMillis: () => 15_000,
  done: () => undefined,
  fail: () => undefined,
  succeed: () => undefined,
};
