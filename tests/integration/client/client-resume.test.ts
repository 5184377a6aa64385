import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createClient } from '../../../packages/client/src/node.ts';
import { refusal } from '../../support/refusal.ts';
import { useUploadApi } from '../../support/upload-api.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
const sha256 = createHash('sha256').update(bytes).digest('hex');
const file = new File([bytes], '需求.mp4', { lastModified: 1_700_000_000_000 });
const workItem = { projectId: '0123456789abcdef0123456789abcdef', issueId: '956239067176935400' };
const about = {
  ...workItem,
  filename: '需求.mp4',
  contentType: 'video/mp4',
  mode: 'multipart',
  file,
} as const;

const api = await useUploadApi();

/** As after a restart: nothing is left of an earlier one. */
function newClient() {
  return createClient({ apiUrl: api.url, token: 'jwt', timing });
}

function storedBy(call: string): number {
  return api.log.filter((entry) => entry.call === call && entry.status === 200).length;
}

/** Runs an upload until storage has the parts before this one, and ends it there. */
async function dieAt(part: number): Promise<void> {
  const controller = new AbortController();
  const hanging = [part, part + 1, part + 2].filter((number) => number <= 8);
  hanging.forEach((number) => api.fault(`PUT /parts/${number}`, 'hang'));
  const ended = newClient().upload({ ...about, signal: controller.signal });
  await Promise.all([api.stored(part - 1), ...hanging.map((number) => api.arrival(`PUT /parts/${number}`))]);
  controller.abort(new Error('killed'));
  await expect(ended).rejects.toThrow('killed');
}

describe('upload after a crash', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'goes on at part %d of 8 and sends no stored part again',
    async (part) => {
      await dieAt(part);
      const seen: number[] = [];

      const upload = await newClient().upload({
        ...about,
        onProgress: ({ leg, bytes: sent }) => leg === 'staging' && seen.push(sent),
      });

      expect(upload.status).toBe('delivered');
      expect([1, 2, 3, 4, 5, 6, 7, 8].map((number) => storedBy(`PUT /parts/${number}`))).toEqual(
        Array.from({ length: 8 }, () => 1),
      );
      expect(api.hashes()).toEqual([sha256]);
      expect(seen[0]).toBe((part - 1) * 40_000);
      expect(seen.at(-1)).toBe(file.size);
    },
  );

  it('only completes when all parts were stored', async () => {
    const controller = new AbortController();
    api.fault('POST /uploads/:id/complete', 'hang');
    const ended = newClient().upload({ ...about, signal: controller.signal });
    await api.arrival('POST /uploads/:id/complete');
    controller.abort(new Error('killed'));
    await expect(ended).rejects.toThrow('killed');

    const upload = await newClient().upload(about);

    expect(upload.status).toBe('delivered');
    expect(api.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(8);
  });

  it('gives the delivered upload for the same file, and attaches nothing', async () => {
    const first = await newClient().upload(about);
    const before = api.calls().filter((call) => call.startsWith('PUT')).length;

    const second = await newClient().upload(about);

    expect(second).toMatchObject({ id: first.id, status: 'delivered' });
    expect(api.calls().filter((call) => call.startsWith('PUT'))).toHaveLength(before);
  });

  it('starts anew after an upload that was cancelled', async () => {
    await dieAt(4);
    api.end('cancelled');

    expect(await newClient().upload(about)).toMatchObject({ status: 'delivered' });
    expect(api.statuses()).toEqual(['cancelled', 'delivered']);
  });

  it('attaches the same file again under another key', async () => {
    const first = await newClient().upload(about);
    const second = await newClient().upload({ ...about, idempotencyKey: 'on purpose' });

    expect(second.status).toBe('delivered');
    expect(second.id).not.toBe(first.id);
  });

  it('takes a file that has changed for another one', async () => {
    const changed = new File([bytes], file.name, { lastModified: file.lastModified + 1 });
    const first = await newClient().upload(about);
    const second = await newClient().upload({ ...about, file: changed });

    expect(second.id).not.toBe(first.id);
  });

  it('knows a file without a time by its hash, and one with neither not at all', async () => {
    const blob = new Blob([bytes]);
    const hashed = [
      await newClient().upload({ ...about, file: blob, sha256 }),
      await newClient().upload({ ...about, file: blob, sha256 }),
    ];
    const unknown = [
      await newClient().upload({ ...about, file: blob }),
      await newClient().upload({ ...about, file: blob }),
    ];

    expect(new Set(hashed.map(({ id }) => id)).size).toBe(1);
    expect(new Set(unknown.map(({ id }) => id)).size).toBe(2);
  });
});

describe('resume', () => {
  it('goes on with an upload that the list shows', async () => {
    await dieAt(6);
    const client = newClient();

    const { uploads } = await client.list({ state: 'open', ...workItem });
    const upload = await client.resume(uploads[0]?.id ?? '', { file, sha256 });

    expect(upload).toMatchObject({ id: uploads[0]?.id, status: 'delivered' });
    expect([1, 2, 3, 4, 5, 6, 7, 8].map((number) => storedBy(`PUT /parts/${number}`))).toEqual(
      Array.from({ length: 8 }, () => 1),
    );
  });

  it('sends the whole file of a single upload that has not arrived', async () => {
    const client = newClient();
    const { file: _file, ...rest } = about;
    const { id } = await client.create({ ...rest, size: file.size, mode: 'single' });

    expect(await client.resume(id, { file })).toMatchObject({ id, status: 'delivered' });
    expect(api.hashes()).toEqual([sha256]);
  });

  it('follows an upload that needs nothing any more', async () => {
    const { id } = await newClient().upload(about);
    const before = api.calls().length;

    expect(await newClient().resume(id, { file })).toMatchObject({ id, status: 'delivered' });
    expect(api.calls().slice(before)).toEqual(['GET /uploads/:id']);
  });

  it.each([
    ['size', { file: new Blob([bytes, 'more']) }],
    ['hash', { file, sha256: 'f'.repeat(64) }],
  ])('refuses a file of another %s before anything is sent', async (_, other) => {
    const client = newClient();
    const { file: _file, ...rest } = about;
    const { id } = await client.create({ ...rest, size: file.size, sha256 });

    const error = await refusal(client.resume(id, other));

    expect(error).toMatchObject({ code: 'file_differs', status: 0, retryable: false });
    expect(api.calls()).toEqual(['POST /uploads', 'GET /uploads/:id']);
  });
});
