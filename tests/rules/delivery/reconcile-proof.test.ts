import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { onUpload } from '../../support/doubts.ts';
import { sha256 } from '../../support/sha256.ts';
import { useWorld } from '../../support/use-world.ts';

/** IPD's commit window and the difference that two clocks may have, in milliseconds. */
const COMMITTED = 660_000;

const world = await useWorld();

describe('a file that IPD may have is not sent again', () => {
  it('because its download was answered with something of another size than the list says', async () => {
    const answer = {
      status: 200,
      headers: { 'content-type': 'application/octet-stream' },
      body: 'try later',
    };
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver();
    await world.faults([{ match: { operation: 'download' }, fault: { kind: 'answer', ...answer } }]);

    const unread = await world.next(upload.id);
    await world.faults([]);

    expect(unread).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(unread.mismatches).toBeUndefined();
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
  });

  it('because IPD gives no list, also where it has given none from the start', async () => {
    const noList = { match: { operation: 'list' }, fault: { kind: 'nullResult' } };
    await world.faults([noList, { match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } }]);
    const upload = await world.deliver();
    let unread = upload;
    while (world.clock.now() < Date.parse(upload.doubt?.since ?? '') + 2 * COMMITTED) {
      unread = await world.next(upload.id);
    }
    await world.faults([]);

    expect(upload).toMatchObject({ status: 'unconfirmed', baseline: [], isBaselineNull: true });
    expect(unread).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
  });

  it('a third time because an attachment cannot be downloaded that may be a late first copy', async () => {
    const throttle = { kind: 'throttled', retryAfterSeconds: 120 };
    await onUpload(world, { kind: 'storedLater', afterSeconds: 700 });
    const { id } = await world.deliver();
    for (let n = 0; n < 3; n += 1) await world.next(id);
    await onUpload(world, throttle);
    const throttled = await world.next(id);
    await world.faults([{ match: { operation: 'download' }, fault: { kind: 'noPermission' } }]);

    const unproven = await world.next(id);
    await world.faults([]);
    const after = await world.next(id);

    expect(throttled).toMatchObject({ status: 'waiting', resent: true });
    expect(throttled.doubt).toBeUndefined();
    expect(unproven).toMatchObject({ status: 'waiting', lastError: { code: 'ipd_unavailable' } });
    expect(after).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
    expect(world.uploadRequests()).toHaveLength(2);
  });
});

describe('a file that is no longer staged', () => {
  it('is recognised by its declared SHA-256, also in a record of a version that kept no other hash', async () => {
    const bytes = randomBytes(1000);
    await onUpload(world, { kind: 'lostAnswer' });
    const { id } = await world.deliver(bytes, { sha256: sha256(bytes) });
    await world.ledger.change(id, (before) => ({ ...before, sentSha256: undefined }));
    await world.staging.remove(`staging/${id}`);

    const [attachment] = await world.received();
    expect(await world.next(id)).toMatchObject({ status: 'delivered', attachmentId: attachment?.id });
  });
});
