import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../support/sha256.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';

const world = await useWorld();

describe('a delivery', () => {
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

  it('ignores events of unknown uploads and keys, and logs a warning for each', async () => {
    const uploadId = '00000000-0000-4000-8000-000000000000';
    const unknown = { etag: 'x', size: 1, key: `staging/${uploadId}` };
    const { lines, telemetry } = collectTelemetry();
    const { delivery } = world.build({ telemetry });

    await delivery.onArrival(unknown, world.run());
    await delivery.onArrival({ ...unknown, key: 'elsewhere/x' }, world.run());

    expect(world.ipd.requests).toEqual([]);
    expect(lines).toEqual([
      { message: 'message for an unknown upload ignored', uploadId },
      { message: 'object under an unknown key ignored', bytes: 1 },
    ]);
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
    await world.request(url.url, { method: 'PUT', headers: url.headers, body: new Uint8Array(bytes) });
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

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'size_mismatch' },
    });
    expect(world.uploadRequests()).toEqual([]);
  });

  it('finds on a retry a file that IPD refused and still stored, and does not send it again', async () => {
    const fault = { kind: 'noPermission', stored: true };
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault }]);
    const failed = await world.deliver();
    expect(failed).toMatchObject({
      status: 'failed',
      lastError: { code: 'ipd_forbidden', detail: expect.any(String) },
    });

    await world.uploads.retry(caller, failed.id);
    await world.next(failed.id);

    const [attachment, ...more] = await world.received();
    expect(more).toEqual([]);
    expect(await world.find(failed.id)).toMatchObject({
      status: 'delivered',
      attachmentId: attachment?.id,
    });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('keeps an id with more digits than a number can carry', async () => {
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

    await expect(
      elsewhere.delivery.onArrival(world.arrival(upload, bytes), world.run()),
    ).rejects.toMatchObject({ code: 'internal', cause: { name: 'ResourceNotFoundException' } });
  });
});
