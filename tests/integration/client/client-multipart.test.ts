import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createClient } from '../../../packages/client/src/node.ts';
import type { Progress } from '../../../packages/client/src/node.ts';
import { refusal } from '../../support/refusal.ts';
import { ATTACHMENT_ID, problem, useUploadApi, storageRefusal } from '../../support/upload-api.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
const file = new Blob([bytes]);
const about = {
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
  filename: '需求.mp4',
  contentType: 'video/mp4',
  mode: 'multipart',
  file,
} as const;
const expired = storageRefusal(403, 'AccessDenied', 'Request has expired');

const api = await useUploadApi();
const client = createClient({ apiUrl: api.url, token: 'jwt', timing });

function puts(): { call: string; bytes: number }[] {
  return api.log.filter(({ call }) => call.startsWith('PUT /parts'));
}

function times(call: string): number {
  return api.calls().filter((made) => made === call).length;
}

describe('upload in parts', () => {
  it('sends every part once with its exact length, completes, and follows until IPD has the file', async () => {
    const upload = await client.upload(about);

    expect(upload).toMatchObject({ status: 'delivered', attachment: { id: ATTACHMENT_ID } });
    expect(puts().toSorted((one, other) => one.call.localeCompare(other.call))).toMatchObject([
      ...[1, 2, 3, 4, 5, 6, 7].map((number) => ({
        call: `PUT /parts/${number}`,
        bytes: 40_000,
        chunked: false,
        headers: { 'content-length': '40000' },
      })),
      { call: 'PUT /parts/8', bytes: 20_000 },
    ]);
    expect(api.hashes()).toEqual([createHash('sha256').update(bytes).digest('hex')]);
    expect(times('POST /uploads/:id/complete')).toBe(1);
    expect(times('POST /uploads/:id/urls')).toBe(0);
  });

  it('sends as many parts at once as partsAtOnce says, never more', async () => {
    const narrow = createClient({ apiUrl: api.url, token: 'jwt', timing, partsAtOnce: 2 });
    api.fault('PUT /parts/1', 'hang');
    api.fault('PUT /parts/2', 'hang');
    const controller = new AbortController();

    const running = narrow.upload({ ...about, signal: controller.signal });
    await Promise.all([api.arrival('PUT /parts/1'), api.arrival('PUT /parts/2')]);
    await narrow.limits();
    controller.abort(new Error('enough'));

    await expect(running).rejects.toThrow('enough');
    expect(puts().every(({ call }) => /\/[12]$/.test(call))).toBe(true);
  });

  it('sends one part after the other when partsAtOnce is 0', async () => {
    const narrow = createClient({ apiUrl: api.url, token: 'jwt', timing, partsAtOnce: 0 });

    await narrow.upload(about);

    expect(puts().map(({ call }) => call)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `PUT /parts/${n}`));
  });

  it('counts both legs over all parts, growing from none to all and never beyond', async () => {
    const seen: Progress[] = [];

    await client.upload({ ...about, onProgress: (progress) => seen.push(progress) });

    const staging = seen.filter(({ leg }) => leg === 'staging').map((progress) => progress.bytes);
    const delivery = seen.filter(({ leg }) => leg === 'delivery').map((progress) => progress.bytes);
    expect(staging[0]).toBe(0);
    expect(staging.length).toBeGreaterThan(8);
    expect(staging).toEqual(staging.toSorted((one, other) => one - other));
    expect(staging.at(-1)).toBe(file.size);
    expect(delivery).toEqual([0, file.size / 2, file.size]);
    expect(seen.every(({ total }) => total === file.size)).toBe(true);
  });

  it('subtracts from the progress only the bytes of a part that is sent again', async () => {
    const seen: number[] = [];
    const onProgress = (progress: Progress) => progress.leg === 'staging' && seen.push(progress.bytes);
    api.fault('PUT /parts/8', storageRefusal(503, 'SlowDown', 'Please reduce your request rate.'));

    await createClient({ apiUrl: api.url, token: 'jwt', timing, partsAtOnce: 1 }).upload({
      ...about,
      onProgress,
    });

    const drops = seen.filter((sent, index) => sent < (seen[index - 1] ?? 0));
    expect(drops).toEqual([280_000]);
    expect(Math.max(...seen)).toBe(file.size);
    expect(seen.at(-1)).toBe(file.size);
  });

  it('repeats only the parts whose connection broke or whose answer was lost', async () => {
    api.fault('PUT /parts/2', 'reset');
    api.fault('PUT /parts/5', 'lose-answer');

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
    expect(puts()).toHaveLength(9);
    expect(times('PUT /parts/5')).toBe(2);
  });

  it('asks once for fresh URLs however many parts meet an expired one', async () => {
    [1, 2, 3].forEach((number) => api.fault(`PUT /parts/${number}`, expired));

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
    expect(times('POST /uploads/:id/urls')).toBe(1);
    expect(puts()).toHaveLength(11);
  });

  it('asks once for fresh URLs when all of them end under way', async () => {
    void api.stored(3).then(api.expireUrls);

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
    expect(times('POST /uploads/:id/urls')).toBe(1);
    expect(api.log.filter(({ call, status }) => call.startsWith('PUT') && status === 200)).toHaveLength(8);
  });

  it('does not send a part that the fresh list says is stored', async () => {
    api.fault('PUT /parts/1', 'lose-answer', expired);

    await createClient({ apiUrl: api.url, token: 'jwt', timing, partsAtOnce: 1 }).upload(about);

    expect(times('PUT /parts/1')).toBe(2);
    expect(times('POST /uploads/:id/urls')).toBe(1);
  });

  it('asks again when the request for fresh URLs fails, without sending to old ones', async () => {
    api.fault('PUT /parts/1', expired);
    api.fault('POST /uploads/:id/urls', { status: 503 });

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
    expect(times('POST /uploads/:id/urls')).toBe(2);
    expect(times('PUT /parts/1')).toBe(2);
  });

  it('ends all parts with the first that is refused', async () => {
    api.fault('PUT /parts/1', 'hang');
    api.fault('PUT /parts/2', 'hang');
    api.fault('PUT /parts/3', storageRefusal(403, 'SignatureDoesNotMatch', 'Another signature'));

    const error = await refusal(client.upload(about));

    expect(error).toMatchObject({ code: 'url_altered', status: 403, retryable: false });
    expect(times('POST /uploads/:id/complete')).toBe(0);
    expect(api.calls().filter((call) => call.startsWith('PUT'))).not.toContain('PUT /parts/4');
  });

  it('gives up on a part when it may wait no longer', async () => {
    const hasty = createClient({ apiUrl: api.url, token: 'jwt', timing, patienceMs: 0 });
    api.fault('PUT /parts/6', { status: 500 });

    const error = await refusal(hasty.upload(about));

    expect(error).toMatchObject({ code: 'storage_refused', status: 500, retryable: true });
    expect(times('PUT /parts/6')).toBe(1);
  });

  it('ends at once with the reason of its signal, and starts nothing any more', async () => {
    const controller = new AbortController();
    [1, 2, 3].forEach((number) => api.fault(`PUT /parts/${number}`, 'hang'));

    const running = client.upload({ ...about, signal: controller.signal });
    await Promise.all([1, 2, 3].map((number) => api.arrival(`PUT /parts/${number}`)));
    controller.abort(new Error('the user left'));

    await expect(running).rejects.toThrow('the user left');
    await client.limits();
    expect(new Set(api.calls())).not.toContain('PUT /parts/4');
    expect(times('POST /uploads/:id/complete')).toBe(0);
  });

  it('sends nothing when it is stopped by the news of the creation', async () => {
    const controller = new AbortController();
    const onStatus = () => controller.abort(new Error('changed my mind'));

    const running = client.upload({ ...about, signal: controller.signal, onStatus });

    await expect(running).rejects.toThrow('changed my mind');
    expect(api.calls()).toEqual(['POST /uploads']);
  });
});

