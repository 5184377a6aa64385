import { describe, expect, it } from '@jest/globals';
import { HeadObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { createMultipart } from '../../../lib/storage/multipart.ts';
import type { MultipartId } from '../../../lib/storage/multipart.ts';
import { s3With } from '../../../lib/storage/s3.ts';
import { connect, CREDENTIALS, newKey, REGION, useBucket } from '../local/s3-support.ts';
import { PART } from '../../support/parts-fixture.ts';

const contentType = 'application/pdf';
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');
const gone = { key: 'staging/x', uploadId: 'of-none' };

const { bucket, client, makeClient } = await useBucket();
const multipart = createMultipart({ s3: async () => s3With(client), bucket });

describe('multipart', () => {
  async function begin(): Promise<MultipartId> {
    const key = newKey();
    return { key, uploadId: await multipart.begin({ key, contentType }) };
  }

  async function put({ key, uploadId }: MultipartId, number: number, body: Buffer) {
    await client.send(
      new UploadPartCommand({ Bucket: bucket, Key: key, UploadId: uploadId, PartNumber: number, Body: body }),
    );
    return { number, etag: `"${md5(body)}"`, size: body.length };
  }

  const head = (key: string) => client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));

  it('joins what it lists, under the type that it began with', async () => {
    const target = await begin();
    await put(target, 2, randomBytes(10));
    await put(target, 1, randomBytes(PART));

    const stored = (await multipart.list(target)) ?? [];
    await multipart.complete(target, stored);

    expect(stored.map(({ number, size }) => [number, size])).toEqual([
      [1, PART],
      [2, 10],
    ]);
    expect(await head(target.key)).toMatchObject({ ContentLength: PART + 10, ContentType: contentType });
    expect(await multipart.list(target)).toBeUndefined();
  });

  it('lists the latest of a part that was put twice', async () => {
    const target = await begin();
    await put(target, 1, randomBytes(10));
    const second = await put(target, 1, randomBytes(20));

    expect(await multipart.list(target)).toEqual([second]);
  });

  it('lists nothing while nothing is stored', async () => {
    expect(await multipart.list(await begin())).toEqual([]);
  });

  it('lists all pages', async () => {
    const target = await begin();
    const parts = [];
    for (const number of [1, 2, 3, 7, 10_000]) parts.push(await put(target, number, randomBytes(number % 9)));
    const paged = makeClient();
    let pages = 0;
    paged.middlewareStack.add(
      (next) => async (args) => {
        pages += 1;
        return next({ ...args, input: { ...args.input, MaxParts: 2 } });
      },
      { step: 'initialize', name: 'small-pages' },
    );

    expect(await createMultipart({ s3: async () => s3With(paged), bucket }).list(target)).toEqual(parts);
    expect(pages).toBe(3);
  });

  it('does not loop when storage repeats a page', async () => {
    const target = await begin();
    await put(target, 1, randomBytes(1));
    const circling = makeClient();
    circling.middlewareStack.add(
      (next) => async (args) => {
        const { response, output } = await next(args);
        return { response, output: Object.assign(output, { IsTruncated: true, NextPartNumberMarker: '1' }) };
      },
      { step: 'initialize', name: 'circles' },
    );

    await expect(
      createMultipart({ s3: async () => s3With(circling), bucket }).list(target),
    ).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('in circles'),
    });
  });

  it('takes an upload that is gone for gone, in every call', async () => {
    const target = await begin();
    await put(target, 1, randomBytes(10));

    await multipart.abort(target);

    for (const one of [target, gone]) {
      expect(await multipart.list(one)).toBeUndefined();
      await expect(multipart.abort(one)).resolves.toBeUndefined();
      await expect(multipart.complete(one, [{ number: 1, etag: 'e', size: 10 }])).resolves.toBeUndefined();
    }
    await expect(head(target.key)).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
  });

  it('leaves an object that is there already as it is', async () => {
    const first = await begin();
    const second = { key: first.key, uploadId: await multipart.begin({ key: first.key, contentType }) };
    const [one, two] = [await put(first, 1, randomBytes(10)), await put(second, 1, randomBytes(20))];

    await multipart.complete(first, [one]);
    await multipart.complete(second, [two]);

    expect(await head(first.key)).toMatchObject({ ContentLength: 10 });
  });

  it('says where storage cannot join the parts', async () => {
    const target = await begin();
    const [short, last] = [await put(target, 1, randomBytes(10)), await put(target, 2, randomBytes(10))];
    const incomplete = { code: 'upload_incomplete', message: expect.stringContaining('cannot join') };

    await expect(multipart.complete(target, [short, last])).rejects.toMatchObject(incomplete);
    await expect(multipart.complete(target, [{ ...short, etag: '"x"' }])).rejects.toMatchObject(incomplete);
    await expect(multipart.complete(target, [last, short])).rejects.toMatchObject(incomplete);

    expect(await multipart.list(target)).toEqual([short, last]);
  });

  it('is unavailable where storage does not name the upload that it began', async () => {
    const nameless = makeClient();
    nameless.middlewareStack.add(
      (next) => async (args) => {
        const { response, output } = await next(args);
        return { response, output: Object.assign(output, { UploadId: undefined }) };
      },
      { step: 'initialize', name: 'forgetName' },
    );

    const begun = createMultipart({ s3: async () => s3With(nameless), bucket }).begin({
      key: newKey(),
      contentType,
    });

    await expect(begun).rejects.toMatchObject({ code: 'unavailable' });
  });

  const wrong = { ...CREDENTIALS, secretAccessKey: 'wrong' };
  it.each([
    ['refuses', () => makeClient(wrong), bucket],
    ['has no such bucket', () => makeClient(), 'no-such-bucket'],
    [
      'does not answer',
      () =>
        connect({ endpoint: 'http://127.0.0.1:1', region: REGION, credentials: CREDENTIALS, maxAttempts: 1 }),
      bucket,
    ],
  ])('never takes a failure for an absence: storage %s', async (_name, open, place) => {
    const target = await begin();
    const part = await put(target, 1, randomBytes(10));
    const other = open();
    const failing = createMultipart({ s3: async () => s3With(other), bucket: place });

    for (const call of [
      () => failing.begin({ key: target.key, contentType }),
      () => failing.list(target),
      () => failing.complete(target, [part]),
      () => failing.abort(target),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'unavailable' });
    }
    expect(await multipart.list(target)).toEqual([part]);
    other.destroy();
  });
});
