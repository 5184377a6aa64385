import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Upload } from '../../lib/upload.ts';
import { collectErrors } from '../support/surroundings.ts';
import { startWorld } from '../support/world.ts';
import type { World } from '../support/world.ts';

const SECOND = 1000;
/** IPD's commit window and the difference that two clocks may have. */
const COMMITTED = 660 * SECOND;
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterEach(async () => {
  await world.reset();
});
afterAll(() => world.stop());

const onUpload = (fault: object, count = 1) =>
  world.faults([{ match: { operation: 'upload' }, count, fault }]);

/** An upload whose answer was lost, and IPD did not keep the file. */
async function inDoubt(bytes: Buffer, request: { sha256?: string } = {}): Promise<Upload> {
  await onUpload({ kind: 'gatewayTimeout', stored: false });
  return world.deliver(bytes, request);
}

const idOf = (upload: Upload) => (upload.status === 'delivered' ? upload.attachmentId : undefined);

/** Looks again and again while the upload is unconfirmed; answers with the seconds since its doubt began at which it looked. */
async function lookUntilOver(upload: Upload): Promise<{ looks: number[]; after: Upload }> {
  const since = Date.parse(upload.doubt?.since ?? '');
  const looks: number[] = [];
  let after = upload;
  while (after.status === 'unconfirmed') {
    after = await world.next(upload.id);
    looks.push((world.clock.now() - since) / SECOND);
  }
  return { looks, after };
}

describe('a doubt', () => {
  it.each([
    ['a timeout of the gateway', { kind: 'gatewayTimeout', stored: true }],
    ['a reset after the body', { kind: 'lostAnswer' }],
    ['half an answer', { kind: 'cutAnswer', afterBytes: 10 }],
    ['half a JSON', { kind: 'truncatedJson' }],
    ['an unreadable success', { kind: 'htmlSuccess' }],
    ['an undefined error', { kind: 'undefinedError', stored: true }],
  ])('after %s is cleared by the first look', async (_name, fault) => {
    const bytes = randomBytes(1000);
    await onUpload(fault);

    const doubtful = await world.deliver(bytes);
    const after = await world.next(doubtful.id);

    const [attachment, ...others] = await world.received();
    expect(doubtful).toMatchObject({
      status: 'unconfirmed',
      failedAttempts: 0,
      error: { code: 'answer_lost' },
    });
    expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
    expect(after.error).toBeUndefined();
    expect(others).toEqual([]);
    expect(await world.isStaged(after.id)).toBe(false);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it.each([
    { storedAfter: 50, looks: [15, 60] },
    { storedAfter: 200, looks: [15, 60, 240] },
    { storedAfter: 599, looks: [15, 60, 240, 660] },
  ])(
    'is cleared at $looks s when IPD stores the file after $storedAfter s',
    async ({ storedAfter, looks }) => {
      await onUpload({ kind: 'storedLater', afterSeconds: storedAfter });

      const seen = await lookUntilOver(await world.deliver());

      expect(seen).toMatchObject({ looks, after: { status: 'delivered' } });
      expect(world.uploadRequests()).toHaveLength(1);
    },
  );

  it('is sent again after the commit window, when every reading before has missed it', async () => {
    const bytes = randomBytes(1000);

    const { looks, after } = await lookUntilOver(await inDoubt(bytes));

    expect(looks).toEqual([15, 60, 240, 660]);
    expect(after).toMatchObject({ status: 'delivered', resent: true, failedAttempts: 0 });
    expect(await world.received()).toMatchObject([{ sha256: sha256(bytes) }]);
    expect(world.uploadRequests()).toHaveLength(2);
  });

  it('is not sent again after one reading alone, however late', async () => {
    const { id } = await inDoubt(randomBytes(1000));
    world.clock.advance(2 * COMMITTED);

    const missed = await world.next(id);
    const readOnce = world.uploadRequests().length;
    const after = await world.next(id);

    expect(missed).toMatchObject({ status: 'unconfirmed', doubt: { absences: 1 } });
    expect(readOnce).toBe(1);
    expect(after).toMatchObject({ status: 'delivered' });
    expect(world.uploadRequests()).toHaveLength(2);
  });

  it('is not settled by a reading that fails', async () => {
    const { id } = await inDoubt(randomBytes(1000));
    await world.next(id);
    world.clock.advance(2 * COMMITTED);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'internalError' } }]);

    const after = await world.next(id);

    expect(after).toMatchObject({
      status: 'unconfirmed',
      doubt: { absences: 1 },
      error: { code: 'ipd_unavailable' },
    });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('begins anew when the answer is lost again', async () => {
    const bytes = randomBytes(1000);
    const first = await inDoubt(bytes);
    await onUpload({ kind: 'lostAnswer' });
    world.clock.advance(COMMITTED);
    await world.next(first.id);

    const second = await world.next(first.id);
    const sentAgain = world.clock.now();
    const after = await world.next(first.id);

    expect(second).toMatchObject({
      status: 'unconfirmed',
      doubt: { since: new Date(sentAgain).toISOString(), absences: 0, accepted: false },
    });
    expect(after).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
  });

  it('ends with a person when the work item is full and shows none of ours', async () => {
    const upload = await inDoubt(randomBytes(1000));
    await world.ipdSettings({ fullIssues: [upload.issueId] });

    const { looks, after } = await lookUntilOver(upload);

    expect(looks).toEqual([15, 60, 240, 660]);
    expect(after).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown' } });
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.isStaged(upload.id)).toBe(true);
  });

  it('is cleared when a full work item shows ours', async () => {
    await onUpload({ kind: 'lostAnswer' });
    const upload = await world.deliver();
    await world.ipdSettings({ fullIssues: [upload.issueId] });

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('ends with a person when the work item is gone', async () => {
    const upload = await inDoubt(randomBytes(1000));
    await world.ipdSettings({ missingIssues: [upload.issueId] });

    expect(await world.next(upload.id)).toMatchObject({
      status: 'failed',
      error: { code: 'outcome_unknown' },
    });
  });

  it('is cleared without the staged file when the SHA-256 was declared, and ends with a person when not', async () => {
    const [known, unknown] = [randomBytes(1000), randomBytes(1001)];
    await onUpload({ kind: 'lostAnswer' }, 2);
    const first = await world.deliver(known, { sha256: sha256(known) });
    const second = await world.deliver(unknown);
    for (const { id } of [first, second]) await world.staging.remove(`staging/${id}`);

    expect(await world.next(first.id)).toMatchObject({ status: 'delivered' });
    expect(await world.next(second.id)).toMatchObject({
      status: 'failed',
      error: { code: 'outcome_unknown' },
    });
  });
});

describe('which attachment is ours', () => {
  it('is not told by size: others are looked into once', async () => {
    const upload = await inDoubt(randomBytes(1000));
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
    const upload = await inDoubt(bytes);
    await world.attach(upload, randomBytes(1000));
    const ours = await world.attach(upload, bytes);

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered', attachmentId: ours });
  });

  it('is never one that was there before: those are not even downloaded', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const before = await world.attach(upload, bytes);
    await onUpload({ kind: 'gatewayTimeout', stored: false });
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const { after } = await lookUntilOver(await world.find(upload.id));

    expect(after).toMatchObject({ status: 'delivered', known: [before] });
    expect(after).not.toMatchObject({ attachmentId: before });
    expect(world.downloads()).toEqual([]);
  });

  it('is never one that belongs to another upload', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(bytes);
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
    await onUpload({ kind: 'lostAnswer' });
    const upload = await world.deliver(randomBytes(100_000));
    await world.faults([{ match: { operation: 'download' }, count: 1, fault }]);

    const broken = await world.next(upload.id);

    expect(broken).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(broken.foreign).toBeUndefined();
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });
});

