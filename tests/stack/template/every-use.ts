/**
 * Every use of the product that leads to another call of AWS: each use case through the gateway, and the failures
 * around it. An expectation in each step shows that it took the intended path.
 */
import { expect } from '@jest/globals';
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { remove } from '../../../lib/domain/endings.ts';
import { begin as beginIngested } from '../../../lib/domain/ingestion.ts';
import { linkedKey } from '../../../lib/domain/upload.ts';
import type { Policy, Upload } from '../../../lib/domain/upload.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import { dropId, nameBasedId, offerOfDrop } from '../../../lib/ingestion/offers.ts';
import { putFile } from '../../support/answer.ts';
import { FORM_TYPE, filePart, form } from '../../support/form.ts';
import type { Product } from '../../support/product-stack.ts';
import { storageEvent } from '../../support/queue-event.ts';
import { begin, openPage, sendPart } from '../../support/uppy-browser.ts';
import { containersPage } from '../../support/uppy-page.ts';
import { issueId, projectId } from '../../support/world.ts';

const { postForm } = containersPage();

export const BUCKET = 'ipd-attachment-bridge-dev-stagingbucket';
/** What INGEST_SOURCE_BUCKETS names. */
export const SOURCE_BUCKET = 'ci-artifacts';
const PART_BYTES = 5 * 1024 ** 2;
/** MAX_FILE_BYTES: a larger file becomes a link. */
export const MOST_ATTACHED = 2 * PART_BYTES;
const file = { projectId, issueId, filename: 'a.bin', contentType: 'application/octet-stream' };
const parted = { ...file, size: PART_BYTES + 1, mode: 'multipart' };
const linked = z.object({ link: z.object({ url: z.url() }) });
const formAnswer = z.object({ url: z.url(), fields: z.record(z.string(), z.string()) });

