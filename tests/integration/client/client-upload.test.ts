import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from '../../../packages/client/src/node.ts';
import type { Progress } from '../../../packages/client/src/node.ts';
import { refusal } from '../../support/refusal.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { ATTACHMENT_ID, problem, useUploadApi, storageRefusal } from '../../support/upload-api.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
const about = {
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
  filename: '需求.png',
  contentType: 'image/png',
};

const directory = await useDirectory();
await writeFile(join(directory, 'file'), bytes);
const file = await openAsBlob(join(directory, 'file'));
const api = await useUploadApi();
const client = createClient({ apiUrl: `${api.url}/`, token: 'jwt', timing });

describe('upload', () => {
  it('sends the file to storage and follows until IPD has it', async () => {
    const statuses: string[] = [];

    const upload = await client.upload({ ...about, file, onStatus: ({ status }) => statuses.push(status) });

    expect(upload).toMatchObject({ status: 'delivered', attachment: { id: ATTACHMENT_ID } });
    expect(statuses).toEqual(['awaiting_upload', 'staged', 'delivering', 'delivered']);
    expect(api.hashes()).toEqual([createHash('sha256').update(bytes).digest('hex')]);
    expect(api.log[0]).toMatchObject({ call: 'POST /uploads', headers: { authorization: 'Bearer jwt' } });
  });

  it('sends the headers it was given and an exact length, never chunks', async () => {
    await client.upload({ ...about, file });

    const put = api.log.find(({ call }) => call === 'PUT /storage');
    expect(put).toMatchObject({ chunked: false, bytes: file.size });
    expect(put?.headers).toMatchObject({
      'content-length': String(file.size),
      'content-type': 'image/png',
      'if-none-match': '*',
    });
    expect(put?.headers).not.toHaveProperty('authorization');
  });

  it('reports the bytes of both legs, growing from none to all', async () => {
    const seen: Progress[] = [];

    await client.upload({ ...about, file, onProgress: (progress) => seen.push(progress) });

    const staging = seen.filter(({ leg }) => leg === 'staging').map((progress) => progress.bytes);
    const delivery = seen.filter(({ leg }) => leg === 'delivery').map((progress) => progress.bytes);
    expect(staging.length).toBeGreaterThan(3);
    expect(staging[0]).toBe(0);
    expect(staging.at(-1)).toBe(file.size);
    expect(staging).toEqual(staging.toSorted((one, other) => one - other));
    expect(delivery).toEqual([0, file.size / 2, file.size]);
    expect(seen.every(({ total }) => total === file.size)).toBe(true);
  });

  it('asks with the ETag it has and counts 304 as no change', async () => {
    await client.upload({ ...about, file });

    const asked = api.log.filter(({ call }) => call === 'GET /uploads/:id');
    expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      '"staged"',
      '"staged"',
      '"delivering"',
      '"delivering"',
    ]);
  });

  it('continues the same upload when it is given the same idempotency key', async () => {
    const first = await client.upload({ ...about, file, idempotencyKey: 'key-1' });
    const second = await client.upload({ ...about, file, idempotencyKey: 'key-1' });

    expect(second.id).toBe(first.id);
    expect(api.calls().filter((call) => call === 'PUT /storage')).toHaveLength(1);
  });

  it('repeats a create whose answer was lost under the same key', async () => {
    api.fault('POST /uploads', 'lose-answer');

    await client.upload({ ...about, file });

    const keys = api.log
      .filter(({ call }) => call === 'POST /uploads')
      .map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(keys[1]).toBe(keys[0]);
    expect(api.hashes()).toHaveLength(1);
  });

  it('sends the file again after a broken connection', async () => {
    api.fault('PUT /storage', 'reset');

    expect(await client.upload({ ...about, file })).toMatchObject({ status: 'delivered' });
  });

  it('sends the file again when storage asks to slow down, counting from none again', async () => {
    const seen: number[] = [];
    api.fault('PUT /storage', storageRefusal(503, 'SlowDown', 'Please reduce your request rate.'));

    const upload = await client.upload({
      ...about,
      file,
      onProgress: ({ leg, bytes: sent }) => leg === 'staging' && seen.push(sent),
    });

    expect(upload.status).toBe('delivered');
    expect(seen.filter((sent) => sent === 0)).toHaveLength(2);
    expect(seen.at(-1)).toBe(file.size);
  });

  it('goes on polling when storage has the file already', async () => {
    api.fault('PUT /storage', 'lose-answer');

    const upload = await client.upload({ ...about, file });

    expect(upload.status).toBe('delivered');
    expect(api.calls().filter((call) => call === 'PUT /storage')).toHaveLength(2);
  });

  it('gets a fresh URL when the first has expired', async () => {
    api.fault('PUT /storage', storageRefusal(403, 'AccessDenied', 'Request has expired'));
    api.fault('PUT /storage', storageRefusal(400, 'ExpiredToken', 'The provided token has expired.'));

    const upload = await client.upload({ ...about, file });

    expect(upload.status).toBe('delivered');
    expect(api.calls().slice(0, 6)).toEqual([
      'POST /uploads',
      'PUT /storage',
      'POST /uploads/:id/urls',
      'PUT /storage',
      'POST /uploads/:id/urls',
      'PUT /storage',
    ]);
  });

  it('follows when the API says that the file has arrived meanwhile', async () => {
    api.fault('PUT /storage', 'lose-answer', storageRefusal(403, 'AccessDenied', 'Request has expired'));
    api.fault('POST /uploads/:id/urls', problem(409, 'upload_state_conflict'));

    expect(await client.upload({ ...about, file })).toMatchObject({ status: 'delivered' });
  });

  it('gives up on URLs that storage refuses again and again', async () => {
    api.fault('PUT /storage', ...Array.from({ length: 3 }, () => storageRefusal(403, 'AccessDenied', 'No')));

    const error = await refusal(client.upload({ ...about, file }));

    expect(error).toMatchObject({ code: 'url_refused', status: 403, retryable: true });
    expect(api.calls().filter((call) => call === 'PUT /storage')).toHaveLength(3);
  });

  it('does not send wrong bytes twice', async () => {
    api.fault('PUT /storage', storageRefusal(400, 'BadDigest', 'The SHA256 you specified did not match.'));

    const error = await refusal(client.upload({ ...about, file }));

    expect(error).toMatchObject({ code: 'checksum_mismatch', status: 400, retryable: false });
    expect(error.detail).toContain('The SHA256 you specified did not match.');
    expect(api.calls()).toEqual(['POST /uploads', 'PUT /storage']);
  });

  it('ends at once with the reason of its signal while the file is sent', async () => {
    const controller = new AbortController();
    api.fault('PUT /storage', 'hang');

    const running = client.upload({ ...about, file, signal: controller.signal });
    await api.arrival('PUT /storage');
    controller.abort(new Error('the user left'));

    await expect(running).rejects.toThrow('the user left');
    expect(api.calls().filter((call) => call === 'GET /uploads/:id')).toEqual([]);
  });

  it('ends at once with the reason of its signal while it waits', async () => {
    const controller = new AbortController();
    const patient = createClient({
      apiUrl: api.url,
      token: 'jwt',
      timing: { ...timing, firstDelayMs: 3_600_000, longestDelayMs: 3_600_000 },
    });
    api.fault('POST /uploads', { status: 503 });

    const running = patient.upload({ ...about, file, signal: controller.signal });
    await api.arrival('POST /uploads');
    controller.abort(new Error('the user left'));

    await expect(running).rejects.toThrow('the user left');
  });

  it('refuses a mode of staging that it does not know', async () => {
    api.fault('POST /uploads', {
      status: 201,
      body: { id: 'x', status: 'awaiting_upload', staging: { mode: 'relay', url: api.url }, delivery: {} },
    });

    expect(await refusal(client.upload({ ...about, file }))).toMatchObject({ code: 'unexpected_answer' });
  });

  it('does not repeat when the file changes under way', async () => {
    const path = join(directory, 'changing');
    await writeFile(path, bytes);
    const changing = await openAsBlob(path);
    await writeFile(path, 'shorter');

    const error = await refusal(client.upload({ ...about, file: changing }));

    expect(error).toMatchObject({ code: 'file_unreadable', retryable: false });
    expect(api.hashes()).toEqual([undefined]);
  });
});
