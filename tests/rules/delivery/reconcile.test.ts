import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { z } from 'zod';
import type { Upload } from '../../../lib/domain/upload.ts';
import { inDoubt, checkUntilOver, onUpload } from '../../support/doubts.ts';
import { collectErrors } from '../../support/surroundings.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const versioned = z.looseObject({ version: z.int().optional() });

/** IPD's commit window and the difference that two clocks may have, in milliseconds. */
const COMMITTED = 660_000;
/** As the download page documents it. */
const REFUSAL = Buffer.from('{"error_code":"PM.02174103","error_msg":"No permission."}');

const noList = { match: { operation: 'list' }, fault: { kind: 'nullResult' } };

const world = await useWorld();

describe('the attachment of an upload', () => {
  it('is not recognised by size: the others are downloaded once', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    const mismatches = await world.attach(upload, randomBytes(1000));
    await world.attach(upload, randomBytes(999));

    const first = await world.next(upload.id);
    const second = await world.next(upload.id);

    expect(first).toMatchObject({ status: 'unconfirmed', mismatches: [mismatches] });
    expect(second).toMatchObject({ status: 'unconfirmed', doubt: { absences: 2 } });
    expect(world.downloads()).toMatchObject([{ path: expect.stringContaining(mismatches) }]);
  });

  it('is recognised by its bytes among several of equal size', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(world, bytes);
    await world.attach(upload, randomBytes(1000));
    const match = await world.attach(upload, bytes);

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered', attachmentId: match });
  });

  it('is never one that was there before: those are not even downloaded', async () => {
    const bytes = randomBytes(1000);
    const upload = await world.stage(bytes);
    const before = await world.attach(upload, bytes);
    await onUpload(world, { kind: 'gatewayTimeout', stored: false });
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());

    const { after } = await checkUntilOver(world, await world.find(upload.id));

    expect(after).toMatchObject({ status: 'delivered', baseline: [before] });
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

  it('is recognised by its bytes where the list gives no sizes', async () => {
    const bytes = randomBytes(1000);
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'sizelessList' } }]);
    const upload = await world.stage(bytes);
    const before = await world.attach(upload, randomBytes(3000));
    await onUploadToo({ kind: 'lostAnswer' });

    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());
    const longer = await world.attach(upload, randomBytes(100_000));
    const shorter = await world.attach(upload, randomBytes(10));
    const after = await world.next(upload.id);

    const match = (await world.received()).find(({ size }) => size === 1000);
    expect(after).toMatchObject({
      status: 'delivered',
      attachmentId: match?.id,
      baseline: [before],
      mismatches: [longer, shorter],
    });
    expect(world.uploadRequests().filter(({ outcome }) => outcome === 'reset')).toHaveLength(1);
  });

  it.each([
    ['the page of a proxy', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }],
    ['an error in JSON', { status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }],
  ])('is not missing because a download of unlisted size was answered with %s', async (_name, answer) => {
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver();
    const sizeless = { match: { operation: 'list' }, fault: { kind: 'sizelessList' } };
    await world.faults([
      sizeless,
      { match: { operation: 'download' }, fault: { kind: 'answer', ...answer } },
    ]);

    const unread = await world.next(upload.id);
    await world.faults([sizeless]);

    expect(unread).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(unread.mismatches).toBeUndefined();
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('is searched for in five attachments at a time, as often as needed', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(world, bytes);
    for (let n = 0; n < 5; n += 1) await world.attach(upload, randomBytes(1000));
    const match = await world.attach(upload, bytes);
    for (let n = 0; n < 7; n += 1) await world.attach(upload, randomBytes(1000));

    const first = await world.next(upload.id);
    const downloaded = world.downloads().length;
    const second = await world.next(upload.id);

    expect(first).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 }, failedAttempts: 0 });
    expect(downloaded).toBe(5);
    expect(second).toMatchObject({ status: 'delivered', attachmentId: match });
    expect(world.downloads()).toHaveLength(10);
  });

  it('is found behind attachments that cannot be read', async () => {
    const bytes = randomBytes(1000);
    const upload = await inDoubt(world, bytes);
    const closed: string[] = [];
    for (let n = 0; n < 6; n += 1) closed.push(await world.attach(upload, randomBytes(1000)));
    const match = await world.attach(upload, bytes);
    const { delivery } = world.build({
      send: async (request) => {
        const isClosed = closed.some((id) => request.url.pathname.endsWith(id));
        if (isClosed) return { status: 400, headers: {}, body: Readable.from([REFUSAL]) };
        return world.send(request);
      },
    });
    let after = await world.find(upload.id);
    while (after.status === 'unconfirmed' && after.attempts < 8) {
      world.clock.set(Date.parse(after.dueAt ?? ''));
      await delivery.onRequest({ uploadId: upload.id, attempt: after.attempts + 1 }, world.run());
      after = await world.find(upload.id);
    }

    expect(after).toMatchObject({ status: 'delivered', attachmentId: match });
  });

  it('may be sent although another attachment is downloaded as a page, when IPD surely has no copy', async () => {
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'iamUnavailable' } },
      { match: { operation: 'list' }, fault: { kind: 'sizelessList' } },
    ]);
    const upload = await world.deliver();
    await world.attach(upload, randomBytes(10));
    const answer = { kind: 'answer', status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' };
    await world.faults([
      { match: { operation: 'list' }, fault: { kind: 'sizelessList' } },
      { match: { operation: 'download' }, fault: answer },
    ]);

    expect(upload).toMatchObject({ status: 'waiting', baseline: expect.any(Array) });
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('is not absent because IPD gives no list, once it may have the file', async () => {
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver();
    await world.faults([noList]);
    let unread = upload;
    while (world.clock.now() < Date.parse(upload.doubt?.since ?? '') + 2 * COMMITTED) {
      unread = await world.next(upload.id);
    }
    await world.faults([]);

    expect(unread).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
  });

  it.each([
    ['refused', { kind: 'noPermission' }],
    ['throttled', { kind: 'throttled', retryAfterSeconds: 60 }],
  ])('is not absent because IPD gives no list, once it was sent whole and %s', async (_name, fault) => {
    await onUpload(world, { ...fault, stored: true });
    const { id, status } = await world.deliver();
    if (status === 'failed') await world.uploads.retry(caller, id);
    await world.faults([noList]);

    const unread = await world.next(id);
    await world.faults([]);

    const lastError = { code: 'ipd_unavailable', detail: 'IPD gave no list of attachments' };
    expect(unread).toMatchObject({ status: 'waiting', lastError });
    expect(await world.next(id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('may be sent to a work item of which IPD gives no list', async () => {
    await world.faults([noList]);

    expect(await world.deliver()).toMatchObject({ status: 'delivered' });
  });

  it('may be sent again after a throttle to a work item of which IPD has given no list from the start', async () => {
    const throttle = { kind: 'throttled', retryAfterSeconds: 60 };
    await world.faults([noList, { match: { operation: 'upload' }, count: 2, fault: throttle }]);
    const first = await world.deliver();

    const second = await world.next(first.id);

    expect([first, second]).toMatchObject([{ status: 'waiting' }, { status: 'waiting' }]);
    expect(await world.next(first.id)).toMatchObject({ status: 'delivered' });
  });

  it.each([
    ['breaks off', { kind: 'cutAnswer', afterBytes: 50_000 }],
    ['is the page of a proxy', { kind: 'answer', status: 200, body: '<html>Sign in</html>' }],
    ['fails', { kind: 'internalError' }],
  ])('is not decided by a download that %s', async (_name, fault) => {
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver(randomBytes(100_000));
    await world.faults([{ match: { operation: 'download' }, count: 1, fault }]);

    const broken = await world.next(upload.id);

    expect(broken).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(broken.mismatches).toBeUndefined();
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });
});

describe('an attachment that cannot be downloaded', () => {
  const refuseDownloads = { match: { operation: 'download' }, fault: { kind: 'noPermission' } };

  it('resolves no doubt, and is downloaded again later', async () => {
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

  it('does not keep an upload from IPD that surely has no copy, also where a 404 page is all that is left of it', async () => {
    const sizeless = { match: { operation: 'list' }, fault: { kind: 'sizelessList' } };
    await onUpload(world, { kind: 'iamUnavailable' });
    const waiting = await world.deliver();
    await world.attach(waiting, randomBytes(10));
    const gone = { kind: 'answer', status: 404, body: '<html>404</html>' };
    await world.faults([sizeless, { match: { operation: 'download' }, fault: gone }]);

    expect(waiting).toMatchObject({ status: 'waiting', baseline: [] });
    expect(await world.next(waiting.id)).toMatchObject({ status: 'delivered' });
    expect(world.downloads()).toHaveLength(1);
  });

  it('ends in an unknown outcome when that lasts, and opens no breaker', async () => {
    await onUpload(world, { kind: 'lostAnswer' });
    const doubtful = await world.deliver(randomBytes(1000));
    await world.faults([refuseDownloads]);

    const { after } = await checkUntilOver(world, doubtful);

    expect(after).toMatchObject({ status: 'failed', lastError: { code: 'outcome_unknown' } });
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.breaker.view()).toEqual({ state: 'closed' });
  });
});

describe('two copies of one request', () => {
  it('are seen at once after a lost answer: one is the match, the other is reported to an operator', async () => {
    await onUpload(world, { kind: 'storedTwice', answer: 'reset' });
    const { id } = await world.deliver();
    const { errors, telemetry } = collectErrors();
    const { attempts, dueAt } = await world.find(id);
    world.clock.set(Date.parse(dueAt ?? ''));

    await world.build({ telemetry }).delivery.onRequest({ uploadId: id, attempt: attempts + 1 }, world.run());

    const [first, second] = (await world.received()).map((copy) => copy.id);
    expect(await world.find(id)).toMatchObject({
      status: 'delivered',
      attachmentId: first,
      duplicates: [second],
    });
    expect(errors).toMatchObject([{ message: 'duplicate attachment', fields: { attachmentId: second } }]);
    expect(await world.ledger.findClaims([first ?? '', second ?? ''])).toEqual(
      new Map([
        [first, id],
        [second, id],
      ]),
    );
  });
});

describe('after a second sending', () => {
  /** Sent again after the commit window; what was sent first shows up some seconds after that. */
  async function sentTwice(bytes: Buffer): Promise<Upload> {
    await onUpload(world, { kind: 'storedLater', afterSeconds: 700, answer: 'reset' });
    const { after } = await checkUntilOver(world, await world.deliver(bytes));
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

  it('two late copies are noted with one reading of the work item, and one that finds no more', async () => {
    const bytes = randomBytes(1000);
    const delivered = await sentTwice(bytes);
    const copy = await world.attach(delivered, bytes);
    world.clock.set(Date.parse(delivered.dueAt ?? ''));
    const before = world.listRequests().length;

    await world.delivery.onRequest({ uploadId: delivered.id, attempt: delivered.attempts + 1 }, world.run());

    const { duplicates = [] } = await world.find(delivered.id);
    expect(duplicates).toHaveLength(2);
    expect(duplicates).toContain(copy);
    expect(world.listRequests().length - before).toBe(2);
  });

  it('a late first copy is found when the second answer is lost as well', async () => {
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'storedLater', afterSeconds: 700 } },
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } },
    ]);
    const { checkedAfter, after } = await checkUntilOver(world, await world.deliver());
    const rechecked = await world.next(after.id);

    expect(checkedAfter).toEqual([15, 60, 240, 660, 675]);
    expect(after).toMatchObject({ status: 'delivered' });
    expect(rechecked.duplicates).toHaveLength(1);
    expect(await world.received()).toHaveLength(2);
  });

  it('nothing more is done when there is no second copy', async () => {
    const { after } = await checkUntilOver(world, await inDoubt(world, randomBytes(1000)));

    const rechecked = await world.next(after.id);

    expect(rechecked).toMatchObject({ status: 'delivered' });
    expect(rechecked.duplicates ?? []).toEqual([]);
    expect(rechecked.dueAt).toBeUndefined();
  });

  it('the check for a second copy ends after a retry window, and other uploads have not waited for it', async () => {
    const { after } = await checkUntilOver(world, await inDoubt(world, randomBytes(1000)));
    await world.attach(after, randomBytes(1000));
    await world.faults([{ match: { operation: 'download' }, fault: { kind: 'internalError' } }]);
    const { errors, telemetry } = collectErrors();
    const { delivery, sweep } = world.build({ telemetry });
    const start = world.clock.now();
    const other = await world.deliver(randomBytes(1000));
    while ((await world.find(after.id)).dueAt !== undefined) {
      world.clock.advance(2 * HOUR_MS);
      await sweep.run(AbortSignal.timeout(300_000));
      await delivery.onRequest({ uploadId: after.id, attempt: 99 }, world.run());
    }

    expect(world.clock.now() - start).toBeLessThanOrEqual(27 * HOUR_MS);
    expect(await world.find(after.id)).not.toHaveProperty('recheckAt');
    expect(errors).toMatchObject([
      { message: 'a second copy cannot be checked for', fields: { uploadId: after.id } },
    ]);
    expect(other).toMatchObject({ status: 'delivered' });
  });

  it('a second copy is recognised by the hash of a file that is no longer staged', async () => {
    const bytes = randomBytes(1000);
    await onUpload(world, { kind: 'storedLater', afterSeconds: 700, answer: 'reset' });
    const first = await world.deliver(bytes);
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'reset', afterBytes: 10 } },
    ]);
    const { after: interrupted } = await checkUntilOver(world, first);
    world.clock.advance(60_000);
    const delivered = await world.next(first.id);
    await world.attach(delivered, randomBytes(1000));
    const copy = await world.attach(delivered, bytes);

    const rechecked = await world.next(first.id);

    expect(interrupted.status).toBe('waiting');
    expect(delivered).toMatchObject({ status: 'delivered', resent: true });
    expect(await world.isStaged(first.id)).toBe(false);
    expect(rechecked).toMatchObject({ duplicates: [copy] });
    expect(rechecked.dueAt).toBeUndefined();
  });

  it('the check gives an upload the id that IPD had never returned', async () => {
    await onUpload(world, { kind: 'gatewayTimeout', stored: false });
    const bytes = randomBytes(1000);
    const first = await world.deliver(bytes);
    await world.ipdSettings({ uploadResult: 'null', listDelaySeconds: 800 });
    let after = await world.find(first.id);
    while (after.status === 'unconfirmed') after = await world.next(first.id);

    const rechecked = await world.next(first.id);

    const [only] = await world.received();
    expect(after).toMatchObject({ status: 'delivered', attachmentId: null, resent: true });
    expect(rechecked).toMatchObject({ status: 'delivered', attachmentId: only?.id });
    expect(rechecked.duplicates ?? []).toEqual([]);
  });

  it('the check sends IPD no request while the breaker is open, or before it is due', async () => {
    const { after } = await checkUntilOver(world, await inDoubt(world, randomBytes(1000)));
    const request = { uploadId: after.id, attempt: 99 };
    const asked = world.ipd.requests.length;
    await world.delivery.onRequest(request, world.run());
    world.clock.set(Date.parse(after.status === 'delivered' ? (after.recheckAt ?? '') : ''));
    const { version = 0 } = versioned.parse((await world.ledger.readState('breaker')) ?? {});
    const until = world.clock.now() + HOUR_MS;
    await world.ledger.writeState('breaker', version, {
      outages: 0,
      openings: 1,
      openUntil: until,
      lockedUntil: until,
    });

    await world.delivery.onRequest(request, world.run());

    expect(world.ipd.requests).toHaveLength(asked);
    expect(await world.find(after.id)).toMatchObject({ recheckAt: expect.any(String) });
  });

  it('a work item that cannot be read is reported to an operator, since it may have a copy', async () => {
    const delivered = await sentTwice(randomBytes(1000));
    const { errors, telemetry } = collectErrors();
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'noPermission' } }]);
    world.clock.set(Date.parse(delivered.dueAt ?? ''));

    await world.build({ telemetry }).delivery.onRequest({ uploadId: delivered.id, attempt: 99 }, world.run());

    expect(errors).toMatchObject([{ message: 'a second copy cannot be checked for' }]);
    expect(await world.find(delivered.id)).not.toHaveProperty('recheckAt');
  });

  it('the check waits while another upload occupies the work item, whose copy it must not take', async () => {
    const bytes = randomBytes(1000);
    const { after } = await checkUntilOver(world, await inDoubt(world, bytes));
    await onUpload(world, { kind: 'lostAnswer' });
    const other = await world.deliver(bytes);
    world.clock.set(Date.parse(after.status === 'delivered' ? (after.recheckAt ?? '') : ''));

    await world.delivery.onRequest({ uploadId: after.id, attempt: 99 }, world.run());
    const waiting = await world.find(after.id);
    const found = await world.next(other.id);
    await world.delivery.onRequest({ uploadId: after.id, attempt: 99 }, world.run());

    expect(waiting).toMatchObject({ recheckAt: expect.any(String) });
    expect(found).toMatchObject({ status: 'delivered' });
    const rechecked = await world.find(after.id);
    expect(rechecked).not.toHaveProperty('recheckAt');
    expect([...(rechecked.duplicates ?? []), ...(found.duplicates ?? [])]).toEqual([]);
  });

  it('another upload waits while the check runs', async () => {
    const { after } = await checkUntilOver(world, await inDoubt(world, randomBytes(1000)));
    world.clock.set(Date.parse(after.status === 'delivered' ? (after.recheckAt ?? '') : ''));
    let other: Upload | undefined;
    const { delivery } = world.build({
      send: async (request) => {
        other = await world.deliver(randomBytes(1000));
        return world.send(request);
      },
    });

    await delivery.onRequest({ uploadId: after.id, attempt: 99 }, world.run());

    expect(other).toMatchObject({ status: 'waiting', lastError: { code: 'work_item_busy' } });
    expect(await world.next(other?.id ?? '')).toMatchObject({ status: 'delivered' });
  });

  it('the check for a second copy waits until the work item can be read', async () => {
    const delivered = await sentTwice(randomBytes(1000));
    await world.faults([{ match: { operation: 'list' }, count: 1, fault: { kind: 'internalError' } }]);

    const unread = await world.next(delivered.id);
    const read = await world.next(delivered.id);

    expect(unread.dueAt).toBeDefined();
    expect(unread.duplicates).toBeUndefined();
    expect(read.duplicates).toHaveLength(1);
  });
});

/** Adds a fault for the next upload request to those already set. */
async function onUploadToo(fault: object): Promise<void> {
  await world.faults([
    { match: { operation: 'upload' }, count: 1, fault },
    { match: { operation: 'list' }, fault: { kind: 'sizelessList' } },
  ]);
}

function idOf(upload: Upload): string | null | undefined {
  return upload.status === 'delivered' ? upload.attachmentId : undefined;
}
