import { describe, expect, it } from '@jest/globals';
import { PutObjectCommand, PutObjectTaggingCommand } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { redrive } from '../../../lib/domain/lifecycle.ts';
import { en } from '../../../lib/texts/en.ts';
import { toResource } from '../../../lib/http/resource.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';
import { HOUR_MS, MINUTE_MS } from '../../../lib/domain/units.ts';

const TAG = 'GuardDutyMalwareScanStatus';
const CLEAN = 'NO_THREATS_FOUND';
const bytes = randomBytes(1000);

const world = await useWorld({
  environment: { REQUIRED_SCAN_TAG: `${TAG}=${CLEAN}`, PREFLIGHT: 'off' },
});

const objectOf = (id: string) => ({ Bucket: world.config.bucket, Key: `staging/${id}` });

/** What the scan says of the object that is there now. */
async function tag(id: string, value: string, name = TAG): Promise<void> {
  const TagSet = [{ Key: name, Value: value }];
  await world.clients.s3.send(new PutObjectTaggingCommand({ ...objectOf(id), Tagging: { TagSet } }));
}

const minutesUntilDue = ({ dueAt = '' }: Upload): number =>
  (Date.parse(dueAt) - world.clock.now()) / MINUTE_MS;

/** What storage was asked of an upload. */
const storageCalls = ({ id }: Upload): Set<string> =>
  new Set(world.s3.requests.filter(({ key }) => key === `staging/${id}`).map(({ operation }) => operation));

describe('a file that has not been scanned', () => {
  it('waits without an attempt, and IPD is asked nothing', async () => {
    const upload = await world.deliver(bytes);

    expect(upload).toMatchObject({
      status: 'waiting',
      failedAttempts: 0,
      lastError: { code: 'scan_pending' },
    });
    expect(world.ipd.requests).toEqual([]);
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it('goes on when the scan has passed it', async () => {
    const { id } = await world.deliver(bytes);
    await tag(id, CLEAN);

    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'delivered', failedAttempts: 0 });
    expect(await world.received()).toHaveLength(1);
    expect(await world.isStaged(id)).toBe(false);
  });

  it('is checked after half a minute, two minutes, ten minutes and then every ten', async () => {
    const waits: number[] = [];
    let upload = await world.deliver(bytes);
    for (let count = 0; count < 5; count += 1) {
      waits.push(minutesUntilDue(upload));
      upload = await world.next(upload.id);
    }

    // Each with up to half a minute of jitter, by which the next one is shorter.
    const earliest = [0.5, 1, 7.5, 10, 10];
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(earliest[index] ?? 0);
      expect(wait).toBeLessThan([1.01, 2.01, 8.51, 10.51, 10.51][index] ?? 0);
    }
  });

  it('waits on with a tag of another name', async () => {
    const { id } = await world.deliver(bytes);
    await tag(id, CLEAN, 'Reviewed');

    expect(await world.next(id)).toMatchObject({ status: 'waiting', lastError: { code: 'scan_pending' } });
  });

  it('ends when the scan has said nothing within the retry window, and may be tried again', async () => {
    const { id } = await world.deliver(bytes);
    const staged = world.clock.now();

    let ended = await world.next(id);
    while (ended.status === 'waiting') ended = await world.next(id);
    const waited = world.clock.now() - staged;
    await tag(id, CLEAN);
    await world.uploads.retry(caller, id);

    expect(ended).toMatchObject({ status: 'failed', lastError: { code: 'scan_timed_out' } });
    expect(waited).toBe(24 * HOUR_MS);
    expect(toResource({ upload: ended, bytesStored: 1000 }, en).error).toMatchObject({ retryable: true });
    expect(await world.next(id)).toMatchObject({ status: 'delivered' });
  });

  it('is postponed when storage does not return its tags', async () => {
    const { id } = await world.deliver(bytes);
    const silent = world.build({ s3: world.silent.s3() });

    await silent.delivery.onRequest({ uploadId: id, attempt: 2 }, world.run());

    expect(await world.find(id)).toMatchObject({
      status: 'waiting',
      lastError: { code: 'storage_unavailable' },
    });
    expect(world.ipd.requests).toEqual([]);
  });
});

