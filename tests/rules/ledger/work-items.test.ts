import { describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { createWholeLedger } from '../../support/ledger.ts';
import { createUpload } from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';

const world = await useWorld();

const sizeOf = (bytes: number): Buffer => randomBytes(bytes);

/** An upload of 1000 bytes that IPD may have. */
async function inDoubt(): Promise<Upload> {
  await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'gatewayTimeout' } }]);
  return world.deliver(sizeOf(1000));
}

/** Runs the due work of these uploads, the most overdue first, until none is left. */
async function followAll(ids: string[]): Promise<Upload[]> {
  for (;;) {
    const uploads = await Promise.all(ids.map((id) => world.find(id)));
    const [next] = uploads
      .flatMap(({ id, dueAt }) => (dueAt === undefined ? [] : [{ id, at: Date.parse(dueAt) }]))
      .toSorted((a, b) => a.at - b.at);
    if (next === undefined) return uploads;
    await world.next(next.id);
  }
}

describe('two uploads of one size to one work item', () => {
  it('go one after the other when the first is in doubt, at no cost to the second', async () => {
    const first = await inDoubt();
    const start = world.clock.now();

    const second = await world.deliver(sizeOf(1000));
    const again = await world.next(second.id);

    const waited = (Date.parse(second.dueAt ?? '') - start) / 1000;
    expect(second).toMatchObject({
      status: 'waiting',
      failedAttempts: 0,
      lastError: { code: 'work_item_busy' },
    });
    expect(waited).toBeGreaterThanOrEqual(15);
    expect(waited).toBeLessThan(60);
    expect(again).toMatchObject({ status: 'waiting', failedAttempts: 0 });
    expect(world.uploadRequests()).toHaveLength(1);
    expect(await world.find(first.id)).toMatchObject({ status: 'unconfirmed' });
  });

  it('are both delivered in the end, each with an attachment of its own', async () => {
    const ids = [(await inDoubt()).id, (await world.deliver(sizeOf(1000))).id];

    const uploads = await followAll(ids);

    const attachments = await world.received();
    expect(attachments).toHaveLength(2);
    expect(new Set(uploads.map((one) => one.status === 'delivered' && one.attachmentId))).toEqual(
      new Set(attachments.map(({ id }) => id)),
    );
    expect(uploads.flatMap(({ duplicates = [] }) => duplicates)).toEqual([]);
  });

  it('do not wait for the check for a late copy of the first', async () => {
    const first = await inDoubt();
    const second = await world.deliver(sizeOf(1000));
    while ((await world.find(first.id)).status !== 'delivered') await world.next(first.id);

    expect(await world.find(first.id)).toMatchObject({ recheckAt: expect.any(String) });
    expect(await world.next(second.id)).toMatchObject({ status: 'delivered' });
  });

  it('go one after the other when the first is on its way', async () => {
    const bytes = sizeOf(1000);
    const first = await world.stage(bytes);
    const [sent, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { delivery } = world.build({
      send: async (request) => {
        if (request.method === 'POST') {
          sent.resolve();
          await gate.promise;
        }
        return world.send(request);
      },
    });
    const outcome = delivery.onArrival(world.arrival(first, bytes), world.run());
    await sent.promise;

    const second = await world.deliver(sizeOf(1000));
    gate.resolve();
    await outcome;

    expect(second).toMatchObject({ status: 'waiting', lastError: { code: 'work_item_busy' } });
    expect(await world.find(first.id)).toMatchObject({ status: 'delivered' });
    expect(await world.next(second.id)).toMatchObject({ status: 'delivered' });
  });

  it('do not meet when the first is over for good, or waits for its next attempt', async () => {
    await world.faults([
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } },
      { match: { operation: 'upload' }, count: 1, fault: { kind: 'iamUnavailable' } },
    ]);

    const failed = await world.deliver(sizeOf(1000));
    const waiting = await world.deliver(sizeOf(1000));
    const third = await world.deliver(sizeOf(1000));

    expect([failed.status, waiting.status, third.status]).toEqual(['failed', 'waiting', 'delivered']);
  });
});

