import { describe, expect, it } from '@jest/globals';
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { randomBytes, randomUUID } from 'node:crypto';
import { nameBasedId } from '../../../lib/ingestion/offers.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import { subscribe } from '../../support/subscriber.ts';
import { SOURCE_BUCKET, useIngest } from '../../support/use-ingest.ts';
import { issueId, projectId } from '../../support/world.ts';

const soon = () => AbortSignal.timeout(300_000);
const world = await useIngest();
const readNotifications = await subscribe(world);
const services = world.build();

async function request(about: object = {}, messageId: string = randomUUID(), by = services) {
  const requestId = randomUUID();
  const body = {
    requestId,
    projectId,
    issueId,
    source: { bucket: SOURCE_BUCKET, key: 'a/b+c d.pdf' },
    ...about,
  };
  await by.ingestion.onMessage(JSON.stringify(body), messageId);
  return { body, id: nameBasedId('request', body.requestId) };
}

await world.clients.s3.send(
  new PutObjectCommand({ Bucket: SOURCE_BUCKET, Key: 'a/b+c d.pdf', Body: randomBytes(50) }),
);

describe('a request', () => {
  it.each([undefined, 'null'])(
    'makes an upload of an object of another bucket, version %s',
    async (versionId) => {
      const { id } = await request({ source: { bucket: SOURCE_BUCKET, key: 'a/b+c d.pdf', versionId } });

      expect(await world.find(id)).toMatchObject({ status: 'staged', filename: 'b+c d.pdf', size: 50 });
      expect(await world.isStaged(id)).toBe(true);
    },
  );

  it('of the staging bucket is refused', async () => {
    const drop = await world.put();

    const { id } = await request({ source: { bucket: world.config.bucket, key: drop.key } });

    expect(await world.find(id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_source_forbidden' },
    });
    await world.staging.remove(drop.key);
  });

  it('of an object that is not there is refused, and tried anew when it comes again', async () => {
    const key = randomUUID();
    const { id, body } = await request({ source: { bucket: SOURCE_BUCKET, key } });
    const before = await world.find(id);
    await world.clients.s3.send(
      new PutObjectCommand({ Bucket: SOURCE_BUCKET, Key: key, Body: randomBytes(7) }),
    );

    await request(body);

    expect(before).toMatchObject({ status: 'failed', lastError: { code: 'ingest_source_missing' } });
    expect(await world.find(id)).toMatchObject({ status: 'staged', size: 7 });
  });

  it('that is malformed is refused, and announced', async () => {
    const { body } = await request({ projectId: 'short' });
    const id = nameBasedId('malformed request', JSON.stringify(body));

    expect(await world.find(id)).toMatchObject({ status: 'failed', lastError: { code: 'ingest_malformed' } });
    expect(await readNotifications(id)).toMatchObject([
      { type: 'UploadFailed', upload: { source: { kind: 'request', requestId: body.requestId } } },
    ]);
  });

  it('with the id of another one is refused as an upload of its own, and the first one stays', async () => {
    const { id, body } = await request();
    const first = await world.find(id);
    const other = { ...body, issueId: '956239067176935499' };
    const { bucket, key } = body.source;
    const asked = [body.requestId, bucket, key, undefined, projectId, other.issueId];
    const refusedId = nameBasedId('reused request', JSON.stringify(asked));

    await request(other, 'message');
    await request(other, 'message');

    expect(await world.find(id)).toEqual(first);
    expect(await world.find(refusedId)).toMatchObject({
      status: 'failed',
      issueId: other.issueId,
      lastError: { code: 'ingest_request_reused' },
    });
    expect(await readNotifications(refusedId)).toMatchObject([
      { type: 'UploadFailed', upload: { source: { kind: 'request', requestId: body.requestId } } },
    ]);
    expect(await world.isStaged(refusedId)).toBe(false);
  });
});

describe('while its project has too many open uploads', () => {
  it('a request waits on the queue', async () => {
    await request();
    const sqs = world.connectQueues();
    const delays: unknown[] = [];
    sqs.middlewareStack.add(
      (next) => async (args) => {
        if ('DelaySeconds' in args.input) delays.push(args.input.DelaySeconds);
        return next(args);
      },
      { step: 'initialize', name: 'note' },
    );
    const full = world.build({ sqs, ingest: { maxOpen: 1 } });
    const before = await countDelayed();

    const { id } = await request({}, 'message', full);

    expect(await services.ledger.find(id)).toBeUndefined();
    expect((await countDelayed()) - before).toBe(1);
    expect(delays).toEqual([(5 * MINUTE_MS) / 1000]);
  });

  it('a drop waits in its place until the sweep finds it and there is room', async () => {
    await request();
    const full = world.build({ ingest: { maxOpen: 1 } });
    const drop = await world.put();

    await full.ingestion.onMessage(drop.event, 'message');
    const before = await services.ledger.find(drop.id);
    const isThere = await world.exists(drop.key);
    await world.queued();
    world.clock.advance(HOUR_MS);
    await services.sweep.run(soon());
    await bringQueued((body) => body.includes(drop.key));

    expect(before).toBeUndefined();
    expect(isThere).toBe(true);
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    expect(await world.exists(drop.key)).toBe(false);
  });

  async function countDelayed(): Promise<number> {
    const { Attributes } = await world.clients.sqs.send(
      new GetQueueAttributesCommand({
        QueueUrl: world.queueUrl,
        AttributeNames: ['ApproximateNumberOfMessagesDelayed'],
      }),
    );
    return Number(Attributes?.['ApproximateNumberOfMessagesDelayed']);
  }
});

