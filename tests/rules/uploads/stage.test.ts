import { describe, expect, it } from '@jest/globals';
import { DeleteObjectCommand, ListPartsCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { DeleteCommand } from '@aws-sdk/lib-dynamodb';
import { randomBytes } from 'node:crypto';
import type { NamedPart } from '../../../lib/uploads/stage.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import { useMeanwhile } from '../../support/meanwhile.ts';
import { beginParts, PART, putParts, storeParts, underWay } from '../../support/parts-fixture.ts';
import { useWorld } from '../../support/use-world.ts';
import { end } from '../../support/ways-to-end.ts';
import { caller, issueId, projectId } from '../../support/world.ts';

const world = await useWorld();
const servicesWhere = useMeanwhile(world);

const hello = Buffer.from('hello');

const targetOf = ({ id, multipart }: Upload) => ({
  key: `staging/${id}`,
  uploadId: multipart?.uploadId ?? '',
});

/** Puts a part past the product, and names it as a client does. */
async function putPart(upload: Upload, number: number, bytes: Buffer): Promise<NamedPart> {
  const { key, uploadId } = targetOf(upload);
  const { ETag = '' } = await world.clients.s3.send(
    new UploadPartCommand({
      Bucket: world.config.bucket,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: bytes,
    }),
  );
  return { number, etag: ETag };
}

/** Joins the parts past the product. */
async function join(upload: Upload): Promise<void> {
  await world.multipart.complete(targetOf(upload), (await world.multipart.list(targetOf(upload))) ?? []);
}

/** An upload whose client chooses the part sizes. */
async function beginFreely(maxSize = 5): Promise<Upload> {
  const { upload } = await world.intake.begin({
    owner: caller.owner,
    projectId,
    issueId,
    filename: 'a.bin',
    contentType: 'a/b',
    size: 0,
    maxSize,
    cut: {},
  });
  return upload;
}

async function forget(upload: Upload): Promise<void> {
  await world.documents.send(
    new DeleteCommand({ TableName: world.config.table, Key: { pk: `upload#${upload.id}` } }),
  );
}

/** What was asked of storage about an upload, in order. */
const askedOf = ({ id }: Upload): string[] =>
  world.s3.requests.filter(({ key }) => key === `staging/${id}`).map(({ operation }) => operation);

const request = { isArrival: true, attempt: 1 };

describe('the check of a file that comes in one piece', () => {
  it('finds it, records it and asks for its delivery', async () => {
    const upload = await world.stage(hello);

    const checked = await world.arrivals.check(upload);

    expect(checked).toMatchObject({ upload: { status: 'staged' }, missing: [], hasParts: false });
    expect(checked.upload).toEqual(await world.find(upload.id));
    const messages = await world.requestsFor(upload.id);
    expect(messages.map((message) => JSON.parse(message))).toEqual([{ ...request, uploadId: upload.id }]);
  });

  it('asks for no delivery of a file of another size', async () => {
    const { id } = await world.stage(hello);
    const { upload } = await world.ledger.change(id, (before) => ({ ...before, size: hello.length + 1 }));

    const checked = await world.arrivals.check(upload);

    expect(checked.upload).toMatchObject({ status: 'failed', lastError: { code: 'size_mismatch' } });
    expect(await world.requestsFor(id)).toEqual([]);
  });

  it.each(['awaiting_upload', 'expired'])('misses it where the upload is %s', async (how) => {
    const upload = await world.create(hello);
    await end(world, upload, how);

    expect(await world.arrivals.check(upload)).toEqual({
      upload: await world.find(upload.id),
      missing: [{ pointer: 'file', detail: 'is not stored' }],
      hasParts: false,
    });
  });

  it.each(['delivered', 'cancelled', 'staged'])(
    'misses nothing where the upload is %s meanwhile and the file is gone',
    async (how) => {
      const upload = await world.create(hello);
      await end(world, upload, how);

      expect(await world.arrivals.check(upload)).toEqual({
        upload: await world.find(upload.id),
        missing: [],
        hasParts: false,
      });
    },
  );

  it('misses it where even its record is gone', async () => {
    const upload = await world.create(hello);
    await forget(upload);

    expect(await world.arrivals.check(upload)).toMatchObject({ upload, missing: [{ pointer: 'file' }] });
  });

  it('fails a file of another size than declared, and asks for no delivery', async () => {
    const upload = await world.create(hello);
    await world.staging.store({ key: `staging/${upload.id}`, body: randomBytes(6), contentType: 'a/b' });

    expect(await world.arrivals.check(upload)).toMatchObject({
      upload: { status: 'failed', lastError: { code: 'size_mismatch' } },
      missing: [],
    });

    expect(await world.requestsFor(upload.id)).toEqual([]);
  });
});

describe('the check of a file that comes in the parts that we cut', () => {
  it('joins them once all are there', async () => {
    const { bytes, upload } = await storeParts(world);

    expect(await world.arrivals.check(upload)).toMatchObject({
      upload: { status: 'staged', size: bytes.length },
      missing: [],
      hasParts: false,
    });

    expect(await world.staging.head(`staging/${upload.id}`)).toMatchObject({ size: bytes.length });
  });

  it.each([
    ['none', [], ['part:1', 'part:2'], false],
    ['the first', [1], ['part:2'], true],
    ['the last', [2], ['part:1'], true],
  ])('names the missing parts where %s is there', async (_name, there, missing, hasParts) => {
    const { bytes, upload, parts } = await beginParts(world);
    await putParts(
      parts.filter(({ number }) => there.includes(number)),
      bytes,
      world.putFile,
    );

    expect(await world.arrivals.check(upload)).toEqual({
      upload,
      missing: missing.map((pointer) => ({ pointer, detail: 'is not stored' })),
      hasParts,
    });

    expect(await underWay(world, upload)).toHaveLength(1);
  });

  it('leaves out a part that belongs to no file of this size', async () => {
    const { bytes, upload } = await storeParts(world);
    await putPart(upload, 3, hello);

    expect(await world.arrivals.check(upload)).toMatchObject({ upload: { status: 'staged' } });

    expect(await world.staging.head(`staging/${upload.id}`)).toMatchObject({ size: bytes.length });
  });

  it('finds the file where another call has joined them', async () => {
    const { upload } = await storeParts(world, hello);
    await join(upload);

    expect(await world.arrivals.check(upload)).toMatchObject({ upload: { status: 'staged', size: 5 } });
  });
});

describe('the check of a file that comes in parts as the client cuts it', () => {
  it('joins the parts that the client names, in any order, with the quotes of their ETags or without', async () => {
    const upload = await beginFreely(PART + 5);
    const first = await putPart(upload, 1, randomBytes(PART));
    const { number, etag } = await putPart(upload, 2, hello);
    await putPart(upload, 3, hello);

    const checked = await world.arrivals.check(upload, [{ number, etag: etag.replaceAll('"', '') }, first]);

    expect(etag).toMatch(/^".+"$/);
    expect(checked).toMatchObject({ upload: { status: 'staged', size: PART + 5 }, missing: [] });
    expect(await world.staging.head(`staging/${upload.id}`)).toMatchObject({ size: PART + 5 });
  });

  it.each<[string, (parts: NamedPart[]) => NamedPart[], string[]]>([
    [
      'a part that is not stored',
      ([first]) => [...(first ? [first] : []), { number: 2, etag: 'x' }],
      ['part:2'],
    ],
    ['a gap', ([first, third]) => [first, third].filter((part) => part !== undefined), ['part:3']],
    ['another ETag than that of the part', () => [{ number: 1, etag: '"x"' }], ['part:1']],
  ])('is not satisfied with %s', async (_name, choose, missing) => {
    const upload = await beginFreely(2 * PART);
    const parts = [await putPart(upload, 1, randomBytes(PART)), await putPart(upload, 3, hello)];

    expect(await world.arrivals.check(upload, choose(parts))).toEqual({
      upload,
      missing: missing.map((pointer) => ({ pointer, detail: 'is not stored' })),
      // Only the client can tell whether all are there, so the sweep does not hurry.
      hasParts: false,
    });

    expect(await world.find(upload.id)).toEqual(upload);
    expect(await underWay(world, upload)).toHaveLength(1);
  });

  it.each([[undefined], [[]]])('waits for the client where it has named no parts: %j', async (named) => {
    const upload = await beginFreely();
    await putPart(upload, 1, hello);

    expect(await world.arrivals.check(upload, named)).toEqual({
      upload,
      missing: [{ pointer: 'file', detail: 'is not complete' }],
      hasParts: false,
    });

    expect(await world.find(upload.id)).toEqual(upload);
  });

  it.each([1, 5])('takes a file of %d bytes where 1 to 5 are allowed', async (size) => {
    const upload = await beginFreely(5);
    const part = await putPart(upload, 1, randomBytes(size));

    expect(await world.arrivals.check(upload, [part])).toMatchObject({
      upload: { status: 'staged', size, etag: expect.stringMatching(/-1$/) },
    });
  });

  it.each([0, 6])('fails a file of %d bytes, and never joins its parts', async (size) => {
    const upload = await beginFreely(5);
    const part = await putPart(upload, 1, randomBytes(size));

    expect(await world.arrivals.check(upload, [part])).toMatchObject({
      upload: { status: 'failed', lastError: { detail: `${size} bytes stored, 1 to 5 allowed` } },
      missing: [],
      hasParts: false,
    });

    expect(askedOf(upload)).not.toContain('CompleteMultipartUpload');
    expect(await underWay(world, upload)).toEqual([]);
    expect(await world.requestsFor(upload.id)).toEqual([]);
  });

  it('keeps the file that another call has taken with fewer parts meanwhile', async () => {
    const upload = await beginFreely(PART);
    const parts = [await putPart(upload, 1, randomBytes(PART)), await putPart(upload, 2, hello)];
    const { arrivals } = servicesWhere({ after: ListPartsCommand }, () =>
      world.arrivals.check(upload, parts.slice(0, 1)),
    );

    expect(await arrivals.check(upload, parts)).toMatchObject({ upload: { status: 'staged', size: PART } });

    expect(await world.isStaged(upload.id)).toBe(true);
  });
});

describe('what storage has of an upload that does not need it any more', () => {
  it('is removed where it came in one piece', async () => {
    const upload = await world.stage(hello);

    await world.arrivals.discard(upload);

    expect(await world.isStaged(upload.id)).toBe(false);
    expect(askedOf(upload)).not.toContain('AbortMultipartUpload');
  });

  it('is removed where it is in parts', async () => {
    const { upload } = await storeParts(world, hello);

    await world.arrivals.discard(upload);

    expect(await underWay(world, upload)).toEqual([]);
  });

  it.each([
    ['before', { before: DeleteObjectCommand }],
    ['after', { after: DeleteObjectCommand }],
  ])('is removed where its parts are joined directly %s the removal', async (_name, moment) => {
    const { upload } = await storeParts(world, hello);
    const { arrivals } = servicesWhere(moment, () => join(upload));

    await arrivals.discard(upload);

    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('is removed by one request where its parts had been joined', async () => {
    const { upload } = await storeParts(world, hello);
    const { upload: staged } = await world.arrivals.check(upload);
    const before = askedOf(upload);

    await world.arrivals.discard(staged);

    expect(askedOf(upload).slice(before.length)).toEqual(['DeleteObject']);
    expect(await world.isStaged(upload.id)).toBe(false);
  });

  it('is not asked for again once the record says that it is removed', async () => {
    const delivered = await world.deliver();
    const before = askedOf(delivered);

    await world.arrivals.discard(delivered);

    expect(delivered).toMatchObject({ status: 'delivered', isFileRemoved: true });
    expect(askedOf(delivered)).toEqual(before);
  });
});