/** `s3` and `sqs` are an operator's. */
export async function useEverything({
  product,
  s3,
  sqs,
}: {
  product: Product;
  s3: S3Client;
  sqs: SQSClient;
}): Promise<void> {
  await useUploads();
  await useUppy();
  await useAttach();
  await useDeliver();
  await useSweep();
  await useLinks();
  await useIngestion();

  async function create(body: object) {
    const answer = await product.call('POST /v1/uploads', { body });
    expect(answer.status).toBe(201);
    return answer;
  }

  /** The sweep comes by now, and takes this upload for due; `more`: what else time has brought. */
  async function fallDue(id: string, more: object = {}): Promise<void> {
    const dueAt = new Date().toISOString();
    await product.ledger.change(id, (upload) => ({ ...upload, dueAt, ...more }));
    await product.fireSchedules();
  }

  /** Storage's own lifecycle, or an operator. */
  async function abortBehindItsBack(key: string): Promise<void> {
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
    for (const { Key, UploadId } of Uploads.filter((upload) => upload.Key === key)) {
      await s3.send(new AbortMultipartUploadCommand({ Bucket: BUCKET, Key, UploadId }));
    }
  }

  async function sendTo(queue: string, message: object): Promise<void> {
    const path = `/000000000000/ipd-attachment-bridge-dev-${queue}`;
    const QueueUrl = new URL(path, product.urls.sqsUrl).href;
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(message) }));
  }

  /** Storage's event may be quicker than the function, which then queues nothing: another upload tries again. */
  function hasQueued(key: string, queue = 'deliveryqueue'): boolean {
    return product.iam
      .uses()
      .some(
        ({ functionKey, action, resource }) =>
          functionKey === key && action === 'sqs:SendMessage' && resource.endsWith(`-${queue}`),
      );
  }

  async function completeUpload(): Promise<void> {
    const bytes = randomBytes(PART_BYTES + 1);
    const whole = await create(parted);
    for (const { offset, length, ...signed } of whole.parts()) {
      await putFile(signed, bytes.subarray(offset, offset + length));
    }
    expect(await product.call(`POST /v1/uploads/${whole.id}/complete`)).toMatchObject({ status: 200 });
    await product.follow(whole.id);
  }

  async function useUploads(): Promise<void> {
    const single = await create({ ...file, size: 10 });
    expect(await product.call(`POST /v1/uploads/${single.id}/complete`)).toMatchObject({ status: 409 });
    await putFile(single.signed(), randomBytes(10));
    await product.follow(single.id);
    await product.call('GET /v1/uploads');
    await product.call('GET /v1/uploads?state=open');

    await completeUpload();
    while (!hasQueued('uploads')) await completeUpload();

    const unwanted = await create(parted);
    expect(await product.call(`DELETE /v1/uploads/${unwanted.id}`)).toMatchObject({ status: 200 });
  }

  async function completeParts(page: Awaited<ReturnType<typeof openPage>>) {
    const whole = await begin(page);
    const part = await sendPart(page, whole, 1, randomBytes(10));
    await page.ask('GET', `${whole.path}${whole.query}`);
    const parts = { parts: [part] };
    expect(await page.ask('POST', `${whole.path}/complete${whole.query}`, parts)).toMatchObject({
      status: 200,
    });
    await product.follow(whole.id);
    return part;
  }

  async function useUppy(): Promise<void> {
    const page = await openPage(product);
    const { body } = await page.ask('GET', '/s3/params?filename=a.bin&type=video/mp4');
    expect((await postForm(formAnswer.parse(body), randomBytes(10))).status).toBe(201);

    const part = await completeParts(page);
    while (!hasQueued('uppy')) await completeParts(page);
    const parts = { parts: [part] };

    const lost = await begin(page);
    await abortBehindItsBack(`staging/${lost.id}`);
    expect(await page.ask('POST', `${lost.path}/complete${lost.query}`, parts)).toMatchObject({
      status: 409,
    });
    expect(await page.ask('DELETE', `${lost.path}${lost.query}`)).toMatchObject({ status: 200 });
  }

  async function useAttach(): Promise<void> {
    const content = randomBytes(10);
    const body = form(filePart('a.bin', content, file.contentType));
    const attach = (key: string) =>
      product.attach(body, { 'content-type': FORM_TYPE, 'idempotency-key': key });
    const [key, interrupted, uploadId] = [randomUUID(), randomUUID(), randomUUID()];
    expect(await attach(key)).toMatchObject({ status: 200 });

    // An earlier call stored the file, and died before it wrote the record.
    const { fingerprint = '' } = (await product.ledger.findKey('user-1', key)) ?? {};
    await product.ledger.bindKey('user-1', interrupted, { uploadId, fingerprint });
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: `staging/${uploadId}`, Body: content }));
    await product.logs.waitFor(({ line }) => line.includes('unknown upload ignored'));
    expect(await attach(interrupted)).toMatchObject({ status: 200 });
    while (!hasQueued('attach')) await attach(randomUUID());
  }

  async function useDeliver(): Promise<void> {
    const { id } = await create({ ...file, size: 10 });
    const event = storageEvent({ key: `staging/${id}`, bytes: randomBytes(10) });
    await sendTo('deliveryqueue', event);
    expect((await product.follow(id)).body).toMatchObject({ error: { code: 'staged_file_missing' } });

    const throttled = await create({ ...file, size: 20 });
    await product.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'throttled' } }]);
    await putFile(throttled.signed(), randomBytes(20));
    expect((await product.follow(throttled.id)).body).toMatchObject({ status: 'delivered' });
  }

  async function forgetParts(): Promise<void> {
    const bytes = randomBytes(PART_BYTES + 1);
    const forgotten = await create(parted);
    for (const { offset, length, ...signed } of forgotten.parts()) {
      await putFile(signed, bytes.subarray(offset, offset + length));
    }
    await fallDue(forgotten.id);
    expect((await product.follow(forgotten.id)).body).toMatchObject({ status: 'delivered' });
  }

  async function useSweep(): Promise<void> {
    const missing = await create({ ...file, size: 10 });
    await fallDue(missing.id);

    await forgetParts();
    while (!hasQueued('sweep')) await forgetParts();

    const late = await create(parted);
    await fallDue(late.id, { uploadDeadline: late.body['createdAt'] });
    expect(await product.ledger.find(late.id)).toMatchObject({ status: 'expired' });
    await fallDue(late.id);
    expect(await product.ledger.find(late.id)).not.toHaveProperty('dueAt');
  }

  /** `isCopied`: a function has died after its copy. */
  async function linkFile({ isCopied = false } = {}): Promise<string> {
    const large = await create({ ...file, size: MOST_ATTACHED + 1, mode: 'single' });
    const bytes = randomBytes(MOST_ATTACHED + 1);
    const copy = { Bucket: BUCKET, Key: linkedKey(large.id), Body: bytes };
    if (isCopied) await s3.send(new PutObjectCommand(copy));
    await putFile(large.signed(), bytes);
    expect((await product.follow(large.id)).body).toMatchObject({ status: 'delivered', attachment: null });
    return large.id;
  }

  /** A browser follows a link; one is taken back by its owner, and one cannot be deleted in IPD in time. */
  async function useLinks(): Promise<void> {
    const id = await linkFile();
    const { body } = await product.call(`GET /v1/uploads/${id}`);
    const { size } = await (await fetch(linked.parse(body).link.url)).blob();
    expect(size).toBe(MOST_ATTACHED + 1);
    expect(await product.call(`DELETE /v1/uploads/${id}`)).toMatchObject({ status: 200 });
    await expectRemoved(id);

    const late = await linkFile({ isCopied: true });
    await product.ledger.change(late, (upload) => remove(upload, { by: 'operator', now: Date.now() }));
    const longAgo = new Date(Date.now() - 30 * DAY_MS).toISOString();
    await fallDue(late, { recheckAt: longAgo });
    await expectRemoved(late);
  }

  async function expectRemoved(id: string): Promise<void> {
    const upload = await seen(id, (now) => now.status === 'removed' && now.isLinkedFileRemoved === true);
    const find = new HeadObjectCommand({ Bucket: BUCKET, Key: linkedKey(upload.id) });
    await expect(s3.send(find)).rejects.toMatchObject({ name: 'NotFound' });
  }

  /** Follows an ingested upload, which no user sees. */
  async function seen(id: string, isSo: (upload: Upload) => boolean): Promise<Upload> {
    for (;;) {
      const upload = await product.ledger.find(id);
      if (upload !== undefined && isSo(upload)) return upload;
      await delay(25);
    }
  }

  async function attached(id: string): Promise<void> {
    await seen(id, ({ status }) => status === 'delivered');
  }

  async function copied(id: string): Promise<void> {
    await seen(id, ({ etag }) => etag !== undefined);
  }

  /** Each project may have one open upload. */
  function dropKey(): string {
    return `ingest/${randomBytes(16).toString('hex')}/${issueId}/${randomUUID()}.log`;
  }

  async function drop(key: string = dropKey(), content: Buffer = randomBytes(10)): Promise<string> {
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: key, Body: content }));
    return dropId({ bucket: BUCKET, key, etag: etagOf(content) });
  }

  async function request(key: string, project: string = randomBytes(16).toString('hex')): Promise<string> {
    const requestId = randomUUID();
    const source = { bucket: SOURCE_BUCKET, key };
    await sendTo('ingestqueue', { requestId, source, projectId: project, issueId });
    return nameBasedId('request', requestId);
  }

  async function useIngestion(): Promise<void> {
    await attached(await drop());

    // The event of a drop that was removed meanwhile: a missing object is no refusal.
    await sendTo('ingestqueue', storageEvent({ key: dropKey(), bytes: randomBytes(10) }));

    await s3.send(new CreateBucketCommand({ Bucket: SOURCE_BUCKET }));
    await s3.send(new PutObjectCommand({ Bucket: SOURCE_BUCKET, Key: 'a.log', Body: randomBytes(10) }));
    await copied(await request('a.log'));
    const lacking = await seen(await request('b.log'), ({ status }) => status === 'failed');
    expect(lacking).toMatchObject({ lastError: { code: 'ingest_source_missing' } });

    await useRefusedDrop();
    await useEarlierCopy();
    while (!hasQueued('sweep', 'ingestdeliveryqueue')) await useWaitingDrop();
  }

  /** It rests until the sweep removes it. */
  async function useRefusedDrop(): Promise<void> {
    const key = `ingest/${projectId}/no-work-item/a.log`;
    const id = await drop(key);
    await seen(id, ({ status, notification }) => status === 'failed' && notification === undefined);
    const find = () => s3.send(new HeadObjectCommand({ Bucket: BUCKET, Key: key }));
    await find();

    await fallDue(id);

    await expect(find()).rejects.toMatchObject({ name: 'NotFound' });
  }

  /**
   * A function died after it wrote the record; meanwhile the project has no room. In the place of the copy is one of an
   * earlier object, so the message fails, and the sweep asks again.
   */
  async function useEarlierCopy(): Promise<void> {
    const [key, content] = [dropKey(), randomBytes(10)];
    const id = dropId({ bucket: BUCKET, key, etag: etagOf(content) });
    await s3.send(
      new PutObjectCommand({
        Bucket: BUCKET,
        Key: `staging/${id}`,
        Body: randomBytes(10),
        Metadata: { 'source-etag': etagOf(randomBytes(10)) },
      }),
    );
    await product.logs.waitFor(({ line }) => line.includes('unknown upload ignored') && line.includes(id));
    const object = { etag: etagOf(content), size: content.length, contentType: undefined, sha256: undefined };
    const offer = offerOfDrop(
      { bucket: BUCKET, key, object: { ...object, putAt: new Date().toISOString(), metadata: {} } },
      { projects: ['*'], maxFileBytes: content.length, mostAttached: content.length },
    );
    await product.ledger.add(beginIngested(offer, { now: Date.now(), policy: POLICY }));

    await request('a.log', offer.upload.projectId);
    await product.logs.waitFor(({ line }) => line.includes('offer waits: too many open uploads'));

    await drop(key, content);
    await product.logs.waitFor(({ line }) => line.includes('an earlier one was in its place'));
    await fallDue(id);
    await copied(id);
  }

  /** What is delivered at once in this minute is used up, so the sweep gives a slot, which another run may have taken. */
  async function useWaitingDrop(): Promise<void> {
    await product.ledger.countInMinute('ingest', { prompt: { add: 1_000, upTo: 1_000_000 } });
    const id = await drop();
    await copied(id);
    const lease = slotLease.optional().parse(await product.ledger.readState('slots'));
    // Until a sweep has given a slot, there is none to end.
    if (lease !== undefined) await product.ledger.writeState('slots', lease.version, { until: 0 });
    await fallDue(id);
    await attached(id);
  }
}

const slotLease = z.object({ version: z.int() });

/** Of the record that the test writes; it falls due when the test says so. */
const POLICY: Policy = {
  uploadDeadlineMs: HOUR_MS,
  retryWindowMs: HOUR_MS,
  failedRetentionMs: DAY_MS,
  commitWindowMs: MINUTE_MS,
  linkedFileMs: DAY_MS,
};

/** Of an object that was put as one. */
function etagOf(content: Buffer): string {
  return createHash('md5').update(content).digest('hex');
}
