import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import type { Send } from '../../../lib/ipd/wire.ts';
import { inDoubt, onUpload } from '../../support/doubts.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

const onDownload = (fault: object): object => ({ match: { operation: 'download' }, count: 1, fault });

describe('a download of an attachment', () => {
  it('that breaks off proves nothing, also where the list gives no size', async () => {
    const sizeless = { match: { operation: 'list' }, fault: { kind: 'sizelessList' } };
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver(randomBytes(100_000));
    await world.faults([sizeless, onDownload({ kind: 'cutAnswer', afterBytes: 50_000 })]);

    const broken = await world.next(upload.id);

    expect(broken).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(broken.mismatches).toBeUndefined();
    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('stops one byte past the size of the file, where the list gives no size', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    const longer = await world.attach(upload, randomBytes(200_000));
    await world.faults([{ match: { operation: 'list' }, fault: { kind: 'sizelessList' } }]);
    let taken = 0;
    const counted: Send = async (request) => {
      const answer = await world.send(request);
      if (!request.url.pathname.includes('/download/')) return answer;
      return { ...answer, body: bytewise(answer.body, () => (taken += 1)) };
    };
    const { attempts, dueAt } = await world.find(upload.id);
    world.clock.set(Date.parse(dueAt ?? ''));

    await world
      .build({ send: counted })
      .delivery.onRequest({ uploadId: upload.id, attempt: attempts + 1 }, world.run());

    expect(taken).toBe(1001);
    expect(await world.find(upload.id)).toMatchObject({ doubt: { absences: 1 }, mismatches: [longer] });
  });

  it('that IPD throttles uses up no attempt', async () => {
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver(randomBytes(1000));
    await world.faults([onDownload({ kind: 'throttled', retryAfterSeconds: 60 })]);

    expect(await world.next(upload.id)).toMatchObject({
      status: 'unconfirmed',
      lastError: { code: 'ipd_throttled' },
      failedAttempts: 0,
    });
  });

  it('is not made, nor is the staged file read, where no attachment may be this file', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    await world.staging.remove(`staging/${upload.id}`);

    expect(await world.next(upload.id)).toMatchObject({ status: 'unconfirmed', doubt: { absences: 1 } });
  });

  it('that is a page is this file when it has its bytes', async () => {
    const page = '<html>an attachment</html>';
    await onUpload(world, { kind: 'lostAnswer' });
    const upload = await world.deliver(Buffer.from(page));
    await world.faults([
      onDownload({ kind: 'answer', status: 200, headers: { 'content-type': 'text/html' }, body: page }),
    ]);

    expect(await world.next(upload.id)).toMatchObject({ status: 'delivered' });
  });

  it('that is a page as long as the file, and is not the file, proves nothing', async () => {
    const page = '<html>Sorry</html>';
    await onUpload(world, { kind: 'lostAnswer' });
    const { id } = await world.deliver(randomBytes(page.length));
    await world.faults([
      onDownload({ kind: 'answer', status: 200, headers: { 'content-type': 'text/html' }, body: page }),
    ]);

    const upload = await world.next(id);

    expect(upload).toMatchObject({ status: 'unconfirmed', doubt: { absences: 0 } });
    expect(upload.mismatches).toBeUndefined();
    expect(await world.next(id)).toMatchObject({ status: 'delivered' });
    expect(world.uploadRequests()).toHaveLength(1);
  });
});

describe('the attachments of a work item', () => {
  it('are all compared at once where there are no more than five', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    const others: string[] = [];
    for (let n = 0; n < 5; n += 1) others.push(await world.attach(upload, randomBytes(1000)));

    const after = await world.next(upload.id);

    expect(after).toMatchObject({ status: 'unconfirmed', doubt: { absences: 1 } });
    expect(after.mismatches?.toSorted()).toEqual(others.toSorted());
  });

  it('use up an attempt when none of them can be read', async () => {
    const upload = await inDoubt(world, randomBytes(1000));
    for (let n = 0; n < 6; n += 1) await world.attach(upload, randomBytes(1000));
    await world.faults([{ match: { operation: 'download' }, fault: { kind: 'noPermission' } }]);

    expect(await world.next(upload.id)).toMatchObject({ status: 'unconfirmed', failedAttempts: 1 });
  });
});

/** The same bytes one by one, and each of them counted. */
async function* bytewise(body: AsyncIterable<Uint8Array>, count: () => void): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    for (const byte of chunk) {
      count();
      yield Uint8Array.of(byte);
    }
  }
}
