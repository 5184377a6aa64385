import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { onUpload } from '../../support/doubts.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ environment: { PREFLIGHT: 'off' } });

const filename = '😀 final.png';

/** What IPD answers to the upload requests, in their order; then it works. */
async function answerWith(...kinds: string[]): Promise<void> {
  await world.faults(kinds.map((kind) => ({ match: { operation: 'upload' }, count: 1, fault: { kind } })));
}

describe('a file that IPD refused', () => {
  it('is not sent again in the same delivery', async () => {
    await answerWith('noPermission');

    const upload = await world.deliver(randomBytes(10), { filename });

    expect(upload).toMatchObject({ status: 'failed', sentName: filename });
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('by its name is sent once more, with a plainer one', async () => {
    await answerWith('emojiRefused', 'emojiRefused', 'emojiRefused');

    const upload = await world.deliver(randomBytes(10), { filename });

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'name_refused' } });
    expect(world.uploadRequests()).toHaveLength(2);
  });

  it('by a name that is plain already is not sent again', async () => {
    await answerWith('emojiRefused', 'emojiRefused');

    const upload = await world.deliver(randomBytes(10), { filename: 'final.png' });

    expect(upload).toMatchObject({ status: 'failed', lastError: { code: 'name_refused' } });
    expect(world.uploadRequests()).toHaveLength(1);
  });
});

describe('a file whose token was dead', () => {
  it('is sent once more in the same delivery, under its own name', async () => {
    await answerWith('invalidToken');

    const upload = await world.deliver(randomBytes(10), { filename });

    expect(upload).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(await world.received()).toMatchObject([{ filename }]);
    expect(world.uploadRequests()).toHaveLength(2);
  });

  it('waits for the next attempt when a fresh one is dead, too', async () => {
    await answerWith('invalidToken', 'invalidToken', 'invalidToken');

    const upload = await world.deliver();

    expect(upload).toMatchObject({ status: 'waiting', failedAttempts: 1 });
    expect(upload.lastError).toMatchObject({ code: 'ipd_unavailable' });
    expect(world.uploadRequests()).toHaveLength(2);
  });

  it.each([
    ['name before', ['emojiRefused', 'invalidToken']],
    ['name after', ['invalidToken', 'emojiRefused']],
  ])('is sent once more for its token and once for its name: %s', async (_order, kinds) => {
    await answerWith(...kinds);

    const upload = await world.deliver(randomBytes(10), { filename });

    expect(upload).toMatchObject({ status: 'delivered', attempts: 1 });
    expect(await world.received()).toMatchObject([{ filename: '_ final.png' }]);
    expect(world.uploadRequests()).toHaveLength(3);
  });
});

describe('a file that is sent again after a doubt', () => {
  it('has its hash in the record, which finds a late first copy once the staged file is gone', async () => {
    const bytes = randomBytes(1000);
    await onUpload(world, { kind: 'storedLater', afterSeconds: 700 });
    let upload = await world.deliver(bytes);
    while (upload.status === 'unconfirmed') upload = await world.next(upload.id);
    const resent = upload;
    const after = await world.next(upload.id);

    const [first, second, ...others] = (await world.received()).map(({ id }) => id);
    expect(resent).toMatchObject({ status: 'delivered', attachmentId: first });
    expect(after).toMatchObject({ attachmentId: first, duplicates: [second] });
    expect(others).toEqual([]);
  });
});
