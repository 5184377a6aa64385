import { describe, expect, it } from '@jest/globals';
import { ListPartsCommand } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import type { SessionRequest } from '../../../lib/uploads/uppy.ts';
import { erase } from '../../../lib/domain/erasure.ts';
import { frameOverhead } from '../../../lib/ipd/form.ts';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { PART, underWay } from '../../support/parts-fixture.ts';
import { useWorld } from '../../support/use-world.ts';
import { end } from '../../support/ways-to-end.ts';
import { issueId, projectId } from '../../support/world.ts';
import type { World } from '../../support/world.ts';

const world = await useWorld();
const servicesWhere = useMeanwhile(world);

const hello = Buffer.from('hello');
const file = { filename: 'a.bin', type: 'a/b' };

const someone = () => ({ owner: randomUUID(), projects: '*' as const });
const fileOf = (size: number) => ({ name: 'a.bin', type: 'a/b', size });
const sessionFor = (...sizes: number[]): SessionRequest => ({
  projectId,
  issueId,
  files: sizes.map(fileOf),
});

/** Services with other limits. */
function limitedTo(limits: Partial<World['config']['limits']>) {
  return world.build({ config: { limits: { ...world.config.limits, ...limits } } }).uppy;
}

/** An upload by parts in a session of its own user, and the calls of the page that sends it. */
async function begin(largest = 2 * PART) {
  const caller = someone();
  const { ticket } = await world.uppy.open(caller, sessionFor(largest));
  const reference = await world.uppy.beginParts(ticket, file);
  const { uploadId: id } = reference;
  return {
    caller,
    ticket,
    reference,
    id,
    put: async (number: number, bytes: Buffer) => {
      const { url } = await world.uppy.signPart(ticket, { ...reference, number });
      const stored = await world.putFile({ url, headers: {} }, bytes);
      return { number, etag: stored.headers.get('etag') ?? '' };
    },
  };
}

/** Erases a person's data from an upload that has ended. */
const eraseNow = (id: string) =>
  world.ledger.change(id, (before) =>
    erase(before, { by: 'operator', reason: 'asked for', now: world.clock.now() }),
  );

