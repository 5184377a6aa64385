import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { openMemoryEnds, openRealEnds, openRuleEnds } from './contract-ends.ts';
import type { Ends } from './contract-ends.ts';
import { sourceOf } from '../support/sources.ts';

const projectId = '0123456789abcdef0123456789abcdef';

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

  describe('the table', () => {
    const put = (item: Record<string, unknown>, when: Partial<PutCommand['input']> = {}) =>
      ends.play(() =>
        ends.documents
          .send(new PutCommand({ TableName: ends.table, Item: item, ...when }))
          .then(() => true)
          .catch((error: unknown) => {
            if (error instanceof ConditionalCheckFailedException) return false;
            throw error;
          }),
      );
    const get = (pk: string) =>
      ends.play(() =>
        ends.documents.send(new GetCommand({ TableName: ends.table, Key: { pk }, ConsistentRead: true })),
      );

    it('keeps the first of two items that must not exist yet', async () => {
      const condition = { ConditionExpression: 'attribute_not_exists(pk)' };

      expect(await put({ pk: 'new', value: 1 }, condition)).toBe(true);
      expect(await put({ pk: 'new', value: 2 }, condition)).toBe(false);

      expect((await get('new')).Item).toEqual({ pk: 'new', value: 1 });
      expect((await get('never')).Item).toBeUndefined();
    });

    it('adds to numbers that begin at 0, up to a condition', async () => {
      const add = (hits: number) =>
        ends.play(() =>
          ends.documents
            .send(
              new UpdateCommand({
                TableName: ends.table,
                Key: { pk: 'counted' },
                UpdateExpression: 'ADD #hits :hits, #calls :calls SET #until = :until',
                ConditionExpression: 'attribute_not_exists(hits) OR #hits <= :most',
                ExpressionAttributeNames: { '#hits': 'hits', '#calls': 'calls', '#until': 'until' },
                ExpressionAttributeValues: { ':hits': hits, ':calls': 1, ':until': 7, ':most': 3 },
                ReturnValues: 'ALL_NEW',
              }),
            )
            .then(({ Attributes }) => Attributes)
            .catch((error: unknown) => {
              if (error instanceof ConditionalCheckFailedException) return 'refused';
              throw error;
            }),
        );

      expect(await add(3)).toEqual({ pk: 'counted', hits: 3, calls: 1, until: 7 });
      expect(await add(2)).toEqual({ pk: 'counted', hits: 5, calls: 2, until: 7 });
      expect(await add(1)).toBe('refused');

      expect((await get('counted')).Item).toEqual({ pk: 'counted', hits: 5, calls: 2, until: 7 });
    });

    it('counts on two numbers together or on none', async () => {
      const add = (a: number, b: number) =>
        ends
          .play(() =>
            ends.documents.send(
              new UpdateCommand({
                TableName: ends.table,
                Key: { pk: 'counted twice' },
                UpdateExpression: 'ADD #a :a, #b :b',
                ConditionExpression:
                  '(attribute_not_exists(a) OR a <= :mostA) AND (attribute_not_exists(b) OR b <= :mostB)',
                ExpressionAttributeNames: { '#a': 'a', '#b': 'b' },
                ExpressionAttributeValues: { ':a': a, ':b': b, ':mostA': 3 - a, ':mostB': 3 - b },
              }),
            ),
          )
          .then(() => true)
          .catch((error: unknown) => {
            if (error instanceof ConditionalCheckFailedException) return false;
            throw error;
          });

      expect([await add(1, 3), await add(1, 1), await add(2, 0), await add(1, 0)]).toEqual([
        true,
        false,
        true,
        false,
      ]);
      expect((await get('counted twice')).Item).toEqual({ pk: 'counted twice', a: 3, b: 3 });
    });

    it('overwrites the version that was read, no other version, and no missing item', async () => {
      const seen = (version: number) => ({
        ConditionExpression: '#version = :version',
        ExpressionAttributeNames: { '#version': 'version' },
        ExpressionAttributeValues: { ':version': version },
      });
      await put({ pk: 'versioned', version: 1 });

      expect(await put({ pk: 'versioned', version: 2 }, seen(1))).toBe(true);
      expect(await put({ pk: 'versioned', version: 2 }, seen(1))).toBe(false);
      expect(await put({ pk: 'absent', version: 2 }, seen(1))).toBe(false);
    });

    it('lets only its owner, or a writer that names its version, overwrite a taken item', async () => {
      const by = (mine: string, seen: string) => ({
        ConditionExpression: 'attribute_not_exists(pk) OR uploadId = :mine OR #version = :seen',
        ExpressionAttributeNames: { '#version': 'version' },
        ExpressionAttributeValues: { ':mine': mine, ':seen': seen },
      });

      expect(await put({ pk: 'taken', uploadId: 'a', version: 'm' }, by('a', ''))).toBe(true);
      expect(await put({ pk: 'taken', uploadId: 'b', version: 'n' }, by('b', ''))).toBe(false);
      expect(await put({ pk: 'taken', uploadId: 'a', version: 'o' }, by('a', ''))).toBe(true);
      expect(await put({ pk: 'taken', uploadId: 'b', version: 'p' }, by('b', 'o'))).toBe(true);
    });

    it('lets any writer overwrite an item whose own expiry has passed', async () => {
      const at = (now: number) => ({
        ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now',
        ExpressionAttributeValues: { ':now': now },
      });

      expect(await put({ pk: 'over', expiresAt: 1000 }, at(999))).toBe(true);
      expect(await put({ pk: 'over', expiresAt: 1001 }, at(999))).toBe(false);
      expect(await put({ pk: 'over' }, at(1000))).toBe(true);
      expect(await put({ pk: 'over', expiresAt: 9 }, at(1000))).toBe(false);
    });

    it('leaves out what is undefined, at any depth', async () => {
      await put({ pk: 'undefined', a: undefined, b: { c: undefined, d: [1] } });

      expect((await get('undefined')).Item).toEqual({ pk: 'undefined', b: { d: [1] } });
    });

    it('finds the due items of one shard, the most overdue first, over all pages', async () => {
      for (const [index, dueAt] of ['05', '03', '09', '01', '04', '02'].entries()) {
        await put({
          pk: `due${index}`,
          dueShard: 'shard',
          dueAt: `2026-01-${dueAt}T00:00:00.000Z`,
          status: 'waiting',
        });
      }
      await put({ pk: 'elsewhere', dueShard: 'other', dueAt: '2026-01-01T00:00:00.000Z', status: 'waiting' });
      await put({ pk: 'due3', status: 'delivered' });

      const found: unknown[] = [];
      let from: Record<string, unknown> | undefined;
      do {
        const query = new QueryCommand({
          TableName: ends.table,
          IndexName: 'due',
          KeyConditionExpression: '#shard = :shard AND #due <= :time',
          ExpressionAttributeNames: { '#shard': 'dueShard', '#due': 'dueAt' },
          ExpressionAttributeValues: { ':shard': 'shard', ':time': '2026-01-05T00:00:00.000Z' },
          ExclusiveStartKey: from,
        });
        const { Items = [], LastEvaluatedKey } = await ends.play(() => ends.documents.send(query));
        found.push(...Items.map(({ pk, status }) => [pk, status]));
        from = LastEvaluatedKey;
      } while (from !== undefined);

      expect(found).toEqual(['due5', 'due1', 'due4', 'due0'].map((pk) => [pk, 'waiting']));
    });
  });

  describe('the bucket', () => {
    const bytes = randomBytes(5000);
    const at = (Key: string) => ({ Bucket: ends.bucket, Key });
    const put = (key: string) =>
      ends.storage.send(new PutObjectCommand({ ...at(key), Body: bytes, IfNoneMatch: '*' }));
    const statusOf = (work: () => Promise<unknown>): Promise<unknown> =>
      ends.play(() =>
        work().then(
          () => 200,
          (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : error),
        ),
      );

    it('stores an object once and answers with its length and its MD5', async () => {
      expect(await statusOf(() => put('once'))).toBe(200);
      expect(await statusOf(() => put('once'))).toBe(412);

      const head = await ends.play(() => ends.storage.send(new HeadObjectCommand(at('once'))));
      const md5 = createHash('md5').update(bytes).digest('hex');
      expect(head).toMatchObject({ ContentLength: 5000, ETag: `"${md5}"` });
    });

    it('gives the bytes from an offset on, of the version that is asked for', async () => {
      const { ETag } = await ends.play(() => put('ranged'));

      const rest = await ends.play(async () => {
        const command = new GetObjectCommand({ ...at('ranged'), IfMatch: ETag, Range: 'bytes=1234-' });
        const { Body } = await ends.storage.send(command);
        return Body instanceof Readable ? buffer(Body) : Buffer.alloc(0);
      });

      expect(rest.equals(bytes.subarray(1234))).toBe(true);
      const other = new GetObjectCommand({ ...at('ranged'), IfMatch: '"other"' });
      expect(await statusOf(() => ends.storage.send(other))).toBe(412);
      const beyond = new GetObjectCommand({ ...at('ranged'), Range: 'bytes=5000-' });
      expect(await statusOf(() => ends.storage.send(beyond))).toBe(416);
    });

    it('has no object after its removal, and accepts a second removal', async () => {
      await ends.play(() => put('removed'));

      expect(await statusOf(() => ends.storage.send(new DeleteObjectCommand(at('removed'))))).toBe(200);
      expect(await statusOf(() => ends.storage.send(new DeleteObjectCommand(at('removed'))))).toBe(200);

      expect(await statusOf(() => ends.storage.send(new HeadObjectCommand(at('removed'))))).toBe(404);
      expect(await statusOf(() => ends.storage.send(new GetObjectCommand(at('removed'))))).toBe(404);
    });
  });

  describe('the queue', () => {
    it('hides a received message and a delayed one', async () => {
      const { queueUrl: QueueUrl, queue } = ends;
      const receive = (WaitTimeSeconds = 0) =>
        ends.play(async () => {
          await ends.wait(WaitTimeSeconds * 1000);
          const { Messages = [] } = await queue.send(
            new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds }),
          );
          return Messages.map(({ Body, ReceiptHandle }) => ({ Body, ReceiptHandle }));
        });
      await ends.play(() => queue.send(new SendMessageCommand({ QueueUrl, MessageBody: 'now' })));
      await ends.play(() =>
        queue.send(new SendMessageCommand({ QueueUrl, MessageBody: 'later', DelaySeconds: 2 })),
      );

      const first = await receive();
      const hidden = await receive();
      const second = await receive(5);
      for (const { ReceiptHandle } of [...first, ...second]) {
        await ends.play(() => queue.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle })));
      }

      expect([first, hidden, second].map((messages) => messages.map(({ Body }) => Body))).toEqual([
        ['now'],
        [],
        ['later'],
      ]);
      expect(await receive()).toEqual([]);
    });
  });

  describe('IPD', () => {
    const signal = () => ends.clock.timeout(5000);
    const item = (issueId: string) => ({ projectId, issueId });

    function upload(
      issueId: string,
      bytes: Buffer,
      changes: Partial<Parameters<Ends['ipd']['upload']>[0]> = {},
    ) {
      return ends.ipd.upload({
        ...item(issueId),
        filename: 'Bericht "1".txt',
        contentType: 'text/plain',
        size: bytes.length,
        file: sourceOf(pieces(bytes)),
        fence: async () => undefined,
        signal: signal(),
        ...changes,
      });
    }

    function* pieces(bytes: Buffer): Generator<Uint8Array> {
      for (let offset = 0; offset < bytes.length; offset += 700) yield bytes.subarray(offset, offset + 700);
    }

    it('takes a file, lists it and gives it back', async () => {
      const issueId = '900000000000000001';
      const bytes = randomBytes(3000);

      const sent = await ends.play(() => upload(issueId, bytes));
      const listed = await ends.play(() => ends.ipd.list(item(issueId), signal()));
      const back = await ends.play(async () => {
        const id = sent.kind === 'stored' ? (sent.attachmentId ?? '') : '';
        const file = await ends.ipd.download({ projectId, id }, signal());
        return file.kind === 'file' ? buffer(file.body) : Buffer.alloc(0);
      });

      expect(sent).toMatchObject({ kind: 'stored' });
      expect(listed).toMatchObject({ attachments: [{ size: 3000, name: 'Bericht "1".txt' }] });
      expect(back.equals(bytes)).toBe(true);
    });

    it.each([
      [{ kind: 'lostAnswer' }, 'unconfirmed', 1],
      [{ kind: 'reset', afterBytes: 100 }, 'unavailable', 0],
      [{ kind: 'bodyTooLarge' }, 'refused', 0],
      [{ kind: 'gatewayTimeout', stored: true }, 'unconfirmed', 1],
      [{ kind: 'throttled' }, 'throttled', 0],
      [{ kind: 'cutAnswer', afterBytes: 10 }, 'unconfirmed', 1],
    ])('answers %j as %s, with %i files more', async (fault, kind, files) => {
      const before = await ends.held();
      await ends.fault(fault);
      // So long that neither side can have buffered all of it when the connection breaks.
      const bytes = randomBytes(fault.kind === 'reset' ? 8_000_000 : 3000);

      const answer = await ends.play(() => upload('900000000000000002', bytes));

      expect(answer.kind).toBe(kind);
      expect((await ends.held()) - before).toBe(files);
    });

    it('never sees the end of a file that the fence keeps from it', async () => {
      const before = await ends.held();
      const fence = async (): Promise<void> => {
        throw new Error('no');
      };

      const refused = ends.play(() => upload('900000000000000003', randomBytes(3000), { fence }));

      await expect(refused).rejects.toThrow('no');
      expect(await ends.held()).toBe(before);
    });

    it('is given up when it does not answer in time', async () => {
      await ends.fault({ kind: 'slowAnswer', seconds: 30 });

      const answer = await ends.play(() =>
        upload('900000000000000004', randomBytes(10), { signal: ends.clock.timeout(200) }),
      );

      expect(answer.kind).toBe('unconfirmed');
    });

    it('is given up when the connection stands still', async () => {
      await ends.fault({ kind: 'slowAnswer', seconds: 30 });
      const url = new URL('/v3/auth/tokens', ends.ipdUrl);
      const body = Buffer.from('{}');

      const answer = ends.play(() =>
        ends.send({ method: 'POST', url, headers: {}, body, signal: signal(), idleMs: 200 }),
      );

      await expect(answer).rejects.toThrow(/stood still|ETIMEDOUT/);
    });
  });
});
