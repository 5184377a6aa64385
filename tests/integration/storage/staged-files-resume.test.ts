import { afterEach, describe, expect, it } from '@jest/globals';
import { S3Client } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../lib/runtime/clock.ts';
import type { Sink } from '../../../lib/runtime/stream.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { startBrokenLine } from '../../support/broken-line.ts';
import type { Break } from '../../support/broken-line.ts';
import { poured } from '../../support/sources.ts';
import { useWorld } from '../../support/use-world.ts';
import type { World } from '../../support/world.ts';

const SIZE = 1_000_000;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

const world = await useWorld({ ends: 'sockets' });
const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const { close } of open.splice(0)) await close();
});

/** Services whose connection to storage breaks. */
async function onLine(plan: (index: number) => Break | undefined, clock: Clock = world.clock) {
  const line = await startBrokenLine(world.s3.url, plan);
  const s3 = new S3Client({
    endpoint: line.url,
    forcePathStyle: true,
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const commands: string[] = [];
  s3.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        commands.push(commandName);
        return next(args);
      },
    { step: 'initialize', name: 'noteCommands' },
  );
  open.push(line, { close: () => s3.destroy() });
  return { ...world.build({ s3, clock }), requests: line.requests, commands };
}

/** Where the readings began, and that each was of one version. */
function offsetsOf(
  requests: { range: string | undefined; ifMatch: string | undefined }[],
  etag: string,
): number[] {
  for (const { ifMatch } of requests) expect(ifMatch).toBe(`"${etag}"`);
  return requests.map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]));
}

/** A clock that passes when the test says so; `pauses` are the times at which a sleep began, `timers` those that run. */
function createManualClock(): Clock & {
  advance: (ms: number) => void;
  pauses: number[];
  timers: () => number;
} {
  let now = 0;
  let limits: { at: number; limit: AbortController }[] = [];
  const pauses: number[] = [];
  return {
    ...world.clock,
    now: () => now,
    pauses,
    timers: () => limits.length,
    sleep: async () => void pauses.push(now),
    timeout: (ms) => {
      const limit = new AbortController();
      limits.push({ at: now + ms, limit });
      return limit.signal;
    },
    advance: (ms) => {
      const until = now + ms;
      for (;;) {
        const next = limits.toSorted((a, b) => a.at - b.at).find(({ at }) => at <= until);
        if (next === undefined) break;
        limits = limits.filter((one) => one !== next);
        now = next.at;
        next.limit.abort();
      }
      now = until;
    },
  };
}

/** Lets all tasks run that do not wait for the clock. */
async function runTasks(): Promise<void> {
  for (let round = 0; round < 5; round += 1) await setImmediate();
}

/** A reader that tells when it has so many bytes, and takes no more until there is `room`. */
function readingUpTo(count: number, room?: Promise<void>) {
  const read: Uint8Array[] = [];
  const { promise: hasRead, resolve } = Promise.withResolvers<void>();
  let left = count;
  const sink: Sink = (chunk) => {
    read.push(chunk);
    left -= chunk.length;
    if (left !== 0) return undefined;
    resolve();
    return room;
  };
  return { sink, read, hasRead };
}

async function stage(
  bytes: Buffer,
): Promise<{ upload: Upload; etag: string; object: Parameters<World['staging']['read']>[0] }> {
  const upload = await world.stage(bytes);
  const etag = md5(bytes);
  const signal = AbortSignal.timeout(300_000);
  return { upload, etag, object: { key: `staging/${upload.id}`, etag, size: bytes.length, signal } };
}

/** The same name, as many bytes, other bytes. */
async function replace(upload: Upload): Promise<void> {
  await world.staging.remove(`staging/${upload.id}`);
  await world.staging.store({ key: `staging/${upload.id}`, body: randomBytes(SIZE), contentType: 'a/b' });
}

