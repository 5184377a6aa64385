import { describe, expect, it } from '@jest/globals';
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import * as endings from '../../../lib/domain/endings.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import { useWorld } from '../../support/use-world.ts';

const DAY_SECONDS = 86_400;

const world = await useWorld({ ends: 'sockets' });

describe('what DynamoDB may remove by its time to live', () => {
  /** The days until DynamoDB removes the item; undefined when it never does. */
  async function daysLeft(pk: string): Promise<number | undefined> {
    const { Item } = await DynamoDBDocumentClient.from(world.clients.dynamodb).send(
      new GetCommand({ TableName: world.config.table, Key: { pk } }),
    );
    const expiresAt: unknown = Item?.['expiresAt'];
    if (expiresAt === undefined) return undefined;
    return Math.round((Number(expiresAt) - world.clock.now() / 1000) / DAY_SECONDS);
  }

  it('is a record that is final and has no work left, and no other', async () => {
    const moment = () => ({ now: world.clock.now(), policy: world.config.policy });
    const { id } = await world.create(Buffer.from('file'));
    const left: Record<string, number | undefined> = { created: await daysLeft(`upload#${id}`) };

    await world.ledger.change(id, (before) => endings.fail(before, { code: 'size_mismatch', ...moment() }));
    left['failed'] = await daysLeft(`upload#${id}`);
    await world.ledger.change(
      id,
      (before) => before.notification && endings.markNotified(before, before.notification),
    );
    left['kept'] = await daysLeft(`upload#${id}`);
    await world.ledger.change(id, endings.markCleaned);
    left['cleaned'] = await daysLeft(`upload#${id}`);
    await world.ledger.change(id, (before) =>
      lifecycle.retry({ ...before, etag: 'e', stagedAt: before.createdAt }, moment()),
    );
    left['tried again'] = await daysLeft(`upload#${id}`);

    expect(left).toEqual({
      created: undefined,
      failed: undefined,
      kept: undefined,
      cleaned: 400,
      'tried again': undefined,
    });
  });

  it('is a claim on an attachment or a work item, long after its upload can be under way', async () => {
    const upload = await world.create(Buffer.from('file'));
    const attachmentId = randomUUID();
    await world.ledger.claimAttachment(attachmentId, upload.id);
    await world.ledger.takeWorkItem(upload);

    expect(await daysLeft(`attachment#${attachmentId}`)).toBe(800);
    expect(await daysLeft(`work-item#${upload.projectId}#${upload.issueId}#${upload.size}`)).toBe(800);
  });

  it('is no shared state', async () => {
    await world.ledger.writeState('kept', 0, { word: 'a' });

    expect(await daysLeft('state#kept')).toBeUndefined();
  });

  it('is an idempotency key, which is over then, whether it has been removed or not', async () => {
    const key = randomUUID();
    const [first, second] = [randomUUID(), randomUUID()].map((uploadId) => ({ uploadId, fingerprint: 'f' }));
    if (first === undefined || second === undefined) throw new Error('there are two');
    await world.ledger.bindKey('user-1', key, first);

    world.clock.set(world.clock.now() + 399 * DAY_SECONDS * 1000);
    const before = await world.ledger.bindKey('user-1', key, second);
    world.clock.set(world.clock.now() + DAY_SECONDS * 1000);
    const found = await world.ledger.findKey('user-1', key);
    const after = await world.ledger.bindKey('user-1', key, second);

    expect(before).toEqual(first);
    expect(found).toBeUndefined();
    expect(after).toEqual(second);
    expect(await world.ledger.findKey('user-1', key)).toEqual(second);
  });
});
