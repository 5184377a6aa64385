import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { createWholeLedger } from '../../support/ledger.ts';
import { createUpload } from '../../../lib/domain/lifecycle.ts';
import type { Services } from '../../../lib/services.ts';
import type { Fields, MetricValues } from '../../../lib/runtime/telemetry.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller, issueId, oneRequest, projectId } from '../../support/world.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const bytes = randomBytes(1000);

const world = await useWorld();
let services: Services;
let lines: (Fields & { message: string })[];
let measured: MetricValues[];

/** An upload whose file is in storage, made by services whose lines are kept. */
async function stage(requestId = 'call-1'): Promise<Upload> {
  const collected = collectTelemetry();
  ({ lines, measured } = collected);
  services = world.build({ telemetry: collected.telemetry });
  const file = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: bytes.length };
  const { upload } = await services.intake.create({ ...caller, requestId }, file);
  const { presigned } = await services.uploads.presign(upload);
  await world.putFile(oneRequest(presigned), bytes);
  return upload;
}

const arrive = (upload: Upload) => services.delivery.onArrival(world.arrival(upload, bytes), world.run());

const fault = (kind: string, operation = 'upload') =>
  world.faults([{ match: { operation }, fault: { kind }, count: 1 }]);

const logged = () => lines.map(({ message, from, status }) => [message, from, status]);
const sum = (name: keyof MetricValues) => measured.reduce((all, metrics) => all + (metrics[name] ?? 0), 0);

describe('the journal', () => {
  it('tells every state that an upload comes to, joined by the id of the call that made it', async () => {
    const upload = await stage('call-7');
    world.clock.advance(5_000);

    await arrive(upload);

    const [attachment] = await world.received();
    expect(logged()).toEqual([
      ['upload created', undefined, 'awaiting_upload'],
      ['upload staged', 'awaiting_upload', 'staged'],
      ['delivery started', 'awaiting_upload', 'delivering'],
      ['IPD took the file', undefined, undefined],
      ['delivery ended', 'delivering', 'delivered'],
    ]);
    for (const line of lines) expect(line).toMatchObject({ uploadId: upload.id, correlationId: 'call-7' });
    expect(lines[0]).toMatchObject({ projectId: upload.projectId, issueId: upload.issueId });
    expect(lines[1]).toMatchObject({ bytes: 1000, durationMs: 5_000 });
    expect(lines[3]).toMatchObject({ attempt: 1, ipdRequestId: expect.stringMatching(/^\w+$/) });
    expect(lines[4]).toMatchObject({ attempt: 1, bytes: 1000, durationMs: 0, attachmentId: attachment?.id });
  });

  it('writes the metrics of an upload', async () => {
    const upload = await stage();

    await arrive(upload);

    expect(measured).toEqual([
      { Created: 1 },
      { Staged: 1 },
      { Delivered: 1, Failed: 0, DeliveredBytes: 1000, DeliveryTime: 0, Attempts: 1 },
    ]);
  });

  it('tells why an upload failed, and that its owner wants it tried again', async () => {
    const upload = await stage();
    await fault('noPermission');

    await arrive(upload);
    await services.uploads.retry(caller, upload.id);

    expect(lines.at(-2)).toMatchObject({
      message: 'delivery ended',
      status: 'failed',
      code: 'ipd_forbidden',
      detail: expect.stringContaining('request '),
    });
    expect(lines.at(-1)).toMatchObject({ message: 'upload retried', from: 'failed', status: 'staged' });
    expect(measured).toContainEqual({ Delivered: 0, Failed: 1, Attempts: 1 });
    expect(measured).toContainEqual({ Failed: 1, code: 'ipd_forbidden' });
    expect(sum('Staged')).toBe(1);
  });

  it('tells the duration of the failed attempt, and not of the one before', async () => {
    const upload = await stage();
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' }, count: 1 }]);

    await arrive(upload);
    world.clock.advance(HOUR_MS);
    await services.delivery.onRequest({ uploadId: upload.id, attempt: 2 }, world.run());

    expect(lines.slice(3)).toMatchObject([
      { message: 'delivery ended', status: 'waiting', attempt: 1, durationMs: 0, code: 'ipd_unavailable' },
      { message: 'delivery started', from: 'waiting', attempt: 2, durationMs: HOUR_MS },
      { message: 'IPD took the file', attempt: 2 },
      { message: 'delivery ended', status: 'delivered', attempt: 2, durationMs: 0 },
    ]);
    expect(measured.at(-1)).toMatchObject({ Attempts: 2, DeliveryTime: HOUR_MS });
  });

  it('counts a doubt once, and none where IPD has the file for sure', async () => {
    const doubtful = await stage();
    await fault('lostAnswer');
    await arrive(doubtful);
    const { dueAt } = await world.find(doubtful.id);
    world.clock.set(Date.parse(dueAt ?? ''));
    await services.delivery.onRequest({ uploadId: doubtful.id, attempt: 2 }, world.run());
    const doubts = sum('Doubts');

    const accepted = await stage();
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'nullResult' } }]);
    await arrive(accepted);

    expect(doubts).toBe(1);
    expect(sum('Doubts')).toBe(0);
    expect(lines.some(({ status }) => status === 'unconfirmed')).toBe(true);
  });

  it('tells that an upload was cancelled, or that its file never came', async () => {
    const cancelled = await stage();
    await services.uploads.cancel(caller, cancelled.id);
    const before = logged();

    const collected = collectTelemetry();
    services = world.build({ telemetry: collected.telemetry });
    const file = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: 7 };
    await services.intake.create(caller, file);
    world.clock.advance(73 * HOUR_MS);
    await services.sweep.run(AbortSignal.timeout(300_000));

    expect(before.at(-1)).toEqual(['upload cancelled', 'awaiting_upload', 'cancelled']);
    expect(collected.lines).toContainEqual(
      expect.objectContaining({
        message: 'upload expired',
        from: 'awaiting_upload',
        durationMs: 73 * HOUR_MS,
      }),
    );
    expect(collected.measured).toContainEqual({ Expired: 1 });
  });

  it('tells nothing of a write that was not made, nor again of one whose answer got lost', async () => {
    const writes: (string | undefined)[][] = [];
    const ledger = createWholeLedger({
      client: world.documents,
      table: world.config.table,
      clock: world.clock,
      onWritten: (before, after) => writes.push([before?.status, after.status]),
    });
    const names = { owner: 'user-1', projectId: 'p', issueId: 'i', filename: 'f', sentName: 'f' };
    const upload = createUpload(
      { ...names, id: randomUUID(), contentType: 'a/b', size: 10 },
      { now: world.clock.now(), policy: world.policy },
    );

    await ledger.add(upload);
    await ledger.add(upload);
    await ledger.change(upload, () => undefined);

    expect(writes).toEqual([[undefined, 'awaiting_upload']]);
  });
});
