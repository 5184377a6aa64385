import { describe, expect, it } from '@jest/globals';
import { GetObjectCommand, GetObjectTaggingCommand } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { nameBasedId } from '../../../lib/ingestion/offers.ts';
import { DAY_MS, HOUR_MS } from '../../../lib/domain/units.ts';
import { subscribe } from '../../support/subscriber.ts';
import { eventOf, useIngest } from '../../support/use-ingest.ts';

const soon = () => AbortSignal.timeout(300_000);
const world = await useIngest();
const readNotifications = await subscribe(world);
const services = world.build();
const { ingestion, sweep, delivery } = services;
const refusal = { match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } };

let messages = 0;
async function bring(event: string, { ingestion: by } = services): Promise<void> {
  messages += 1;
  await by.onMessage(event, `message-${messages}`);
}

async function deliver(id: string): Promise<void> {
  const { attempts } = await world.find(id);
  await delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());
}

/** The keys of the requests of a kind that storage has got for an upload. */
const copies = (id: string): number =>
  world.s3.requests.filter(({ operation, key }) => operation === 'CopyObject' && key === `staging/${id}`)
    .length;

describe('a drop', () => {
  it('becomes an upload with its bytes and without its tags, and is removed', async () => {
    const drop = await world.put(randomBytes(100), { Tagging: 'scan=clean', ContentType: 'text/plain' });

    await bring(drop.event);

    expect(await world.find(drop.id)).toMatchObject({
      status: 'staged',
      owner: expect.stringMatching(/^ingest#/),
      source: { kind: 'drop', key: drop.key, etag: drop.etag },
      contentType: 'text/plain',
      size: 100,
    });
    const target = { Bucket: world.config.bucket, Key: `staging/${drop.id}` };
    const { Body, ContentType } = await world.clients.s3.send(new GetObjectCommand(target));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? [])).toEqual(drop.bytes);
    expect(ContentType).toBe('text/plain');
    expect((await world.clients.s3.send(new GetObjectTaggingCommand(target))).TagSet).toEqual([]);
    expect(await world.exists(drop.key)).toBe(false);
  });

  it('is delivered in a slot of the sweep, or at once while there are few', async () => {
    world.clock.advance(HOUR_MS);
    const one = world.build({ ingest: { promptPerMinute: 1 } });
    const [prompt, other] = [await world.put(), await world.put()];

    await bring(prompt.event, one);
    const atOnce = [await world.requestsFor(prompt.id)];
    await bring(other.event, one);
    atOnce.push(await world.requestsFor(other.id));
    await sweep.run(soon());
    const [request = ''] = await world.requestsFor(other.id);
    await delivery.onMessage(request, world.run());

    expect(atOnce.map((list) => list.length)).toEqual([1, 0]);
    expect(await world.find(other.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toMatchObject([
      { sha256: createHash('sha256').update(other.bytes).digest('hex') },
    ]);
    expect(await world.isStaged(other.id)).toBe(false);
  });

  it.each(['a b.log', 'a+b.log', '100%.log', '%2B.log', '报告 (1).pdf', "it's&.txt"])(
    'arrives under its own name: %s',
    async (name) => {
      const drop = await world.put(randomBytes(10), { key: world.dropKey(`folder/${name}`) });

      await bring(drop.event);
      await deliver(drop.id);

      expect(await world.received()).toMatchObject([{ filename: name }]);
      expect(await world.exists(drop.key)).toBe(false);
    },
  );

  it('has the name and the producer of its metadata', async () => {
    const drop = await world.put(randomBytes(10), {
      Metadata: { filename: '%E6%8A%A5%20%2B1.pdf', 'uploaded-by': 'J%C3%BCrgen' },
    });

    await bring(drop.event);

    expect(await world.find(drop.id)).toMatchObject({ filename: '报 +1.pdf', uploadedBy: 'Jürgen' });
  });

  it('counts the SHA-256 that storage has of it as declared', async () => {
    const bytes = randomBytes(10);
    const drop = await world.put(bytes, { ChecksumAlgorithm: 'SHA256' });

    await bring(drop.event);

    expect(await world.find(drop.id)).toMatchObject({
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  });

  it('is one upload, however often its event comes', async () => {
    const drop = await world.put();

    await Promise.all([bring(drop.event), bring(drop.event)]);
    await bring(drop.event);
    await deliver(drop.id);
    await bring(drop.event);

    expect(await world.find(drop.id)).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await readNotifications(drop.id)).toHaveLength(1);
  });

  it('counts only while storage shows the version that the event names', async () => {
    const first = await world.put();
    const second = await world.put(randomBytes(11), { key: first.key });

    await bring(first.event);
    await bring(eventOf(`${first.key}-gone`, first.etag));

    expect(await services.ledger.find(first.id)).toBeUndefined();
    expect(await world.exists(first.key)).toBe(true);
    await bring(second.event);
    expect(await world.find(second.id)).toMatchObject({ status: 'staged', size: 11 });
  });

  it('is nothing where it shows a folder, or lies outside of ingest/', async () => {
    const folder = await world.put(Buffer.alloc(0), { key: world.dropKey('') });
    const outside = await world.put(randomBytes(9), { key: 'other/file' });

    await bring(folder.event);
    await bring(outside.event);

    expect(await services.ledger.find(folder.id)).toBeUndefined();
    expect(await services.ledger.find(outside.id)).toBeUndefined();
    expect([await world.exists(folder.key), await world.exists(outside.key)]).toEqual([true, true]);
  });

  it('that is replaced before it is copied fails, and the new one is an upload of its own', async () => {
    const drop = await world.put();
    let other: Awaited<ReturnType<typeof world.put>> | undefined;
    const watched = world.buildWatched(async ({ name }) => {
      if (name === 'CopyObject') other ??= await world.put(randomBytes(11), { key: drop.key });
    });

    await bring(drop.event, watched);
    const exists = await world.exists(drop.key);
    await bring(other?.event ?? '');

    expect(await world.find(drop.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_source_replaced' },
    });
    expect(exists).toBe(true);
    expect(await world.find(other?.id ?? '')).toMatchObject({ status: 'staged', size: 11 });
  });

  it('that is removed before it is copied fails', async () => {
    const drop = await world.put();
    const watched = world.buildWatched(async ({ name }) => {
      if (name === 'CopyObject') await world.staging.remove(drop.key);
    });

    await bring(drop.event, watched);

    expect(await world.find(drop.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'ingest_source_missing' },
    });
    expect(await readNotifications(drop.id)).toMatchObject([
      { type: 'UploadFailed', upload: { source: { kind: 'drop', key: drop.key } } },
    ]);
  });

  it('that is put again is not removed with the one before, if its bytes are others', async () => {
    const drop = await world.put();
    const watched = world.buildWatched(async ({ name, key }) => {
      if (name === 'DeleteObject' && key === drop.key) await world.put(randomBytes(11), { key });
    });

    await bring(drop.event, watched);

    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
    expect(await world.exists(drop.key)).toBe(true);
  });

  it('is left alone by the event of its copy', async () => {
    const drop = await world.put();
    await bring(drop.event);
    const staged = await world.find(drop.id);

    await delivery.onArrival({ key: `staging/${drop.id}`, etag: drop.etag, size: 100 }, world.run());

    expect(await world.find(drop.id)).toEqual(staged);
    expect(await world.isStaged(drop.id)).toBe(true);
    expect(world.uploadRequests()).toEqual([]);
  });
});

describe('a drop that is put again', () => {
  it('after it was delivered is announced again, removed, and not sent', async () => {
    const drop = await world.put();
    await bring(drop.event);
    await deliver(drop.id);
    await readNotifications();

    await world.put(drop.bytes, { key: drop.key });
    await bring(drop.event);
    await bring(drop.event);

    expect(await readNotifications(drop.id)).toMatchObject([
      { type: 'UploadDelivered', replayed: true, upload: { attachment: { id: expect.any(String) } } },
    ]);
    expect(world.uploadRequests()).toHaveLength(1);
    expect(copies(drop.id)).toBe(1);
    expect(await world.exists(drop.key)).toBe(false);
    expect((await world.find(drop.id)).dueAt).toBeUndefined();
  });

  it('after it failed is tried anew', async () => {
    await world.faults([refusal]);
    const drop = await world.put();
    await bring(drop.event);
    await deliver(drop.id);
    const failed = await world.find(drop.id);

    await world.put(drop.bytes, { key: drop.key });
    await bring(drop.event);
    await deliver(drop.id);

    expect(failed).toMatchObject({ status: 'failed' });
    expect(await world.find(drop.id)).toMatchObject({ status: 'delivered', attempts: 2 });
    expect(await world.received()).toHaveLength(1);
    expect(await world.exists(drop.key)).toBe(false);
  });

  it('while it is delivered is removed: its end will be announced', async () => {
    const drop = await world.put();
    await bring(drop.event);

    await world.put(drop.bytes, { key: drop.key });
    await bring(drop.event);

    expect(await world.exists(drop.key)).toBe(false);
    expect(copies(drop.id)).toBe(1);
  });
});

describe('a drop that is refused', () => {
  it('stays until its upload is not kept any more, and is removed then', async () => {
    const drop = await world.put(Buffer.alloc(0));
    await bring(drop.event);
    await bring(drop.event);
    const failed = await world.find(drop.id);

    await sweep.run(soon());
    const before = await world.exists(drop.key);
    world.clock.advance(7 * DAY_MS);
    await sweep.run(soon());

    expect(failed).toMatchObject({ status: 'failed', lastError: { code: 'ingest_empty' } });
    expect(await readNotifications(drop.id)).toMatchObject([
      { type: 'UploadFailed', upload: { error: { code: 'ingest_empty', retryable: false } } },
    ]);
    expect([before, await world.exists(drop.key)]).toEqual([true, false]);
    expect((await world.find(drop.id)).dueAt).toBeUndefined();
  });

  it('and is put again is not removed by the end of the first, though the event of the second is lost', async () => {
    const drop = await world.put(Buffer.alloc(0));
    await bring(drop.event);
    await world.put(drop.bytes, { key: drop.key });

    world.clock.advance(7 * DAY_MS);
    await sweep.run(soon());

    expect((await world.find(drop.id)).dueAt).toBeUndefined();
    expect(await world.exists(drop.key)).toBe(true);
  });

  it('names no project, and is announced all the same', async () => {
    const drop = await world.put(randomBytes(5), { key: 'ingest//x' });

    await bring(drop.event);

    const [notification] = await readNotifications(drop.id);
    expect(notification).toMatchObject({ type: 'UploadFailed', upload: { projectId: '' } });
    expect(notification?.attributes).toEqual({ type: 'UploadFailed' });
    await world.staging.remove(drop.key);
  });

  it('is removed with the cancellation of an upload that awaits it, and its event makes nothing of it', async () => {
    const drop = await world.put();
    const broken = world.buildWatched(async ({ name }) => {
      if (name === 'CopyObject') throw new Error('storage is out');
    });
    await expect(bring(drop.event, broken)).rejects.toMatchObject({ code: 'unavailable' });
    const { owner } = await world.find(drop.id);

    await services.uploads.cancel({ owner, projects: '*' }, drop.id);
    await bring(drop.event);

    expect(await world.find(drop.id)).toMatchObject({ status: 'cancelled' });
    expect(await world.exists(drop.key)).toBe(false);
  });
});

describe('several drops of one message', () => {
  it('are all taken, though one of them fails, and the message comes again', async () => {
    const [bad, good] = [await world.put(), await world.put()];
    const broken = world.buildWatched(async ({ name, key }) => {
      if (name === 'HeadObject' && key === bad.key) throw new Error('storage is out');
    });
    const drops = [bad, good].map(({ key, etag }) => ({ key, etag }));

    await expect(bring(JSON.stringify({ drops }), broken)).rejects.toMatchObject({ code: 'unavailable' });

    expect(await world.find(good.id)).toMatchObject({ status: 'staged' });
    expect(await services.ledger.find(bad.id)).toBeUndefined();
    expect(await world.exists(bad.key)).toBe(true);
    await world.staging.remove(bad.key);
  });
});

describe('a message', () => {
  it('of a drop whose key is no Unicode does nothing', async () => {
    const drops = [{ key: 'ingest/\ud800/x', etag: 'e' }];

    await expect(bring(JSON.stringify({ drops }))).resolves.toBeUndefined();
  });

  it.each(['{', '{}', '{"resume":"one"}'])('that is none is not handled: %s', async (body) => {
    await expect(ingestion.onMessage(body, 'message')).rejects.toThrow('not a message of ingestion');
  });

  it('does nothing while ingestion is off', async () => {
    const drop = await world.put();

    await bring(drop.event, world.build({ ingest: { admission: undefined } }));

    expect(await services.ledger.find(drop.id)).toBeUndefined();
    expect(await world.exists(drop.key)).toBe(true);
    await world.staging.remove(drop.key);
  });

  it('that asks for the copy of an unknown upload does nothing', async () => {
    const id = nameBasedId('unknown');

    await bring(JSON.stringify({ resume: id }));

    expect(await services.ledger.find(id)).toBeUndefined();
  });
});