describe('after a second sending', () => {
  /** Sent again after the commit window; what was sent first shows up some seconds after that. */
  async function sentTwice(bytes: Buffer): Promise<Upload> {
    await onUpload({ kind: 'storedLater', afterSeconds: 700, answer: 'reset' });
    const { after } = await lookUntilOver(await world.deliver(bytes));
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
    const { looks, after } = await lookUntilOver(await world.deliver());
    const rechecked = await world.next(after.id);

    expect(looks).toEqual([15, 60, 240, 660, 675]);
    expect(after).toMatchObject({ status: 'delivered' });
    expect(rechecked.duplicates).toHaveLength(1);
    expect(await world.received()).toHaveLength(2);
  });

  it('nothing more is done when there is no second copy', async () => {
    const { after } = await lookUntilOver(await inDoubt(randomBytes(1000)));

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

describe('a success without an id', () => {
  it.each(['nullResult', 'emptyResult', 'resultWithoutId'])('is looked up at once: %s', async (kind) => {
    await onUpload({ kind });

    const after = await world.deliver();

    const [attachment] = await world.received();
    expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id, attempts: 1 });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('is looked up until the list shows the file', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 30 });

    const accepted = await world.deliver();
    const { looks, after } = await lookUntilOver(accepted);

    const [attachment] = await world.received();
    expect(accepted).toMatchObject({ doubt: { accepted: true, absences: 0 }, error: { code: 'id_missing' } });
    expect(looks).toEqual([15, 60]);
    expect(after).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('that the list never shows is delivered without one, says why, and is never sent again', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 1_000_000 });

    const { looks, after } = await lookUntilOver(await world.deliver());

    expect(looks).toEqual([15, 60, 240, 660]);
    expect(after).toMatchObject({
      status: 'delivered',
      attachmentId: null,
      reason: expect.stringContaining('id'),
    });
    expect(after.error).toBeUndefined();
    expect(await world.isStaged(after.id)).toBe(false);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('is delivered without one when the work item is gone meanwhile', async () => {
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 30 });
    const upload = await world.deliver();
    await world.ipdSettings({ missingIssues: [upload.issueId] });

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered', attachmentId: null });
  });
});

describe('an attachment that IPD does not let us look into', () => {
  const refuseDownloads = { match: { operation: 'download' }, fault: { kind: 'noPermission' } };

  it('settles nothing while the upload is in doubt, and is looked into again', async () => {
    await onUpload({ kind: 'lostAnswer' });
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
    await onUpload({ kind: 'lostAnswer' });
    const doubtful = await world.deliver(randomBytes(1000));
    await world.faults([refuseDownloads]);

    const { after } = await lookUntilOver(doubtful);

    expect(after).toMatchObject({ status: 'failed', error: { code: 'outcome_unknown' } });
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.breaker.view()).toEqual({ state: 'closed' });
  });
});
