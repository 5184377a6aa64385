/** What tests of rules ask of a world beside the product's own calls: in memory it is as on sockets. */
import {
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  GetObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { DeleteCommand, GetCommand, PutCommand, QueryCommand, ScanCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { SignedForm } from '../../lib/storage/presigning.ts';
import { eventually } from '../support/eventually.ts';
import { sha256 } from '../support/sha256.ts';
import { oneRequest, startWorld } from '../support/world.ts';
import { beginParts, putParts } from '../support/parts-fixture.ts';
import { verdictOf, withHeader, withoutHeader } from '../support/altered.ts';

describe.each(['memory', 'sockets'] as const)('a world of %s', (ends) => {
  const starting = startWorld({ ends });
  afterAll(async () => (await starting).stop());

  const nameOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'done',
      (error: unknown) => (error instanceof Error ? error.name : error),
    );

  describe('a client', () => {
    it('passes each command through the middlewares of its first step, in the order in which they came', async () => {
      const world = await starting;
      const { documents } = world.connectTable();
      const seen: unknown[] = [];
      for (const name of ['first', 'second']) {
        documents.middlewareStack.add(
          (next, { commandName }) =>
            async (args) => {
              seen.push([name, commandName, args.input]);
              return next(args);
            },
          { step: 'initialize', name },
        );
      }
      const asked = { TableName: world.config.table, Key: { pk: 'watched' } };

      await documents.send(new GetCommand(asked));
      await documents.send(new PutCommand({ TableName: asked.TableName, Item: asked.Key }));

      expect(seen).toEqual([
        ['first', 'GetItemCommand', asked],
        ['second', 'GetItemCommand', asked],
        ['first', 'PutItemCommand', { TableName: asked.TableName, Item: asked.Key }],
        ['second', 'PutItemCommand', { TableName: asked.TableName, Item: asked.Key }],
      ]);
    });

    it('sends what a middleware has changed, and answers as the middleware does', async () => {
      const world = await starting;
      const s3 = world.connectStorage();
      s3.middlewareStack.add(
        (next) => async (args) => {
          Object.assign(args.input, { Key: 'changed' });
          const { output, response } = await next(args);
          return { output: { ...output, ETag: 'replaced' }, response };
        },
        { step: 'initialize', name: 'change' },
      );
      const target = { Bucket: world.config.bucket, Key: 'asked' };

      const put = await s3.send(new PutObjectCommand({ ...target, Body: 'text' }));

      expect(put.ETag).toBe('replaced');
      expect(await world.staging.head('changed')).toMatchObject({ size: 4 });
      expect(await world.staging.head('asked')).toBeUndefined();
    });

    it('rejects where the signal has aborted', async () => {
      const world = await starting;
      const command = new HeadObjectCommand({ Bucket: world.config.bucket, Key: 'any' });

      const head = world.clients.s3.send(command, { abortSignal: AbortSignal.abort() });

      expect(await nameOf(head)).toBe('AbortError');
    });
  });

  describe('the table', () => {
    it('forgets an item that is deleted, in its indexes too', async () => {
      const world = await starting;
      const { table: TableName } = world.config;
      const item = {
        pk: 'to be deleted',
        dueShard: 'a shard',
        dueAt: '2026-01-01T00:00:00.000Z',
        status: 'staged',
      };
      await world.documents.send(new PutCommand({ TableName, Item: item }));

      await world.documents.send(new DeleteCommand({ TableName, Key: { pk: item.pk } }));

      const { Item } = await world.documents.send(
        new GetCommand({ TableName, Key: { pk: item.pk }, ConsistentRead: true }),
      );
      expect(Item).toBeUndefined();
      const { Items } = await world.documents.send(
        new QueryCommand({
          TableName,
          IndexName: 'due',
          KeyConditionExpression: '#shard = :shard',
          ExpressionAttributeNames: { '#shard': 'dueShard' },
          ExpressionAttributeValues: { ':shard': 'a shard' },
        }),
      );
      expect(Items).toEqual([]);
    });

    it('shows all items to a scan', async () => {
      const world = await starting;
      const { table: TableName } = world.config;
      const pk = `scanned ${randomUUID()}`;
      await world.documents.send(new PutCommand({ TableName, Item: { pk, value: 1 } }));

      const { Items = [] } = await world.documents.send(new ScanCommand({ TableName }));

      expect(Items.filter((item) => item['pk'] === pk)).toEqual([{ pk, value: 1 }]);
    });

    it('is not there under another name', async () => {
      const world = await starting;

      const read = world.documents.send(new GetCommand({ TableName: 'no-such-table', Key: { pk: 'a' } }));

      expect(await nameOf(read)).toBe('ResourceNotFoundException');
    });
  });

  describe('storage', () => {
    it('takes a text or bytes, and gives them back with their type', async () => {
      const world = await starting;
      const target = { Bucket: world.config.bucket, Key: `typed-${randomUUID()}` };
      await world.clients.s3.send(
        new PutObjectCommand({ ...target, Body: 'some text', ContentType: 'text/x-log' }),
      );

      const { Body, ContentType, ContentLength } = await world.clients.s3.send(new GetObjectCommand(target));

      expect({ ContentType, ContentLength }).toEqual({ ContentType: 'text/x-log', ContentLength: 9 });
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).toString()).toBe('some text');
    });

    it('names a SHA-256 on request, where the sender had it kept', async () => {
      const world = await starting;
      const bytes = randomBytes(50);
      const [kept, plain] = [`kept-${randomUUID()}`, `plain-${randomUUID()}`];
      const { bucket: Bucket } = world.config;
      await world.clients.s3.send(
        new PutObjectCommand({ Bucket, Key: kept, Body: bytes, ChecksumAlgorithm: 'SHA256' }),
      );
      await world.clients.s3.send(new PutObjectCommand({ Bucket, Key: plain, Body: bytes }));
      const head = async (Key: string, more = {}) =>
        (await world.clients.s3.send(new HeadObjectCommand({ Bucket, Key, ...more }))).ChecksumSHA256;

      expect(await head(kept, { ChecksumMode: 'ENABLED' })).toBe(
        createHash('sha256').update(bytes).digest('base64'),
      );
      expect(await head(kept)).toBeUndefined();
      expect(await head(plain, { ChecksumMode: 'ENABLED' })).toBeUndefined();
    });

    it('keeps the tag that an object gets', async () => {
      const world = await starting;
      const target = { Bucket: world.config.bucket, Key: `tagged-${randomUUID()}` };
      const tag = (Value: string) =>
        world.clients.s3.send(
          new PutObjectTaggingCommand({ ...target, Tagging: { TagSet: [{ Key: 'scan', Value }] } }),
        );
      expect(await nameOf(tag('early'))).toBe('NoSuchKey');
      await world.clients.s3.send(new PutObjectCommand({ ...target, Body: 'x' }));

      await tag('first');
      await tag('second');

      const { TagSet } = await world.clients.s3.send(new GetObjectTaggingCommand(target));
      expect(TagSet).toEqual([{ Key: 'scan', Value: 'second' }]);
      await world.clients.s3.send(new PutObjectCommand({ ...target, Body: 'y' }));
      const after = await world.clients.s3.send(new GetObjectTaggingCommand(target));
      expect(after.TagSet).toEqual([]);
    });

    it('lists the multipart uploads that are under way for a key', async () => {
      const world = await starting;
      const { upload } = await beginParts(world);
      const command = new ListMultipartUploadsCommand({
        Bucket: world.config.bucket,
        Prefix: `staging/${upload.id}`,
      });

      const { Uploads = [] } = await world.clients.s3.send(command);

      expect(Uploads.map(({ UploadId, Key }) => [UploadId, Key])).toEqual([
        [upload.multipart?.uploadId, `staging/${upload.id}`],
      ]);
    });

    it('says nothing of a bucket that is not there', async () => {
      const world = await starting;
      const name = `others-${randomUUID()}`;
      await world.createBucket(name);
      const put = (Bucket: string) =>
        world.clients.s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: 'x' }));

      expect(await nameOf(put(name))).toBe('done');
      expect(await nameOf(put(`${name}-not`))).not.toBe('done');
      expect(await world.staging.head('a')).toBeUndefined();
    });
  });

  describe('a presigned request', () => {
    it('stores a file once, with the bytes that it was signed for', async () => {
      const world = await starting;
      const bytes = randomBytes(100);
      const upload = await world.create(bytes, { sha256: sha256(bytes) });
      const signed = oneRequest((await world.uploads.presign(upload)).presigned);

      const other = await verdictOf(await world.putFile(signed, randomBytes(100)));
      const first = await world.putFile(signed, bytes);
      const second = await verdictOf(await world.putFile(signed, bytes));

      expect(other).toBe('400 BadDigest');
      expect(first.status).toBe(200);
      expect(first.headers.get('etag')).toBe(`"${createHash('md5').update(bytes).digest('hex')}"`);
      expect(second).toBe('412 PreconditionFailed');
      expect(world.s3.requests.findLast(({ key }) => key === `staging/${upload.id}`)).toMatchObject({
        method: 'PUT',
        operation: 'PutObject',
        status: 412,
      });
    });

    it('is refused with bytes of another length', async () => {
      const world = await starting;
      const upload = await world.create(randomBytes(10));
      const signed = oneRequest((await world.uploads.presign(upload)).presigned);
      // Over a socket the sender names the length itself.
      const sent = ends === 'memory' ? signed : withoutHeader(signed, 'content-length');

      expect((await world.putFile(sent, randomBytes(11))).status).toBe(403);
      expect(await world.isStaged(upload.id)).toBe(false);
    });

    it('may be a form, of no other length than it allows, while it lives', async () => {
      const world = await starting;
      const key = `staging/${randomUUID()}`;
      const about = { key, maxBytes: 100, contentType: 'text/plain' };
      const live = await world.signing.postForm({ ...about, expiresInSeconds: 60 });
      const over = await world.signing.postForm({ ...about, expiresInSeconds: -60 });
      const post = async ({ url, fields }: SignedForm, length: number) => {
        const form = new FormData();
        for (const [name, value] of Object.entries(fields)) form.append(name, value);
        form.append('file', new Blob([new Uint8Array(length)]), 'a.bin');
        return (await world.request(url, { method: 'POST', body: form })).ok;
      };

      expect([await post(live, 0), await post(live, 101), await post(over, 100)]).toEqual([
        false,
        false,
        false,
      ]);
      expect(await world.staging.head(key)).toBeUndefined();
      expect(await post(live, 100)).toBe(true);
      expect(await world.staging.head(key)).toMatchObject({ size: 100 });
    });

    it('is refused when its life is over', async () => {
      const world = await starting;
      const bytes = randomBytes(10);
      const upload = await world.create(bytes);
      const { presigned } = await world.uploads.presign(upload);
      const signed = oneRequest(presigned);
      const over = { ...signed, url: signed.url.replace(/X-Amz-Date=\d{8}/, 'X-Amz-Date=20200101') };

      expect((await world.putFile(over, bytes)).status).toBe(403);
      expect(await world.isStaged(upload.id)).toBe(false);
    });

    it('stores a part while its multipart upload is under way', async () => {
      const world = await starting;
      const { bytes, upload, parts } = await beginParts(world);
      await putParts(parts.slice(1), bytes, world.putFile);

      await world.uploads.cancel({ owner: upload.owner, projects: '*' }, upload.id);

      await expect(putParts(parts.slice(1), bytes, world.putFile)).rejects.toThrow('404');
      expect(
        world.s3.requests
          .filter(({ operation, key }) => operation === 'UploadPart' && key === `staging/${upload.id}`)
          .map(({ partNumber, status }) => [partNumber, status]),
      ).toEqual([
        [2, 200],
        [2, 404],
      ]);
    });

    it('is judged by its headers: another type is another request', async () => {
      const world = await starting;
      const bytes = randomBytes(10);
      const upload = await world.create(bytes, { contentType: 'text/plain' });
      const signed = oneRequest((await world.uploads.presign(upload)).presigned);
      await world.putFile(withHeader(signed, 'x-unsigned', 'a'), bytes);

      const { ContentType } = await world.clients.s3.send(
        new HeadObjectCommand({ Bucket: world.config.bucket, Key: `staging/${upload.id}` }),
      );

      expect(ContentType).toBe('text/plain');
    });
  });

  describe('a queue', () => {
    it('counts what can be read now and what is delayed', async () => {
      const world = await starting;
      const QueueUrl = await world.createQueue(`counted-${randomUUID()}`);
      await world.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'now' }));
      await world.clients.sqs.send(
        new SendMessageCommand({ QueueUrl, MessageBody: 'later', DelaySeconds: 600 }),
      );

      const { Attributes } = await world.clients.sqs.send(
        new GetQueueAttributesCommand({
          QueueUrl,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed'],
        }),
      );

      expect(Attributes).toMatchObject({
        ApproximateNumberOfMessages: '1',
        ApproximateNumberOfMessagesDelayed: '1',
      });
    });

    it('has to be there', async () => {
      const world = await starting;
      const QueueUrl = `${world.config.queueUrl}-not`;

      const sent = world.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));

      expect(await nameOf(sent)).toMatch(/QueueDoesNotExist|NonExistentQueue/);
    });
  });

  describe('the topic', () => {
    it('gives each subscriber what was published since it subscribed, once, with its attributes', async () => {
      const world = await starting;
      await world.deliver();
      const take = await world.subscribe();
      const upload = await world.deliver();

      const [message, ...others] = await take();

      expect(others).toEqual([]);
      expect(JSON.parse(message?.body ?? '')).toMatchObject({ upload: { id: upload.id } });
      expect(message?.attributes).toMatchObject({ type: 'UploadDelivered' });
      expect(await take()).toEqual([]);
    });
  });

  describe('IPD', () => {
    const source = (chunks: Buffer[]) => async (sink: (chunk: Uint8Array) => Promise<void> | undefined) => {
      for (const chunk of chunks) await sink(chunk);
    };
    const list =
      '/v1/ipdprojectservice/projects/0123456789abcdef0123456789abcdef/issues/956239067176935400/attachments/upload';

    it('knows nothing of a request whose first byte is kept back', async () => {
      const world = await starting;
      await world.reset();
      const body = async (): Promise<never> => {
        throw new Error('the fence');
      };

      const sent = world.send({
        method: 'POST',
        url: new URL(list, world.ipd.url),
        headers: { 'content-length': '10' },
        body,
        signal: AbortSignal.timeout(60_000),
        idleMs: 60_000,
      });

      await expect(sent).rejects.toThrow('the fence');
      expect(world.ipd.requests).toEqual([]);
    });

    it('never takes a request for whole that ended early', async () => {
      const world = await starting;
      await world.reset();

      const sent = world.send({
        method: 'POST',
        url: new URL('/v3/auth/tokens', world.ipd.url),
        headers: { 'content-length': '1000' },
        body: async (sink) => {
          await source([Buffer.alloc(10)])(sink);
          throw new Error('the file is gone');
        },
        signal: AbortSignal.timeout(60_000),
        idleMs: 60_000,
      });

      await expect(sent).rejects.toThrow('the file is gone');
      await eventually(() => world.ipd.requests.every(({ outcome }) => outcome !== 'pending'));
      expect(world.ipd.requests.filter(({ complete }) => complete)).toEqual([]);
    });

    it('cannot be reached at another address', async () => {
      const world = await starting;

      const sent = world.send({
        method: 'GET',
        url: new URL('http://127.0.0.1:1/'),
        headers: {},
        signal: AbortSignal.timeout(60_000),
        idleMs: 60_000,
      });

      await expect(sent).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    });

    it('stops a sender whose request it has answered early', async () => {
      const world = await starting;
      await world.reset();
      let wasStopped = false;

      const answer = await world.send({
        method: 'POST',
        url: new URL(list, world.ipd.url),
        headers: { 'content-length': '100000000', 'content-type': 'multipart/form-data; boundary=x' },
        body: async (sink, signal) => {
          signal.addEventListener('abort', () => {
            wasStopped = true;
          });
          for (let sent = 0; sent < 1000 && !signal.aborted; sent += 1) await sink(Buffer.alloc(100_000));
        },
        signal: AbortSignal.timeout(60_000),
        idleMs: 60_000,
      });

      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(wasStopped).toBe(true);
    });
  });
});

