import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { send } from '../../lib/ipd/wire.ts';
import type { Send } from '../../lib/ipd/wire.ts';
import { startWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe('delivery', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterEach(async () => {
    await world.reset();
  });
  afterAll(() => world.stop());

  it('turns a staged file into one attachment and removes the file', async () => {
    const bytes = randomBytes(200_000);
    const upload = await world.stage(bytes);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const [attachment, ...others] = await world.received();
    expect(others).toEqual([]);
    expect(attachment).toMatchObject({ size: bytes.length, sha256: sha256(bytes), filename: 'report.pdf' });
    const after = await world.find(upload.id);
    expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id, attempts: 1 });
    expect(after.dueAt).toBeUndefined();
    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('sends an exact length on a connection of its own, never chunked', async () => {
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
    expect(requests[0]?.remotePort).not.toBe(requests[1]?.remotePort);
  });

  it('sends a file once when its event comes twice', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    const event = world.arrival(upload, bytes);

    await world.delivery.onArrival(event, world.run());
    await world.delivery.onArrival(event, world.run());
    await Promise.all([
      world.delivery.onArrival(event, world.run()),
      world.delivery.onArrival(event, world.run()),
    ]);

    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('sends a file once when twenty copies of its event come at once', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);

    await Promise.all(
      Array.from({ length: 20 }, () => world.delivery.onArrival(world.arrival(upload, bytes), world.run())),
    );

    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('ignores events of unknown uploads and keys', async () => {
    const unknown = { etag: 'x', size: 1, key: 'staging/00000000-0000-4000-8000-000000000000' };

    await world.delivery.onArrival(unknown, world.run());
    await world.delivery.onArrival({ ...unknown, key: 'elsewhere/x' }, world.run());

    expect(world.ipd.requests).toEqual([]);
  });

  it('ignores a request for another attempt than the next', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);

    await world.delivery.onRequest({ uploadId: upload.id, attempt: 1 }, world.run());
    await world.ledger.change(upload.id, (before) => ({
      ...before,
      status: 'staged',
      etag: 'e',
      stagedAt: before.createdAt,
      retryUntil: before.uploadDeadline,
    }));
    await world.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());

    expect(world.uploadRequests()).toEqual([]);
  });

  it('removes an object that arrives for a delivered upload', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    const url = await world.signing.putFile({
      key: `staging/${upload.id}`,
      size: 10,
      contentType: 'a/b',
      expiresInSeconds: 60,
    });
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());
    await fetch(url.url, { method: 'PUT', headers: url.headers, body: new Uint8Array(bytes) });
    expect(await world.isStaged(upload.id)).toBe(true);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.isStaged(upload.id)).toBe(false);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('delivers an upload that had expired when its file arrives after all', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.ledger.change(upload.id, (before) => ({ ...before, status: 'expired' }));

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('fails an upload whose object has another size', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);

    await world.delivery.onArrival({ ...world.arrival(upload, bytes), size: 11 }, world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'failed', error: { code: 'size_mismatch' } });
    expect(world.uploadRequests()).toEqual([]);
  });

  it('fails an upload whose staged file is gone, or was replaced', async () => {
    const bytes = randomBytes(10);
    const gone = await world.stage(bytes);
    const replaced = await world.stage(bytes);
    await world.staging.remove(`staging/${gone.id}`);

    await world.delivery.onArrival(world.arrival(gone, bytes), world.run());
    await world.delivery.onArrival({ ...world.arrival(replaced, bytes), etag: '0'.repeat(32) }, world.run());

    expect(await world.find(gone.id)).toMatchObject({ error: { code: 'staged_file_missing' } });
    expect(await world.find(replaced.id)).toMatchObject({ error: { code: 'staged_file_changed' } });
    expect(await world.received()).toEqual([]);
  });

  it('checks a declared SHA-256 before the closing boundary', async () => {
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes, { sha256: sha256(bytes) });
    await world.ledger.change(upload.id, (before) => ({ ...before, sha256: '0'.repeat(64) }));

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      error: { code: 'checksum_mismatch' },
    });
    expect(await world.received()).toEqual([]);
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
  });

  it('destroys the connection when the lease ends before the fence, and sends again later', async () => {
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes);
    const late: Send = async (request) => {
      if (request.method === 'POST') world.clock.advance(295_000);
      return send(request);
    };
    const { delivery } = world.build({ send: late });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.received()).toEqual([]);
    expect(world.uploadRequests()).toMatchObject([{ complete: false }]);
    const after = await world.find(upload.id);
    expect(after).toMatchObject({ status: 'waiting', error: { code: 'lease_lost' } });

    await world.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());

    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attempts: 2 });
  });

  it('destroys the connection when the upload is cancelled before the fence', async () => {
    const bytes = randomBytes(100_000);
    const upload = await world.stage(bytes);
    const { delivery } = world.build({
      send: async (request) => {
        if (request.method === 'POST')
          await world.uploads.cancel({ owner: 'user-1', projects: '*' }, upload.id);
        return send(request);
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
        const answer = await send(request);
        if (request.method === 'POST') await new Promise(() => undefined);
        return answer;
      },
    });
    void delivery.onArrival(world.arrival(upload, bytes), world.run());
    await until(async () => (await world.received()).length === 1);
    world.clock.advance(400_000);

    await world.sweep.run(AbortSignal.timeout(5000));
    const lapsed = await world.find(upload.id);
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());
    const afterEvent = await world.find(upload.id);
    const found = await world.next(upload.id);

    expect(lapsed).toMatchObject({ status: 'unconfirmed', error: { code: 'answer_lost' } });
    expect(afterEvent).toEqual(lapsed);
    expect(found).toMatchObject({ status: 'delivered' });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it.each([
    ['reset in the body', { kind: 'reset', afterBytes: 50_000 }, 'ipd_unavailable'],
    ['IAM away', { kind: 'iamUnavailable' }, 'ipd_unavailable'],
    ['a 502 before the body was complete', { kind: 'badGateway', early: true }, 'ipd_unavailable'],
  ])('waits for the next attempt after a transient failure: %s', async (_name, fault, code) => {
    const bytes = randomBytes(3_000_000);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault }]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'waiting',
      failedAttempts: 1,
      error: { code },
    });
    expect(await world.received()).toEqual([]);
    await world.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());
    expect(await world.received()).toHaveLength(1);
  });

  it.each([
    ['noPermission', 'ipd_forbidden'],
    ['projectMissing', 'work_item_missing'],
    ['error200', 'ipd_refused'],
    ['failed200', 'ipd_refused'],
    ['bodyTooLarge', 'too_large_for_ipd'],
  ])('ends with a reason after a refusal: %s', async (kind, code) => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'upload' }, fault: { kind } }]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'failed', error: { code } });
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it('fails at once when the work item is full', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'listOf', count: 100 } }]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      error: { code: 'work_item_full' },
    });
    expect(world.uploadRequests()).toEqual([]);
  });

  it('waits out a throttle in place without using an attempt', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'throttled', retryAfterSeconds: 7 } },
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'serviceThrottled' } },
    ]);
    const before = world.clock.now();

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'delivered',
      attempts: 1,
      failedAttempts: 0,
    });
    expect(world.clock.now() - before).toBe(7000 + 3500);
    expect(world.uploadRequests()).toHaveLength(3);
  });

  it('makes room when a throttle lasts longer than the function may', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    await world.faults([
      { match: { operation: 'upload' }, fault: { kind: 'throttled', retryAfterSeconds: 600 } },
    ]);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const after = await world.find(upload.id);
    expect(after).toMatchObject({ status: 'waiting', failedAttempts: 0, error: { code: 'ipd_throttled' } });
    expect(Date.parse(after.dueAt ?? '')).toBeGreaterThanOrEqual(world.clock.now() + 600_000);
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

  it('keeps an id with more digits than a number can hold', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const [attachment] = await world.received();
    expect(Number.isSafeInteger(Number(attachment?.id))).toBe(false);
    expect(await world.find(upload.id)).toMatchObject({ attachmentId: attachment?.id });
  });

  it('rejects when the ledger cannot be reached', async () => {
    const bytes = randomBytes(10);
    const upload = await world.stage(bytes);
    const elsewhere = world.build({ config: { table: 'no-such-table' } });

    await expect(elsewhere.delivery.onArrival(world.arrival(upload, bytes), world.run())).rejects.toThrow(
      'not found',
    );
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}
