import { beforeEach, describe, expect, it } from '@jest/globals';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { randomBytes, randomUUID } from 'node:crypto';
import { send } from '../../../lib/ipd/wire.ts';
import type { UploadRequest } from '../../../lib/uploads/create.ts';
import { RECORD_SCHEMA } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { scan } from '../../../lib/ledger/scan.ts';
import { putFile } from '../../support/answer.ts';
import { operate } from '../../support/operator.ts';
import { containersPage } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';
import { issueId, oneRequest, projectId } from '../../support/world.ts';
import type { World } from '../../support/world.ts';

const because = ['--reason', 'request 7', '--by', 'ann', '--yes'];

const world = await useWorld({ ends: 'sockets' });
const { openSession } = containersPage();
const documents = DynamoDBDocumentClient.from(world.clients.dynamodb);
/** The person whose data is erased, with all names of that person; another person in each test. */
let owner: string;
let person: string;
let filename: string;

beforeEach(() => {
  const tag = randomUUID();
  owner = `li.wei-${tag}`;
  person = `Li Wei ${tag}`;
  filename = `李伟 ${tag}.pdf`;
});

let items = BigInt(issueId) + 1_000_000n;

async function create(bytes: Buffer, more: Partial<UploadRequest> = {}, key?: string): Promise<Upload> {
  items += 1n;
  const request = { projectId, issueId: String(items), filename, contentType: 'text/x-test' };
  const caller = { owner, uploadedBy: person, projects: '*', requestId: `call of ${person}` } as const;
  const { upload } = await world.intake.create(caller, { ...request, size: bytes.length, ...more }, key);
  return upload;
}

async function stage(bytes: Buffer = randomBytes(100), key?: string): Promise<Upload> {
  const upload = await create(bytes, {}, key);
  const { presigned } = await world.uploads.presign(upload);
  await putFile(oneRequest(presigned), bytes);
  return upload;
}

async function deliver(parts: Pick<World, 'delivery'> = world, key?: string): Promise<Upload> {
  const bytes = randomBytes(100);
  const upload = await stage(bytes, key);
  await parts.delivery.onArrival(world.arrival(upload, bytes), world.run());
  return world.find(upload.id);
}

/** Everything in the table that says something about the person. */
async function traces(): Promise<unknown[]> {
  const words = [owner, person, filename];
  const query = { table: world.config.table, filter: 'begins_with(pk, :any)', names: undefined };
  const found: unknown[] = [];
  for await (const page of scan(documents, { ...query, values: { ':any': '' } }))
    found.push(...page.filter((item) => words.some((word) => JSON.stringify(item).includes(word))));
  return found;
}

const erase = (...more: string[]) => operate('erase', '--owner', owner, ...more);

