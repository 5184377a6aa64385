import { describe, expect, it } from '@jest/globals';
import { createClient } from '../../../packages/client/src/node.ts';
import { useUploadApi } from '../../support/upload-api.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const about = {
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
  filename: 'a.txt',
  contentType: 'text/plain',
  file: new Blob(['content']),
  idempotencyKey: 'picked',
};

const api = await useUploadApi();
const client = createClient({ apiUrl: api.url, token: 'jwt', timing });

function keys() {
  return api.log
    .filter(({ call }) => call === 'POST /uploads')
    .map(({ headers }) => headers['idempotency-key']);
}

describe('a file that is attached already', () => {
  it('gives what the API says of it, asks nothing more and sends nothing', async () => {
    const first = await client.upload(about);
    const before = api.calls().length;
    const replay = { ...first, replayed: true, attachmentGone: true };
    api.fault('POST /uploads', { status: 200, body: replay });

    expect(await client.upload(about)).toEqual(replay);
    expect(api.calls().slice(before)).toEqual(['POST /uploads']);
  });

  it('is attached again under a key that follows from the upload before it', async () => {
    const first = await client.upload(about);
    const second = await client.upload({ ...about, again: true });
    const third = await client.upload({ ...about, again: true });

    expect(api.statuses()).toEqual(['delivered', 'delivered', 'delivered']);
    expect(new Set([first.id, second.id, third.id]).size).toBe(3);
    expect(keys()).toEqual([
      'picked',
      'picked',
      `picked-after-${first.id}`,
      'picked',
      `picked-after-${first.id}`,
      `picked-after-${second.id}`,
    ]);
  });

  it('tells only of the upload that attaches it again', async () => {
    const first = await client.upload(about);
    const seen = new Set<string>();

    await client.upload({ ...about, again: true, onStatus: ({ id }) => seen.add(id) });

    expect(seen.size).toBe(1);
    expect(seen).not.toContain(first.id);
  });
});
