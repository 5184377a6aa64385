import { afterAll, expect, it } from '@jest/globals';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { z } from 'zod';
import { uploadKey } from '../../lib/ledger/uploads.ts';
import { putFile } from '../support/answer.ts';
import type { Product } from '../support/product-stack.ts';
import { sha256 } from '../support/sha256.ts';
import { useDirectory } from '../support/use-directory.ts';
import { useProduct } from '../support/use-product.ts';
import { buildVersions, NOVELTY } from '../support/versions.ts';
import { issueId, projectId } from '../support/world.ts';

const answered = z.object({ modulePath: z.string() });
type Versions = Awaited<ReturnType<typeof buildVersions>>;
type Begun = { id: string; bytes: Buffer; put: () => Promise<unknown> };

const product = await useProduct();
const versions = await buildVersions(await useDirectory());
/** The function's file of each answer, in the order in which they came. */
const answers: string[] = [];
const note = (message: unknown): void => void answers.push(answered.parse(message).modulePath);

subscribe('function-answer', note);
afterAll(() => {
  unsubscribe('function-answer', note);
});

let issues = 0n;

/** A work item for each, since they are of one size. */
async function begin(): Promise<Begun> {
  const bytes = randomBytes(20_000);
  issues += 1n;
  const item = { projectId, issueId: String(BigInt(issueId) + issues) };
  const body = { ...item, filename: 'a.bin', contentType: 'a/b', size: bytes.length };
  const created = await product.call('POST /v1/uploads', { body });
  expect(created.status).toBe(201);
  return { id: created.id, bytes, put: () => putFile(created.signed(), bytes) };
}

/** One after the other, or each would start a function of its own. */
async function beginAll(count: number): Promise<Begun[]> {
  const begun: Begun[] = [];
  while (begun.length < count) begun.push(await begin());
  return begun;
}

async function followAll(uploads: Begun[]) {
  const ends: Awaited<ReturnType<Product['follow']>>[] = [];
  for (const { id } of uploads) ends.push(await product.follow(id));
  return ends;
}

const putAll = async (uploads: Begun[]): Promise<void> => {
  await Promise.all(uploads.map(({ put }) => put()));
};

/** Until one of them is on its way to IPD, where all of them stay until `endDelay`. */
const inFlight = (uploads: Begun[]): Promise<unknown> =>
  Promise.any(
    uploads.map(({ id }) =>
      product.follow(id, (status) => status !== 'awaiting_upload' && status !== 'staged'),
    ),
  );
const delayAnswers = () =>
  product.faults([{ match: { operation: 'upload' }, fault: { kind: 'slowAnswer', seconds: 3600 } }]);
const endDelay = () => product.faults([]);

const deliveriesBy = ({ directory: path }: Versions['older'], since = 0): number =>
  answers.slice(since).filter((file) => file === `${path}/functions/deliver.mjs`).length;

async function hasNovelty({ id }: Begun): Promise<boolean> {
  const client = new DynamoDBClient({
    region: 'eu-central-1',
    endpoint: product.urls.dynamodbUrl,
    credentials: product.credentials,
  });
  const { Item } = await DynamoDBDocumentClient.from(client).send(
    new GetCommand({
      TableName: product.settings['UPLOADS_TABLE'],
      Key: { pk: uploadKey(id) },
      ConsistentRead: true,
    }),
  );
  client.destroy();
  return JSON.stringify(Item?.['novelty']) === JSON.stringify(NOVELTY.novelty);
}

it('a deploy and its way back lose nothing, send nothing twice, and keep what the newer code wrote', async () => {
  await delayAnswers();
  product.deploy(versions.older);
  const [first, across] = [await beginAll(5), await beginAll(2)];

  await putAll(first);
  await inFlight(first);
  const deployed = answers.length;
  product.deploy(versions.newer);
  await endDelay();
  await followAll(first);
  const [second, back] = [await beginAll(5), await beginAll(2)];
  await delayAnswers();
  await putAll([...second, ...across]);
  await inFlight([...second, ...across]);
  const returned = answers.length;
  product.deploy(versions.older);
  await endDelay();
  await putAll(back);

  const all = [...first, ...across, ...second, ...back];
  const ends = await followAll(all);
  expect(ends.map(({ body }) => body['status'])).toEqual(all.map(() => 'delivered'));
  const received = await product.received();
  expect(received.map((one) => one.sha256).toSorted()).toEqual(
    all.map(({ bytes }) => sha256(bytes)).toSorted(),
  );
  expect(ends.map(({ body }) => body['delivery'])).toEqual(
    all.map(() => expect.objectContaining({ attempts: 1 })),
  );
  // Both versions were at work, and each ended what it had begun when the other came.
  expect(deliveriesBy(versions.older, deployed)).toBeGreaterThan(0);
  expect(deliveriesBy(versions.newer, deployed)).toBeGreaterThan(0);
  expect(deliveriesBy(versions.newer, returned)).toBeGreaterThan(0);
  expect(await Promise.all(second.map(hasNovelty))).toEqual(second.map(() => true));
  expect(await Promise.all(back.map(hasNovelty))).toEqual(back.map(() => true));
});
