/** The bucket's multipart uploads and the table's other indexes: the ends in memory do what those on sockets do. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { CompletedPart, ListPartsCommandInput, ListPartsCommandOutput } from '@aws-sdk/client-s3';
import { PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { openMemoryEnds, openRealEnds, openRuleEnds } from './contract-ends.ts';
import type { Ends } from './contract-ends.ts';

const MIN_PART = 5 * 1024 ** 2;

describe.each([
  ['of the simulation', openMemoryEnds],
  ['of rules', openRuleEnds],
  ['on sockets', openRealEnds],
])('the ends %s', (_name, open) => {
  let ends: Ends;
  beforeAll(async () => {
    ends = await open();
  });
  afterAll(() => ends.stop());

  describe('a multipart upload', () => {
    const first = randomBytes(MIN_PART);
    const last = randomBytes(1000);

    it('becomes one object with its parts in order, even when they arrived in another order', async () => {
      const upload = await begin('joined');
      await putPart(upload, 2, randomBytes(10));
      const two = await putPart(upload, 2, last);
      const one = await putPart(upload, 1, first);

      const joined = await ends.play(() => ends.storage.send(completeOf(upload, [one, two])));

      const bytes = await ends.play(async () => {
        const { Body } = await ends.storage.send(new GetObjectCommand(at('joined')));
        return Body instanceof Readable ? buffer(Body) : Buffer.alloc(0);
      });
      expect(bytes.equals(Buffer.concat([first, last]))).toBe(true);
      const sums = Buffer.concat([first, last].map((part) => createHash('md5').update(part).digest()));
      const etag = `"${createHash('md5').update(sums).digest('hex')}-2"`;
      expect(joined).toMatchObject({ ETag: etag });
      expect(await ends.play(() => ends.storage.send(new HeadObjectCommand(at('joined'))))).toMatchObject({
        ContentLength: MIN_PART + 1000,
        ETag: etag,
      });
    });

    it('lists its parts page by page, in order', async () => {
      const upload = await begin('listed');
      for (const number of [3, 1, 7]) await putPart(upload, number, Buffer.alloc(number));

      const page = await list(upload, { MaxParts: 2 });
      const rest = await list(upload, { MaxParts: 2, PartNumberMarker: page.NextPartNumberMarker });
      const none = await list(await begin('empty'));

      expect(sizesOf(page)).toEqual([
        [1, 1],
        [3, 3],
      ]);
      expect(page.IsTruncated).toBe(true);
      expect(sizesOf(rest)).toEqual([[7, 7]]);
      expect(rest.IsTruncated).toBe(false);
      expect(sizesOf(none)).toEqual([]);
    });

    it('is gone once it is completed or aborted', async () => {
      const joined = await begin('gone');
      const one = await putPart(joined, 1, last);
      await ends.play(() => ends.storage.send(completeOf(joined, [one])));
      const abandoned = await begin('abandoned');
      const abort = () => ends.storage.send(new AbortMultipartUploadCommand(abandoned));
      await ends.play(abort);

      for (const upload of [joined, abandoned]) {
        expect(await refusalOf(() => ends.storage.send(completeOf(upload, [one])))).toBe('NoSuchUpload');
        expect(await refusalOf(() => ends.storage.send(new ListPartsCommand(upload)))).toBe('NoSuchUpload');
        expect(await refusalOf(() => ends.storage.send(partOf(upload, 1, last)))).toBe('NoSuchUpload');
      }
      expect(await refusalOf(abort)).toBe('NoSuchUpload');
    });

    it('is not completed with missing, replaced, unordered or too small parts, and stays open', async () => {
      const upload = await begin('refused');
      const replaced = await putPart(upload, 1, first);
      const one = await putPart(upload, 1, last);
      const two = await putPart(upload, 2, last);
      const refused = (parts: CompletedPart[]) =>
        refusalOf(() => ends.storage.send(completeOf(upload, parts)));

      expect(await refused([one, { ...two, PartNumber: 3 }])).toBe('InvalidPart');
      expect(await refused([replaced])).toBe('InvalidPart');
      expect(await refused([two, one])).toBe('InvalidPartOrder');
      expect(await refused([one, two])).toBe('EntityTooSmall');

      expect(sizesOf(await list(upload))).toHaveLength(2);
    });

    it('is not completed over an existing object, and stays open', async () => {
      await ends.play(() => ends.storage.send(new PutObjectCommand({ ...at('taken'), Body: last })));
      const upload = await begin('taken');
      const one = await putPart(upload, 1, last);

      expect(await refusalOf(() => ends.storage.send(completeOf(upload, [one])))).toBe('PreconditionFailed');

      expect(sizesOf(await list(upload))).toEqual([[1, 1000]]);
    });
  });

  describe('an object that is offered', () => {
    const bytes = Buffer.from('offered');
    const etagOf = (some: Buffer) => `"${createHash('md5').update(some).digest('hex')}"`;
    const name = 'ingest/a+b c%20/崩溃.txt';
    const head = (Key: string) => ends.play(() => ends.storage.send(new HeadObjectCommand(at(Key))));

    beforeAll(async () => {
      const described = { ContentType: 'text/plain', Metadata: { filename: 'a%20b' } };
      await ends.play(() =>
        ends.storage.send(new PutObjectCommand({ ...at(name), Body: bytes, ...described })),
      );
      for (const key of ['ingest/b', 'ingest/Z', 'ingesting']) {
        await ends.play(() => ends.storage.send(new PutObjectCommand({ ...at(key), Body: bytes })));
      }
    });

    it('is described with its metadata and the whole second in which it was put', async () => {
      const { ETag, ContentLength, ContentType, Metadata, LastModified } = await head(name);

      expect({ ETag, ContentLength }).toEqual({ ETag: etagOf(bytes), ContentLength: bytes.length });
      expect({ ContentType, Metadata }).toEqual({
        ContentType: 'text/plain',
        Metadata: { filename: 'a%20b' },
      });
      expect(LastModified?.getUTCMilliseconds()).toBe(0);
    });

    it('is copied once, as the version that the caller names, with what the caller replaces', async () => {
      const copyOf = (key: string, to: string, wanted = etagOf(bytes)) =>
        new CopyObjectCommand({
          ...at(to),
          CopySource: `${ends.bucket}/${encodeURIComponent(key)}`,
          CopySourceIfMatch: wanted,
          IfNoneMatch: '*',
          ContentType: 'image/png',
          MetadataDirective: 'REPLACE',
          Metadata: { 'source-etag': 'x' },
          TaggingDirective: 'REPLACE',
        });
      const refused = (command: CopyObjectCommand) => refusalOf(() => ends.storage.send(command));

      expect(await refused(copyOf(name, 'copy', etagOf(Buffer.from('other'))))).toBe('PreconditionFailed');
      expect(await refused(copyOf('ingest/none', 'copy'))).toBe('NoSuchKey');
      const { CopyObjectResult } = await ends.play(() => ends.storage.send(copyOf(name, 'copy')));
      expect(await refused(copyOf(name, 'copy'))).toBe('PreconditionFailed');

      expect(CopyObjectResult?.ETag).toBe(etagOf(bytes));
      const { ContentType, Metadata, ContentLength } = await head('copy');
      expect({ ContentType, Metadata }).toEqual({
        ContentType: 'image/png',
        Metadata: { 'source-etag': 'x' },
      });
      expect(ContentLength).toBe(bytes.length);
    });

    it('is listed by its prefix, behind a key, in the order of bytes and in an encoded form', async () => {
      const listed = (more: object) =>
        ends.play(() =>
          ends.storage.send(
            new ListObjectsV2Command({
              Bucket: ends.bucket,
              Prefix: 'ingest/',
              EncodingType: 'url',
              ...more,
            }),
          ),
        );

      const first = await listed({ MaxKeys: 2 });
      const rest = await listed({ StartAfter: name });

      const encoded = 'ingest/a%2Bb+c%2520/%E5%B4%A9%E6%BA%83.txt';
      expect(first.Contents?.map(({ Key }) => Key)).toEqual(['ingest/Z', encoded]);
      expect(first.IsTruncated).toBe(true);
      expect(first.Contents?.[1]).toMatchObject({ ETag: etagOf(bytes), Size: bytes.length });
      const secondOf = (time?: Date): number => Math.floor(Number(time) / 1000);
      expect(secondOf(first.Contents?.[1]?.LastModified)).toBe(secondOf((await head(name)).LastModified));
      expect(rest.Contents?.map(({ Key }) => Key)).toEqual(['ingest/b']);
      expect(rest.IsTruncated).toBe(false);
    });

    it('is listed by its bytes where UTF-16 has another order', async () => {
      for (const key of ['order/\u{1f600}', 'order/\ufb00']) {
        await ends.play(() => ends.storage.send(new PutObjectCommand({ ...at(key), Body: bytes })));
      }
      const command = new ListObjectsV2Command({ Bucket: ends.bucket, Prefix: 'order/' });

      const { Contents = [] } = await ends.play(() => ends.storage.send(command));

      expect(Contents.map(({ Key }) => Key)).toEqual(['order/\ufb00', 'order/\u{1f600}']);
    });

    it('is removed only as the version that the caller names', async () => {
      await ends.play(() => ends.storage.send(new PutObjectCommand({ ...at('removed'), Body: bytes })));
      const removed = (IfMatch: string) =>
        refusalOf(() => ends.storage.send(new DeleteObjectCommand({ ...at('removed'), IfMatch })));

      expect(await removed(etagOf(Buffer.from('other')))).toBe('PreconditionFailed');
      expect(await head('removed')).toMatchObject({ ContentLength: bytes.length });
      expect(await removed(etagOf(bytes))).toBe('done');
      expect(await refusalOf(() => ends.storage.send(new HeadObjectCommand(at('removed'))))).toBe('NotFound');
      expect(await removed(etagOf(bytes))).toBe('NoSuchKey');
    });
  });

  describe('the index of uploads by owner', () => {
    const condition = '#owner = :owner AND #created >= :since';
    const names = { '#owner': 'owner', '#created': 'createdAt' };
    const dayOf = (day: number) => `2026-01-0${day}T00:00:00.000Z`;

    beforeAll(async () => {
      for (const day of [2, 4, 1, 3, 5]) {
        const item = {
          pk: `day${day}`,
          owner: 'a',
          createdAt: dayOf(day),
          projectId: day % 2 ? 'odd' : 'even',
        };
        await put({ ...item, openOwner: 'a' });
        if (day === 3) await put(item);
      }
      await put({ pk: 'others', owner: 'b', openOwner: 'b', createdAt: dayOf(3) });
      await put({ pk: 'a ticket', owner: 'a' });
    });

    it('returns the newest first on request, with the attributes that the index projects', async () => {
      const [page] = await ask({ ScanIndexForward: false, Limit: 2 }, 1);

      expect(page).toEqual([
        { pk: 'day5', owner: 'a', createdAt: dayOf(5), projectId: 'odd' },
        { pk: 'day4', owner: 'a', createdAt: dayOf(4), projectId: 'even' },
      ]);
    });

    it('returns all items from a given time on, the oldest first, over all pages', async () => {
      const pages = await ask({ Limit: 2, ExpressionAttributeValues: { ':owner': 'a', ':since': dayOf(2) } });

      expect(keysOf(pages)).toEqual(['day2', 'day3', 'day4', 'day5']);
    });

    it('counts what is read towards the limit, not what the filter leaves', async () => {
      const filter = {
        FilterExpression: '#projectId = :projectId',
        ExpressionAttributeNames: { ...names, '#projectId': 'projectId' },
        ExpressionAttributeValues: { ':owner': 'a', ':since': dayOf(1), ':projectId': 'even' },
      };

      const [page] = await ask({ ...filter, Limit: 3 }, 1);
      const all = await ask({ ...filter, ScanIndexForward: false });

      expect(keysOf([page ?? []])).toEqual(['day2']);
      expect(keysOf(all)).toEqual(['day4', 'day2']);
    });

    it('continues after a key that the caller built from an item', async () => {
      const after = { pk: 'day4', owner: 'a', createdAt: dayOf(4) };

      const pages = await ask({ ScanIndexForward: false, ExclusiveStartKey: after });

      expect(keysOf(pages)).toEqual(['day3', 'day2', 'day1']);
    });

    it('leaves out items that no longer have the key of the index', async () => {
      const pages = await ask({
        IndexName: 'open',
        ExpressionAttributeNames: { ...names, '#owner': 'openOwner' },
      });

      expect(keysOf(pages)).toEqual(['day1', 'day2', 'day4', 'day5']);
    });

    /** So many pages of a query, or all of them. */
    async function ask(input: Partial<QueryCommand['input']>, pages = Infinity) {
      const found: Record<string, unknown>[][] = [];
      let from: Record<string, unknown> | undefined;
      do {
        const query = new QueryCommand({
          TableName: ends.table,
          IndexName: 'owner',
          KeyConditionExpression: condition,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: { ':owner': 'a', ':since': dayOf(1) },
          ExclusiveStartKey: from,
          ...(from === undefined ? input : { ...input, ExclusiveStartKey: from }),
        });
        const { Items = [], LastEvaluatedKey } = await ends.play(() => ends.documents.send(query));
        found.push(Items);
        from = LastEvaluatedKey;
      } while (from !== undefined && found.length < pages);
      return found;
    }
  });

  const at = (Key: string) => ({ Bucket: ends.bucket, Key });

  async function begin(key: string) {
    const { UploadId } = await ends.play(() => ends.storage.send(new CreateMultipartUploadCommand(at(key))));
    return { ...at(key), UploadId };
  }

  type Begun = Awaited<ReturnType<typeof begin>>;

  const partOf = (upload: Begun, PartNumber: number, Body: Buffer) =>
    new UploadPartCommand({ ...upload, PartNumber, Body });
  const completeOf = (upload: Begun, Parts: CompletedPart[]) =>
    new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts }, IfNoneMatch: '*' });

  async function putPart(upload: Begun, PartNumber: number, bytes: Buffer): Promise<CompletedPart> {
    const { ETag } = await ends.play(() => ends.storage.send(partOf(upload, PartNumber, bytes)));
    return { PartNumber, ETag };
  }

  const list = (upload: Begun, more: Partial<ListPartsCommandInput> = {}) =>
    ends.play(() => ends.storage.send(new ListPartsCommand({ ...upload, ...more })));

  const put = (Item: Record<string, unknown>) =>
    ends.play(() => ends.documents.send(new PutCommand({ TableName: ends.table, Item })));

  /** S3's name for why it did not do it. */
  const refusalOf = (work: () => Promise<unknown>): Promise<unknown> =>
    ends.play(() =>
      work().then(
        () => 'done',
        (error: unknown) => (error instanceof S3ServiceException ? error.name : error),
      ),
    );
});

function sizesOf({ Parts = [] }: ListPartsCommandOutput): unknown[] {
  return Parts.map(({ PartNumber, Size }) => [PartNumber, Size]);
}

function keysOf(pages: Record<string, unknown>[][]): unknown[] {
  return pages.flat().map(({ pk }) => pk);
}