describe('a copy that was interrupted', () => {
  it.each(['CopyObject', 'DeleteObject'])('goes on after a fault of storage at %s', async (at) => {
    const drop = await world.put();
    const broken = world.buildWatched(async ({ name }) => {
      if (name === at) throw new Error('storage is out');
    });

    await expect(broken.ingestion.onMessage(drop.event, 'message')).rejects.toMatchObject({
      code: 'unavailable',
    });
    const between = await world.find(drop.id);
    await services.ingestion.onMessage(drop.event, 'message');

    expect(between.status).toBe(at === 'CopyObject' ? 'awaiting_upload' : 'staged');
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    expect(await world.exists(drop.key)).toBe(false);
  });

  it('is found by the next event', async () => {
    const drop = await copiedOnly();

    await services.ingestion.onMessage(drop.event, 'message');

    expect(await world.find(drop.id)).toMatchObject({ status: 'staged', etag: drop.etag, size: 100 });
    expect(await world.exists(drop.key)).toBe(false);
    expect(copiesOf(drop.id)).toEqual([200, 412]);
  });

  it('is found by the sweep, whose message has the drop removed', async () => {
    const drop = await copiedOnly();
    await world.queued();

    world.clock.advance(HOUR_MS);
    await services.sweep.run(soon());
    const found = await world.find(drop.id);
    await bringQueued((body) => body === JSON.stringify({ resume: drop.id }));

    expect(found).toMatchObject({ status: 'staged', etag: drop.etag, size: 100 });
    expect(await world.exists(drop.key)).toBe(false);
    expect(copiesOf(drop.id)).toEqual([200]);
  });

  it('with another object, whose copy is still in its place, is made anew', async () => {
    const drop = await world.put();
    await putCopyOfAnother(drop.id);

    await expect(services.ingestion.onMessage(drop.event, 'message')).rejects.toMatchObject({
      code: 'unavailable',
    });
    const between = await world.isStaged(drop.id);
    await services.ingestion.onMessage(drop.event, 'message');

    expect(between).toBe(false);
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged', etag: drop.etag });
    const target = { Bucket: world.config.bucket, Key: `staging/${drop.id}` };
    const { Body } = await world.clients.s3.send(new GetObjectCommand(target));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? [])).toEqual(drop.bytes);
  });

  it('leaves what is in its place where another run has staged it meanwhile', async () => {
    const drop = await world.put();
    const slow = world.buildWatched(async ({ name }) => {
      if (name !== 'CopyObject') return;
      await services.ingestion.onMessage(drop.event, 'message');
      await putCopyOfAnother(drop.id);
    });

    await slow.ingestion.onMessage(drop.event, 'message');

    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    expect(await world.isStaged(drop.id)).toBe(true);
  });

  /** A drop whose function was killed as soon as its copy was made. */
  async function copiedOnly() {
    const drop = await world.put();
    await expect(killed(drop.id).ingestion.onMessage(drop.event, 'message')).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(await world.find(drop.id)).toMatchObject({ status: 'awaiting_upload' });
    expect(await world.isStaged(drop.id)).toBe(true);
    return drop;
  }

  /** Services whose function is killed as soon as the copy of this upload is made. */
  function killed(id: string) {
    let isDead = false;
    return world.buildWatched(async ({ name, key, proceed }) => {
      if (isDead) throw new Error('the function was killed');
      if (name !== 'CopyObject' || key !== `staging/${id}`) return;
      await proceed();
      isDead = true;
      throw new Error('the function was killed');
    });
  }

  async function putCopyOfAnother(id: string): Promise<void> {
    await world.clients.s3.send(
      new PutObjectCommand({
        Bucket: world.config.bucket,
        Key: `staging/${id}`,
        Body: 'another',
        Metadata: { 'source-etag': 'another' },
      }),
    );
  }

  /** The status of each copy that storage was asked for. */
  const copiesOf = (id: string): number[] =>
    world.s3.requests
      .filter(({ operation, key }) => operation === 'CopyObject' && key === `staging/${id}`)
      .map(({ status }) => status);
});

/** Hands on what the queue has, as Lambda does. */
async function bringQueued(isMeant: (body: string) => boolean): Promise<void> {
  const bodies = (await world.queued()).filter((body) => isMeant(body));
  expect(bodies).toHaveLength(1);
  for (const body of bodies) await services.ingestion.onMessage(body, randomUUID());
}

describe('the lanes of the sweep', () => {
  async function due(source: boolean): Promise<string> {
    const { id } = await world.create(randomBytes(10));
    const now = world.clock.now();
    const iso = (ms: number) => new Date(ms).toISOString();
    await world.ledger.change(id, (before) => ({
      ...before,
      ...(source && { source: { kind: 'drop' as const, key: 'ingest/k', etag: 'e', offer: iso(now) } }),
      status: 'staged',
      etag: 'e',
      stagedAt: iso(now),
      retryUntil: iso(now + HOUR_MS),
      dueAt: iso(now - 1000),
    }));
    return id;
  }

  it.each([
    [1, 2],
    [0, 4],
  ])(
    'with %i people waiting give ingested uploads a quarter of the slots, or all',
    async (people, queued) => {
      world.clock.advance(10 * MINUTE_MS);
      for (let index = 0; index < people; index += 1) await due(false);
      for (let index = 0; index < 8; index += 1) await due(true);

      // Three quarters of six are four.
      const result = await world.build({ config: { deliveriesPerMinute: 6 } }).sweep.run(soon());

      expect(result.queued).toBe(queued);
    },
  );
});
