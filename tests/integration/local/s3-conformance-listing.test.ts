/** Listing a bucket page by page, against the S3 that useTarget names. */
import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ListObjectsV2Command, type ListObjectsV2CommandInput } from '@aws-sdk/client-s3';
import { useTarget } from './s3-support.ts';

const target = await useTarget();
const Bucket = target.bucket;

const list = (options: Partial<ListObjectsV2CommandInput>) =>
  target.client.send(new ListObjectsV2Command({ Bucket, ...options }));

describe('listing', () => {
  const Prefix = `list-${randomUUID()}/`;
  // In UTF-16 the emoji would come before the full-width letter.
  const names = ['A', 'a b+c%', 'b/1', 'b/2', 'é', '中文', 'Ａ', '😀'];
  const keys = names.map((name) => Prefix + name);

  beforeAll(async () => {
    for (const key of keys.toReversed()) await target.put(key, 'x');
    await target.put(`${Prefix.slice(0, -1)}-other`, 'x');
  });

  it('goes on from token to token until nothing is left, in the order of UTF-8', async () => {
    const found: (string | undefined)[] = [];
    const sizes: (number | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await list({ Prefix, MaxKeys: 3, ContinuationToken });
      expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
      expect(page.ContinuationToken).toBe(ContinuationToken);
      found.push(...(page.Contents ?? []).map(({ Key }) => Key));
      sizes.push(page.KeyCount);
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);

    expect(found).toEqual(keys);
    expect(sizes).toEqual([3, 3, 2]);
  });

  it('ends with a page that is just full', async () => {
    const page = await list({ Prefix, MaxKeys: keys.length });

    expect(page).toMatchObject({ IsTruncated: false, KeyCount: keys.length, MaxKeys: keys.length });
    expect(page.NextContinuationToken).toBeUndefined();
  });

  it('starts after a key, which need not exist', async () => {
    const page = await list({ Prefix, StartAfter: `${Prefix}b/1x` });
    const behind = await list({ Prefix, StartAfter: keys.at(-1) });

    expect(page.StartAfter).toBe(`${Prefix}b/1x`);
    expect(page.Contents?.map(({ Key }) => Key)).toEqual(keys.slice(3));
    expect(behind).toMatchObject({ KeyCount: 0, IsTruncated: false });
  });

  it('goes on from the token where both are given', async () => {
    const { NextContinuationToken } = await list({ Prefix, MaxKeys: 5 });

    const page = await list({ Prefix, StartAfter: Prefix, ContinuationToken: NextContinuationToken });

    expect(page.Contents?.map(({ Key }) => Key)).toEqual(keys.slice(5));
  });

  it('encodes keys, prefix and start like a form when it is asked to', async () => {
    const StartAfter = `${Prefix}a a`;
    const page = await list({ Prefix: `${Prefix}a b+`, StartAfter, EncodingType: 'url' });
    const wide = await list({ Prefix: `${Prefix}中`, EncodingType: 'url' });

    expect(page).toMatchObject({
      EncodingType: 'url',
      Prefix: `${Prefix}a+b%2B`,
      StartAfter: `${Prefix}a+a`,
      Contents: [{ Key: `${Prefix}a+b%2Bc%25` }],
    });
    expect(wide.Contents).toMatchObject([{ Key: `${Prefix}%E4%B8%AD%E6%96%87` }]);
  });

  it('may have no page at all', async () => {
    expect(await list({ Prefix, MaxKeys: 0 })).toMatchObject({ KeyCount: 0, IsTruncated: false });
  });

  it.each<[string, Partial<ListObjectsV2CommandInput>]>([
    ['a token that it did not make', { ContinuationToken: 'not a token' }],
    ['less than no keys', { MaxKeys: -1 }],
  ])('refuses %s', async (_name, options) => {
    await expect(list(options)).rejects.toMatchObject({
      name: 'InvalidArgument',
      $metadata: { httpStatusCode: 400 },
    });
  });
});
