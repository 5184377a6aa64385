import { describe, expect, it } from '@jest/globals';
import { createHandler } from '../../../functions/uploads.ts';
import { callHttp } from '../../support/http-event.ts';
import { uppyPageOf } from '../../support/uppy-page.ts';
import type { Reference } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';

const hello = Buffer.from('hello');

/** The shortest that storage joins with another one. */
const PART_BYTES = 5 * 1024 ** 2;

const world = await useWorld();
const uploadsHandler = createHandler(() => world.services);
const { openSession } = uppyPageOf(world);

const session = (largest = 1000) =>
  openSession({ files: [{ name: 'a.bin', size: largest, type: 'video/mp4' }] });

/** What storage has of it; undefined when it has no such multipart upload. */
async function inStorage({ uploadId, key }: Reference) {
  const { multipart } = await world.find(uploadId);
  return world.multipart.list({ key, uploadId: multipart?.uploadId ?? '' });
}

describe("Uppy's multipart upload", () => {
  it('is taken once, however often it is completed', async () => {
    const { begin, sendPart, complete } = await session();
    const reference = await begin();
    const part = await sendPart(reference, 1, hello);

    const first = await complete(reference, [part]);
    const second = await complete(reference, [part]);
    await world.next(reference.uploadId);
    const third = await complete(reference, [part]);

    for (const again of [second, third]) expect(again).toMatchObject({ status: 200, body: first.body });
    expect(await world.received()).toHaveLength(1);
  });

  it('takes the ETag of a part with its quotes or without', async () => {
    for (const strip of [(etag: string) => etag, (etag: string) => etag.replaceAll('"', '')]) {
      const { begin, sendPart, complete } = await session();
      const reference = await begin();
      const { PartNumber, ETag } = await sendPart(reference, 1, hello);

      const answer = await complete(reference, [{ PartNumber, ETag: strip(ETag) }]);

      expect(ETag).toMatch(/^".+"$/);
      expect(answer.status).toBe(200);
    }
  });

  it.each<[what: string, numbers: number[], wrong: boolean, pointer: string]>([
    ['a part that is not stored', [1, 2, 3], false, 'part:3'],
    ['a gap', [1, 4], false, 'part:4'],
    ['no first part', [2], false, 'part:2'],
    ['another ETag than that of the part', [1], true, 'part:1'],
  ])('is not complete with %s', async (_what, numbers, wrong, pointer) => {
    const { begin, sendPart, complete } = await session(4 * PART_BYTES);
    const reference = await begin();
    const stored = [];
    for (const number of [1, 2, 4]) stored.push(await sendPart(reference, number, hello));
    const etag = wrong ? '"0123456789abcdef0123456789abcdef"' : (stored[0]?.ETag ?? '');

    const answer = await complete(
      reference,
      numbers.map((PartNumber) => ({ PartNumber, ETag: etag })),
    );

    expect(answer).toMatchObject({ status: 409, body: { code: 'upload_incomplete', retryable: false } });
    expect(answer.pointers()).toEqual([pointer]);
    expect(await world.find(reference.uploadId)).toMatchObject({ status: 'awaiting_upload' });
  });

  it('is not complete with parts that storage does not join', async () => {
    const { begin, sendPart, complete } = await session(2 * PART_BYTES);
    const reference = await begin();
    const parts = [await sendPart(reference, 1, hello), await sendPart(reference, 2, hello)];

    const answer = await complete(reference, parts);

    expect(answer).toMatchObject({ status: 409, body: { code: 'upload_incomplete' } });
    expect(await inStorage(reference)).toHaveLength(2);
  });

  it.each<[body: object, pointer: string]>([
    [{ parts: [] }, '/parts'],
    [{}, '/parts'],
    [{ parts: [{ PartNumber: 0, ETag: 'x' }] }, '/parts/0/PartNumber'],
    [{ parts: [{ PartNumber: 1 }] }, '/parts/0/ETag'],
    [{ parts: [1, 2, 1].map((PartNumber) => ({ PartNumber, ETag: 'x' })) }, '/parts/2/PartNumber'],
  ])('is not completed by %j', async (body, pointer) => {
    const { begin, ask } = await session();
    const reference = await begin();

    const answer = await ask('complete', reference, { body });

    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.pointers()).toEqual([pointer]);
  });

  it('cannot be completed once it was cancelled', async () => {
    const { begin, sendPart, complete, abort } = await session();
    const reference = await begin();
    const part = await sendPart(reference, 1, hello);
    await abort(reference);

    const answer = await complete(reference, [part]);

    expect(answer).toMatchObject({ status: 409, body: { code: 'upload_state_conflict', retryable: false } });
    expect(await world.find(reference.uploadId)).toMatchObject({ status: 'cancelled' });
  });

  it('stays complete when IPD does not take it', async () => {
    const { user, begin, sendPart, complete } = await session();
    const reference = await begin();
    const part = await sendPart(reference, 1, hello);
    const first = await complete(reference, [part]);
    await world.faults([{ match: { operation: 'upload' }, count: 1, fault: { kind: 'noPermission' } }]);
    await world.next(reference.uploadId);

    const second = await complete(reference, [part]);

    expect(second).toMatchObject({ status: 200, body: first.body });
    expect((await statusOf(reference, user)).body).toMatchObject({
      status: 'failed',
      error: { retryable: true },
    });
  });

  it('fails when it is longer than the session allows, and leaves nothing in storage', async () => {
    const { user, begin, sendPart, complete } = await session(4);
    const reference = await begin();
    const part = await sendPart(reference, 1, hello);

    const answers = [await complete(reference, [part]), await complete(reference, [part])];

    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 413, body: { code: 'file_too_large', retryable: false } });
    }
    expect(await inStorage(reference)).toBeUndefined();
    expect(await world.isStaged(reference.uploadId)).toBe(false);
    expect(await statusOf(reference, user)).toMatchObject({
      status: 200,
      body: { status: 'failed', error: { code: 'size_mismatch', retryable: false } },
    });
  });
});

function statusOf({ uploadId }: Reference, sub: string) {
  return callHttp(uploadsHandler, {
    route: 'GET /v1/uploads/{id}',
    parameters: { id: uploadId },
    claims: { sub },
  });
}