describe('a session', () => {
  it('is good for the files that it names', async () => {
    const session = await world.uppy.open(someone(), sessionFor(5, 7));

    expect(session).toEqual({
      ticket: expect.stringMatching(/^tk_/),
      expiresInSeconds: world.config.sessionTtlSeconds,
      maxFileBytes: 7,
      maxFiles: 2,
    });
  });

  it('is good for 20 files of the largest size where it names none', async () => {
    const { uppy } = world.build({ config: { maxFileBytes: 1000 } });

    const session = await uppy.open(someone(), { projectId, issueId });

    expect(session).toMatchObject({ maxFileBytes: 1000, maxFiles: 20 });
    const { uploadId } = await uppy.beginParts(session.ticket, file);
    expect(await world.find(uploadId)).toMatchObject({ maxSize: 1000, size: 0, status: 'awaiting_upload' });
  });

  it('takes a file of the largest size, and none that is longer', async () => {
    const { uppy } = world.build({ config: { maxFileBytes: 1000 } });

    expect(await uppy.open(someone(), sessionFor(1000))).toMatchObject({ maxFileBytes: 1000 });
    await expect(uppy.open(someone(), sessionFor(5, 1001))).rejects.toMatchObject({
      code: 'file_too_large',
      places: [{ pointer: '/files/1/size', detail: 'must be at most 1000' }],
    });
  });

  it('takes each file up to the size that its own name and type leave, which go to IPD with it', async () => {
    const name = '报告.pdf';
    const type = 'application/pdf';
    const { uppy } = world.build({ config: { ipd: { ...world.config.ipd, auth: 'aksk' } } });
    const largest = 12_000_000 - frameOverhead({ field: 'attachment', filename: name, contentType: type });
    const sessionOf = (size: number) => ({ projectId, issueId, files: [{ name, type, size }] });

    await expect(uppy.open(someone(), sessionOf(largest + 1))).rejects.toMatchObject({
      code: 'file_too_large',
      places: [{ detail: `must be at most ${largest}` }],
    });
    expect(await uppy.open(someone(), sessionOf(largest))).toMatchObject({ maxFileBytes: largest });
  });

  it('signs its URLs for an hour at most', async () => {
    const { uppy } = world.build({ config: { stagingUrlTtlSeconds: 7_200 } });
    const { ticket } = await uppy.open(someone(), sessionFor(5));
    const reference = await uppy.beginParts(ticket, file);

    expect(await uppy.signPart(ticket, { ...reference, number: 1 })).toMatchObject({ expires: 3_600 });
  });

  it("costs one of its user's calls, and nothing where its files are too large", async () => {
    const caller = someone();
    const uppy = limitedTo({ uploadsPerMinute: 1 });

    await expect(uppy.open(caller, sessionFor(world.config.maxFileBytes + 1))).rejects.toMatchObject({
      code: 'file_too_large',
    });
    expect(await uppy.open(caller, sessionFor(5))).toMatchObject({ maxFiles: 1 });
    await expect(uppy.open(caller, sessionFor(5))).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('has room for all its files, or is refused', async () => {
    const uppy = limitedTo({ maxOpenUploads: 2 });

    expect(await uppy.open(someone(), sessionFor(5, 5))).toMatchObject({ maxFiles: 2 });
    await expect(uppy.open(someone(), sessionFor(5, 5, 5))).rejects.toMatchObject({
      code: 'invalid_request',
      places: [{ pointer: '/files', detail: 'must name at most 2 files' }],
    });
  });

  it('is not opened for a work item that IPD does not have', async () => {
    await world.ipdSettings({ missingIssues: [issueId] });

    await expect(world.uppy.open(someone(), sessionFor(5))).rejects.toMatchObject({
      code: 'work_item_missing',
    });
  });

  it('is not opened for a project that the token does not open', async () => {
    await expect(
      world.uppy.open({ ...someone(), projects: ['f'.repeat(32)] }, sessionFor(5)),
    ).rejects.toMatchObject({ code: 'project_forbidden', places: [{ pointer: '/projectId' }] });
  });
});

describe('a ticket', () => {
  it('begins each of its files three times, and leaves nothing of a fourth', async () => {
    const caller = someone();
    const { ticket } = await world.uppy.open(caller, sessionFor(5));
    for (let count = 0; count < 3; count += 1) await world.uppy.form(ticket, file);

    await expect(world.uppy.form(ticket, file)).rejects.toMatchObject({ code: 'ticket_invalid' });
    await expect(world.uppy.beginParts(ticket, file)).rejects.toMatchObject({ code: 'ticket_invalid' });

    const { views } = await world.uploads.list(caller, { isOpen: false, limit: 20 });
    expect(views).toHaveLength(3);
  });

  it('is not used up by what its user may not begin yet', async () => {
    const uppy = limitedTo({ maxOpenUploads: 1 });
    const { ticket } = await uppy.open(someone(), sessionFor(5));
    const first = await uppy.beginParts(ticket, file);
    for (let count = 0; count < 3; count += 1) {
      await expect(uppy.beginParts(ticket, file)).rejects.toMatchObject({ code: 'too_many_open_uploads' });
    }
    await uppy.abort(ticket, first);

    await uppy.abort(ticket, await uppy.beginParts(ticket, file));

    expect(await uppy.beginParts(ticket, file)).toMatchObject({ uploadId: expect.any(String) });
  });

  it('is good until its session ends, and no longer', async () => {
    const { ticket } = await world.uppy.open(someone(), sessionFor(5));
    const opened = world.clock.now();

    world.clock.set(opened + world.config.sessionTtlSeconds * 1000 - 1);
    const reference = await world.uppy.beginParts(ticket, file);
    world.clock.set(opened + world.config.sessionTtlSeconds * 1000);

    await expect(world.uppy.beginParts(ticket, file)).rejects.toMatchObject({ code: 'ticket_invalid' });
    await expect(world.uppy.listParts(ticket, reference)).rejects.toMatchObject({ code: 'ticket_invalid' });
  });

  it('that was never given out is good for nothing', async () => {
    await expect(world.uppy.form('tk_unknown', file)).rejects.toMatchObject({ code: 'ticket_invalid' });
  });

  it('leads only to the uploads in parts that it began, under their own keys', async () => {
    const { caller, ticket, reference } = await begin();
    const { ticket: another } = await world.uppy.open(caller, sessionFor(5));
    const { fields } = await world.uppy.form(ticket, file);
    const [, inOnePiece = ''] = String(fields['key']).split('/');

    for (const [bearer, place] of [
      [another, reference],
      [ticket, { ...reference, key: `staging/${randomUUID()}` }],
      [ticket, { ...reference, uploadId: randomUUID() }],
      [ticket, { uploadId: inOnePiece, key: `staging/${inOnePiece}` }],
    ] as const) {
      await expect(world.uppy.abort(bearer, place)).rejects.toMatchObject({ code: 'not_found' });
    }
    expect(await world.find(reference.uploadId)).toMatchObject({ status: 'awaiting_upload' });
    expect(await world.find(inOnePiece)).toMatchObject({ status: 'awaiting_upload' });
  });
});

describe('the parts of an upload', () => {
  it('are signed as far as the largest file of the session reaches', async () => {
    const { ticket, reference } = await begin(2 * PART + 1);

    expect(await world.uppy.signPart(ticket, { ...reference, number: 3 })).toMatchObject({
      url: expect.stringContaining('partNumber=3'),
    });
    await expect(world.uppy.signPart(ticket, { ...reference, number: 4 })).rejects.toMatchObject({
      code: 'file_too_large',
      places: [{ pointer: 'path:partNumber', detail: 'must be at most 3' }],
    });
  });

  it('are listed as storage has them', async () => {
    const { ticket, reference, put } = await begin();
    const second = await put(2, hello);

    expect(await world.uppy.listParts(ticket, reference)).toEqual([{ ...second, size: 5 }]);
  });

  it.each(['expired', 'cancelled', 'staged'])(
    'are neither signed nor listed where the upload is %s, though storage has them still',
    async (how) => {
      const { ticket, reference, id, put } = await begin();
      await put(1, hello);
      // As when storage could not end the multipart upload.
      if (how === 'cancelled') await world.ledger.change(id, (before) => ({ ...before, status: how }));
      else await end(world, await world.find(id), how);
      const refusal = {
        code: 'upload_state_conflict',
        message: `the upload is ${how}: no part is awaited any more`,
      };

      await expect(world.uppy.signPart(ticket, { ...reference, number: 2 })).rejects.toMatchObject(refusal);
      await expect(world.uppy.listParts(ticket, reference)).rejects.toMatchObject(refusal);
    },
  );

  it('are not listed where their multipart upload is gone', async () => {
    const { ticket, reference, id } = await begin();
    const { multipart } = await world.find(id);
    await world.multipart.abort({ key: reference.key, uploadId: multipart?.uploadId ?? '' });

    await expect(world.uppy.listParts(ticket, reference)).rejects.toMatchObject({
      code: 'upload_state_conflict',
    });
  });
});

describe('the completion of an upload', () => {
  it('takes the file once, however often it is called', async () => {
    const { ticket, reference, id, put } = await begin();
    const named = [await put(1, hello)];

    const first = await world.uppy.complete(ticket, reference, named);
    const second = await world.uppy.complete(ticket, reference, named);

    expect(first).toMatchObject({ id, status: 'staged', size: 5 });
    expect(second).toEqual(first);
    expect(await world.requestsFor(id)).toHaveLength(1);
  });

  it('names the part that storage has not got', async () => {
    const { ticket, reference, put } = await begin();
    const named = [await put(1, hello), { number: 2, etag: 'x' }];

    await expect(world.uppy.complete(ticket, reference, named)).rejects.toMatchObject({
      code: 'upload_incomplete',
      places: [{ pointer: 'part:2', detail: 'is not stored' }],
    });
  });

  it.each(['expired', 'cancelled'] as const)('is refused where the upload is %s', async (how) => {
    const { ticket, reference, id, put } = await begin();
    const named = [await put(1, hello)];
    await world.ledger.change(id, (before) => ({ ...before, status: how }));

    await expect(world.uppy.complete(ticket, reference, named)).rejects.toMatchObject({
      code: 'upload_state_conflict',
      message: `the upload is ${how}: no part is awaited any more`,
    });

    expect(await world.find(id)).toMatchObject({ status: how });
  });

  it('says how much too long the file is, each time', async () => {
    const { ticket, reference, put } = await begin(4);
    const named = [await put(1, hello)];

    for (let count = 0; count < 2; count += 1) {
      await expect(world.uppy.complete(ticket, reference, named)).rejects.toMatchObject({
        code: 'file_too_large',
        message: 'at most 4 bytes are taken; 5 bytes stored, 1 to 4 allowed',
      });
    }
  });

  it('stays a success when IPD refuses the file', async () => {
    const { ticket, reference, id, put } = await begin();
    const named = [await put(1, hello)];
    await world.uppy.complete(ticket, reference, named);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    await world.next(id);

    expect(await world.uppy.complete(ticket, reference, named)).toMatchObject({ id, status: 'failed' });
  });

  it('is a success when the upload is delivered and erased in the midst of it', async () => {
    const { ticket, reference, id, put } = await begin();
    const named = [await put(1, hello)];
    const { uppy } = servicesWhere({ before: ListPartsCommand }, async () => {
      await world.uppy.complete(ticket, reference, named);
      await world.next(id);
      await eraseNow(id);
    });

    expect(await uppy.complete(ticket, reference, named)).toMatchObject({ id, status: 'delivered' });
  });

  it('says less of a file that was too long when the upload is erased in the midst of it', async () => {
    const { ticket, reference, id, put } = await begin(4);
    const named = [await put(1, hello)];
    const { uppy } = servicesWhere({ before: ListPartsCommand }, async () => {
      await world.uppy.complete(ticket, reference, named).catch(() => undefined);
      await eraseNow(id);
    });

    await expect(uppy.complete(ticket, reference, named)).rejects.toMatchObject({
      code: 'file_too_large',
      message: expect.stringMatching(/^at most 4 bytes are taken;\s*$/),
    });
  });
});

describe('the end of an upload by its page', () => {
  it('cancels it and removes its parts', async () => {
    const { ticket, reference, id, put } = await begin();
    await put(1, randomBytes(10));

    await world.uppy.abort(ticket, reference);

    expect(await world.find(id)).toMatchObject({ status: 'cancelled' });
    expect(await underWay(world, { id })).toEqual([]);
  });
});
