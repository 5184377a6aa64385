import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { createIpdClient } from '../../lib/ipd/client.ts';
import { systemClock } from '../../lib/runtime/clock.ts';
import { send } from '../../lib/ipd/wire.ts';
import type { Transition } from '../../lib/ledger/uploads.ts';
import { NAMESPACE, measuredIn, templateAlarms } from '../support/alarms.ts';
import { putFile } from '../support/answer.ts';
import { startProduct } from '../support/product-stack.ts';
import type { Product } from '../support/product-stack.ts';
import { sourceOf } from '../support/sources.ts';
import { projectId } from '../support/world.ts';

const MOST_ATTACHED = 1000;
const TABLE = 'ipd-attachment-bridge-dev-uploadstable';

let product: Product;
let delivered: string;
let bytes: Buffer;
let sha256: string;

beforeAll(async () => {
  product = await startProduct({ environment: { OVERSIZE: 'link', MAX_FILE_BYTES: String(MOST_ATTACHED) } });
  bytes = randomBytes(MOST_ATTACHED);
  sha256 = createHash('sha256').update(bytes).digest('hex');
  await goWrong();
});
afterAll(() => product.stop());

/** Causes every condition that an alarm watches, except those whose metrics AWS writes. */
async function goWrong(): Promise<void> {
  await product.faults([
    { match: { filename: 'throttled' }, count: 1, fault: { kind: 'serviceThrottled' } },
    { match: { filename: 'refused' }, fault: { kind: 'noPermission' } },
    { match: { filename: 'odd' }, count: 1, fault: { kind: 'otherSize' } },
    { match: { filename: 'lost' }, count: 1, fault: { kind: 'gatewayTimeout', stored: false } },
  ]);
  const [lost, twice] = await Promise.all([
    upload({ filename: 'lost', issueId: '956239067176935401' }).then(ended),
    upload({ filename: 'twice', issueId: '956239067176935402' }).then(ended),
    upload({ filename: 'refused', issueId: '956239067176935404' }).then(ended),
    upload({ filename: 'odd', issueId: '956239067176935406' }).then(() => measured('Contradictions')),
    // This upload waits for seconds; its metric is written first.
    upload({ filename: 'throttled', issueId: '956239067176935403' }).then(() => measured('IpdThrottles')),
  ]);

  delivered = twice;

  // IPD has a second copy of one, and does not say whether it has the other.
  await attachAgain('956239067176935402');
  await product.faults([
    { match: { operation: 'list', issueId: '956239067176935401' }, fault: { kind: 'noPermission' } },
  ]);
  await becomeDue(lost);
  await becomeDue(twice, (before) => ({ ...before, recheckAt: new Date().toISOString() }));
  await Promise.all([writeNonsense(), dropNonsense()]);
  await product.fireSchedules();
  await Promise.all([measured('Duplicates'), product.follow(lost)]);

  await removeLinkThatStays();

  await product.faults([{ match: { operation: 'list' }, fault: { kind: 'signatureFailed' } }]);
  // The check of the work item meets this fault, and no delivery begins.
  await upload({ filename: 'locked out', issueId: '956239067176935405' });
  await measured('AuthenticationFailures');
  await product.fireSchedules();
}

/** Uploads a file. */
async function upload(file: { filename: string; issueId: string }): Promise<string> {
  const body = { projectId, contentType: 'a/b', size: bytes.length, sha256, ...file };
  const { id, signed } = await product.call('POST /v1/uploads', { body });
  await putFile(signed(), bytes);
  return id;
}

/** A link is removed, and IPD does not show the links of its work item. */
async function removeLinkThatStays(): Promise<void> {
  const large = randomBytes(MOST_ATTACHED + 1);
  const about = { issueId: '956239067176935407', filename: 'large', contentType: 'a/b', size: large.length };
  const { id, signed } = await product.call('POST /v1/uploads', { body: { projectId, ...about } });
  await putFile(signed(), large);
  await product.follow(id);
  await product.faults([{ match: { operation: 'linkList' }, fault: { kind: 'noPermission' } }]);
  await product.call(`DELETE /v1/uploads/${id}`);
  await measured('LinksNotDeleted');
}

