import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createClient } from '../../../packages/client/src/client.ts';
import { useUploadApi, storageRefusal } from '../../support/upload-api.ts';
import { SocketXmlHttpRequest } from '../../support/xml-http-request.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const content = new Uint8Array(100_000).map((_, index) => index % 251);
const file = new Blob([content]);
const about = { projectId: 'p', issueId: 'i', filename: 'a.png', contentType: 'image/png', file };

const api = await useUploadApi();
const client = createClient({ apiUrl: api.url, token: 'jwt', timing });

beforeEach(() => {
  Reflect.set(globalThis, 'XMLHttpRequest', SocketXmlHttpRequest);
});

afterEach(() => {
  Reflect.deleteProperty(globalThis, 'XMLHttpRequest');
});

describe('upload where there is XMLHttpRequest', () => {
  it('sends the file and reports its progress', async () => {
    const seen: number[] = [];

    const upload = await client.upload({
      ...about,
      onProgress: ({ leg, bytes }) => leg === 'staging' && seen.push(bytes),
    });

    expect(upload.status).toBe('delivered');
    expect(seen).toEqual([0, 50_000, 100_000]);
    expect(api.log.find(({ call }) => call === 'PUT /storage')).toMatchObject({
      bytes: 100_000,
      headers: { 'content-type': 'image/png', 'if-none-match': '*' },
    });
  });

  it('leaves to the platform the headers that pages may not set', async () => {
    const { projectId, issueId, filename, contentType } = about;
    const created = await client.create({ projectId, issueId, filename, contentType, size: file.size });
    const headers = { 'if-none-match': '*', Host: 'storage', 'Content-Length': '100000' };
    api.fault('POST /uploads', {
      status: 201,
      body: { ...created, staging: { ...created.staging, headers } },
    });

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
  });

  it('tries again after a broken connection and after an expired URL', async () => {
    api.fault('PUT /storage', 'reset', storageRefusal(403, 'AccessDenied', 'Request has expired'));

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
    expect(api.calls().filter((call) => call === 'POST /uploads/:id/urls')).toHaveLength(1);
  });

  it('sends a large file as slices of their own, without headers that pages may not set', async () => {
    const seen: number[] = [];

    const upload = await client.upload({
      ...about,
      mode: 'multipart',
      onProgress: ({ leg, bytes }) => leg === 'staging' && seen.push(bytes),
    });

    expect(upload.status).toBe('delivered');
    const puts = api.log.filter(({ call }) => call.startsWith('PUT /parts'));
    expect(puts.map(({ call, bytes }) => `${call} ${bytes}`).toSorted()).toEqual([
      'PUT /parts/1 40000',
      'PUT /parts/2 40000',
      'PUT /parts/3 20000',
    ]);
    expect(puts.map(({ headers }) => headers['content-type'])).toEqual([undefined, undefined, undefined]);
    expect(seen).toEqual(seen.toSorted((one, other) => one - other));
    expect(seen.at(-1)).toBe(100_000);
    expect(api.hashes()).toEqual([createHash('sha256').update(content).digest('hex')]);
  });

  it('subtracts from the progress only the bytes of a part that is sent again', async () => {
    const seen: number[] = [];
    api.fault('PUT /parts/3', storageRefusal(503, 'SlowDown', 'Please reduce your request rate.'));

    await createClient({ apiUrl: api.url, token: 'jwt', timing, partsAtOnce: 1 }).upload({
      ...about,
      mode: 'multipart',
      onProgress: ({ leg, bytes }) => leg === 'staging' && seen.push(bytes),
    });

    const drops = seen.filter((sent, index) => sent < (seen[index - 1] ?? 0));
    expect(drops).toEqual([80_000]);
    expect(Math.max(...seen)).toBe(100_000);
    expect(seen.at(-1)).toBe(100_000);
  });

  it('stops all parts when its signal is aborted, even a signal that gives no reason', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    Object.defineProperty(signal, 'reason', { value: undefined });
    Object.defineProperty(signal, 'throwIfAborted', { value: undefined });
    api.fault('PUT /parts/1', 'hang');
    api.fault('PUT /parts/2', 'hang');
    api.fault('PUT /parts/3', 'hang');

    const running = client.upload({ ...about, mode: 'multipart', signal });
    await Promise.all([1, 2, 3].map((number) => api.arrival(`PUT /parts/${number}`)));
    controller.abort();

    await expect(running).rejects.toThrow('aborted');
    expect(api.calls()).not.toContain('POST /uploads/:id/complete');
  });

  it('stops sending when its signal is aborted', async () => {
    const controller = new AbortController();
    api.fault('PUT /storage', 'hang');

    const running = client.upload({ ...about, signal: controller.signal });
    await api.arrival('PUT /storage');
    controller.abort(new Error('the user left'));

    await expect(running).rejects.toThrow('the user left');
  });
});