/** What AWS may do and its emulators never do: the ends in memory always do it. */
describe('a world of memory alone', () => {
  const starting = startWorld();

  it('answers a read that need not be consistent with the item before its last change', async () => {
    const world = await starting;
    const { table: TableName } = world.config;
    for (const value of [1, 2])
      await world.documents.send(new PutCommand({ TableName, Item: { pk: 'read', value } }));
    const read = (ConsistentRead: boolean) =>
      world.documents.send(new GetCommand({ TableName, Key: { pk: 'read' }, ConsistentRead }));

    expect((await read(false)).Item).toEqual({ pk: 'read', value: 1 });
    expect((await read(true)).Item).toEqual({ pk: 'read', value: 2 });
  });

  it('takes a message out of its queue that was received five times', async () => {
    const world = await starting;
    const QueueUrl = await world.createQueue('redrive');
    await world.clients.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }));
    const received: number[] = [];
    for (let time = 0; time < 7; time += 1) {
      const { Messages = [] } = await world.clients.sqs.send(new ReceiveMessageCommand({ QueueUrl }));
      received.push(Messages.length);
      await world.passTime(1_800_000);
    }

    // resources/staging.yml: after half an hour it can be seen again, up to five times.
    expect(received).toEqual([1, 1, 1, 1, 1, 0, 0]);
  });
});
