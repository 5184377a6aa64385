import { describe, expect, it } from '@jest/globals';
import { DeleteCommand, DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { randomUUID } from 'node:crypto';
import { RECORD_SCHEMA } from '../../../lib/domain/upload.ts';
import { operate } from '../../support/operator.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, projectId } from '../../support/world.ts';
import { HOUR_MS } from '../../../lib/domain/units.ts';

const world = await useWorld({ ends: 'sockets' });

/** The ids of a list. */
async function listed(...args: string[]): Promise<string[]> {
  const { answer } = await operate('list', ...args);
  return answer.uploads.map(({ id }: { id: string }) => id);
}

/** An upload that IPD has refused: its file is kept. */
async function refused() {
  await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
  const upload = await world.deliver();
  await world.faults([]);
  expect(upload.status).toBe('failed');
  return upload;
}

/** One that failed although IPD may have it. */
async function doubtful() {
  const bytes = Buffer.from('the answer got lost');
  await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'lostAnswer' } }]);
  const unconfirmed = await world.deliver(bytes);
  await world.faults([]);
  const { changed } = await world.ledger.change(unconfirmed.id, (before) => ({
    ...before,
    status: 'failed',
    lastError: { code: 'outcome_unknown', message: '', at: before.updatedAt },
    keepUntil: new Date(world.clock.now() + HOUR_MS).toISOString(),
  }));
  expect(changed).toBe(true);
  return world.find(unconfirmed.id);
}

describe('npm run ops -- list', () => {
  it('finds what is open and what has failed by the index, and by state, code, project and age', async () => {
    const open = await world.stage();
    const failed = await refused();
    await world.deliver();

    expect((await listed()).toSorted()).toEqual([open.id, failed.id].toSorted());
    expect(await listed('--state', 'failed')).toEqual([failed.id]);
    expect(await listed('--state', 'open')).toEqual([open.id]);
    expect(await listed('--code', 'ipd_forbidden')).toEqual([failed.id]);
    expect(await listed('--project', 'f'.repeat(32))).toEqual([]);
    expect(await listed('--older-than', '2h')).toEqual([]);
    expect((await listed('--younger-than', '2h')).length).toBe(2);
  });

  it('finds uploads by how they came, those of producers among all', async () => {
    const [user, drop, request] = [await world.stage(), await world.stage(), await world.stage()];
    const from = { key: 'ingest/a', etag: 'e', offer: drop.createdAt };
    await world.ledger.change(drop.id, (before) => ({ ...before, source: { ...from, kind: 'drop' } }));
    await world.ledger.change(request.id, (before) => ({
      ...before,
      source: { ...from, kind: 'request', requestId: 'build-1', bucket: 'artifacts' },
    }));
    const both = [drop.id, request.id].toSorted();

    expect((await listed()).toSorted()).toEqual([user.id, ...both].toSorted());
    expect(await listed('--source', 'api')).toEqual([user.id]);
    expect((await listed('--source', 'ingest')).toSorted()).toEqual(both);
    expect(await listed('--source', 'drop')).toEqual([drop.id]);
    expect(await listed('--source', 'request')).toEqual([request.id]);
    expect((await listed('--source', 'ingest', '--scan')).toSorted()).toEqual(both);
  });

  it('finds what is over for good by reading the table, and says so where it was not asked to', async () => {
    const delivered = await world.deliver();

    const { answer, said } = await operate('list', '--state', 'delivered');

    expect(answer.uploads).toEqual([]);
    expect(said.at(-1)).toMatch(/--scan finds them by reading the whole table/);
    expect(await listed('--state', 'delivered', '--scan')).toContain(delivered.id);
  });

  it('names what a newer version wrote, and shows the others', async () => {
    const open = await world.stage();
    const newer = { id: randomUUID(), schema: RECORD_SCHEMA + 1, status: 'staged' };
    const item = { ...newer, pk: `upload#${newer.id}`, dueShard: '0', dueAt: '2026-01-01T00:00:00.000Z' };
    const documents = DynamoDBDocumentClient.from(world.clients.dynamodb);
    await documents.send(new PutCommand({ TableName: world.config.table, Item: item }));

    const listings = [await operate('list'), await operate('list', '--scan')];
    await documents.send(new DeleteCommand({ TableName: world.config.table, Key: { pk: item.pk } }));

    for (const { answer, said } of listings) {
      expect(answer.uploads).toContainEqual(expect.objectContaining({ id: open.id }));
      expect(answer.tooNew).toEqual([newer.id]);
      expect(said).toContain(
        `A newer version wrote these, in a form that this version cannot read: ${newer.id}`,
      );
    }
  });

  it('stops at a limit and tells that there are more', async () => {
    await world.stage();
    await world.stage();

    const { answer } = await operate('list', '--limit', '1');

    expect([answer.uploads.length, answer.isAll]).toEqual([1, false]);
  });

  it('prints a table for people', async () => {
    const failed = await refused();

    const { said } = await operate('list');

    expect(said[0]).toMatch(/^ID +STATE +CODE +AGE/);
    expect(said[1]).toMatch(new RegExp(`^${failed.id} +failed +ipd_forbidden +\\d+s `));
  });
});