/** Waits until its first delivery is over. */
async function ended(id: string): Promise<string> {
  await product.logs.waitFor(({ line }) => line.includes('delivery ended') && line.includes(id));
  return id;
}

async function becomeDue(id: string, transition: Transition = (before) => before): Promise<void> {
  const dueAt = new Date().toISOString();
  await product.ledger.change(id, (before) => {
    const after = transition(before);
    return after && { ...after, dueAt };
  });
}

/** Attaches the same bytes again, without the product. */
async function attachAgain(issueId: string): Promise<void> {
  const client = createIpdClient({
    endpoint: product.urls.ipdUrl,
    iamEndpoint: product.urls.ipdUrl,
    region: 'cn-north-4',
    auth: 'aksk',
    credentials: { accessKey: product.ipdCredentials },
    send,
    clock: systemClock,
  });
  await client.upload({
    projectId,
    issueId,
    filename: 'twice',
    contentType: 'a/b',
    size: bytes.length,
    file: sourceOf([bytes]),
    fence: async () => undefined,
    signal: AbortSignal.timeout(300_000),
  });
}

/** A due record that the product cannot read. */
async function writeNonsense(): Promise<void> {
  const client = new DynamoDBClient({
    region: 'eu-central-1',
    endpoint: product.urls.dynamodbUrl,
    credentials: product.credentials,
  });
  const item = {
    pk: `upload#${randomUUID()}`,
    dueShard: '0',
    dueAt: new Date().toISOString(),
    status: 'staged',
  };
  const Item = Object.fromEntries(Object.entries(item).map(([name, value]) => [name, { S: value }]));
  await client.send(new PutItemCommand({ TableName: TABLE, Item }));
  client.destroy();
}

/** An object that names no work item. */
async function dropNonsense(): Promise<void> {
  const client = new S3Client({
    region: 'eu-central-1',
    endpoint: product.urls.s3Url,
    forcePathStyle: true,
    credentials: product.credentials,
  });
  const Bucket = product.settings['STAGING_BUCKET'];
  await client.send(new PutObjectCommand({ Bucket, Key: 'ingest/a.log', Body: bytes }));
  client.destroy();
  await measured('IngestRefused');
}

async function measured(name: string): Promise<void> {
  await product.logs.waitFor((line) => measuredIn([line]).some((metric) => metric.name === name));
}

const alarms = templateAlarms().flatMap(({ id, metrics }) =>
  metrics
    .filter(({ namespace }) => namespace === NAMESPACE)
    .map((metric) => ({ id, metric, name: metric.name })),
);

describe('a metric that an alarm watches', () => {
  it.each(alarms)('is measured when its time has come: $name of $id', ({ metric }) => {
    expect(measuredIn(product.logs.lines)).toContainEqual(metric);
  });
});

describe('the lines of one upload', () => {
  const fields = z.looseObject({
    message: z.string(),
    uploadId: z.string(),
    correlationId: z.string().optional(),
    requestId: z.string().optional(),
  });

  it('are joined from the call that made it to IPD, over all functions', () => {
    const lines = product.logs.lines
      .filter(({ line }) => line.startsWith('{') && line.includes(delivered))
      .map(({ functionKey, line }) => ({ functionKey, ...fields.parse(JSON.parse(line)) }))
      .filter(({ message }) => /^(upload|delivery|IPD) /.test(message));

    const [created] = lines;
    expect(lines.map(({ functionKey, message }) => [functionKey, message])).toEqual([
      ['uploads', 'upload created'],
      ['deliver', 'upload staged'],
      ['deliver', 'delivery started'],
      ['deliver', 'IPD took the file'],
      ['deliver', 'delivery ended'],
    ]);
    expect(created?.requestId).toMatch(/./);
    expect(new Set(lines.map(({ correlationId }) => correlationId))).toEqual(new Set([created?.requestId]));
    expect(lines[3]).toMatchObject({ ipdRequestId: expect.stringMatching(/^\w+$/) });
  });
});
