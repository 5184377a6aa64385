import { describe, expect, it } from '@jest/globals';
import { PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import type { Telemetry } from '../../../lib/runtime/telemetry.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { collectTelemetry } from '../../support/surroundings.ts';
import { caller } from '../../support/world.ts';
import { useWorld } from '../../support/use-world.ts';

/** IPD's commit window and the difference that two clocks may have, in milliseconds. */
const COMMITTED = 660_000;
const SCAN = { name: 'GuardDutyMalwareScanStatus', value: 'NO_THREATS_FOUND' };

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

/** Services that tell an operator's log what is wrong with IPD. */
function watched() {
  const contradictions: string[] = [];
  const telemetry: Telemetry = {
    ...collectTelemetry().telemetry,
    error: (message, error) => {
      if (message === 'IPD contradicts itself' && error instanceof Error) contradictions.push(error.message);
    },
  };
  return { contradictions, delivery: world.build({ telemetry }).delivery };
}

/** An upload in doubt whose next check, if it does not show the file, resolves the doubt. */
async function almostResolved(fault?: object): Promise<Upload> {
  if (fault !== undefined) await onUpload(world, fault);
  const { id } = fault === undefined ? await inDoubt(world, randomBytes(1000)) : await world.deliver();
  await world.next(id);
  world.clock.advance(COMMITTED);
  return world.find(id);
}

const deliverAgain = ({ id, attempts }: Upload, delivery = world.delivery): Promise<void> =>
  delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());

describe('a file that IPD has', () => {
  it('is no contradiction after a lost answer', async () => {
    await onUpload(world, { kind: 'lostAnswer' });
    const doubtful = await world.deliver();
    const { contradictions, delivery } = watched();
    world.clock.set(Date.parse(doubtful.dueAt ?? ''));

    await deliverAgain(doubtful, delivery);

    expect(await world.find(doubtful.id)).toMatchObject({ status: 'delivered' });
    expect(contradictions).toEqual([]);
  });

  it('is a contradiction after a refusal', async () => {
    await onUpload(world, { kind: 'noPermission', stored: true });
    const refused = await world.deliver();
    await world.uploads.retry(caller, refused.id);
    const { contradictions, delivery } = watched();

    await deliverAgain(refused, delivery);

    expect(await world.find(refused.id)).toMatchObject({ status: 'delivered' });
    expect(contradictions).toEqual(['has a file that it refused']);
  });

  it('is a contradiction when the commit window was over without it', async () => {
    const upload = await almostResolved({ kind: 'storedLater', afterSeconds: 2000 });
    await onUpload(world, { kind: 'throttled', retryAfterSeconds: 2000 });
    await deliverAgain(upload);
    const throttled = await world.find(upload.id);
    const { contradictions, delivery } = watched();
    world.clock.set(Date.parse(throttled.dueAt ?? ''));

    await deliverAgain(throttled, delivery);

    expect(throttled).toMatchObject({ status: 'waiting', resent: true });
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
    expect(contradictions).toEqual(['stored a file after the commit window']);
  });
});

describe('an answer before the file was complete', () => {
  it.each([
    { kind: 'nullResult', contradictions: ['success for a request that was not complete'] },
    { kind: 'badGateway', contradictions: [] },
  ])('is a contradiction only where it says success: $kind', async ({ kind, contradictions }) => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await onUpload(world, { kind, early: true });
    const { delivery, ...seen } = watched();

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'waiting' });
    expect(seen).toEqual({ contradictions });
  });
});

describe('a file that is sent again after a doubt', () => {
  it('is not sent against its scan', async () => {
    const upload = await almostResolved();
    await tag(upload, 'THREATS_FOUND');
    const { delivery } = world.build({ config: { requiredScanTag: SCAN } });

    await deliverAgain(upload, delivery);

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'scan_refused' },
    });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('is not sent again at the end of the retry window', async () => {
    const upload = await endsNow(await almostResolved());

    await deliverAgain(upload);

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'retries_exhausted' },
    });
    expect(world.uploadRequests()).toHaveLength(1);
  });
});

describe('a file that was never sent', () => {
  it('is sent at the end of the retry window', async () => {
    const fault = { kind: 'iamUnavailable' };
    await onUpload(world, fault);
    const upload = await endsNow(await world.deliver());

    await deliverAgain(upload);

    expect(upload).toMatchObject({ status: 'waiting', failedAttempts: 1 });
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('is not sent against its scan', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await tag(upload, 'THREATS_FOUND');
    const { delivery } = world.build({ config: { requiredScanTag: SCAN } });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'scan_refused' },
    });
    expect(world.ipd.requests).toEqual([]);
  });

  it('is asked for its scan once in each delivery', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    await tag(upload, SCAN.value);
    const { delivery } = world.build({ config: { requiredScanTag: SCAN } });

    await delivery.onArrival(world.arrival(upload, bytes), world.run());

    const asked = world.s3.requests.filter(
      ({ key, operation }) => key === `staging/${upload.id}` && operation === 'GetObjectTagging',
    );
    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(asked).toHaveLength(1);
  });
});

/** What the scan says of the staged file. */
async function tag({ id }: Upload, value: string): Promise<void> {
  await world.clients.s3.send(
    new PutObjectTaggingCommand({
      Bucket: world.config.bucket,
      Key: `staging/${id}`,
      Tagging: { TagSet: [{ Key: SCAN.name, Value: value }] },
    }),
  );
}

/** Its retry window is over at the moment of its next attempt. */
async function endsNow({ id }: Upload): Promise<Upload> {
  const now = new Date(world.clock.now()).toISOString();
  const { upload } = await world.ledger.change(id, (before) => ({
    ...before,
    retryUntil: now,
    readyAt: now,
    dueAt: now,
  }));
  return upload;
}
