import { describe, expect, it } from '@jest/globals';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

describe('claims', () => {
  describe('an attachment', () => {
    it('belongs to the upload that claims it first, for good', async () => {
      const [id, first, second] = [randomUUID(), randomUUID(), randomUUID()];

      expect(await world.ledger.claimAttachment(id, first)).toBe(first);
      expect(await world.ledger.claimAttachment(id, second)).toBe(first);
      expect(await world.ledger.claimAttachment(id, first)).toBe(first);

      expect(await world.ledger.findClaims([id, randomUUID()])).toEqual(new Map([[id, first]]));
    });

    it('has one owner among ten uploads that claim it at the same time', async () => {
      const id = randomUUID();

      const owners = await Promise.all(
        Array.from({ length: 10 }, () => world.ledger.claimAttachment(id, randomUUID())),
      );

      expect(new Set(owners).size).toBe(1);
    });
  });

  describe('a shared state', () => {
    it('is written by a writer that read its last version', async () => {
      const name = randomUUID();

      expect(await world.ledger.readState(name)).toBeUndefined();
      expect(await world.ledger.writeState(name, 0, { word: 'a' })).toBe(true);
      expect(await world.ledger.writeState(name, 0, { word: 'b' })).toBe(false);
      expect(await world.ledger.writeState(name, 1, { word: 'c' })).toBe(true);

      expect(await world.ledger.readState(name)).toMatchObject({ word: 'c', version: 2 });
    });

    it('is written by one of ten writers that read the same version', async () => {
      const name = randomUUID();

      const written = await Promise.all(
        Array.from({ length: 10 }, (_, index) => world.ledger.writeState(name, 0, { index })),
      );

      expect(written.filter(Boolean)).toHaveLength(1);
    });
  });

  describe('an idempotency key', () => {
    const binding = () => ({ uploadId: randomUUID(), fingerprint: randomUUID() });

    it('is bound to the first upload', async () => {
      const key = randomUUID();
      const first = binding();

      expect(await world.ledger.findKey('user-1', key)).toBeUndefined();
      expect(await world.ledger.bindKey('user-1', key, first)).toEqual(first);
      expect(await world.ledger.bindKey('user-1', key, binding())).toEqual(first);

      expect(await world.ledger.findKey('user-1', key)).toEqual(first);
    });

    it("is an owner's own", async () => {
      const key = randomUUID();
      const [first, second] = [binding(), binding()];
      await world.ledger.bindKey('user-1', key, first);

      expect(await world.ledger.findKey('user-2', key)).toBeUndefined();
      expect(await world.ledger.bindKey('user-2', key, second)).toEqual(second);
    });

    it('is taken over from the upload that ended, and from no other', async () => {
      const key = randomUUID();
      const [first, second, third] = [binding(), binding(), binding()];
      await world.ledger.bindKey('user-1', key, first);

      const taken = await world.ledger.bindKey('user-1', key, { ...second, instead: first.uploadId });
      const refused = await world.ledger.bindKey('user-1', key, { ...third, instead: first.uploadId });

      expect(taken).toEqual(second);
      expect(refused).toEqual(second);
    });

    it.each(['fresh', 'taken over'])('has one winner among ten binders (%s)', async (kind) => {
      const key = randomUUID();
      const old = binding();
      if (kind === 'taken over') await world.ledger.bindKey('user-1', key, old);

      const winners = await Promise.all(
        Array.from({ length: 10 }, () =>
          world.ledger.bindKey('user-1', key, { ...binding(), instead: old.uploadId }),
        ),
      );

      expect(new Set(winners.map(({ uploadId }) => uploadId)).size).toBe(1);
      expect(winners[0]).not.toEqual(old);
      expect(await world.ledger.findKey('user-1', key)).toEqual(winners[0]);
    });
  });

  describe('a ticket', () => {
    const ticket = () => ({
      owner: 'user-1',
      projectId: 'p',
      issueId: 'i',
      maxFileBytes: 10,
      maxUploads: 3,
      begun: 0,
      until: world.clock.now() + 60_500,
    });

    it('is found under its hash, with what it allows', async () => {
      const hash = randomUUID();
      await world.ledger.addTicket(hash, ticket());

      expect(await world.ledger.findTicket(hash)).toEqual({ ...ticket(), version: 1 });
      expect(await world.ledger.findTicket(randomUUID())).toBeUndefined();
    });

    it('is left to the time to live of the table a day after it is over', async () => {
      const hash = randomUUID();
      const { until } = ticket();
      await world.ledger.addTicket(hash, { ...ticket(), until });

      const { Item } = await DynamoDBDocumentClient.from(world.clients.dynamodb).send(
        new GetCommand({ TableName: world.config.table, Key: { pk: `ticket#${hash}` } }),
      );

      expect(Item).toMatchObject({ expiresAt: Math.ceil(until / 1000) + 86_400 });
    });

    it('begins as many uploads as it may, and no more, even when ten are begun at the same time', async () => {
      const hash = randomUUID();
      await world.ledger.addTicket(hash, ticket());

      const begun = await Promise.all(Array.from({ length: 10 }, () => world.ledger.useTicket(hash)));

      expect(begun.filter(Boolean)).toHaveLength(3);
      expect(await world.ledger.useTicket(hash)).toBe(false);
      expect(await world.ledger.findTicket(hash)).toMatchObject({ begun: 3 });
    });

    it('is ended for its owner only, and begins nothing then, not even what was about to begin', async () => {
      const hash = randomUUID();
      await world.ledger.addTicket(hash, ticket());

      expect(await world.ledger.endTicket(hash, 'user-2')).toBe(false);
      const [ended] = await Promise.all([
        world.ledger.endTicket(hash, 'user-1'),
        ...Array.from({ length: 5 }, () => world.ledger.useTicket(hash)),
      ]);

      expect(ended).toBe(true);
      expect(await world.ledger.useTicket(hash)).toBe(false);
      const after = await world.ledger.findTicket(hash);
      expect(after).toMatchObject({ owner: 'erased', until: world.clock.now(), begun: 3 });
      expect(await world.ledger.endTicket(hash, 'user-1')).toBe(false);
    });

    it('that is not there begins nothing', async () => {
      expect(await world.ledger.useTicket(randomUUID())).toBe(false);
    });
  });
});