describe('a file that the scan has refused', () => {
  /** Scanned while it waited. */
  async function refused(value = 'THREATS_FOUND'): Promise<Upload> {
    const { id } = await world.deliver(bytes);
    await tag(id, value);
    return world.next(id);
  }

  it.each(['THREATS_FOUND', 'UNSUPPORTED', 'FAILED', CLEAN.toLowerCase()])(
    'is never sent: %s',
    async (value) => {
      const upload = await refused(value);

      expect(upload).toMatchObject({
        status: 'failed',
        lastError: { code: 'scan_refused', detail: `${TAG} is ${value}.` },
      });
      expect(world.ipd.requests).toEqual([]);
      expect(toResource({ upload, bytesStored: 1000 }, en).error).toMatchObject({ retryable: false });
    },
  );

  it('is not tried again for its owner', async () => {
    const { id } = await refused();
    await world.requestsFor(id);

    await expect(world.uploads.retry(caller, id)).rejects.toMatchObject({
      code: 'upload_state_conflict',
      message: expect.stringContaining('did not pass'),
    });

    expect(await world.find(id)).toMatchObject({ status: 'failed' });
    expect(await world.requestsFor(id)).toEqual([]);
  });

  it('is asked for again when an operator has it tried again, and still not sent', async () => {
    const { id } = await refused();
    const again = (): Promise<unknown> =>
      world.ledger.change(id, (before) =>
        redrive(before, { by: 'op', reason: 'r', now: world.clock.now(), policy: world.policy }),
      );

    await again();
    const second = await world.next(id);
    await tag(id, CLEAN);
    await again();
    const third = await world.next(id);

    expect(second).toMatchObject({ status: 'failed', lastError: { code: 'scan_refused' } });
    expect(third).toMatchObject({ status: 'delivered' });
    expect(world.uploadRequests()).toHaveLength(1);
  });
});

describe('the gate', () => {
  it('applies the result of a scan only to the version that was scanned', async () => {
    const { id } = await world.deliver(bytes);
    await world.clients.s3.send(new PutObjectCommand({ ...objectOf(id), Body: randomBytes(1000) }));
    await tag(id, CLEAN);

    expect(await world.next(id)).toMatchObject({
      status: 'failed',
      lastError: { code: 'staged_file_changed' },
    });
    expect(world.ipd.requests).toEqual([]);
  });

  it('checks IPD for what it may have, and does not send it again against the scan', async () => {
    const { id } = await world.stage(bytes);
    await tag(id, CLEAN);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'gatewayTimeout' } }]);
    const arrival = { key: `staging/${id}`, etag: createHash('md5').update(bytes).digest('hex'), size: 1000 };
    await world.delivery.onArrival(arrival, world.run());
    const doubtful = await world.find(id);
    await tag(id, 'THREATS_FOUND');

    let upload = doubtful;
    while (upload.status === 'unconfirmed') upload = await world.next(id);

    expect(doubtful).toMatchObject({ status: 'unconfirmed' });
    expect(world.listRequests().length).toBeGreaterThan(2);
    // IPD does not have it, so the upload is no longer in doubt.
    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'scan_refused' } });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('is not asked for a file that IPD has: a function died before it recorded the attachment as delivered', async () => {
    const { id } = await world.deliver(bytes);
    const attachmentId = await world.attach(await world.find(id), bytes);
    await world.ledger.change(id, (before) => ({ ...before, candidate: attachmentId }));
    await tag(id, 'THREATS_FOUND');

    expect(await world.next(id)).toMatchObject({ status: 'delivered', attachmentId });
  });

  it('leaves an upload to another function that has found it scanned meanwhile', async () => {
    const { id, attempts } = await world.deliver(bytes);
    const request = { uploadId: id, attempt: attempts + 1 };
    const [asked, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const s3 = world.connectStorage();
    s3.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const answer = await next(args);
          if (commandName === 'GetObjectTaggingCommand') {
            asked.resolve();
            await gate.promise;
          }
          return answer;
        },
      { step: 'initialize', name: 'delayTags' },
    );
    const late = world.build({ s3 }).delivery.onRequest(request, world.run());
    await asked.promise;
    await tag(id, CLEAN);
    const { delivery } = world.build({
      send: async (sent) => {
        gate.resolve();
        await late;
        return world.send(sent);
      },
    });

    await delivery.onRequest(request, world.run());

    expect(await world.find(id)).toMatchObject({ status: 'delivered', attempts: attempts + 1 });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('is open without a required tag, and storage is asked nothing more', async () => {
    const open = world.build({ config: { requiredScanTag: undefined } });
    const upload = await world.stage(bytes);

    await open.delivery.onArrival(world.arrival(upload, bytes), world.run());

    expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
    expect(storageCalls(upload)).toEqual(new Set(['PutObject', 'GetObject', 'DeleteObject']));
  });
});