describe('npm run ops -- list --owner', () => {
  it('finds all uploads of one person, also final ones, and none of another person', async () => {
    const owner = 'lister';
    const about = { projectId, issueId, filename: 'a.txt', contentType: 'text/plain', size: 3 };
    const { upload } = await world.intake.create({ owner, projects: '*', uploadedBy: 'Li Wei' }, about);
    const over = await world.intake.create({ owner, projects: '*' }, about);
    await world.uploads.cancel({ owner, projects: '*' }, over.upload.id);
    await world.stage();

    const { answer, said } = await operate('list', '--owner', owner);

    const ids = answer.uploads.map(({ id }: { id: string }) => id);
    expect(ids.toSorted()).toEqual([upload.id, over.upload.id].toSorted());
    expect(answer.uploads).toContainEqual(expect.objectContaining({ uploadedBy: 'Li Wei' }));
    expect(said.join('\n')).not.toMatch(/--scan/);
    expect(await listed('--owner', owner, '--state', 'cancelled')).toEqual([over.upload.id]);
    expect(await listed('--owner', 'unknown')).toEqual([]);
  });
});

describe('npm run ops -- show', () => {
  it('tells the whole history of an upload, with what storage and the claims say', async () => {
    const failed = await refused();
    await operate('redrive', failed.id, '--reason', 'the role was missing', '--by', 'ann');
    const delivered = await world.next(failed.id);

    const { answer, said } = await operate('show', failed.id);

    expect(answer.history.map(({ what }: { what: string }) => what)).toEqual([
      'created',
      'delivering, attempt 1',
      'failed, ipd_forbidden',
      'staged, tried again by ann: the role was missing',
      'delivering, attempt 2',
      'delivered',
    ]);
    expect(delivered).toMatchObject({ status: 'delivered' });
    expect(Object.values(answer.claims)).toEqual([failed.id]);
    expect(answer.stagedBytes).toBeUndefined();
    expect(said.join('\n')).toMatch(/owner +user-1/);
  });

  it('shows neither the token of a lease nor the hash of a ticket', async () => {
    const upload = await world.create(Buffer.from('abc'));
    const token = 'a-lease-token';
    await world.ledger.change(upload.id, (before) => ({
      ...before,
      status: 'delivering',
      session: 'a-ticket-hash',
      lease: { token, until: before.createdAt },
      etag: 'e',
      stagedAt: before.createdAt,
      retryUntil: before.createdAt,
    }));

    const shown = await operate('show', upload.id);

    const all = JSON.stringify(shown);
    expect(all).toContain(upload.id);
    expect(all).not.toContain(token);
    expect(all).not.toContain('a-ticket-hash');
  });

  it('says that there is none', async () => {
    const { well, said } = await operate('show', '00000000-0000-4000-8000-000000000000');

    expect({ well, said }).toEqual({
      well: false,
      said: ['There is no upload 00000000-0000-4000-8000-000000000000'],
    });
  });
});

