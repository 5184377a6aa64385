import { describe, expect, it } from '@jest/globals';
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Caller } from '../../../lib/uploads/create.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useWorld } from '../../support/use-world.ts';
import { oneRequest } from '../../support/world.ts';
import { end, request } from '../../support/ways-to-end.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';

const file = { name: 'a.bin', type: 'a/b', size: 1 };

const world = await useWorld({
  environment: { MAX_OPEN_UPLOADS: '3', UPLOADS_PER_MINUTE: '4' },
});

describe('the quota of a user', () => {
  const newOwner = (): Caller => ({ owner: randomUUID(), projects: '*' });

  const create = async (owner: Caller, key?: string) => world.intake.create(owner, request, key);

  /** Begins an upload and ends it at once, so that only the rate counts. */
  async function pass(owner: Caller): Promise<void> {
    const { upload } = await create(owner);
    await world.uploads.cancel(owner, upload.id);
  }

  const tooMany = {
    code: 'too_many_open_uploads',
    message: 'you have 3 unfinished uploads; at most 3 are allowed: finish or cancel some',
    retryAfterSeconds: 60,
  };

  it('is full with so many unfinished uploads, and says so', async () => {
    const owner = newOwner();
    for (let index = 0; index < 3; index += 1) await create(owner);

    await expect(create(owner)).rejects.toMatchObject(tooMany);
    await expect(world.uppy.open(owner, request)).rejects.toMatchObject(tooMany);

    const { views } = await world.uploads.list(owner, { isOpen: true, limit: 10 });
    expect(views).toHaveLength(3);
    expect(await create(newOwner())).toMatchObject({ created: true });
  });

  it('reads no work item once it is used up, and binds no key', async () => {
    const owner = newOwner();
    for (let index = 0; index < 3; index += 1) await create(owner);
    const asked = world.ipd.requests.length;
    const key = randomUUID();

    await expect(create(owner, key)).rejects.toMatchObject(tooMany);

    expect(world.ipd.requests).toHaveLength(asked);
    expect(await world.ledger.findKey(owner.owner, key)).toBeUndefined();
  });

  it.each(['delivered', 'failed', 'expired', 'cancelled', 'failed in doubt'])(
    'has room again for an upload that is %s',
    async (how) => {
      const owner = newOwner();
      const { upload } = await create(owner);
      for (let index = 0; index < 2; index += 1) await create(owner);

      if (how === 'cancelled') await world.uploads.cancel(owner, upload.id);
      else await end(world, upload, how);

      expect(await create(owner)).toMatchObject({ created: true });
    },
  );

  it.each(['staged', 'delivering', 'waiting', 'unconfirmed'])('counts one that is %s', async (how) => {
    const owner = newOwner();
    const { upload } = await create(owner);
    for (let index = 0; index < 2; index += 1) await create(owner);
    await end(world, upload, how);

    await expect(create(owner)).rejects.toMatchObject(tooMany);
  });

  it('counts no call that an idempotency key leads to an upload that is there', async () => {
    const owner = newOwner();
    const key = randomUUID();
    const { upload } = await create(owner, key);
    for (let index = 0; index < 2; index += 1) await create(owner);

    for (let index = 0; index < 10; index += 1) {
      expect(await create(owner, key)).toMatchObject({ created: false, upload: { id: upload.id } });
    }
  });

  it('is so many uploads a minute, and tells when the next may begin', async () => {
    const owner = newOwner();
    world.clock.set(nextMinute() + 10_500);
    for (let index = 0; index < 4; index += 1) await pass(owner);

    await expect(create(owner)).rejects.toMatchObject({
      code: 'rate_limited',
      message: 'at most 4 uploads, and as many calls that may lead to IPD, are taken within a minute',
      retryAfterSeconds: 50,
    });
    world.clock.advance(20_000);
    await expect(create(owner)).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 30 });
    expect(await create(newOwner())).toMatchObject({ created: true });
  });

  it.each([0, 1, 999, 59_999])('takes one more as soon as it said (%i ms into a minute)', async (ms) => {
    const owner = newOwner();
    world.clock.set(nextMinute() + ms);
    for (let index = 0; index < 4; index += 1) await pass(owner);
    const refusal = await create(owner).catch((error: unknown) => error);

    world.clock.advance(Number(Object(refusal).retryAfterSeconds) * 1000);

    expect(refusal).toMatchObject({ code: 'rate_limited' });
    expect(await create(owner)).toMatchObject({ created: true });
  });

  it('counts uploads that IPD refuses, so that a user cannot send IPD requests without limit', async () => {
    const owner = newOwner();
    await world.ipdSettings({ missingIssues: [request.issueId] });
    for (let index = 0; index < 4; index += 1) {
      await expect(create(owner)).rejects.toMatchObject({ code: 'work_item_missing' });
    }
    const asked = world.listRequests().length;

    await expect(create(owner)).rejects.toMatchObject({ code: 'rate_limited' });
    await expect(world.uppy.open(owner, request)).rejects.toMatchObject({ code: 'rate_limited' });

    expect(world.listRequests()).toHaveLength(asked);
  });

  it('counts sessions by themselves, and the uploads that are begun with them', async () => {
    const owner = newOwner();
    const tickets = [];
    for (let index = 0; index < 4; index += 1) tickets.push((await world.uppy.open(owner, request)).ticket);
    const begin = (ticket = '') => world.uppy.beginParts(ticket, { filename: 'a.bin', type: 'a/b' });

    await expect(world.uppy.open(owner, request)).rejects.toMatchObject({
      code: 'rate_limited',
      message: 'at most 4 uploads, and as many calls that may lead to IPD, are taken within a minute',
    });
    for (const ticket of tickets) await world.uploads.cancel(owner, (await begin(ticket)).uploadId);
    await expect(begin(tickets[0])).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('is full for an upload of a session, too, once others have taken its room', async () => {
    const owner = newOwner();
    const { ticket } = await world.uppy.open(owner, request);
    for (let index = 0; index < 3; index += 1) await create(owner);

    const begun = world.uppy.beginParts(ticket, { filename: 'a.bin', type: 'a/b' });

    await expect(begun).rejects.toMatchObject(tooMany);
  });

  it('has room for all of a session or for none', async () => {
    const owner = newOwner();
    await pass(owner);
    await pass(owner);
    const open = (count: number) =>
      world.uppy.open(owner, { ...request, files: Array.from({ length: count }, () => file) });

    await expect(open(3)).rejects.toMatchObject({
      code: 'rate_limited',
      message:
        'at most 4 uploads, and as many calls that may lead to IPD, are taken within a minute, and you ask for 3 more',
    });
    expect(await open(2)).toMatchObject({ maxFiles: 2 });
  });

  it('names the number of a session of two, too', async () => {
    const full = newOwner();
    await create(full);
    await create(full);
    const hasty = newOwner();
    for (let index = 0; index < 3; index += 1) await pass(hasty);
    const files = [file, file];

    await expect(world.uppy.open(full, { ...request, files })).rejects.toThrow('and ask for 2 more');
    await expect(world.uppy.open(hasty, { ...request, files })).rejects.toThrow('and you ask for 2 more');
  });

  it('has no room ever for a session of more files than may be unfinished', async () => {
    const files = Array.from({ length: 4 }, () => file);

    await expect(world.uppy.open(newOwner(), { ...request, files })).rejects.toMatchObject({
      code: 'invalid_request',
      places: [{ pointer: '/files', detail: 'must name at most 3 files' }],
      retryAfterSeconds: undefined,
    });
  });

  it('names the number that a session asks for where there is no room at the moment', async () => {
    const owner = newOwner();
    await create(owner);

    const files = [file, file, file];
    await expect(world.uppy.open(owner, { ...request, files })).rejects.toMatchObject({
      code: 'too_many_open_uploads',
      message:
        'you have 1 unfinished uploads and ask for 3 more; at most 3 are allowed: finish or cancel some',
      retryAfterSeconds: 60,
    });
  });

  it('ends retries, too: each of them leads to IPD', async () => {
    await world.faults([{ match: { operation: 'upload' }, fault: { kind: 'noPermission' } }]);
    const owner = newOwner();
    const upload = await fail(owner);
    expect(upload).toMatchObject({ status: 'failed' });
    for (let index = 0; index < 3; index += 1) {
      await world.uploads.retry(owner, upload.id);
      await world.delivery.onRequest({ uploadId: upload.id, attempt: index + 2 }, world.run());
    }

    await expect(world.uploads.retry(owner, upload.id)).rejects.toMatchObject({ code: 'rate_limited' });

    expect(await world.find(upload.id)).toMatchObject({ status: 'failed' });
    world.clock.set(nextMinute());
    expect(await world.uploads.retry(owner, upload.id)).toMatchObject({ upload: { status: 'staged' } });
  });

  it('holds for calls at the same moment', async () => {
    const { intake } = world.build({ config: { limits: allow(40) } });
    const owner = newOwner();

    const answers = await Promise.allSettled(
      Array.from({ length: 200 }, () => intake.create(owner, request)),
    );

    const refusals = answers.filter((answer) => answer.status === 'rejected');
    expect(answers.length - refusals.length).toBe(40);
    expect(new Set(refusals.map(({ reason }) => String(Object(reason).code)))).toEqual(
      new Set(['rate_limited']),
    );
  });

  it('leaves nothing in the table for more than an hour after its minute', async () => {
    const { owner } = newOwner();
    await create({ owner, projects: '*' });

    const key = `quota#${createHash('sha256').update(owner).digest('hex')}#${Math.floor(world.clock.now() / MINUTE_MS)}`;
    const command = new GetCommand({ TableName: world.config.table, Key: { pk: key }, ConsistentRead: true });
    const { Item } = await world.documents.send(command);

    const expiresAt = nextMinute() / 1000 + 3_600;
    expect(Item).toEqual({ pk: key, uploads: 1, calls: 1, expiresAt });
  });

  describe('of all users together', () => {
    it('leaves IPD’s rate to the deliveries: beyond it a work item is not checked before an upload', async () => {
      world.clock.set(nextMinute());
      const { intake, uppy } = world.build({ config: { preflightsPerMinute: 3 } });
      await world.ipdSettings({ missingIssues: [request.issueId] });
      for (let index = 0; index < 2; index += 1) {
        await expect(intake.create(newOwner(), request)).rejects.toMatchObject({ code: 'work_item_missing' });
      }
      await expect(uppy.open(newOwner(), request)).rejects.toMatchObject({ code: 'work_item_missing' });
      const asked = world.listRequests().length;

      expect(await intake.create(newOwner(), request)).toMatchObject({ created: true });
      expect(await uppy.open(newOwner(), request)).toMatchObject({ maxFiles: 20 });

      expect(world.listRequests()).toHaveLength(asked);
      world.clock.set(nextMinute());
      await expect(intake.create(newOwner(), request)).rejects.toMatchObject({ code: 'work_item_missing' });
    });
  });

  const nextMinute = (): number => (Math.floor(world.clock.now() / MINUTE_MS) + 1) * MINUTE_MS;
  const allow = (uploadsPerMinute: number) => ({
    ...world.config.limits,
    maxOpenUploads: 1000,
    uploadsPerMinute,
  });

  /** An upload that IPD has refused, its file still in storage. */
  async function fail(owner: Caller): Promise<Upload> {
    const bytes = randomBytes(request.size);
    const { upload } = await create(owner);
    const { presigned } = await world.uploads.presign(upload);
    await world.putFile(oneRequest(presigned), bytes);
    await world.delivery.onArrival(world.arrival(upload, bytes), world.run());
    return world.find(upload.id);
  }
});
