import { describe, expect, it } from '@jest/globals';
import { createIpdClient, LIST_LIMIT } from '../../../lib/ipd/client.ts';
import type { WireRequest } from '../../../lib/ipd/wire.ts';
import { sourceOf } from '../../support/sources.ts';
import { createTestClock } from '../../support/surroundings.ts';

const item = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };
const { signal } = new AbortController();

/** A client to which IPD answers so, and what it has asked for. */
function answering(body: unknown) {
  const asked: WireRequest[] = [];
  const client = createIpdClient({
    endpoint: 'https://ipd.example.com',
    iamEndpoint: 'https://iam.example.com',
    region: 'cn-north-4',
    auth: 'aksk',
    credentials: { accessKey: { accessKey: 'key', secretKey: 'secret' } },
    clock: createTestClock(),
    async send(request) {
      asked.push(request);
      if (typeof request.body === 'function') await request.body(() => undefined, signal);
      return { status: 200, headers: {}, body: bytesOf(body) };
    },
  });
  return { client, asked };
}

async function* bytesOf(body: unknown): AsyncIterable<Uint8Array> {
  yield Buffer.from(JSON.stringify(body));
}

describe('the list of attachments', () => {
  it('holds a hundred at most', () => {
    expect(LIST_LIMIT).toBe(100);
  });

  it.each([
    [{ file_size: 7, filesize: 8 }, 7],
    [{ file_size: '7' }, 7],
    [{ filesize: '8' }, 8],
    [{}, undefined],
  ])('believes the size of its own page first: %j', async (sizes, size) => {
    const { client } = answering({ status: 'success', result: [{ id: '1', ...sizes }] });

    expect(await client.list(item, signal)).toMatchObject({ attachments: [{ id: '1', size }] });
  });

  it.each([
    [{ file_name: 'a', store_filename: 'b', title: 'c' }, 'a'],
    [{ store_filename: 'b', title: 'c' }, 'b'],
    [{ title: 'c' }, 'c'],
    [{}, ''],
  ])('takes the first name of %j', async (names, name) => {
    const { client } = answering({ status: 'success', result: [{ id: '1', ...names }] });

    expect(await client.list(item, signal)).toMatchObject({ attachments: [{ name }] });
  });

  it('is given up when the connection stands still for a minute', async () => {
    const { client, asked } = answering({ status: 'success', result: [] });

    await client.list(item, signal);

    expect(asked.map(({ idleMs }) => idleMs)).toEqual([60_000]);
  });
});

describe('the answer to a file', () => {
  it.each([
    [{ filesize: 8, file_size: 7 }, 8],
    [{ filesize: '8' }, 8],
    [{ file_size: '7' }, 7],
    [{}, undefined],
  ])('states the size that its own page names first: %j', async (sizes, statedSize) => {
    const { client } = answering({ status: 'success', result: [{ id: '1', ...sizes }] });

    const sent = await client.upload({
      ...item,
      filename: 'a.txt',
      contentType: 'text/plain',
      size: 1,
      file: sourceOf([Buffer.from('a')]),
      fence: async () => undefined,
      signal,
    });

    expect(sent).toMatchObject({ kind: 'stored', attachmentId: '1', statedSize });
  });
});