describe('reading a staged file', () => {
  it('goes on where the connection broke, as often as it breaks', async () => {
    const bytes = randomBytes(SIZE);
    const { object, etag } = await stage(bytes);
    const { staging, requests } = await onLine((index) =>
      index < 3 ? { afterBytes: 200_000, how: 'cut' } : undefined,
    );

    const read = await poured((sink) => staging.read(object, sink));

    const [first, second = 0, third = 0, fourth = 0, ...more] = offsetsOf(requests, etag);
    expect(read.equals(bytes)).toBe(true);
    expect(first).toBe(0);
    expect(second).toBeGreaterThan(0);
    expect(third).toBeGreaterThan(second);
    expect(fourth).toBeGreaterThan(third);
    expect(fourth).toBeLessThanOrEqual(600_000);
    expect(more).toEqual([]);
  });

  it('goes on where the line stood still for 20 seconds, and no later', async () => {
    const bytes = randomBytes(SIZE);
    const { object, etag } = await stage(bytes);
    const clock = createManualClock();
    const { staging, requests } = await onLine(
      (index) => (index === 0 ? { afterBytes: 200_000, how: 'stall' } : undefined),
      clock,
    );
    const { sink, read, hasRead } = readingUpTo(200_000);

    clock.advance(500);
    const reading = staging.read(object, sink);
    await hasRead;
    clock.advance(19_999);
    await runTasks();
    expect(clock.pauses).toEqual([]);
    clock.advance(1);
    await reading;

    expect(clock.pauses).toEqual([20_500]);
    expect(Buffer.concat(read).equals(bytes)).toBe(true);
    expect(offsetsOf(requests, etag)).toEqual([0, 200_000]);
  });

  it('counts the 20 seconds from when the reader has room again', async () => {
    const bytes = randomBytes(SIZE);
    const { object, etag } = await stage(bytes);
    const clock = createManualClock();
    const { staging, requests } = await onLine(
      (index) => (index === 0 ? { afterBytes: 200_000, how: 'stall' } : undefined),
      clock,
    );
    const room = Promise.withResolvers<void>();
    const { sink, read, hasRead } = readingUpTo(200_000, room.promise);

    const reading = staging.read(object, sink);
    await hasRead;
    clock.advance(33_000);
    room.resolve();
    await runTasks();
    clock.advance(19_999);
    await runTasks();
    expect(clock.pauses).toEqual([]);
    clock.advance(1);
    await reading;

    expect(clock.pauses).toEqual([53_000]);
    expect(Buffer.concat(read).equals(bytes)).toBe(true);
    expect(offsetsOf(requests, etag)).toEqual([0, 200_000]);
  });

  it('does not treat a slow reader as a connection that stands still', async () => {
    const bytes = randomBytes(SIZE);
    const { object } = await stage(bytes);
    const clock = createManualClock();
    const { staging, requests } = await onLine(() => undefined, clock);
    const read: Uint8Array[] = [];

    await staging.read(object, async (chunk) => {
      read.push(chunk);
      if (read.length > 1) return;
      for (let round = 0; round < 5; round += 1) {
        await setImmediate();
        clock.advance(20_000);
      }
    });

    expect(Buffer.concat(read).equals(bytes)).toBe(true);
    expect(requests).toHaveLength(1);
  });

  it('watches a stream no longer than its reader takes it', async () => {
    const { object } = await stage(randomBytes(SIZE));
    const clock = createManualClock();
    const { staging } = await onLine(() => undefined, clock);

    const reading = staging.read(object, async () => {
      throw new Error('full');
    });
    await expect(reading).rejects.toThrow('full');
    clock.advance(20_000);

    expect(clock.timers()).toBe(0);
  });

  it.each([
    ['whose connection breaks', 'cut'],
    ['that end before the file does', 'end'],
  ] as const)('gives up after ten resumptions of answers %s', async (_name, how) => {
    const { object } = await stage(randomBytes(SIZE));
    const { staging, requests } = await onLine(() => ({ afterBytes: 1000, how }));

    await expect(poured((sink) => staging.read(object, sink))).rejects.toMatchObject({
      code: 'storage_unavailable',
    });

    expect(requests).toHaveLength(11);
  });

  it('waits a fifth of a second longer before each resumption, and not before the first', async () => {
    const { object } = await stage(randomBytes(SIZE));
    const waits: number[] = [];
    const clock = { ...world.clock, sleep: async (ms: number) => void waits.push(ms) };
    const { staging } = await onLine(
      (index) => (index < 4 ? { afterBytes: 1000, how: 'cut' } : undefined),
      clock,
    );

    await poured((sink) => staging.read(object, sink));

    expect(waits).toEqual([0, 200, 400, 600]);
  });

  it('never mixes two versions', async () => {
    const { upload, object } = await stage(randomBytes(SIZE));
    const { staging } = await onLine((index) =>
      index === 0 ? { afterBytes: 200_000, how: 'cut', meanwhile: () => replace(upload) } : undefined,
    );

    await expect(poured((sink) => staging.read(object, sink))).rejects.toMatchObject({
      code: 'staged_file_changed',
    });
  });

  it('says when the file is gone meanwhile', async () => {
    const { object } = await stage(randomBytes(SIZE));
    const meanwhile = () => world.staging.remove(object.key);
    const { staging } = await onLine((index) =>
      index === 0 ? { afterBytes: 200_000, how: 'cut', meanwhile } : undefined,
    );

    await expect(poured((sink) => staging.read(object, sink))).rejects.toMatchObject({
      code: 'staged_file_missing',
    });
  });

  it('does not go on once its signal has ended', async () => {
    const { object } = await stage(randomBytes(SIZE));
    const controller = new AbortController();
    const meanwhile = async () => controller.abort();
    const { staging, requests, commands } = await onLine(() => ({
      afterBytes: 200_000,
      how: 'cut',
      meanwhile,
    }));

    const reading = poured((sink) => staging.read({ ...object, signal: controller.signal }, sink));

    await expect(reading).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(requests).toHaveLength(1);
    expect(commands).toEqual(['GetObjectCommand']);
  });
});

describe('a delivery', () => {
  it('goes on within the same request to IPD when storage breaks off', async () => {
    const bytes = randomBytes(SIZE);
    const { upload } = await stage(bytes);
    const { delivery } = await onLine((index) =>
      index < 3 ? { afterBytes: 200_000, how: 'cut' } : undefined,
    );

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'delivered',
      attempts: 1,
      failedAttempts: 0,
    });
    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
    expect(world.uploadRequests()).toMatchObject([{ complete: true }]);
  });

  it('never passes the fence with a file that was replaced', async () => {
    const bytes = randomBytes(SIZE);
    const { upload } = await stage(bytes);
    const { delivery } = await onLine((index) =>
      index === 0 ? { afterBytes: 200_000, how: 'cut', meanwhile: () => replace(upload) } : undefined,
    );

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    const after = await world.find(upload.id);
    expect(after).toMatchObject({ status: 'failed', lastError: { code: 'staged_file_changed' } });
    expect(after.doubt).toBeUndefined();
    expect(await world.received()).toEqual([]);
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
  });

  it('tries again later when storage breaks off all the time', async () => {
    const bytes = randomBytes(SIZE);
    const { upload } = await stage(bytes);
    const { delivery } = await onLine(() => ({ afterBytes: 1000, how: 'cut' }));

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      failedAttempts: 1,
      lastError: { code: 'storage_unavailable' },
    });
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
  });
});
