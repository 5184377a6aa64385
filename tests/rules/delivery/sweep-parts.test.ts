import { describe, expect, it } from '@jest/globals';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';
import { beginParts, putParts, storeParts, underWay } from '../../support/parts-fixture.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const world = await useWorld();

describe('sweep of uploads in parts', () => {
  /** A run every minute, as long as nothing happens to the upload; answers with how long that took. */
  async function sweepWhile(id: string, status: string): Promise<number> {
    const began = world.clock.now();
    while ((await world.find(id)).status === status) {
      const due = Date.parse((await world.find(id)).dueAt ?? '');
      const minutes = Math.max(Math.ceil((due - MINUTE_MS - world.clock.now()) / MINUTE_MS), 1);
      world.clock.advance(minutes * MINUTE_MS);
      await world.sweep.run(AbortSignal.timeout(300_000));
    }
    return world.clock.now() - began;
  }

  async function sweepAfter(ms: number): Promise<void> {
    world.clock.advance(ms);
    await world.sweep.run(AbortSignal.timeout(300_000));
  }

  it('joins the parts when all are stored and no client completes, and requests the delivery', async () => {
    const { bytes, upload } = await storeParts(world);

    const waited = await sweepWhile(upload.id, 'awaiting_upload');

    expect(waited).toBeLessThanOrEqual(5 * MINUTE_MS);
    expect(await world.find(upload.id)).toMatchObject({ status: 'staged', size: bytes.length });
    expect(await world.requestsFor(upload.id)).toEqual([
      JSON.stringify({ uploadId: upload.id, attempt: 1, isArrival: true }),
    ]);
  });

  it.each([1, 4])(
    'does so within 5 minutes when the last part comes %i hours after the others',
    async (hours) => {
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(0, 1), bytes, world.putFile);
      const last = world.clock.now() + hours * HOUR_MS;
      while (world.clock.now() < last) {
        const due = Date.parse((await world.find(upload.id)).dueAt ?? '');
        world.clock.set(Math.min(due, last));
        if (due <= last) await world.sweep.run(AbortSignal.timeout(300_000));
      }
      await putParts(parts.slice(1), bytes, world.putFile);

      const waited = await sweepWhile(upload.id, 'awaiting_upload');

      expect(waited).toBeLessThanOrEqual(5 * MINUTE_MS);
      expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
    },
  );

  it('checks storage hourly as long as no part has come', async () => {
    const { upload } = await beginParts(world);
    const start = world.clock.now();
    const checkedAfter: number[] = [];

    while (checkedAfter.length < 6) {
      world.clock.set(Date.parse((await world.find(upload.id)).dueAt ?? ''));
      checkedAfter.push((world.clock.now() - start) / MINUTE_MS);
      await world.sweep.run(AbortSignal.timeout(300_000));
    }

    expect(checkedAfter).toEqual([1, 6, 21, 81, 141, 201]);
  });

  it('finds a file whose parts were joined without a record of it', async () => {
    const { upload } = await storeParts(world);
    const target = { key: `staging/${upload.id}`, uploadId: upload.multipart?.uploadId ?? '' };
    await world.multipart.complete(target, (await world.multipart.list(target)) ?? []);

    await sweepAfter(MINUTE_MS);

    expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
  });

  it('lets one expire that is not complete at the deadline, and aborts it 2 hours later', async () => {
    const { bytes, upload, parts } = await beginParts(world);
    await putParts(parts.slice(0, 1), bytes, world.putFile);

    await sweepAfter(72 * HOUR_MS);
    const expired = await world.find(upload.id);
    await sweepAfter(HOUR_MS);
    const kept = await underWay(world, upload);
    await sweepAfter(HOUR_MS);

    expect(expired).toMatchObject({ status: 'expired', dueAt: iso(world.clock.now()) });
    expect(kept).toHaveLength(1);
    expect(await underWay(world, upload)).toEqual([]);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
    await expect(world.uploads.complete(caller, upload.id)).rejects.toThrow('the upload is expired');
  });

  it('takes one that is complete at the deadline', async () => {
    const { upload } = await storeParts(world);

    await sweepAfter(80 * HOUR_MS);

    expect(await world.find(upload.id)).toMatchObject({ status: 'staged' });
  });

  it('delivers one whose last part came after it had expired', async () => {
    const { bytes, upload, parts } = await beginParts(world);
    await putParts(parts.slice(0, 1), bytes, world.putFile);
    await sweepAfter(72 * HOUR_MS);
    await putParts(parts.slice(1), bytes, world.putFile);

    await sweepAfter(2 * HOUR_MS);
    const [message = ''] = await world.requestsFor(upload.id);
    await world.delivery.onRequest(JSON.parse(message), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toMatchObject([{ size: bytes.length }]);
  });

  it('aborts what a cancellation could not, since storage did not answer', async () => {
    const { upload } = await beginParts(world);
    const s3 = world.silent.s3();
    const { uploads } = world.build({ s3 });

    await expect(uploads.cancel(caller, upload.id)).rejects.toMatchObject({ code: 'unavailable' });
    const left = await underWay(world, upload);
    await sweepAfter(2 * HOUR_MS);

    expect(left).toHaveLength(1);
    expect(await underWay(world, upload)).toEqual([]);
    expect((await world.find(upload.id)).dueAt).toBeUndefined();
    s3.destroy();
  });
});

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
