import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { onUpload } from '../../support/doubts.ts';
import { sha256 } from '../../support/sha256.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

const put = z.object({
  Item: z.looseObject({ status: z.literal('delivering'), sendingAt: z.string().optional() }),
});

/**
 * A delivery, and which of the writes that keep its lease say that IPD may have the file. What is given happens
 * before or after each of them.
 */
function watch({
  before,
  after,
}: {
  before?: (isFence: boolean) => Promise<void>;
  after?: (isFence: boolean) => void;
} = {}) {
  const isSentIn: boolean[] = [];
  const { documents } = world.connectTable();
  documents.middlewareStack.add(
    (next) => async (args) => {
      const { data } = put.safeParse(args.input);
      if (data === undefined) return next(args);
      const isSent = data.Item.sendingAt !== undefined;
      const isFence = isSent && !isSentIn.includes(true);
      isSentIn.push(isSent);
      await before?.(isFence);
      const answer = await next(args);
      after?.(isFence);
      return answer;
    },
    { step: 'initialize', name: 'watch' },
  );
  return { isSentIn, delivery: world.build({ documents }).delivery };
}

describe('the fence', () => {
  it.each([
    { name: 'an answer', fault: undefined, status: 'delivered' },
    { name: 'a lost answer', fault: { kind: 'lostAnswer' }, status: 'unconfirmed' },
  ])(
    'stays on record after $name, so that a function that dies leaves a doubt',
    async ({ fault, status }) => {
      const bytes = randomBytes(1000);
      const upload = await world.stage(bytes);
      if (fault !== undefined) await onUpload(world, fault);
      const { delivery, isSentIn } = watch();

      await delivery.onArrival(world.arrival(upload, bytes), world.run());

      const [claim, ...later] = isSentIn;
      expect(await world.find(upload.id)).toMatchObject({ status });
      expect(claim).toBe(false);
      expect(later).toContain(true);
      expect(later).not.toContain(false);
    },
  );

  it('keeps a file from IPD that its owner cancels in this moment', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const { delivery } = watch({
      before: async (isFence) => {
        if (isFence) await world.uploads.cancel(caller, upload.id);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'cancelled' });
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
    expect(await world.received()).toEqual([]);
  });

  it.each([
    { leftMs: 35_001, status: 'delivered', isComplete: true },
    { leftMs: 35_000, status: 'waiting', isComplete: false },
  ])(
    'lets a file pass only where its write has left time for an answer: $leftMs ms of the lease',
    async ({ leftMs, status, isComplete }) => {
      const bytes = randomBytes(1000);
      const upload = await world.stage(bytes);
      const run = world.run();
      const { delivery } = watch({
        after: (isFence) => {
          if (isFence) world.clock.set(run.killedAt + 5000 - leftMs);
        },
      });

      await delivery.onArrival(world.arrival(upload, bytes), run);

      expect(await world.find(upload.id)).toMatchObject({ status });
      expect(world.uploadRequests()).toMatchObject([{ complete: isComplete }]);
      expect(await world.received()).toHaveLength(isComplete ? 1 : 0);
    },
  );

  it('lets the file of a declared SHA-256 pass, and hashes none without one', async () => {
    const bytes = randomBytes(100_000);

    const declared = await world.deliver(bytes, { sha256: sha256(bytes) });
    const plain = await world.deliver(bytes);

    expect(declared).toMatchObject({ status: 'delivered', sentSha256: sha256(bytes) });
    expect(plain).toMatchObject({ status: 'delivered' });
    expect(plain).not.toHaveProperty('sentSha256');
  });

  it('keeps a file from IPD of which storage gives more bytes than its event said', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.create(bytes.subarray(0, 990));
    const object = { Bucket: world.config.bucket, Key: `staging/${upload.id}` };
    await world.clients.s3.send(new PutObjectCommand({ ...object, Body: bytes }));

    await world.delivery.onArrival({ ...world.arrival(upload, bytes), size: 990 }, world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'size_mismatch' },
    });
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
  });
});
