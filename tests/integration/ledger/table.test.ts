import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createTable } from '../../../lib/ledger/table.ts';
import type { Item } from '../../../lib/ledger/table.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets' });
const { documents: client } = world.connectTable();
const table = createTable({ client, table: world.config.table, clock: world.clock });
const newKey = (): string => `test#${randomUUID()}`;

describe('a conditional write', () => {
  const condition = 'attribute_exists(pk)';

  it('of an item that is gone has failed, with nothing to show', async () => {
    const pk = newKey();

    expect(await table.putUnless(pk, { n: 1 }, { condition })).toEqual({});
    expect(await table.read(pk)).toBeUndefined();
  });

  it('shows the item that failed it', async () => {
    const pk = newKey();
    await table.putUnless(pk, { n: 1 }, { condition: 'attribute_not_exists(pk)' });

    const present = await table.putUnless(pk, { n: 2 }, { condition: 'attribute_not_exists(pk)' });

    expect(present).toMatchObject({ n: 1 });
    expect(await table.putUnless(pk, { n: 3 }, { condition })).toBeUndefined();
    expect(await table.read(pk)).toMatchObject({ pk, n: 3 });
  });
});

describe('an addition', () => {
  it('begins at 0 and shows the sum', async () => {
    const pk = newKey();

    await table.add(pk, { numbers: { a: 2 } });

    expect(await table.add(pk, { numbers: { a: 3, b: 1 } })).toEqual({ pk, a: 5, b: 1 });
  });

  it('sets values beside it', async () => {
    const pk = newKey();

    expect(await table.add(pk, { numbers: { a: 2 }, values: { until: 7, by: 'x' } })).toEqual({
      pk,
      a: 2,
      until: 7,
      by: 'x',
    });
  });

  it('adds nothing where its condition is false', async () => {
    const pk = newKey();
    const when = { condition: 'attribute_not_exists(#a) OR #a < :most', values: { ':most': 2 } };

    await table.add(pk, { numbers: { a: 2 } }, when);

    expect(await table.add(pk, { numbers: { a: 2 } }, when)).toBeUndefined();
    expect(await table.read(pk)).toEqual({ pk, a: 2 });
  });
});

describe('a query of an index', () => {
  const owner = randomUUID();

  async function asked(order: {
    newestFirst?: boolean;
    pageSize?: number;
    after?: Item;
  }): Promise<unknown[][]> {
    const pages: unknown[][] = [];
    const question = { index: 'owner', condition: '#owner = :owner', names: { '#owner': 'owner' } };
    for await (const page of table.query({ ...question, values: { ':owner': owner }, ...order }))
      pages.push(page.map(({ createdAt }) => createdAt));
    return pages;
  }

  it('has its items in order, page by page, from either end and from any item on', async () => {
    const keys = [newKey(), newKey(), newKey()];
    for (const [index, pk] of keys.entries()) {
      const item = { owner, createdAt: `2026-01-0${index + 1}` };
      await table.putUnless(pk, item, { condition: 'attribute_not_exists(pk)' });
    }
    const [first = ''] = keys;
    const [one, two, three] = ['2026-01-01', '2026-01-02', '2026-01-03'];

    expect(await asked({})).toEqual([[one, two, three]]);
    expect(await asked({ newestFirst: true })).toEqual([[three, two, one]]);
    expect((await asked({ pageSize: 2 })).filter((page) => page.length > 0)).toEqual([[one, two], [three]]);
    expect(await asked({ after: { pk: first, owner, createdAt: one } })).toEqual([[two, three]]);
  });

  it('has one empty page where nothing fits', async () => {
    const pages: Item[][] = [];
    const question = { index: 'owner', condition: '#owner = :owner', names: { '#owner': 'owner' } };
    for await (const page of table.query({ ...question, values: { ':owner': randomUUID() } }))
      pages.push(page);

    expect(pages).toEqual([[]]);
  });
});
