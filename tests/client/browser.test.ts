import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createClient } from '../../client/client.ts';
import { startUploadApi, storageRefusal } from '../support/upload-api.ts';
import { SocketXmlHttpRequest } from '../support/xml-http-request.ts';

const pace = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const file = new Blob([new Uint8Array(100_000).fill(7)]);
const about = { projectId: 'p', issueId: 'i', filename: 'a.png', contentType: 'image/png', file };

let api: Awaited<ReturnType<typeof startUploadApi>>;
let client: ReturnType<typeof createClient>;

beforeEach(async () => {
  Reflect.set(globalThis, 'XMLHttpRequest', SocketXmlHttpRequest);
  api = await startUploadApi();
  client = createClient({ apiUrl: api.url, token: 'jwt', pace });
});

afterEach(async () => {
  Reflect.deleteProperty(globalThis, 'XMLHttpRequest');
  await api.close();
});

describe('upload where there is XMLHttpRequest', () => {
  it('sends the file and reports its progress', async () => {
    const seen: number[] = [];

    const upload = await client.upload({
      ...about,
      onProgress: ({ leg, bytes }) => leg === 'staging' && seen.push(bytes),
    });

    expect(upload.status).toBe('delivered');
    expect(seen).toEqual([0, 50_000, 100_000, 100_000]);
    expect(api.log.find(({ call }) => call === 'PUT /storage')).toMatchObject({
      bytes: 100_000,
      headers: { 'content-type': 'image/png', 'if-none-match': '*' },
    });
  });

  it('leaves to the platform the headers that pages may not set', async () => {
    const created = await client.create({ ...about, size: file.size });
    const headers = { ...created.staging.headers, Host: 'storage', 'Content-Length': '100000' };
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

  it('stops sending when its signal is aborted', async () => {
    const controller = new AbortController();
    api.fault('PUT /storage', 'hang');

    const running = client.upload({ ...about, signal: controller.signal });
    await api.arrival('PUT /storage');
    controller.abort(new Error('the user left'));

    await expect(running).rejects.toThrow('the user left');
  });
});