describe('completion', () => {
  it('is repeated when its answer is lost', async () => {
    api.fault('POST /uploads/:id/complete', 'lose-answer');

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
    expect(times('POST /uploads/:id/complete')).toBe(2);
    expect(puts()).toHaveLength(8);
  });

  it('sends what the API says is missing, and only that', async () => {
    void api.stored(8).then(() => api.lose(3));

    expect(await client.upload(about)).toMatchObject({ status: 'delivered' });
    expect(times('PUT /parts/3')).toBe(2);
    expect(puts()).toHaveLength(9);
    expect(times('POST /uploads/:id/complete')).toBe(2);
  });

  it('gives up when the file stays incomplete', async () => {
    const refused = problem(409, 'upload_incomplete', {
      errors: [{ pointer: 'part:3', detail: 'is not stored' }],
    });
    api.fault('POST /uploads/:id/complete', refused, refused, refused);

    const error = await refusal(client.upload(about));

    expect(error).toMatchObject({ code: 'upload_incomplete', errors: [{ pointer: 'part:3' }] });
    expect(times('POST /uploads/:id/complete')).toBe(3);
  });

  it('tells that an upload was cancelled in the meantime', async () => {
    void api.stored(8).then(() => api.end('cancelled'));

    expect(await client.upload(about)).toMatchObject({ status: 'cancelled' });
  });

  it('tells that an upload was cancelled while parts were sent', async () => {
    void api.stored(3).then(() => api.end('cancelled'));

    expect(await client.upload(about)).toMatchObject({ status: 'cancelled' });
    expect(times('POST /uploads/:id/complete')).toBe(0);
  });
});