describe('npm run ops -- erase', () => {
  it('leaves nothing about a person in the table or in storage, and names what IPD keeps', async () => {
    const delivered = await deliver();
    const staged = await stage();
    const awaited = await create(Buffer.from('abc'), { mode: 'multipart' });
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    const failed = await deliver();
    await openSession({}, owner);
    const another = await world.deliver();

    const { well, answer, said } = await erase(...because);

    expect(well).toBe(true);
    expect(answer).toMatchObject({ sessions: 1, waiting: [] });
    expect(answer.erased.toSorted()).toEqual([delivered.id, staged.id, awaited.id, failed.id].toSorted());
    const attachmentId = 'attachmentId' in delivered ? delivered.attachmentId : '';
    expect(answer.inIpd).toEqual([
      {
        uploadId: delivered.id,
        projectId,
        issueId: delivered.issueId,
        attachmentIds: [attachmentId],
        size: 100,
        isCertain: true,
      },
    ]);
    expect(said.join('\n')).toContain(
      `IPD keeps attachment ${String(attachmentId)}: project ${projectId}, work item ${delivered.issueId}`,
    );
    expect(await traces()).toEqual([]);
    for (const { id } of [delivered, staged, awaited, failed]) expect(await world.isStaged(id)).toBe(false);
    expect(await world.find(another.id)).toEqual(another);
  });

  it('keeps the claim of an attachment, so that no other upload takes it for its own', async () => {
    const delivered = await deliver();
    const attachmentId = 'attachmentId' in delivered ? String(delivered.attachmentId) : '';

    await erase(...because);

    expect(await world.ledger.findClaims([attachmentId])).toEqual(new Map([[attachmentId, delivered.id]]));
    expect(await world.find(delivered.id)).toMatchObject({ status: 'delivered', attachmentId, size: 100 });
  });

  it('only says what would happen when tried', async () => {
    const delivered = await deliver();
    const before = await traces();

    const { well, answer, said } = await erase('--dry-run');

    expect(well).toBe(true);
    expect(answer).toMatchObject({ isTrial: true, erased: [], inIpd: [{ uploadId: delivered.id }] });
    expect(said).toContain(`${delivered.id}  delivered, would be erased`);
    expect(await traces()).toEqual(before);
  });

  it('has nothing to do the second time', async () => {
    await deliver();
    await erase(...because);

    const { well, answer, said } = await erase(...because);

    expect(well).toBe(true);
    expect(answer).toMatchObject({ sessions: 0, erased: [], waiting: [], inIpd: [] });
    expect(said).toContain('0 of 0 are erased.');
  });

  it('leaves what is in doubt, says so, and takes it when it is resolved', async () => {
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'lostAnswer' } }]);
    const unconfirmed = await deliver();

    const first = await erase(...because);
    const resolved = await world.next(unconfirmed.id);
    const second = await erase(...because);

    expect(unconfirmed.status).toBe('unconfirmed');
    expect(first).toMatchObject({
      well: false,
      answer: { erased: [], waiting: [{ id: unconfirmed.id }] },
    });
    expect(first.answer.waiting[0].why).toMatch(/^it is unconfirmed and IPD may have it/);
    expect(resolved).toMatchObject({ status: 'delivered', owner });
    expect(second).toMatchObject({ well: true, answer: { erased: [unconfirmed.id], waiting: [] } });
    expect(await traces()).toEqual([]);
  });

  it('stops a delivery before the fence, and nothing of the file comes to IPD', async () => {
    let said: string[] = [];
    const parts = world.build({
      send: async (request) => {
        if (request.url.pathname.endsWith('/upload')) ({ said } = await erase(...because));
        return send(request);
      },
    });

    const upload = await deliver(parts);

    expect(said).toContain(`${upload.id}  delivering, is erased`);
    expect(upload).toMatchObject({ status: 'cancelled', filename: 'erased' });
    expect(await world.received()).toEqual([]);
    expect(await traces()).toEqual([]);
  });

  it('does not disturb a delivery behind the fence', async () => {
    let answer: { waiting?: unknown } = {};
    const parts = world.build({
      send: async (request) => {
        const got = await send(request);
        if (request.url.pathname.endsWith('/upload')) ({ answer } = await erase(...because));
        return got;
      },
    });

    const upload = await deliver(parts);

    expect(answer.waiting).toMatchObject([
      { id: upload.id, why: expect.stringMatching(/^it is delivering/) },
    ]);
    expect(upload).toMatchObject({ status: 'delivered', owner, filename });
    expect(await world.received()).toHaveLength(1);
  });

  it('ends an Uppy session for its bearer, who can begin nothing any more', async () => {
    const session = await openSession({}, owner);
    const { uploadId } = await session.begin(filename);

    const { answer } = await erase(...because);

    expect(answer).toMatchObject({ sessions: 1, erased: [uploadId] });
    expect(await session.create({ filename: 'b.bin', type: 'a/b', metadata: {} })).toMatchObject({
      status: 401,
      body: { code: 'ticket_invalid' },
    });
    expect(await traces()).toEqual([]);
  });

  it('leaves the removal of a file to the sweep when storage does not answer', async () => {
    const upload = await stage();
    const endpoint = process.env['AWS_ENDPOINT_URL_S3'];
    process.env['AWS_ENDPOINT_URL_S3'] = 'http://127.0.0.1:1';
    const { said } = await erase(...because);
    process.env['AWS_ENDPOINT_URL_S3'] = endpoint;

    const { dueAt = '' } = await world.find(upload.id);
    world.clock.set(Date.parse(dueAt));
    await world.sweep.run(AbortSignal.timeout(300_000));

    expect(said.join('\n')).toMatch(/could not be removed now, so the sweep does it/);
    expect(await world.isStaged(upload.id)).toBe(false);
    expect(await world.find(upload.id)).not.toHaveProperty('dueAt');
  });

  it('repeats the answer of an idempotency key without any data about the person', async () => {
    const key = randomUUID();
    const delivered = await deliver(world, key);
    await erase(...because);
    const about = { filename, contentType: 'text/x-test', size: 100 };

    const { created, upload } = await world.intake.create(
      { owner, projects: '*' },
      { projectId, issueId: delivered.issueId, ...about },
      key,
    );

    expect(created).toBe(false);
    expect(upload).toMatchObject({ id: delivered.id, status: 'delivered', filename: 'erased' });
  });

  it('leaves a failed upload that no redrive brings back', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    const failed = await deliver();
    await erase(...because);

    const { well, answer } = await operate('redrive', failed.id, '--reason', 'try');

    expect(well).toBe(false);
    expect(answer.outcomes).toEqual([
      { id: failed.id, why: "its owner's data was erased, and its file with it" },
    ]);
  });

  it('says of a record that a newer version wrote that it was not erased', async () => {
    const item = {
      pk: `upload#${randomUUID()}`,
      schema: RECORD_SCHEMA + 1,
      owner,
      createdAt: '2026-01-01T00:00:00.000Z',
    };
    await documents.send(new PutCommand({ TableName: world.config.table, Item: item }));

    const { well, answer } = await erase(...because);

    expect(well).toBe(false);
    expect(answer.waiting).toEqual([
      { id: item.pk.replace('upload#', ''), why: 'it was written by a newer version: use that one' },
    ]);
  });
});
