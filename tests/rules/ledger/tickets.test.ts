import { describe, expect, it } from '@jest/globals';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

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

    const { Item } = await world.documents.send(
      new GetCommand({ TableName: world.config.table, Key: { pk: `ticket#${hash}` }, ConsistentRead: true }),
    );

    expect(Item).toMatchObject({ expiresAt: Math.ceil(until / 1000) + 86_400 });
  });

  it('keeps what a newer version wrote there, and all that it allows', async () => {
    const hash = randomUUID();
    const newer = { ...ticket(), colour: 'of a newer version' };
    await world.ledger.addTicket(hash, newer);

    await world.ledger.useTicket(hash);

    const { Item } = await world.documents.send(
      new GetCommand({ TableName: world.config.table, Key: { pk: `ticket#${hash}` }, ConsistentRead: true }),
    );
    expect(Item).toMatchObject({ ...newer, begun: 1, version: 2 });
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
    const { projectId, issueId } = ticket();
    expect(after).toMatchObject({
      owner: 'erased',
      projectId,
      issueId,
      until: world.clock.now(),
      begun: 3,
    });
    expect(await world.ledger.endTicket(hash, 'user-1')).toBe(false);
  });

  it('that is not there begins nothing', async () => {
    expect(await world.ledger.useTicket(randomUUID())).toBe(false);
  });
});