describe('an upload in doubt', () => {
  it('does not delay another size, or another work item', async () => {
    const first = await inDoubt();

    const otherSize = await world.deliver(sizeOf(1001));
    const otherItem = await world.deliver(sizeOf(1000), { issueId: String(BigInt(first.issueId) + 500n) });

    expect([otherSize.status, otherItem.status]).toEqual(['delivered', 'delivered']);
  });
});

describe('taking a work item', () => {
  /** An upload that is on its way, or waits for its next attempt. */
  async function add(status: 'delivering' | 'waiting', item: string): Promise<Upload> {
    const now = world.clock.now();
    const names = {
      owner: 'user-1',
      projectId,
      issueId: item,
      filename: 'f',
      sentName: 'f',
      contentType: 'a/b',
    };
    const upload = createUpload({ ...names, id: randomUUID(), size: 10 }, { now, policy: world.policy });
    await world.ledger.add(upload);
    return set(upload, status);
  }

  async function set(upload: Upload, status: 'delivering' | 'waiting'): Promise<Upload> {
    const at = upload.createdAt;
    const lease = { token: 't', until: upload.uploadDeadline };
    const changed = await world.ledger.change(upload.id, (before) => ({
      ...before,
      etag: 'e',
      stagedAt: at,
      retryUntil: upload.uploadDeadline,
      ...(status === 'delivering' ? { status, lease } : { status }),
    }));
    return changed.upload;
  }

  /** A ledger that lets another writer go first, once, after it has read an upload. */
  function createSlowLedger(meanwhile: () => Promise<unknown>) {
    const { documents } = world.connectTable();
    let reads = 0;
    documents.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          const answer = await next(args);
          // The first read is of the claim on the work item, the second of the upload that occupies it.
          if (commandName === 'GetItemCommand') reads += 1;
          if (commandName === 'GetItemCommand' && reads === 2) await meanwhile();
          return answer;
        },
      { step: 'initialize', name: 'be-slow' },
    );
    return createWholeLedger({ client: documents, table: world.config.table, clock: world.clock });
  }

  const newItem = (): string => String(BigInt(issueId) + BigInt(randomBytes(4).readUInt32BE()) + 1000n);

  it('is repeatable for its holder', async () => {
    const upload = await add('delivering', newItem());

    expect(await world.ledger.takeWorkItem(upload)).toBe(true);
    expect(await world.ledger.takeWorkItem(upload)).toBe(true);
  });

  it('takes over from a holder that is idle', async () => {
    const item = newItem();
    const [first, second] = [await add('delivering', item), await add('delivering', item)];
    await world.ledger.takeWorkItem(first);
    await set(first, 'waiting');

    expect(await world.ledger.takeWorkItem(second)).toBe(true);
    await set(first, 'delivering');
    expect(await world.ledger.takeWorkItem(first)).toBe(false);
  });

  it('leaves it to a holder that comes back between the check and the take-over', async () => {
    const item = newItem();
    const [holder, rival] = [await add('delivering', item), await add('delivering', item)];
    await world.ledger.takeWorkItem(holder);
    await set(holder, 'waiting');
    const taken: boolean[] = [];
    const slow = createSlowLedger(async () => {
      await set(holder, 'delivering');
      taken.push(await world.ledger.takeWorkItem(holder));
    });

    taken.push(await slow.takeWorkItem(rival));

    expect(taken).toEqual([true, false]);
  });

  it('leaves it to the rival that was faster', async () => {
    const item = newItem();
    const [holder, slower, faster] = [
      await add('delivering', item),
      await add('delivering', item),
      await add('delivering', item),
    ];
    await world.ledger.takeWorkItem(holder);
    await set(holder, 'waiting');
    const taken: boolean[] = [];
    const slow = createSlowLedger(async () => taken.push(await world.ledger.takeWorkItem(faster)));

    taken.push(await slow.takeWorkItem(slower));

    expect(taken).toEqual([true, false]);
  });

  it('has one winner among ten uploads at the same time', async () => {
    const item = newItem();
    const idle = await add('delivering', item);
    await world.ledger.takeWorkItem(idle);
    await set(idle, 'waiting');
    const rivals = await Promise.all(Array.from({ length: 10 }, () => add('delivering', item)));

    const taken = await Promise.all(rivals.map((rival) => world.ledger.takeWorkItem(rival)));

    expect(taken.filter(Boolean)).toHaveLength(1);
  });
});
