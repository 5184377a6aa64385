import { describe, expect, it } from '@jest/globals';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { cancel, createUpload } from '../../../lib/domain/lifecycle.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { uploadKey } from '../../../lib/ledger/uploads.ts';
import { createWholeLedger } from '../../support/ledger.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld();

/** Two uploads of equal size to a work item that is free; neither is under way. */
async function rivals(): Promise<[Upload, Upload]> {
  const names = { owner: 'user-1', projectId: 'p', issueId: randomUUID(), filename: 'f', sentName: 'f' };
  const moment = { now: world.clock.now(), policy: world.policy };
  const add = async (): Promise<Upload> => {
    const created = createUpload({ ...names, id: randomUUID(), contentType: 'a/b', size: 10 }, moment);
    await world.ledger.add(created);
    return (await world.ledger.change(created, (before) => cancel(before, moment))).upload;
  };
  return [await add(), await add()];
}

describe('a work item', () => {
  it('has no holder before the first taking, then the last one that took it', async () => {
    const [upload, rival] = await rivals();

    const before = await world.ledger.findHolder(upload);
    const taken = [await world.ledger.takeWorkItem(upload), await world.ledger.takeWorkItem(rival)];

    expect([before, ...taken]).toEqual([undefined, true, true]);
    expect(await world.ledger.findHolder(upload)).toBe(rival.id);
  });

  it('is free when the record of its holder is gone', async () => {
    const [upload, rival] = await rivals();
    await world.ledger.takeWorkItem(rival);
    const Key = { pk: uploadKey(rival.id) };
    const { documents } = world.connectTable();
    await documents.send(new DeleteCommand({ TableName: world.config.table, Key }));

    expect(await world.ledger.takeWorkItem(upload)).toBe(true);
  });

  it.each([
    [20, true],
    [21, false],
  ])('that %i others take in between is taken: %s', async (faster, isTaken) => {
    const [upload, rival] = await rivals();
    const { documents } = world.connectTable();
    let met = 0;
    documents.middlewareStack.add(
      (next, { commandName }) =>
        async (args) => {
          if (commandName === 'PutItemCommand' && met < faster) {
            met += 1;
            await world.ledger.takeWorkItem(rival);
          }
          return next(args);
        },
      { step: 'initialize', name: 'faster' },
    );
    const { table } = world.config;
    const ledger = createWholeLedger({ client: documents, table, clock: world.clock });

    expect(await ledger.takeWorkItem(upload)).toBe(isTaken);
    expect(met).toBe(faster);
  });
});
