import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import { createPatrol } from '../../../lib/ingestion/patrol.ts';
import { nameBasedId } from '../../../lib/ingestion/offers.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';
import { SOURCE_BUCKET, useIngest } from '../../support/use-ingest.ts';
import { issueId, projectId } from '../../support/world.ts';

const soon = () => AbortSignal.timeout(300_000);
const world = await useIngest();
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

  it('with the id of another one is refused, and the first one stays', async () => {
    const { id, body } = await request();
    const first = await world.find(id);

    await request({ ...body, issueId: '956239067176935499' });

    expect(await world.find(id)).toEqual(first);
  });

  it('waits while its project has too many open uploads', async () => {
    await world.queued();
    const full = world.build({ ingest: { maxOpen: 0 } });

    const { id } = await request({}, 'message', full);

    expect(await services.ledger.find(id)).toBeUndefined();
  });
});

describe('a copy that was interrupted', () => {
  it.each(['CopyObject', 'DeleteObject'])('goes on after a fault of storage at %s', async (at) => {
    const drop = await world.put();
    const broken = world.buildWatched(async ({ name }) => {
      if (name === at) throw new Error('storage is out');
    });

    await expect(broken.ingestion.onMessage(drop.event, 'message')).rejects.toThrow();
    const between = await world.find(drop.id);
    await services.ingestion.onMessage(drop.event, 'message');

    expect(between.status).toBe(at === 'CopyObject' ? 'awaiting_upload' : 'staged');
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    expect(await world.exists(drop.key)).toBe(false);
  });

  it('is asked for again by the sweep, and finds the copy that was made', async () => {
    const drop = await world.put();
    const broken = world.buildWatched(async ({ name, proceed }) => {
      if (name !== 'CopyObject') return;
      await proceed();
      throw new Error('the function was killed');
    });
    await expect(broken.ingestion.onMessage(drop.event, 'message')).resolves.toBeUndefined();
    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
  });
});

describe('the patrol', () => {
  it('finds drops without an event, page by page, and each round once', async () => {
    const put = [await world.put(), await world.put(), await world.put()];
    await world.queued();
    const patrol = createPatrol({
      ...services,
      drops: { ...services.drops, list: (after) => services.drops.list(after, 2) },
      ingestQueue: { ...ingestQueueOf(), sendDrops: async (drops) => void found.push(...drops) },
    });
    const found: { key: string }[] = [];
    world.clock.advance(HOUR_MS);

    const queued = [await patrol.run(), await patrol.run(), await patrol.run()];
    world.clock.advance(15 * MINUTE_MS);
    const nextRound = await patrol.run();

    expect(queued.at(-1)).toBe(0);
    expect(found.map(({ key }) => key)).toEqual(expect.arrayContaining(put.map(({ key }) => key)));
    expect(nextRound).toBe(2);
  });
});

const ingestQueueOf = () => ({ sendResume: async () => undefined, sendAgain: async () => undefined });

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