describe('npm run ops -- redrive', () => {
  it('only says what would happen when tried', async () => {
    const failed = await refused();

    const { well, answer, said } = await operate('redrive', '--all', '--dry-run');

    expect(well).toBe(true);
    expect(answer).toMatchObject({ redriven: [], outcomes: [{ id: failed.id, status: 'staged' }] });
    expect(said).toEqual([`${failed.id}  would be sent again`, '1 of 1 would be tried again.']);
    expect(await world.find(failed.id)).toEqual(failed);
  });

  it('has a failed upload delivered, and keeps who did it and why', async () => {
    const failed = await refused();

    const { well } = await operate(
      'redrive',
      '--code',
      'ipd_forbidden',
      '--reason',
      'role given',
      '--by',
      'ann',
    );

    expect(well).toBe(true);
    const after = await world.next(failed.id);
    expect(after).toMatchObject({
      status: 'delivered',
      redrive: { by: 'ann', reason: 'role given', at: expect.any(String) },
    });
    expect(await world.received()).toHaveLength(1);
  });

  it('checks IPD for one that it may have, and sends no second copy', async () => {
    const failed = await doubtful();

    const { answer, said } = await operate('redrive', failed.id, '--reason', 'again');

    expect(answer.redriven).toEqual([{ id: failed.id, status: 'unconfirmed' }]);
    expect(said[0]).toMatch(/checked in IPD first/);
    expect(await world.next(failed.id)).toMatchObject({ status: 'delivered' });
    expect(await world.received()).toHaveLength(1);
    expect(world.uploadRequests()).toHaveLength(1);
  });

  it('leaves alone what has not failed, what has no file, and what there is not, and fails then', async () => {
    const open = await world.stage();
    const gone = await refused();
    await world.staging.remove(`staging/${gone.id}`);
    const unknownId = '00000000-0000-4000-8000-000000000000';

    const { well, answer } = await operate('redrive', open.id, gone.id, unknownId, '--reason', 'try');

    expect(well).toBe(false);
    expect(answer.redriven).toEqual([]);
    expect(answer.outcomes).toEqual([
      { id: unknownId, why: expect.stringMatching(/no such upload/) },
      { id: open.id, why: expect.stringMatching(/it is awaiting_upload/) },
      { id: gone.id, why: expect.stringMatching(/its file is gone/) },
    ]);
    expect(await world.find(gone.id)).toEqual(gone);
  });

  it('says to check the work item before a new upload when IPD may have the file', async () => {
    const gone = await doubtful();
    await world.staging.remove(`staging/${gone.id}`);

    const { answer } = await operate('redrive', gone.id, '--reason', 'try');

    expect(answer.outcomes).toEqual([
      {
        id: gone.id,
        why: expect.stringContaining('IPD may have it: check the work item before you upload it again'),
      },
    ]);
  });
});

describe('npm run ops -- cancel', () => {
  const because = ['--reason', 'sent by mistake', '--by', 'ann'];

  it('cancels an upload and removes its file, as its owner can, and keeps who did it and why', async () => {
    const upload = await world.stage();

    const { well, answer, said } = await operate('cancel', upload.id, ...because);

    expect({ well, answer }).toMatchObject({ well: true, answer: { cancelled: [upload.id] } });
    expect(said).toEqual([`${upload.id}  is cancelled, and its file removed`]);
    expect(await world.isStaged(upload.id)).toBe(false);
    const { answer: shown } = await operate('show', upload.id);
    expect(shown.upload).toMatchObject({
      status: 'cancelled',
      cancellation: { by: 'ann', reason: 'sent by mistake' },
    });
    expect(shown.history.at(-1).what).toBe('cancelled, by ann: sent by mistake');
  });

  it('does so once, and says that it is cancelled when asked again', async () => {
    const upload = await world.stage();
    await operate('cancel', upload.id, ...because);

    const { well } = await operate('cancel', upload.id, '--reason', 'again', '--by', 'bob');

    expect(well).toBe(true);
    expect(await world.find(upload.id)).toMatchObject({ cancellation: { by: 'ann' } });
  });

  it('leaves what IPD has or may have, and what there is not, and fails then', async () => {
    const delivered = await world.deliver();
    const doubt = await doubtful();
    const unknownId = '00000000-0000-4000-8000-000000000000';

    const { well, answer } = await operate('cancel', delivered.id, doubt.id, unknownId, ...because);

    expect(well).toBe(false);
    expect(answer).toEqual({
      cancelled: [],
      outcomes: [
        { id: delivered.id, why: 'it is delivered: IPD has it' },
        { id: doubt.id, why: 'it is failed: IPD may have it' },
        { id: unknownId, why: 'there is no such upload' },
      ],
    });
    expect(await world.find(doubt.id)).toEqual(doubt);
  });
});

/** Ends a line, places the cursor, rings, names a window, changes the reading direction. */
const FORGED = 'x\r\n\nstate          delivered\u001b]0;pwned\u0007\u001b[31m\u009b2K\u007f\u202egpj';

describe('words of others on the terminal of an operator', () => {
  it('are one line of text', async () => {
    const { id } = await world.stage(Buffer.from('x'), {}, FORGED);
    const source = {
      kind: 'drop',
      key: `ingest/${FORGED}`,
      etag: 'e',
      offer: '2026-01-01T00:00:00Z',
    } as const;
    await world.ledger.change(id, (before) => ({ ...before, source, correlationId: FORGED }));

    const { said, answer } = await operate('show', id);
    const list = await operate('list', '--project', projectId);

    expect(said.filter((line) => line.startsWith('state '))).toEqual([
      expect.stringMatching(/ awaiting_upload$/),
    ]);
    for (const line of [...said, ...list.said]) expect(line).not.toMatch(/\p{Cc}|\p{Bidi_Control}/u);
    expect(said.join(' ')).toContain(String.raw`ingest/x\u000d\u000a\u000astate`);
    expect(answer.upload.source.key).toBe(source.key);
  });
});
