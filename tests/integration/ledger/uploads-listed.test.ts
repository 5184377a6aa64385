import { describe, expect, it } from '@jest/globals';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { createHash, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { cancel, createUpload } from '../../../lib/domain/lifecycle.ts';
import { RECORD_SCHEMA } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { uploadKey } from '../../../lib/ledger/uploads.ts';
import type { Selection } from '../../../lib/ledger/uploads.ts';
import { createTable } from '../../../lib/ledger/table.ts';
import { createWholeLedger } from '../../support/ledger.ts';
import { useWorld } from '../../support/use-world.ts';

const world = await useWorld({ ends: 'sockets' });
const { table } = world.config;
const RETENTION_MS = 1_000_000;
const limited = z.object({ Limit: z.number().optional() });

/** A ledger over a connection of its own, what it asks DynamoDB for, and what it says of its writes. */
function watched() {
  const { client, documents } = world.connectTable();
  const asked: string[] = [];
  const pageSizes: unknown[] = [];
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        asked.push(commandName.replace('Command', ''));
        const question = limited.safeParse(args.input);
        if (commandName === 'QueryCommand') pageSizes.push(question.data?.Limit);
        return next(args);
      },
    { step: 'initialize', name: 'watch' },
  );
  const written: (string | undefined)[][] = [];
  const onWritten = (before: Upload | undefined, after: Upload): void =>
    void written.push([before?.status, after.status]);
  const settings = { client: documents, table, clock: world.clock, retentionMs: RETENTION_MS };
  return {
    ledger: createWholeLedger({ ...settings, onWritten }),
    client,
    documents,
    asked,
    pageSizes,
    written,
  };
}

const { ledger, documents, asked, pageSizes, written } = watched();

type About = Partial<Pick<Upload, 'id' | 'projectId' | 'issueId' | 'dueAt'>>;

/** So many uploads of an owner, the oldest first. */
async function add(owner: string, about: About[]): Promise<Upload[]> {
  const uploads: Upload[] = [];
  for (const one of about) {
    world.clock.advance(1);
    const moment = { now: world.clock.now(), policy: world.policy };
    const names = { id: randomUUID(), owner, projectId: 'p', issueId: 'i', filename: 'f', sentName: 'f' };
    const upload = createUpload({ ...names, contentType: 'a/b', size: 10 }, moment);
    uploads.push((await ledger.add({ ...upload, ...one })).upload);
  }
  return uploads;
}

/** Two ids in each of the parts into which the index of due records is divided. */
function idsOfEachPart(): string[] {
  const parts = new Map<number, string[]>();
  while (parts.size < 8 || [...parts.values()].some((ids) => ids.length < 2)) {
    const id = randomUUID();
    const part = createHash('sha256').update(id).digest().readUInt8(0) % 8;
    parts.set(part, [...(parts.get(part) ?? []), id]);
  }
  return [...parts.values()].flat();
}

const idsOf = (uploads: { id: string }[]): string[] => uploads.map(({ id }) => id);
const listed = async (selection: Partial<Selection> & { owner: string }) => {
  const { uploads, tooNew, next } = await ledger.list({ isOpen: false, limit: 2, ...selection });
  return { ids: idsOf(uploads), tooNew, next: next?.id };
};

