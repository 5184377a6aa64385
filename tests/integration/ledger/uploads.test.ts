import { describe, expect, it } from '@jest/globals';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { createWholeLedger } from '../../support/ledger.ts';
import { markCleaned, markDelivered, markNotified } from '../../../lib/domain/endings.ts';
import { createUpload, expireOrWait } from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';
import type { World } from '../../support/world.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const start = Date.UTC(2026, 0, 2);
const policy = {
  uploadDeadlineMs: HOUR_MS,
  retryWindowMs: HOUR_MS,
  failedRetentionMs: HOUR_MS,
  commitWindowMs: 600_000,
  linkedFileMs: 86_400_000,
};

function newUpload(now = start): Upload {
  const names = { owner: 'user-1', projectId: 'p', issueId: 'i', filename: 'f', sentName: 'f' };
  return createUpload({ ...names, id: randomUUID(), contentType: 'a/b', size: 10 }, { now, policy });
}

const countCheck = (upload: Upload): Upload => ({ ...upload, stagingChecks: upload.stagingChecks + 1 });

const world = await useWorld({ ends: 'sockets' });

describe('ledger', () => {
  /** A ledger over a connection of its own, whose requests a test can tamper with. */
  function connect() {
    const { client, documents } = world.connectTable();
    const { table } = world.config;
    return {
      client,
      documents,
      table,
      ledger: createWholeLedger({ client: documents, table, clock: world.clock }),
    };
  }

  /** The reads by key that go over this connection from now on. */
  function readsOf(client: DynamoDBClient): unknown[] {
    const reads: unknown[] = [];
    client.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === 'GetItemCommand') reads.push(args.input);
          return next(args);
        },
      { step: 'initialize', name: 'watch' },
    );
    return reads;
  }

  it('decides only by consistent reads, never by a copy that lags', async () => {
    const { client, ledger } = connect();
    const reads = readsOf(client);
    const upload = newUpload();
    await ledger.add(upload);

    await ledger.find(upload.id);
    await ledger.change(upload.id, () => undefined);
    await ledger.takeWorkItem(upload);
    await ledger.findHolder(upload);
    await ledger.findClaims(['1']);
    await ledger.readState('breaker');
    await ledger.findKey('user-1', 'key');
    await ledger.findTicket('hash');

    expect(reads.length).toBeGreaterThanOrEqual(7);
    for (const read of reads) expect(read).toMatchObject({ ConsistentRead: true });
  });

  /** The next write is made twice, as a retry does when the first answer was lost on its way. */
  function loseNextAnswer(client: DynamoDBClient): { conflicts: number } {
    const seen = { conflicts: 0 };
    let armed = true;
    client.middlewareStack.add(
      (next, context) => async (args) => {
        if (!armed || context.commandName !== 'PutItemCommand') return next(args);
        armed = false;
        await next(args);
        try {
          return await next(args);
        } catch (error) {
          if (error instanceof ConditionalCheckFailedException) seen.conflicts += 1;
          throw error;
        }
      },
      { step: 'initialize', name: 'lose-an-answer' },
    );
    return seen;
  }

  describe('a record', () => {
    it('is found as it was added, and is undefined before', async () => {
      const upload = newUpload();

      expect(await world.ledger.find(upload.id)).toBeUndefined();
      expect(await world.ledger.add(upload)).toEqual({ created: true, upload });

      expect(await world.ledger.find(upload.id)).toEqual(upload);
    });

    it('keeps the id that it took first', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);

      const second = await world.ledger.add({ ...upload, filename: 'other' });

      expect(second).toEqual({ created: false, upload });
    });

    it('is created once by twenty calls at the same time', async () => {
      const upload = newUpload();

      const all = await Promise.all(
        Array.from({ length: 20 }, (_, index) => world.ledger.add({ ...upload, stagingChecks: index })),
      );

      expect(all.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(all.map((one) => one.upload.stagingChecks)).size).toBe(1);
    });

    it('never counts as absent because of an error', async () => {
      const { documents } = connect();
      const elsewhere = createWholeLedger({ client: documents, table: 'no-such-table', clock: world.clock });

      await expect(elsewhere.find('x')).rejects.toMatchObject({
        code: 'internal',
        cause: { name: 'ResourceNotFoundException' },
      });
    });
  });

  describe('a change', () => {
    it('counts the version and the time, and is written down', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);

      const { changed, upload: after } = await world.ledger.change(upload.id, countCheck);

      expect(changed).toBe(true);
      expect(after).toEqual({
        ...upload,
        stagingChecks: 1,
        version: 2,
        updatedAt: new Date(world.clock.now()).toISOString(),
      });
      expect(await world.ledger.find(upload.id)).toEqual(after);
    });

    it('loses none of twenty writers that meet', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);

      const all = await Promise.all(
        Array.from({ length: 20 }, () => world.ledger.change(upload, countCheck)),
      );

      expect(all.every(({ changed }) => changed)).toBe(true);
      expect(await world.find(upload.id)).toMatchObject({ stagingChecks: 20, version: 21 });
      expect(new Set(all.map((one) => one.upload.version)).size).toBe(20);
    });

    it('is made by one of twenty writers where the transition is legal once', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);

      const all = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          world.ledger.change(upload, (before) =>
            markDelivered(before, { attachmentId: String(index), now: start, policy }),
          ),
        ),
      );

      expect(all.filter(({ changed }) => changed)).toHaveLength(1);
      expect(new Set(all.map((one) => JSON.stringify(one.upload))).size).toBe(1);
      expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', version: 2 });
    });

    it.each([
      [19, 'is made where the twentieth try meets no other writer'],
      [20, 'is given up after twenty tries in vain'],
    ])('with %i faster writers %s', async (faster, _name) => {
      const { client, ledger } = connect();
      const upload = newUpload();
      await world.ledger.add(upload);
      let met = 0;
      client.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            if (commandName === 'PutItemCommand' && met < faster) {
              met += 1;
              await world.ledger.change(upload.id, countCheck);
            }
            return next(args);
          },
        { step: 'initialize', name: 'faster' },
      );

      const changed = await ledger.change(upload, countCheck).catch((error: unknown) => error);

      expect(met).toBe(faster);
      const { stagingChecks } = (await world.ledger.find(upload.id)) ?? upload;
      expect(stagingChecks).toBe(20);
      expect(changed).toMatchObject(faster < 20 ? { changed: true } : { code: 'unavailable' });
    });

    it('is tried again on what another writer left', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);
      await world.ledger.change(upload, countCheck);

      const { upload: after } = await world.ledger.change(upload, countCheck);

      expect(after).toMatchObject({ stagingChecks: 2, version: 3 });
    });

    it('writes nothing for a transition that is not legal, or that changes nothing', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);

      const illegal = await world.ledger.change(upload, () => undefined);
      const idle = await world.ledger.change(upload, (before) => before);

      expect(illegal).toEqual({ changed: false, upload });
      expect(idle).toEqual({ changed: true, upload });
      expect(await world.ledger.find(upload.id)).toEqual(upload);
    });

    describe('of an id', () => {
      it('begins from what this ledger wrote last, without a read', async () => {
        const { client, ledger } = connect();
        const upload = newUpload();
        await ledger.add(upload);
        const reads = readsOf(client);

        await ledger.change(upload.id, countCheck);
        const { upload: after } = await ledger.change(upload.id, countCheck);

        expect(reads).toEqual([]);
        expect(after).toMatchObject({ stagingChecks: 2, version: 3 });
      });

      it('is decided by what another writer left', async () => {
        const { ledger } = connect();
        const upload = newUpload();
        await ledger.add(upload);
        const { upload: newer } = await world.ledger.change(upload, countCheck);
        const isLegalOnce = (before: Upload) => (before.stagingChecks === 0 ? countCheck(before) : undefined);
        const isLegalLater = (before: Upload) =>
          before.stagingChecks === 1 ? countCheck(before) : undefined;
        const isDone = (before: Upload) => (before.stagingChecks === 0 ? before : countCheck(before));

        expect(await ledger.change(upload.id, isLegalOnce)).toEqual({ changed: false, upload: newer });
        expect(await ledger.change(upload.id, isLegalLater)).toMatchObject({
          changed: true,
          upload: { stagingChecks: 2 },
        });

        await world.ledger.change(upload.id, (before) => ({ ...before, stagingChecks: 5 }));
        expect((await ledger.change(upload.id, isDone)).upload).toMatchObject({ stagingChecks: 6 });
      });

      it('that is not legal reads once, and of a record that is given, never', async () => {
        const { client, ledger } = connect();
        const upload = newUpload();
        await ledger.add(upload);
        const reads = readsOf(client);

        await ledger.change(upload.id, () => undefined);
        const ofId = reads.length;
        await ledger.change(upload, () => undefined);

        expect([ofId, reads.length]).toEqual([1, 1]);
      });

      it('of another upload is read', async () => {
        const { ledger } = connect();
        const [upload, other] = [newUpload(), newUpload()];
        await world.ledger.add(other);
        await ledger.add(upload);

        expect((await ledger.change(other.id, countCheck)).upload).toMatchObject({ id: other.id });
      });
    });

    it('needs a record', async () => {
      await expect(world.ledger.change(randomUUID(), countCheck)).rejects.toMatchObject({
        code: 'not_found',
      });
    });

    it('writes nothing that it could not read back', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);

      await expect(world.ledger.change(upload, (before) => ({ ...before, size: 0.5 }))).rejects.toThrow(
        'size',
      );

      expect(await world.ledger.find(upload.id)).toEqual(upload);
    });
  });

  describe('a lost answer', () => {
    it('of an addition is recognised as our own', async () => {
      const { client, ledger } = connect();
      const seen = loseNextAnswer(client);
      const upload = newUpload();

      expect(await ledger.add(upload)).toEqual({ created: true, upload });

      expect(seen.conflicts).toBe(1);
    });

    it('of a change is recognised as our own, and the transition is made once', async () => {
      const { client, ledger } = connect();
      const upload = newUpload();
      await ledger.add(upload);
      const seen = loseNextAnswer(client);

      const { changed, upload: after } = await ledger.change(upload, countCheck);

      expect(seen.conflicts).toBe(1);
      expect({ changed, after }).toMatchObject({ changed: true, after: { stagingChecks: 1, version: 2 } });
      expect(await ledger.find(upload.id)).toEqual(after);
    });

    it('of a binding is recognised as our own', async () => {
      const { client, ledger } = connect();
      loseNextAnswer(client);
      const binding = { uploadId: randomUUID(), fingerprint: 'a' };

      expect(await ledger.bindKey('user-1', randomUUID(), binding)).toEqual(binding);
    });
  });

  describe('what is due', () => {
    async function dueIds(ledger: World['ledger'], time: number): Promise<string[]> {
      const ids: string[] = [];
      for await (const { id } of ledger.due(time, 'people')) ids.push(id);
      return ids;
    }

    it('is complete over shards and pages, without what is due later or never', async () => {
      const { client, ledger, documents, table } = connect();
      const due = Array.from({ length: 60 }, (_, index) => newUpload(start + index));
      const later = Array.from({ length: 10 }, () => newUpload(start + 10 * 60_000));
      const done = Array.from({ length: 10 }, () => newUpload());
      await Promise.all([...due, ...later, ...done].map((upload) => ledger.add(upload)));
      for (const upload of done) {
        await ledger.change(upload, (before) =>
          markDelivered(before, { attachmentId: '1', now: start, policy }),
        );
        await ledger.change(
          upload.id,
          (before) => before.notification && markNotified(before, before.notification),
        );
        await ledger.change(upload.id, markCleaned);
      }
      let queries = 0;
      client.middlewareStack.add(
        (next, context) => async (args) => {
          if (context.commandName !== 'QueryCommand') return next(args);
          queries += 1;
          return next({ ...args, input: { ...args.input, Limit: 2 } });
        },
        { step: 'initialize', name: 'small-pages' },
      );

      const found = await dueIds(ledger, start + 5 * 60_000);

      const ids = new Set([...due, ...later, ...done].map(({ id }) => id));
      const foundHere = found.filter((id) => ids.has(id));
      expect(foundHere.toSorted()).toEqual(due.map(({ id }) => id).toSorted());
      expect(queries).toBeGreaterThanOrEqual(30);
      const { Item } = await documents.send(
        new GetCommand({ TableName: table, Key: { pk: `upload#${done[0]?.id}` } }),
      );
      expect(Item).toMatchObject({ status: 'delivered' });
      expect(Item).not.toHaveProperty('dueShard');
      expect(Item).not.toHaveProperty('dueAt');
    });

    it('begins at its very moment', async () => {
      const upload = newUpload(start + 20 * 60_000);
      await world.ledger.add(upload);
      const dueAt = Date.parse(upload.dueAt ?? '');

      expect(await dueIds(world.ledger, dueAt - 1)).not.toContain(upload.id);
      expect(await dueIds(world.ledger, dueAt)).toContain(upload.id);
    });

    it('changes with the record, and has its status', async () => {
      const upload = newUpload();
      await world.ledger.add(upload);
      const dueAt = Date.parse(upload.dueAt ?? '');
      const { upload: after } = await world.ledger.change(upload, (before) =>
        expireOrWait(before, { now: dueAt }),
      );

      expect(await dueIds(world.ledger, dueAt)).not.toContain(upload.id);
      const rows: { id: string; status: string }[] = [];
      for await (const row of world.ledger.due(Date.parse(after.dueAt ?? ''), 'people')) rows.push(row);
      expect(rows).toContainEqual({ id: upload.id, status: 'awaiting_upload', dueAt: after.dueAt });
    });
  });
});
