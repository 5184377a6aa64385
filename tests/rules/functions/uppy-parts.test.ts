import { describe, expect, it } from '@jest/globals';
import { UploadPartCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { createHandler } from '../../../functions/uploads.ts';
import { callHttp } from '../../support/http-event.ts';
import { uppyPageOf } from '../../support/uppy-page.ts';
import type { Reference } from '../../support/uppy-page.ts';
import { useWorld } from '../../support/use-world.ts';

/** The shortest that storage joins with another one. */
const PART_BYTES = 5 * 1024 ** 2;
const hello = Buffer.from('hello');

const world = await useWorld();
const uploadsHandler = createHandler(() => world.services);
const { openSession } = uppyPageOf(world);

const session = (largest = 2 * PART_BYTES) =>
  openSession({ files: [{ name: 'a.bin', size: largest, type: 'video/mp4' }] });

/** What storage has of it; undefined when it has no such multipart upload. */
async function inStorage({ uploadId, key }: Reference) {
  const { multipart } = await world.find(uploadId);
  return world.multipart.list({ key, uploadId: multipart?.uploadId ?? '' });
}

describe("Uppy's multipart upload", () => {
  it('begins under our own id and key', async () => {
    const { user, create } = await session();

    const answer = await create({ filename: '录屏.mp4', type: 'video/mp4', metadata: { owner: 'user-2' } });

    const { uploadId } = answer.body;
    expect(answer).toMatchObject({ status: 200, body: { key: `staging/${String(uploadId)}` } });
    expect(await world.find(String(uploadId))).toMatchObject({
      owner: user,
      filename: '录屏.mp4',
      status: 'awaiting_upload',
      maxSize: 2 * PART_BYTES,
    });
  });

  it.each<[what: string, body: object, pointer: string]>([
    ['a name with a path', { filename: 'a/b', type: 'video/mp4' }, '/filename'],
    ['no name', { type: 'video/mp4' }, '/filename'],
    ['a type that is no text', { filename: 'a', type: 5 }, '/type'],
  ])('does not begin with %s', async (_what, body, pointer) => {
    const { create } = await session();

    const answer = await create(body);

    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(new Set(answer.pointers())).toEqual(new Set([pointer]));
  });

  it('comes to IPD part by part, also when the parts arrive out of order', async () => {
    const { begin, sendPart, complete } = await session();
    const reference = await begin();
    const bytes = randomBytes(PART_BYTES + 777);

    const second = await sendPart(reference, 2, bytes.subarray(PART_BYTES));
    const first = await sendPart(reference, 1, bytes.subarray(0, PART_BYTES));
    const completed = await complete(reference, [second, first]);
    await world.next(reference.uploadId);

    expect(completed).toMatchObject({
      status: 200,
      body: { location: `https://api.example.com/v1/uploads/${reference.uploadId}`, key: reference.key },
    });
    expect(await world.find(reference.uploadId)).toMatchObject({ status: 'delivered', size: bytes.length });
    expect(await world.received()).toMatchObject([{ size: bytes.length, filename: 'a.bin' }]);
  });

  it('lists its parts as Uppy reads them', async () => {
    const { begin, sendPart, list } = await session(3 * PART_BYTES);
    const reference = await begin();
    const third = await sendPart(reference, 3, hello);
    const first = await sendPart(reference, 1, Buffer.from('first'));

    const answer = await list(reference);

    expect(answer.status).toBe(200);
    expect(answer.list).toEqual([
      { PartNumber: 1, ETag: first.ETag, Size: 5 },
      { PartNumber: 3, ETag: third.ETag, Size: 5 },
    ]);
  });

  it('lists more parts than storage names at once', async () => {
    const { begin, list } = await session();
    const reference = await begin();
    await storeTiny(reference, 1001);

    const answer = await list(reference);

    expect(answer.list).toHaveLength(1001);
    expect(answer.list.at(-1)).toMatchObject({ PartNumber: 1001, Size: 1 });
  });

  it('signs any part that storage can take, and no other', async () => {
    const { begin, sign } = await session();
    const reference = await begin();

    for (const number of [1, 2]) {
      expect(await sign(reference, number)).toMatchObject({ status: 200, body: { expires: 3600 } });
    }
    for (const number of [0, 10_001, -1, '1.5', 'one']) {
      const answer = await sign(reference, number);

      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(new Set(answer.pointers())).toEqual(new Set(['path:partNumber']));
    }
  });

  it('signs no part that begins beyond the largest file of the session', async () => {
    const { begin, sign } = await session(2 * PART_BYTES + 1);
    const reference = await begin();

    expect(await sign(reference, 3)).toMatchObject({ status: 200 });
    expect(await sign(reference, 4)).toMatchObject({
      status: 413,
      body: {
        code: 'file_too_large',
        errors: [{ pointer: 'path:partNumber', detail: 'must be at most 3' }],
      },
    });
  });

  it('has a size once it has arrived, and none before', async () => {
    const { user, begin, sendPart, complete } = await session();
    const reference = await begin();
    const part = await sendPart(reference, 1, hello);

    const before = await statusOf(reference, user);
    await complete(reference, [part]);
    const after = await statusOf(reference, user);

    expect(before.body).toMatchObject({ size: null, staging: { mode: 'multipart', bytesStored: 5 } });
    expect(after.body).toMatchObject({ size: 5, staging: { bytesStored: 5 } });
  });

  it('is cancelled with its parts, also when the call is repeated', async () => {
    const { begin, sendPart, abort, sign, list } = await session();
    const reference = await begin();
    await sendPart(reference, 1, hello);

    const answers = [await abort(reference), await abort(reference)];

    for (const { status, headers, body } of answers) {
      expect([status, body]).toEqual([200, {}]);
      expect(headers['content-type']).toBe('application/json');
    }
    expect(await inStorage(reference)).toBeUndefined();
    for (const answer of [await sign(reference, 2), await list(reference)]) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'upload_state_conflict' } });
    }
  });

  it('cannot be cancelled once IPD has it', async () => {
    const { begin, sendPart, complete, abort } = await session();
    const reference = await begin();
    await complete(reference, [await sendPart(reference, 1, hello)]);
    await world.next(reference.uploadId);

    const answer = await abort(reference);

    expect(answer).toMatchObject({ status: 409, body: { code: 'upload_state_conflict' } });
    expect(await world.received()).toHaveLength(1);
  });
});

function statusOf({ uploadId }: Reference, sub: string) {
  return callHttp(uploadsHandler, {
    route: 'GET /v1/uploads/{id}',
    parameters: { id: uploadId },
    claims: { sub },
  });
}

/** Parts of one byte, past the product, a few at a time. */
async function storeTiny({ uploadId, key }: Reference, count: number): Promise<void> {
  const { multipart } = await world.find(uploadId);
  const numbers = Array.from({ length: count }, (_, index) => index + 1).values();
  const store = async () => {
    for (const PartNumber of numbers) {
      await world.clients.s3.send(
        new UploadPartCommand({
          Bucket: world.config.bucket,
          Key: key,
          UploadId: multipart?.uploadId,
          PartNumber,
          Body: Buffer.from('x'),
        }),
      );
    }
  };
  await Promise.all(Array.from({ length: 10 }, store));
}
