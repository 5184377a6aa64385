import { describe, expect, it } from '@jest/globals';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { useWorld } from '../../support/use-world.ts';

const put = z.object({ Item: z.object({ pk: z.string() }) });

const world = await useWorld();

const ticket = () => ({
  owner: 'user-1',
  projectId: 'p',
  issueId: 'i',
  maxFileBytes: 10,
  maxUploads: 100,
  begun: 0,
  until: world.clock.now() + 60_000,
});

/** Tickets of a function before whose every write another one uses the ticket, so often and no more. */
function overtaken(hash: string, times: number) {
  const { documents } = world.connectTable();
  const writes = { tried: 0 };
  documents.middlewareStack.add(
    (next) => async (args) => {
      if (put.safeParse(args.input).data?.Item.pk === `ticket#${hash}`) {
        writes.tried += 1;
        if (writes.tried <= times) await world.ledger.useTicket(hash);
      }
      return next(args);
    },
    { step: 'initialize', name: 'overtake' },
  );
  return { tickets: world.build({ documents }).tickets, writes };
}

describe('a ticket that others use at the same moment', () => {
  it.each([
    ['used', 'useTicket', 20],
    ['ended', 'endTicket', 100],
  ] as const)('is %s at the twentieth try, and not tried again after that', async (_name, how, begun) => {
    const [once, ever] = [randomUUID(), randomUUID()];
    for (const hash of [once, ever]) await world.ledger.addTicket(hash, ticket());
    const lucky = overtaken(once, 19);
    const unlucky = overtaken(ever, 30);

    expect(await lucky.tickets[how](once, 'user-1')).toBe(true);
    await expect(unlucky.tickets[how](ever, 'user-1')).rejects.toMatchObject({ code: 'unavailable' });

    expect(lucky.writes.tried).toBe(20);
    expect(unlucky.writes.tried).toBe(20);
    expect(await world.ledger.findTicket(once)).toMatchObject({ begun });
    expect(await world.ledger.findTicket(ever)).toMatchObject({ owner: 'user-1', begun: 20 });
  });
});

describe('a ticket', () => {
  it('that is not there cannot be ended', async () => {
    expect(await world.ledger.endTicket(randomUUID(), 'user-1')).toBe(false);
  });

  it('of another form is neither used nor ended', async () => {
    const hash = randomUUID();
    const Item = { ...ticket(), pk: `ticket#${hash}`, version: 1, begun: 'none' };
    const documents = world.documents;
    await documents.send(new PutCommand({ TableName: world.config.table, Item }));

    await expect(world.ledger.useTicket(hash)).rejects.toThrow(z.ZodError);
    await expect(world.ledger.endTicket(hash, 'user-1')).rejects.toThrow(z.ZodError);
  });
});
