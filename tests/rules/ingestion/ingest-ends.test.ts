import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import { erase } from '../../../lib/domain/erasure.ts';
import { LATE_ARRIVAL_MS } from '../../../lib/domain/schedule.ts';
import { DAY_MS, HOUR_MS } from '../../../lib/domain/units.ts';
import { subscribe } from '../../support/subscriber.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useIngest } from '../../support/use-ingest.ts';

const world = await useIngest();
const readNotifications = await subscribe(world);
const { telemetry, measured } = collectTelemetry();
const services = world.build({ telemetry });
/** No upload is taken. */
const full = world.build({ ingest: { maxOpen: 0 } });
const noPermission = { match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } };

const bring = (message: string, { ingestion } = services) => ingestion.onMessage(message, randomUUID());
const sweep = () => services.sweep.run(AbortSignal.timeout(300_000));
const broken = (at: string) =>
  world.buildWatched(async ({ name }) => {
    if (name === at) throw new Error('storage is out');
  });

async function deliver(id: string): Promise<void> {
  const { attempts } = await world.find(id);
  await services.delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());
}

/** Puts a drop whose copy fails, so that its upload awaits it. */
async function awaited() {
  const drop = await world.put();
  await expect(bring(drop.event, broken('CopyObject'))).rejects.toMatchObject({ code: 'unavailable' });
  return drop;
}

/** The messages on the queue of ingestion that ask for a copy. */
async function resumed(): Promise<string[]> {
  return (await world.queued()).filter((message) => 'resume' in JSON.parse(message));
}

/** Puts what a function that died after its copy has left in staging. */
async function leaveCopy({ id, bytes }: { id: string; bytes: Buffer }, from: string): Promise<void> {
  const target = { Bucket: world.config.bucket, Key: `staging/${id}` };
  await world.clients.s3.send(
    new PutObjectCommand({ ...target, Body: bytes, Metadata: { 'source-etag': from } }),
  );
}

function counted(name: 'Ingested' | 'IngestRefused'): number {
  return measured.reduce((all, metrics) => all + (metrics[name] ?? 0), 0);
}

describe('an offer', () => {
  it('is counted once, and its refusal too, however often its event comes', async () => {
    const [refused, taken] = [await world.put(Buffer.alloc(0)), await world.put()];
    measured.splice(0);

    for (const { event } of [refused, refused, taken, taken]) await bring(event);
    await deliver(taken.id);
    await world.put(taken.bytes, { key: taken.key });
    await bring(taken.event);

    expect([counted('Ingested'), counted('IngestRefused')]).toEqual([2, 1]);
  });

  it('is refused though there is no room, since it would take none', async () => {
    const drop = await world.put(Buffer.alloc(0));

    await bring(drop.event, full);

    expect(await world.find(drop.id)).toMatchObject({ lastError: { code: 'ingest_empty' } });
  });

  it('that has its place goes on though there is no more room', async () => {
    const drop = await awaited();

    await bring(drop.event, full);

    expect(await world.find(drop.id)).toMatchObject({ status: 'staged' });
  });

  it('of a drop that storage does not show the bridge comes again', async () => {
    const drop = await world.put();
    const forbidden = world.buildWatched(async ({ name }) => {
      if (name === 'HeadObject') throw refusal();
    });

    await expect(bring(drop.event, forbidden)).rejects.toMatchObject({ code: 'unavailable' });

    expect(await services.ledger.find(drop.id)).toBeUndefined();
    await world.staging.remove(drop.key);
  });
});