describe('the uploads of an owner', () => {
  it('are listed page by page, the newest first', async () => {
    const owner = randomUUID();
    const [one, two, three] = await add(owner, [{}, {}, {}]);

    const first = await ledger.list({ owner, isOpen: false, limit: 2 });
    const second = await listed({ owner, after: first.next });

    expect([idsOf(first.uploads), first.next?.id]).toEqual([[three?.id, two?.id], two?.id]);
    expect(second).toEqual({ ids: [one?.id], tooNew: [], next: undefined });
    expect(await listed({ owner, limit: 3 })).toMatchObject({ next: undefined });
  });

  it('are listed by project and work item, also where those of a page lie far apart', async () => {
    const owner = randomUUID();
    const others = Array.from({ length: 5 }, () => ({ projectId: 'q' }));
    const [first, ...rest] = await add(owner, [{ issueId: 'j' }, ...others, { issueId: 'j' }, {}]);
    const last = rest.at(-2);

    expect(await listed({ owner, projectId: 'p', issueId: 'j' })).toEqual({
      ids: [last?.id, first?.id],
      tooNew: [],
      next: undefined,
    });
    expect((await listed({ owner, projectId: 'p' })).ids).toEqual([rest.at(-1)?.id, last?.id]);
  });

  it('are listed as far as they are open', async () => {
    const owner = randomUUID();
    const [one, two, three] = await add(owner, [{}, {}, {}]);
    await ledger.change(two?.id ?? '', (before) => cancel(before, { now: world.clock.now() }));

    const open = await ledger.list({ owner, isOpen: true, limit: 1 });

    expect(idsOf(open.uploads)).toEqual([three?.id]);
    expect((await listed({ owner, isOpen: true, after: open.next })).ids).toEqual([one?.id]);
    expect((await listed({ owner, limit: 5 })).ids).toHaveLength(3);
  });

  it('are asked for by a page that is one longer, and by large ones where many may be left out', async () => {
    const owner = randomUUID();
    await add(owner, [{}, {}, {}, {}, {}]);

    pageSizes.length = 0;
    await listed({ owner, projectId: undefined });
    await listed({ owner, projectId: 'p' });

    expect(pageSizes).toStrictEqual([3, undefined]);
  });

  it('go on behind a page that a filter has made exactly as long as it may be', async () => {
    const owner = randomUUID();
    const [first, , second, third] = await add(owner, [{}, { projectId: 'q' }, {}, {}]);
    const small = watched();
    small.client.middlewareStack.add(
      (next) => async (args) => next({ ...args, input: { ...args.input, Limit: 2 } }),
      { step: 'initialize', name: 'smallPages' },
    );

    const { uploads, next } = await small.ledger.list({ owner, isOpen: false, projectId: 'p', limit: 2 });

    expect([idsOf(uploads), next?.id]).toEqual([[third?.id, second?.id], second?.id]);
    expect((await listed({ owner, projectId: 'p', after: next })).ids).toEqual([first?.id]);
  });

  it('are left out where they have ended and the index of what is open still has them', async () => {
    const owner = randomUUID();
    const [one, two] = await add(owner, [{}, {}]);
    const id = two?.id ?? '';
    const { upload } = await ledger.change(id, (before) => cancel(before, { now: world.clock.now() }));
    const Item = { ...upload, pk: uploadKey(id), openOwner: owner };
    await documents.send(new PutCommand({ TableName: table, Item }));

    expect((await listed({ owner, isOpen: true })).ids).toEqual([one?.id]);
  });

  it('are named where a newer version wrote them in a form of its own', async () => {
    const owner = randomUUID();
    const [one, two] = await add(owner, [{}, {}]);
    const item = await world.ledger.find(two?.id ?? '');
    const Item = { ...item, pk: uploadKey(two?.id ?? ''), openOwner: owner, schema: RECORD_SCHEMA + 1 };
    await documents.send(new PutCommand({ TableName: table, Item }));

    expect(await listed({ owner, limit: 5 })).toEqual({ ids: [one?.id], tooNew: [two?.id], next: undefined });
    expect(await ledger.findAll([two?.id ?? '', randomUUID(), one?.id ?? ''])).toMatchObject({
      uploads: [{ id: one?.id }],
      tooNew: [two?.id],
    });
  });

  it('are counted as far as they are open, and no further than it is asked', async () => {
    const owner = randomUUID();
    const [one] = await add(owner, [{}, {}, {}, {}, {}]);
    await ledger.change(one?.id ?? '', (before) => cancel(before, { now: world.clock.now() }));

    asked.length = 0;
    const upToTwo = await ledger.countOpenOf(owner, 2);

    expect(asked).toEqual(['Query']);
    expect([upToTwo, await ledger.countOpenOf(owner, 9)]).toEqual([2, 4]);
  });

  it('of all owners are counted with no more than a page of each part of the index', async () => {
    await add(
      randomUUID(),
      idsOfEachPart().map((id) => ({ id })),
    );

    asked.length = 0;
    const counted = await ledger.countOpen(8);

    // Each lane has eight parts.
    expect([counted, asked.length]).toEqual([8, 16]);
  });
});

describe('a write', () => {
  const owner = randomUUID();
  const { read } = createTable({ client: documents, table, clock: world.clock });
  const itemOf = (id: string) => read(uploadKey(id));

  it('is written down once, with what was before', async () => {
    written.length = 0;
    asked.length = 0;
    const [upload] = await add(owner, [{}]);
    expect(asked).toEqual(['PutItem']);
    if (upload !== undefined) await ledger.add(upload);
    await ledger.change(upload?.id ?? '', (before) => cancel(before, { now: world.clock.now() }));

    expect(written).toEqual([
      [undefined, 'awaiting_upload'],
      ['awaiting_upload', 'cancelled'],
    ]);
  });

  it('keeps a record in the index of what is open until it has ended, and for good until nothing is left to be done', async () => {
    const [upload] = await add(owner, [{}]);
    const id = upload?.id ?? '';
    const open = await itemOf(id);
    await ledger.change(id, (before) => cancel(before, { now: world.clock.now() }));
    const ended = await itemOf(id);
    await ledger.change(id, (before) => ({ ...before, dueAt: undefined }));

    expect(open).toMatchObject({ openOwner: owner });
    expect(open).not.toHaveProperty('expiresAt');
    expect(ended).not.toHaveProperty('openOwner');
    expect(ended).not.toHaveProperty('expiresAt');
    const [odd] = await add(owner, [{ dueAt: undefined }]);
    expect(await itemOf(odd?.id ?? '')).not.toHaveProperty('expiresAt');
    expect(await itemOf(id)).toMatchObject({
      expiresAt: Math.ceil((world.clock.now() + RETENTION_MS) / 1000),
    });
  });
});
