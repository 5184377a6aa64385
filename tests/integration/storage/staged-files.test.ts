import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { s3With } from '../../../lib/storage/s3.ts';
import { createStaging } from '../../../lib/storage/staged-files.ts';
import { poured } from '../../support/sources.ts';
import { connect, CREDENTIALS, newKey, REGION, useBucket } from '../local/s3-support.ts';

const contentType = 'application/pdf';
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');
const soon = () => AbortSignal.timeout(300_000);

const { server, bucket, client, makeClient } = await useBucket();
const staging = createStaging({ s3: async () => s3With(client), bucket, clock: systemClock });

describe('staging', () => {
  async function bytesOf(key: string, etag: string, size = 10): Promise<Buffer> {
    return poured((sink) => staging.read({ key, etag, size, signal: soon() }, sink));
  }

  describe('store', () => {
    it('keeps what was stored first and says what that is', async () => {
      const key = newKey();
      const [first, second] = [randomBytes(10), randomBytes(20)];

      expect(await staging.store({ key, body: first, contentType })).toEqual({ etag: md5(first), size: 10 });
      expect(await staging.store({ key, body: second, contentType })).toEqual({ etag: md5(first), size: 10 });

      expect((await bytesOf(key, md5(first))).equals(first)).toBe(true);
    });

    it('is unavailable where the bucket is not', async () => {
      const elsewhere = createStaging({
        s3: async () => s3With(client),
        bucket: 'no-such-bucket',
        clock: systemClock,
      });
      const file = { key: newKey(), body: randomBytes(1), contentType };

      await expect(elsewhere.store(file)).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('never takes the file that is there for one that storage refused', async () => {
      const key = newKey();
      await staging.store({ key, body: randomBytes(10), contentType });
      const astray = makeClient();
      astray.middlewareStack.add(
        (next, { commandName }) =>
          async (args) =>
            next({
              ...args,
              input: {
                ...args.input,
                ...(commandName === 'PutObjectCommand' && { Bucket: 'no-such-bucket' }),
              },
            }),
        { step: 'initialize', name: 'mislead' },
      );
      const { store } = createStaging({ s3: async () => s3With(astray), bucket, clock: systemClock });

      const stored = store({ key, body: randomBytes(10), contentType });

      await expect(stored).rejects.toMatchObject({ code: 'unavailable', cause: { name: 'NoSuchBucket' } });
    });
  });

  describe('head', () => {
    it('sees nothing under a key without an object', async () => {
      expect(await staging.head(newKey())).toBeUndefined();
    });

    it('never takes a failure for an absence', async () => {
      const wrong = { ...CREDENTIALS, secretAccessKey: 'wrong' };
      const stranger = connect({ endpoint: server.url, region: REGION, credentials: wrong });
      const head = createStaging({ s3: async () => s3With(stranger), bucket, clock: systemClock }).head(
        newKey(),
      );

      await expect(head).rejects.toMatchObject({ code: 'unavailable' });
      stranger.destroy();
    });
  });

  describe('read', () => {
    it('gives no bytes of another version, or of none', async () => {
      const key = newKey();
      await staging.store({ key, body: randomBytes(10), contentType });

      await expect(bytesOf(key, '0'.repeat(32))).rejects.toMatchObject({ code: 'staged_file_changed' });
      await expect(bytesOf(newKey(), '0'.repeat(32))).rejects.toMatchObject({ code: 'staged_file_missing' });
    });

    it('says that storage failed when its signal ends in the middle', async () => {
      const key = newKey();
      const body = randomBytes(5_000_000);
      await staging.store({ key, body, contentType });
      const controller = new AbortController();
      const object = { key, etag: md5(body), size: body.length, signal: controller.signal };

      const reading = staging.read(object, async () => controller.abort());

      await expect(reading).rejects.toMatchObject({ code: 'storage_unavailable' });
    });

    it('passes on what the sink throws, at once or later, and reads no further', async () => {
      const key = newKey();
      const body = randomBytes(5_000_000);
      await staging.store({ key, body, contentType });
      const object = { key, etag: md5(body), size: body.length, signal: soon() };
      const failure = new Error('full');
      let taken = 0;

      const atOnce = staging.read(object, () => {
        taken += 1;
        throw failure;
      });
      await expect(atOnce).rejects.toBe(failure);
      const later = staging.read(object, async () => {
        taken += 1;
        throw failure;
      });
      await expect(later).rejects.toBe(failure);

      expect(taken).toBe(2);
    });

    it('ends no sooner than the sink has taken the last chunk', async () => {
      const body = randomBytes(10);
      const failure = new Error('full');
      // The end of the file is there before its last chunk is read.
      const opened = Promise.resolve(Readable.from([body], { objectMode: false }));
      const object = { key: newKey(), etag: md5(body), size: body.length, signal: soon(), opened };

      const reading = staging.read(object, async () => {
        await setImmediate();
        throw failure;
      });

      await expect(reading).rejects.toBe(failure);
    });
  });

  describe('tagOf', () => {
    async function tag(key: string, tags: Record<string, string>): Promise<void> {
      const TagSet = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      await client.send(new PutObjectTaggingCommand({ Bucket: bucket, Key: key, Tagging: { TagSet } }));
    }

    async function stored(body: Buffer): Promise<{ key: string; etag: string }> {
      const key = newKey();
      return { key, etag: (await staging.store({ key, body, contentType })).etag };
    }

    /** Puts a file in the place of another one. */
    const replace = (key: string, body: Buffer) =>
      client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));

    it('is the value of the tag of that name, and of no other', async () => {
      const file = await stored(randomBytes(10));
      await tag(file.key, { Reviewed: 'yes', Scan: 'clean' });

      expect(await staging.tagOf(file, 'Scan')).toBe('clean');
      expect(await staging.tagOf(file, 'Other')).toBeUndefined();
    });

    it('is never that of another version', async () => {
      const file = await stored(randomBytes(10));
      await replace(file.key, randomBytes(10));
      await tag(file.key, { Scan: 'clean' });

      await expect(staging.tagOf(file, 'Scan')).rejects.toMatchObject({ code: 'staged_file_changed' });
    });

    it('is never that of a version that this one has replaced meanwhile', async () => {
      const infected = randomBytes(10);
      const file = await stored(infected);
      await replace(file.key, randomBytes(10));
      await tag(file.key, { Scan: 'clean' });
      const slow = makeClient();
      slow.middlewareStack.add(
        (next) => async (args) => {
          const [answer] = await Promise.allSettled([next(args)]);
          await replace(file.key, infected);
          if (answer.status === 'rejected') throw answer.reason;
          return answer.value;
        },
        { step: 'initialize', name: 'replaceAfterwards' },
      );
      const { tagOf } = createStaging({ s3: async () => s3With(slow), bucket, clock: systemClock });

      await expect(tagOf(file, 'Scan')).rejects.toMatchObject({ code: 'staged_file_changed' });
    });

    it('says where the file is gone, and where storage does not answer', async () => {
      const file = await stored(randomBytes(10));
      const unreachable = connect({ endpoint: 'http://127.0.0.1:1', region: REGION, maxAttempts: 1 });
      const { tagOf } = createStaging({ s3: async () => s3With(unreachable), bucket, clock: systemClock });

      await expect(tagOf(file, 'Scan')).rejects.toMatchObject({ code: 'storage_unavailable' });
      await staging.remove(file.key);
      await expect(staging.tagOf(file, 'Scan')).rejects.toMatchObject({ code: 'staged_file_missing' });
      unreachable.destroy();
    });
  });

  describe('remove', () => {
    it('leaves nothing, and does not mind when there was nothing', async () => {
      const key = newKey();
      await staging.store({ key, body: randomBytes(10), contentType });

      await staging.remove(key);
      await staging.remove(key);

      expect(await staging.head(key)).toBeUndefined();
    });
  });
});
