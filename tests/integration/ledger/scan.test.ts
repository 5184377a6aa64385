import { expect, it } from '@jest/globals';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { scan } from '../../../lib/ledger/scan.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets' });
const { table } = world.config;

it('a scan reads the whole table, page by page, and gives what passes its filter', async () => {
  const kind = randomUUID();
  const { client, documents } = world.connectTable();
  for (const n of [1, 2, 3]) {
    await documents.send(new PutCommand({ TableName: table, Item: { pk: `test#${kind}${n}`, kind, n } }));
  }
  await documents.send(new PutCommand({ TableName: table, Item: { pk: `test#${kind}`, kind: 'other' } }));
  let pages = 0;
  client.middlewareStack.add(
    (next) => async (args) => {
      pages += 1;
      return next({ ...args, input: { ...args.input, Limit: 1 } });
    },
    { step: 'initialize', name: 'smallPages' },
  );
  const query = { table, filter: '#kind = :kind', names: { '#kind': 'kind' }, values: { ':kind': kind } };

  const found: number[] = [];
  for await (const page of scan(documents, query)) found.push(...page.map(({ n }) => Number(n)));

  expect(found.toSorted((one, other) => one - other)).toEqual([1, 2, 3]);
  expect(pages).toBeGreaterThanOrEqual(4);
});