describe('a file of ingestion that is delivered at once', () => {
  const prompt = world.build({ ingest: { promptPerMinute: 60 } });

  it('is not queued by the next sweep as well', async () => {
    world.clock.advance(HOUR_MS);
    const drop = await world.put();

    await bring(drop.event, prompt);
    const atOnce = await world.requestsFor(drop.id);
    await sweep();

    expect([atOnce.length, await world.requestsFor(drop.id)]).toEqual([1, []]);
  });

  it('fails without a delivery where its copy has another size than its object', async () => {
    world.clock.advance(HOUR_MS);
    const drop = await world.put();
    await leaveCopy({ id: drop.id, bytes: Buffer.from('other') }, drop.etag);

    await bring(drop.event, prompt);

    expect(await world.find(drop.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'size_mismatch' },
    });
    expect(await world.requestsFor(drop.id)).toEqual([]);
  });
});

describe('a copy whose function has died before it recorded it', () => {
  it('is found by the sweep, also where the time of the upload is over', async () => {
    const drop = await awaited();
    await leaveCopy(drop, drop.etag);
    world.clock.advance(7 * DAY_MS);

    await sweep();
    const found = await world.find(drop.id);
    await deliver(drop.id);

    expect(found).toMatchObject({ status: 'staged', etag: drop.etag });
    expect(await world.find(drop.id)).toMatchObject({ status: 'delivered' });
    await world.staging.remove(drop.key);
  });

  it('is found, too, where it came after the end', async () => {
    const drop = await awaited();
    world.clock.advance(7 * DAY_MS);
    await sweep();
    await leaveCopy(drop, drop.etag);
    world.clock.advance(LATE_ARRIVAL_MS);

    await sweep();

    expect(await world.find(drop.id)).toMatchObject({ status: 'staged', etag: drop.etag });
    await world.staging.remove(drop.key);
  });

  it('waits for its slot like any other of the producers', async () => {
    const drop = await awaited();
    await leaveCopy(drop, drop.etag);
    world.clock.advance(HOUR_MS);
    await world.queued();

    await sweep();
    const atOnce = await world.requestsFor(drop.id);
    await sweep();

    expect([atOnce, await world.requestsFor(drop.id)]).toEqual([
      [],
      [JSON.stringify({ uploadId: drop.id, attempt: 1 })],
    ]);
    await world.staging.remove(drop.key);
  });

  it('leaves the word to the record as it is now, where a check knows an earlier offer', async () => {
    const drop = await awaited();
    const earlier = await world.find(drop.id);
    await world.ledger.change(drop.id, (before) =>
      before.source?.kind === 'drop' ? { ...before, source: { ...before.source, etag: 'another' } } : before,
    );
    await leaveCopy(drop, 'another');

    const { upload } = await services.arrivals.check(earlier);

    expect(upload).toEqual(await world.find(drop.id));
    expect(upload).not.toEqual(earlier);
    await world.staging.remove(drop.key);
  });

  it('is asked for of no file that a user is to put', async () => {
    await world.create(randomBytes(10));
    world.clock.advance(HOUR_MS);
    await world.queued();

    await sweep();

    expect(await resumed()).toEqual([]);
  });

  it('does not count where it was made of another version', async () => {
    const drop = await awaited();
    await leaveCopy(drop, 'another');
    world.clock.advance(HOUR_MS);
    await world.queued();

    await sweep();

    expect(await world.find(drop.id)).toMatchObject({ status: 'awaiting_upload' });
    expect(await resumed()).toEqual([JSON.stringify({ resume: drop.id })]);
    await world.staging.remove(drop.key);
  });
});

