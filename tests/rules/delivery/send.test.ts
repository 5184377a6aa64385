import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Send } from '../../../lib/ipd/wire.ts';
import { sha256 } from '../../support/sha256.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

describe('a file on its way to IPD', () => {
  it('sends an exact length, never chunked', async () => {
    const bytes = randomBytes(70_000);
    const first = await world.stage(bytes);
    const second = await world.stage(bytes);

    await world.delivery.onArrival(world.arrival(first, bytes), world.run());
    await world.delivery.onArrival(world.arrival(second, bytes), world.run());

    const requests = world.uploadRequests();
    expect(requests).toHaveLength(2);
    for (const request of requests) {
      expect(request).toMatchObject({ complete: true, chunked: false, contentLength: request.bytes });
    }
  });

  it('fails an upload whose staged file is gone, or was replaced', async () => {
    const bytes = randomBytes(10);
    const gone = await world.stage(bytes);
    const replaced = await world.stage(bytes);
    await world.staging.remove(`staging/${gone.id}`);

    await world.delivery.onArrival(world.arrival(gone, bytes), world.run());
    await world.delivery.onArrival({ ...world.arrival(replaced, bytes), etag: '0'.repeat(32) }, world.run());

    expect(await world.find(gone.id)).toMatchObject({ lastError: { code: 'staged_file_missing' } });
    expect(await world.find(replaced.id)).toMatchObject({ lastError: { code: 'staged_file_changed' } });
    expect(await world.received()).toEqual([]);
  });

  it('checks a declared SHA-256 before the closing boundary', async () => {
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes, { sha256: sha256(bytes) });
    await world.ledger.change(upload.id, (before) => ({ ...before, sha256: '0'.repeat(64) }));

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'checksum_mismatch' },
    });
    expect(await world.received()).toEqual([]);
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
  });

  it('destroys the connection when the lease ends before the fence, and sends again later', async () => {
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes);
    const late: Send = async (request) => {
      if (request.method === 'POST') world.clock.advance(295_000);
      return world.send(request);
    };
    const { delivery } = world.build({ send: late });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.received()).toEqual([]);
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
    const after = await world.find(upload.id);
    expect(after).toMatchObject({ status: 'waiting', lastError: { code: 'lease_lost' } });

    await world.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());

    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attempts: 2 });
  });

  it.each([20, 34])(
    'sends no closing boundary with %i s of the lease left, too few for an answer',
    async (seconds) => {
      const bytes = randomBytes(1000);
      const upload = await world.stage(bytes);
      const run = world.run();
      const slow: Send = async (request) => {
        if (request.method === 'POST') world.clock.set(run.killedAt + 5000 - seconds * 1000);
        return world.send(request);
      };

      await world.build({ send: slow }).delivery.onArrival(world.arrival(upload, bytes), run);

      const after = await world.find(upload.id);
      expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
      expect(after).toMatchObject({ status: 'waiting', lastError: { code: 'lease_lost' } });
      // No doubt: the next attempt needs no commit window.
      expect(after.doubt).toBeUndefined();
      expect(await world.next(upload.id)).toMatchObject({ status: 'delivered', attempts: 2 });
    },
  );

  it('destroys the connection when the upload is cancelled before the fence', async () => {
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes);
    const { delivery } = world.build({
      send: async (request) => {
        if (request.method === 'POST')
          await world.uploads.cancel({ owner: 'user-1', projects: '*' }, upload.id);
        return world.send(request);
      },
    });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.received()).toEqual([]);
    expect(await world.find(upload.id)).toMatchObject({ status: 'cancelled' });
  });

  it('leaves a doubt when the function dies between the answer and the record, and does not send again', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const { delivery } = world.build({
      send: async (request) => {
        const answer = await world.send(request);
        if (request.method === 'POST') await new Promise(() => undefined);
        return answer;
      },
    });
    void delivery.onArrival(world.arrival(upload, bytes), world.run());
    await until(async () => (await world.received()).length === 1);
    world.clock.advance(400_000);

    await world.sweep.run(AbortSignal.timeout(300_000));
    const lapsed = await world.find(upload.id);
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());
    const afterEvent = await world.find(upload.id);
    const found = await world.next(upload.id);

    expect(lapsed).toMatchObject({ status: 'unconfirmed', lastError: { code: 'answer_lost' } });
    expect(afterEvent).toEqual(lapsed);
    expect(found).toMatchObject({ status: 'delivered' });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('sends a plainer name once IPD has refused the real one', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes, { filename: '😀 final.png' });
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'emojiRefused' } }]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.received()).toMatchObject([{ filename: '_ final.png' }]);
    expect(await world.find(upload.id)).toMatchObject({ filename: '😀 final.png', sentName: '_ final.png' });
  });

  it('sends names as browsers do', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes, { filename: '录屏 "终稿" e\u0301 100%.mp4' });

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.received()).toMatchObject([
      { filename: '录屏 "终稿" é 100%.mp4', rawFilename: '录屏 %22终稿%22 é 100%.mp4' },
    ]);
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
