import { describe, expect, it } from '@jest/globals';
import { CreateMultipartUploadCommand } from '@aws-sdk/client-s3';
import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { useWorld } from '../../support/use-world.ts';
import { caller } from '../../support/world.ts';
import { end, request, stranger } from '../../support/ways-to-end.ts';
import { beginParts, PART, partsOf, putParts, storeParts, underWay } from '../../support/parts-fixture.ts';

const recordPut = z.object({ Item: z.object({ pk: z.string().startsWith('upload#') }) });

const world = await useWorld();
const servicesWhere = useMeanwhile(world);

describe('an upload in parts', () => {
  /** What was asked of storage about an upload, in order. */
  const askedOf = (id: string): string[] =>
    world.s3.requests.filter(({ key }) => key === `staging/${id}`).map(({ operation }) => operation);

  /** Aborts the multipart upload without the product. */
  async function abortBehind(id: string): Promise<void> {
    const { multipart } = await world.find(id);
    await world.multipart.abort({ key: `staging/${id}`, uploadId: multipart?.uploadId ?? '' });
  }

  /** Joins the parts without a record of it, as when the product's call succeeds and its answer is lost. */
  async function joinBehind(id: string): Promise<void> {
    const { multipart } = await world.find(id);
    const target = { key: `staging/${id}`, uploadId: multipart?.uploadId ?? '' };
    await world.multipart.complete(target, (await world.multipart.list(target)) ?? []);
  }

  describe('read by its owner', () => {
    it('tells what storage has of it, and nothing of what another owner has', async () => {
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(1), bytes, world.putFile);

      expect(await world.uploads.get(caller, upload.id)).toEqual({ upload, bytesStored: 10 });
      await expect(world.uploads.get(stranger, upload.id)).rejects.toMatchObject({ code: 'not_found' });
    });

    it('has nothing when the multipart upload is gone', async () => {
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(1), bytes, world.putFile);
      await abortBehind(upload.id);

      expect(await world.uploads.get(caller, upload.id)).toMatchObject({ bytesStored: 0 });
    });
  });

  describe('presign', () => {
    it('asks storage nothing for an upload that has just begun', async () => {
      const upload = await world.create(randomBytes(10), { mode: 'multipart' });

      const { presigned } = await world.uploads.presign(upload, { isNew: true });

      expect(partsOf(presigned)).toHaveLength(1);
      expect(askedOf(upload.id)).toEqual(['CreateMultipartUpload']);
    });
  });

  describe('resign', () => {
    it('asks for what is missing, and for nothing when all is there', async () => {
      const { bytes, upload, parts } = await beginParts(world, randomBytes(2 * PART + 10));
      await putParts(parts.slice(1, 2), bytes, world.putFile);

      const some = await world.uploads.resign(caller, upload.id);
      await putParts(partsOf(some.presigned), bytes, world.putFile);
      const none = await world.uploads.resign(caller, upload.id);

      expect(partsOf(some.presigned).map(({ number }) => number)).toEqual([1, 3]);
      expect(some.bytesStored).toBe(PART);
      expect(partsOf(none.presigned)).toEqual([]);
      expect(none.bytesStored).toBe(bytes.length);
    });

    it('begins another multipart upload where the first is gone', async () => {
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(1), bytes, world.putFile);
      await abortBehind(upload.id);

      const { presigned, bytesStored } = await world.uploads.resign(caller, upload.id);
      const asked = askedOf(upload.id);
      await putParts(partsOf(presigned), bytes, world.putFile);
      const { upload: completed } = await world.uploads.complete(caller, upload.id);

      expect(bytesStored).toBe(0);
      expect(asked.at(-1)).toBe('CreateMultipartUpload');
      expect(partsOf(presigned).map(({ number }) => number)).toEqual([1, 2]);
      expect(completed).toMatchObject({ status: 'staged', size: bytes.length });
    });

    it('leaves one multipart upload where five find the first one gone at the same time', async () => {
      const { bytes, upload } = await beginParts(world, randomBytes(10));
      await abortBehind(upload.id);

      const all = await Promise.all(Array.from({ length: 5 }, () => world.uploads.resign(caller, upload.id)));

      const { multipart } = await world.find(upload.id);
      expect(await underWay(world, upload)).toEqual([multipart?.uploadId]);
      for (const { presigned } of all) await putParts(partsOf(presigned), bytes, world.putFile);
      expect(await world.uploads.get(caller, upload.id)).toMatchObject({ bytesStored: 10 });
    });

    it('has ended the surplus one when it answers', async () => {
      const { upload } = await beginParts(world, randomBytes(10));
      await abortBehind(upload.id);
      const s3 = world.connectStorage();
      s3.middlewareStack.add(
        (next, { commandName }) =>
          async (args) => {
            if (commandName !== 'AbortMultipartUploadCommand') return next(args);
            for (let round = 0; round < 20; round += 1) await new Promise(setImmediate);
            return next(args);
          },
        { step: 'initialize', name: 'slow' },
      );
      const { uploads } = world.build({ s3 });

      await Promise.all([uploads.resign(caller, upload.id), uploads.resign(caller, upload.id)]);

      const { multipart } = await world.find(upload.id);
      expect(await underWay(world, upload)).toEqual([multipart?.uploadId]);
    });

    it('asks for what is missing where another call has begun another one, and a part is there already', async () => {
      const { bytes, upload } = await beginParts(world);
      await abortBehind(upload.id);
      const { uploads } = servicesWhere({ before: CreateMultipartUploadCommand }, async () => {
        const { presigned } = await world.uploads.resign(caller, upload.id);
        await putParts(partsOf(presigned).slice(1), bytes, world.putFile);
      });

      const { presigned, bytesStored } = await uploads.resign(caller, upload.id);

      expect(partsOf(presigned).map(({ number }) => number)).toEqual([1]);
      expect(bytesStored).toBe(10);
    });

    it('finds that the file has arrived when it is gone for that', async () => {
      const { upload } = await storeParts(world);
      await joinBehind(upload.id);

      await expect(world.uploads.resign(caller, upload.id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: 'the upload is staged: no file is awaited any more',
      });
      expect(await world.requestsFor(upload.id)).toHaveLength(1);
      expect(askedOf(upload.id).filter((operation) => operation === 'CreateMultipartUpload')).toHaveLength(1);
    });
  });

  describe('complete', () => {
    it.each([
      [2, 'part 2 is not stored'],
      [1, 'part 1 is not stored (and 1 more)'],
    ])('names the first part that is missing, and how many more: %d', async (first, message) => {
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(0, first - 1), bytes, world.putFile);

      await expect(world.uploads.complete(caller, upload.id)).rejects.toMatchObject({
        code: 'upload_incomplete',
        message,
      });
    });

    it('joins the parts and asks for the delivery, which sends the file as it was', async () => {
      const { bytes, upload } = await storeParts(world);

      const { upload: completed, bytesStored } = await world.uploads.complete(caller, upload.id);
      const [message = ''] = await world.requestsFor(upload.id);
      await world.delivery.onRequest(JSON.parse(message), world.run());

      expect(completed).toMatchObject({ status: 'staged', etag: expect.stringMatching(/-2$/) });
      expect(bytesStored).toBe(bytes.length);
      expect(await world.find(upload.id)).toMatchObject({ status: 'delivered' });
      expect(await world.received()).toMatchObject([{ size: bytes.length }]);
      expect(await world.isStaged(upload.id)).toBe(false);
    });

    it.each([
      ['its answer got lost', joinBehind],
      ['its multipart upload is gone, and an object is there', storeWhole],
    ])('finds the file where %s', async (_name, arrive) => {
      const { bytes, upload } = await storeParts(world, randomBytes(100));
      await arrive(upload.id, bytes);

      const { upload: completed } = await world.uploads.complete(caller, upload.id);

      expect(completed).toMatchObject({ status: 'staged', size: 100 });
      expect(await underWay(world, upload)).toEqual([]);
    });

    it('takes the object that is there where storage refuses to make another (412)', async () => {
      const { bytes, upload } = await storeParts(world, randomBytes(100));
      await world.staging.store({ key: `staging/${upload.id}`, body: bytes, contentType: 'a/b' });

      const { upload: completed } = await world.uploads.complete(caller, upload.id);

      expect(completed).toMatchObject({
        status: 'staged',
        size: 100,
        etag: expect.not.stringContaining('-'),
      });
    });

    it('says that the file is missing where the multipart upload is gone without one', async () => {
      const { upload } = await storeParts(world, randomBytes(100));
      await abortBehind(upload.id);

      await expect(world.uploads.complete(caller, upload.id)).rejects.toMatchObject({
        code: 'upload_incomplete',
        places: [{ pointer: 'file', detail: 'is not stored' }],
      });
      expect(await world.find(upload.id)).toMatchObject({ status: 'awaiting_upload' });
    });

    it('leads to one delivery when ten call it at the same time, and the event comes, too', async () => {
      const { bytes, upload } = await storeParts(world);

      const all = await Promise.all(
        Array.from({ length: 10 }, () => world.uploads.complete(caller, upload.id)),
      );
      const { etag = '' } = await world.find(upload.id);
      const arrival = { key: `staging/${upload.id}`, etag, size: bytes.length };
      const messages = await world.requestsFor(upload.id);
      await Promise.all([
        world.delivery.onArrival(arrival, world.run()),
        ...messages.map((message) => world.delivery.onRequest(JSON.parse(message), world.run())),
      ]);

      expect(new Set(all.map((view) => view.upload.status))).toEqual(new Set(['staged']));
      expect(await world.find(upload.id)).toMatchObject({ status: 'delivered', attempts: 1 });
      expect(world.uploadRequests()).toHaveLength(1);
    });

    it.each(['staged', 'delivering', 'behind the fence', 'waiting', 'unconfirmed', 'delivered', 'failed'])(
      'answers with an upload that is %s as it is',
      async (how) => {
        const { upload } = await beginParts(world, randomBytes(10));
        await end(world, upload, how);

        const { upload: completed } = await world.uploads.complete(caller, upload.id);

        expect(completed).toEqual(await world.find(upload.id));
        expect(await world.requestsFor(upload.id)).toEqual([]);
      },
    );

    it.each(['cancelled', 'expired'])('refuses when the upload is %s', async (how) => {
      const { upload } = await beginParts(world, randomBytes(10));
      await end(world, upload, how);

      await expect(world.uploads.complete(caller, upload.id)).rejects.toMatchObject({
        code: 'upload_state_conflict',
        message: `the upload is ${how}: no file is awaited any more`,
      });
    });

    it('delivers an upload that had expired when its last part comes after all', async () => {
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(0, 1), bytes, world.putFile);
      await end(world, upload, 'expired');
      await putParts(parts.slice(1), bytes, world.putFile);

      const { upload: completed } = await world.uploads.complete(caller, upload.id);

      expect(completed).toMatchObject({ status: 'staged' });
      expect(await world.requestsFor(upload.id)).toHaveLength(1);
    });
  });

  describe('cancel', () => {
    it.each(['awaiting_upload', 'expired'])('ends the multipart upload of one that is %s', async (how) => {
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(0, 1), bytes, world.putFile);
      if (how === 'expired') await end(world, upload, how);

      await world.uploads.cancel(caller, upload.id);

      expect(await underWay(world, upload)).toEqual([]);
      await expect(putParts(parts.slice(1), bytes, world.putFile)).rejects.toThrow('NoSuchUpload');
    });

    it('leaves nothing when the parts had been joined without a record of it', async () => {
      const { upload } = await storeParts(world, randomBytes(10));
      await joinBehind(upload.id);

      await world.uploads.cancel(caller, upload.id);

      expect(await world.isStaged(upload.id)).toBe(false);
    });
  });

  describe('an idempotency key', () => {
    const inParts = { ...request, mode: 'multipart', size: 10 } as const;

    it('goes on where a creation broke off between the multipart upload and the record', async () => {
      const key = randomUUID();
      const { intake } = breakingAtRecords();
      await expect(intake.create(caller, inParts, key)).rejects.toThrow('the function is gone');
      const bound = await world.ledger.findKey(caller.owner, key);

      const { created, upload } = await world.intake.create(caller, inParts, key);
      const bytes = randomBytes(10);
      await putParts(partsOf((await world.uploads.presign(upload)).presigned), bytes, world.putFile);
      const { upload: completed } = await world.uploads.complete(caller, upload.id);

      expect({ created, id: upload.id }).toEqual({ created: true, id: bound?.uploadId });
      expect(completed).toMatchObject({ status: 'staged' });
    });

    it('leaves one multipart upload after ten calls at the same time', async () => {
      const key = randomUUID();

      const all = await Promise.all(
        Array.from({ length: 10 }, () => world.intake.create(caller, inParts, key)),
      );

      const [first] = all;
      if (first === undefined) throw new Error('ten');
      expect(new Set(all.map(({ upload }) => upload.multipart?.uploadId)).size).toBe(1);
      expect(await underWay(world, first.upload)).toEqual([first.upload.multipart?.uploadId]);
    });
  });

  /** Services of a function that dies before it writes the record of an upload. */
  function breakingAtRecords() {
    const { documents } = world.connectTable();
    documents.middlewareStack.add(
      (next) => async (args) => {
        if (recordPut.safeParse(args.input).success) throw new Error('the function is gone');
        return next(args);
      },
      { step: 'initialize', name: 'break-off' },
    );
    return world.build({ documents });
  }

  async function storeWhole(id: string, bytes: Buffer): Promise<void> {
    await abortBehind(id);
    await world.staging.store({ key: `staging/${id}`, body: bytes, contentType: 'a/b' });
  }
});