describe('the end of an ingested upload', () => {
  it('is announced once more for a drop that cannot be removed now', async () => {
    const drop = await world.put();
    await bring(drop.event);
    await deliver(drop.id);
    await readNotifications();
    await world.put(drop.bytes, { key: drop.key });

    await expect(bring(drop.event, broken('DeleteObject'))).rejects.toThrow('storage is out');

    expect(await readNotifications(drop.id)).toMatchObject([{ type: 'UploadDelivered', replayed: true }]);
    await bring(drop.event);
    expect(await world.exists(drop.key)).toBe(false);
  });

  it('removes the drop though the upload was erased', async () => {
    const drop = await world.put();
    await bring(drop.event);
    await deliver(drop.id);
    await eraseNow(drop.id);
    await world.put(drop.bytes, { key: drop.key });

    await bring(drop.event);

    expect(await world.exists(drop.key)).toBe(false);
  });

  it('leaves the drop where it had no copy in time', async () => {
    const drop = await world.put();
    const late = world.buildWatched(async ({ name }) => {
      if (name !== 'CopyObject') return;
      world.clock.advance(7 * DAY_MS);
      await sweep();
      throw refusal();
    });

    await bring(drop.event, late);

    expect(await world.find(drop.id)).toMatchObject({ status: 'expired' });
    expect(await world.exists(drop.key)).toBe(true);
    await world.staging.remove(drop.key);
  });

  it('leaves the drop where IPD refused the file, for as long as its record', async () => {
    const drop = await world.put();
    await expect(bring(drop.event, broken('DeleteObject'))).rejects.toMatchObject({ code: 'unavailable' });
    await world.faults([noPermission]);
    await deliver(drop.id);

    await bring(drop.event);
    const before = await world.exists(drop.key);
    world.clock.advance(7 * DAY_MS);
    await sweep();

    expect(await world.find(drop.id)).toMatchObject({ status: 'failed' });
    expect([before, await world.exists(drop.key)]).toEqual([true, false]);
  });

  it('is announced by the sweep that finds its time over, and a copy that comes after it is removed', async () => {
    const drop = await awaited();
    world.clock.advance(7 * DAY_MS);
    await sweep();
    const notifications = await readNotifications(drop.id);
    const target = { Bucket: world.config.bucket, Key: `staging/${drop.id}` };
    await world.clients.s3.send(new PutObjectCommand({ ...target, Body: 'late' }));

    world.clock.advance(LATE_ARRIVAL_MS);
    await sweep();

    expect(notifications).toMatchObject([{ type: 'UploadExpired' }]);
    expect(await world.isStaged(drop.id)).toBe(false);
    expect(await world.exists(drop.key)).toBe(true);
    expect((await world.find(drop.id)).dueAt).toBeUndefined();
    await world.staging.remove(drop.key);
  });

  it('leaves nothing to do where the upload was cancelled and erased', async () => {
    const drop = await awaited();
    const { owner } = await world.find(drop.id);
    await services.uploads.cancel({ owner, projects: '*' }, drop.id);
    await eraseNow(drop.id);

    world.clock.advance(LATE_ARRIVAL_MS);
    await sweep();

    expect((await world.find(drop.id)).dueAt).toBeUndefined();
  });

  it('says that the producer has to offer the file again, where it is gone', async () => {
    const drop = await world.put();
    await bring(drop.event);
    await world.faults([noPermission]);
    await deliver(drop.id);
    const { owner } = await world.find(drop.id);
    await world.staging.remove(`staging/${drop.id}`);

    await expect(services.uploads.retry({ owner, projects: '*' }, drop.id)).rejects.toThrow(
      'its producer has to offer it again',
    );
  });
});

describe('a message that asks for a copy', () => {
  it.each(['awaiting_upload', 'staged'])(
    'does nothing with an upload that a user began: %s',
    async (status) => {
      const bytes = randomBytes(10);
      const { id } = status === 'staged' ? await world.stage(bytes) : await world.create(bytes);
      if (status === 'staged') await services.uploads.complete({ owner: 'user-1', projects: '*' }, id);
      const before = await world.find(id);

      await bring(JSON.stringify({ resume: id }));

      expect(await world.find(id)).toEqual(before);
      expect(before.status).toBe(status);
    },
  );
});

/** Storage's answer to what a role may not read. */
function refusal(): Error {
  return Object.assign(new Error('Access Denied'), {
    name: 'AccessDenied',
    $metadata: { httpStatusCode: 403 },
  });
}

/** Erases a person's data from an upload that has ended. */
function eraseNow(id: string) {
  return services.ledger.change(id, (before) =>
    erase(before, { by: 'operator', reason: 'asked for', now: world.clock.now() }),
  );
}
