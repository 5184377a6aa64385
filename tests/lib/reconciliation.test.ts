import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import type { Upload } from '../../lib/upload.ts';
import { inDoubt, lookUntilOver, onUpload } from '../support/doubts.ts';
import { collectErrors } from '../support/surroundings.ts';
import { startWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** IPD's commit window and the difference that two clocks may have, in milliseconds. */
const COMMITTED = 660_000;

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  await world.reset();
});
afterAll(() => world.stop());

describe('which attachment is ours', () => {
  it('is not told by size: others are looked into once', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    const foreign = await world.attach(upload, randomBytes(1000));
    await world.attach(upload, randomBytes(999));

    const first = await world.next(upload.id);
    const second = await world.next(upload.id);

    expect(first).toMatchObject({ status: 'unconfirmed', foreign: [foreign] });
    expect(second).toMatchObject({ status: 'unconfirmed', doubt: { absences: 2 } });
    expect(world.downloads()).toMatchObject([{ path: expect.stringContaining(foreign) }]);
  });

  it('is told by the bytes, among several of equal size', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(world, bytes);
    await world.attach(upload, randomBytes(1000));
    const ours = await world.attach(upload, bytes);

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered', attachmentId: ours });
  });

  it('is never one that was there before: those are not even downloaded', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const before = await world.attach(upload, bytes);
    await onUpload(world, { kind: 'gatewayTimeout', stored: false });
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const { after } = await lookUntilOver(world, await world.find(upload.id));

    expect(after).toMatchObject({ status: 'delivered', known: [before] });
    expect(after).not.toMatchObject({ attachmentId: before });
    expect(world.downloads()).toEqual([]);
  });

  it('is never one that belongs to another upload', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(world, bytes);
    const taken = await world.attach(upload, bytes);
    await world.ledger.claimAttachment(taken, randomUUID());

    expect(await world.next(upload.id)).toMatchObject({ status: 'unconfirmed' });
    expect(world.downloads()).toEqual([]);
  });

  it.each([
    ['breaks off', { kind: 'cutAnswer', afterBytes: 50_000 }],
    ['is the page of a proxy', { kind: 'answer', status: 200, body: '<html>Sign in</html>' }],
    ['fails', { kind: 'internalError' }],
  ])('is not told by a download that %s', async (_name, fault) => {
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver(randomBytes(100_000));
    await world.faults([{ match: { operation: 'download' }, count: 1, fault }]);

    const broken = await world.next(upload.id);

    expect(broken).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(broken.foreign).toBeUndefined();
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });
});

describe('an attachment that IPD does not let us look into', () => {
  const refuseDownloads = { match: { operation: 'download' }, fault: { kind: 'noPermission' } };

  it('settles nothing while the upload is in doubt, and is looked into again', async () => {
    await onUpload(world, { kind: 'lostAnswer' });
    const doubtful = await world.deliver(randomBytes(1000));
    await world.faults([refuseDownloads]);

    const unproven = await world.next(doubtful.id);
    await world.faults([]);
    const after = await world.next(doubtful.id);

    expect(unproven).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(after.status).toBe('delivered');
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('ends in an outcome that a person has to look at when that lasts, and opens no breaker', async () => {
    await onUpload(world, { kind: 'lostAnswer' });
    const doubtful = await world.deliver(randomBytes(1000));
    await world.faults([refuseDownloads]);

    const { after } = await lookUntilOver(world, doubtful);

    expect(after).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown' } });
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.breaker.view()).toEqual({ state: 'closed' });
  });
});

describe('after a second sending', () => {
  /** Sent again after the commit window; what was sent first shows up some seconds after that. */
  async function sentTwice(bytes: Buffer): Promise<Upload> {
    await onUpload(world, { kind: 'storedLater', afterSeconds: 700, answer: 'reset' });
    const { after } = await lookUntilOver(world, await world.deliver(bytes));
    return after;
  }

  it('a late first copy is noted as a duplicate, and raises one alarm', async () => {
    const bytes = randomBytes(1000);
    const delivered = await sentTwice(bytes);
    const { errors, telemetry } = collectErrors();
    const { delivery } = world.build({ telemetry });
    const request = { uploadId: delivered.id, attempt: delivered.attempts + 1 };
    const resentAt = world.clock.now();

    await delivery.onRequest(request, world.run());
    const tooEarly = await world.find(delivered.id);
    world.clock.set(Date.parse(delivered.dueAt ?? ''));
    await delivery.onRequest(request, world.run());
    await delivery.onRequest(request, world.run());

    const copies = (await world.received()).map(({ id }) => id);
    const after = await world.find(delivered.id);
    expect(Date.parse(delivered.dueAt ?? '') - resentAt).toBe(COMMITTED);
    expect(tooEarly.duplicates).toBeUndefined();
    expect(copies).toHaveLength(2);
    expect(after).toMatchObject({ status: 'delivered', duplicates: [expect.any(String)] });
    expect(new Set([idOf(delivered), ...(after.duplicates ?? [])])).toEqual(new Set(copies));
    expect(after.dueAt).toBeUndefined();
    expect(errors).toEqual([
      {
        message: 'duplicate attachment',
        fields: { uploadId: after.id, attachmentId: after.duplicates?.[0] },
      },
    ]);
  });

  it('a late first copy is found when the second answer is lost as well', async () => {
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'storedLater', afterSeconds: 700 } },
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } },
    ]);
    const { looks, after } = await lookUntilOver(world, await world.deliver());
    const rechecked = await world.next(after.id);

    expect(looks).toEqual([15, 60, 240, 660, 675]);
    expect(after).toMatchObject({ status: 'delivered' });
    expect(rechecked.duplicates).toHaveLength(1);
    expect(await world.received()).toHaveLength(2);
  });

  it('nothing more is done when there is no second copy', async () => {
    const { after } = await lookUntilOver(world, await inDoubt(world, randomBytes(1000)));

    const rechecked = await world.next(after.id);

    expect(rechecked).toMatchObject({ status: 'delivered' });
    expect(rechecked.duplicates ?? []).toEqual([]);
    expect(rechecked.dueAt).toBeUndefined();
  });

  it('the look for a second copy waits until the work item can be read', async () => {
    const delivered = await sentTwice(randomBytes(1000));
    await world.faults([{ match: { operation: 'list' }, count: 1, fault: { kind: 'internalError' } }]);

    const unread = await world.next(delivered.id);
    const read = await world.next(delivered.id);

    expect(unread.dueAt).toBeDefined();
    expect(unread.duplicates).toBeUndefined();
    expect(read.duplicates).toHaveLength(1);
  });
});

function idOf(upload: Upload): string | null | undefined {
  return upload.status === 'delivered' ? upload.attachmentId : undefined;
}
