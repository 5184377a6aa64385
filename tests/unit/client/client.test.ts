import { describe, expect, it } from '@jest/globals';
import { createClient } from '../../../packages/client/src/client.ts';
import type { ClientOptions } from '../../../packages/client/src/client.ts';
import { withQuickWaits } from '../../support/quick-waits.ts';
import { refusal } from '../../support/refusal.ts';

const file = new Blob(['abc']);

/** An upload as the API shows it. */
const shown = (status: string, more: object = {}) => ({
  id: 'u-1',
  status,
  size: file.size,
  uploadDeadline: '2026-01-02T00:00:00Z',
  updatedAt: '2026-01-01T00:00:00Z',
  staging: { mode: 'single', bytesStored: 3 },
  delivery: { endsAs: 'attachment', attempts: 0, bytesSent: 0 },
  ...more,
});

/** A client of an API that gives these answers, one after the other, and the calls that it has made. */
function clientOf(answers: [body: object, headers?: Record<string, string>][], options: object = {}) {
  const calls: { call: string; headers: Headers }[] = [];
  const settings: ClientOptions = {
    apiUrl: 'https://api.example.com',
    token: 'jwt',
    timing: { attempts: 1, firstDelayMs: 1, pollMs: 3_000, stallMs: 99_000 },
    fetch: async (url, init) => {
      const request = new Request(url, init);
      calls.push({
        call: `${request.method} ${new URL(request.url).pathname}`,
        headers: new Headers(init?.headers),
      });
      const [body, headers = {}] = answers.shift() ?? [];
      if (body === undefined) throw new TypeError('fetch failed');
      return Response.json(body, { headers });
    },
    ...options,
  };
  return { client: createClient(settings), calls };
}

describe('a call', () => {
  it('has no header that it has no value for', async () => {
    const { client, calls } = clientOf([[shown('staged')]]);

    await client.status('u-1');

    expect(calls.map(({ headers }) => [...headers.keys()])).toEqual([['authorization']]);
  });

  it('says the type of its body and the language that is wanted', async () => {
    const { client, calls } = clientOf([[shown('staged')]], { language: 'zh-CN' });
    const about = { projectId: 'p', issueId: 'i', filename: 'a.txt', contentType: 'text/plain', size: 3 };

    await client.create(about, { idempotencyKey: 'k' });

    expect(Object.fromEntries(calls[0]?.headers ?? [])).toEqual({
      'accept-language': 'zh-CN',
      authorization: 'Bearer jwt',
      'content-type': 'application/json',
      'idempotency-key': 'k',
    });
  });
});

describe('an upload that is followed', () => {
  it('is read again when the server says, or else when the timing says', async () => {
    const { client, calls } = clientOf([
      [shown('staged'), { 'retry-after': '7' }],
      [shown('delivering')],
      [shown('delivered')],
    ]);

    const { result, waits } = await withQuickWaits(() => client.follow('u-1'));

    expect(result).toMatchObject({ status: 'delivered' });
    expect(calls).toHaveLength(3);
    expect(waits).toEqual([7_000, 3_000]);
  });

  it('has gone as a whole once it is delivered, however often its bytes were sent', async () => {
    const progress: unknown[] = [];
    const half = { delivery: { endsAs: 'attachment', attempts: 1, bytesSent: 2 } };
    const { client } = clientOf([[shown('delivering', half)], [shown('delivered')]]);

    await withQuickWaits(() => client.follow('u-1', { onProgress: (one) => progress.push(one) }));

    expect(progress).toEqual([
      { leg: 'delivery', bytes: 2, total: 3 },
      { leg: 'delivery', bytes: 3, total: 3 },
    ]);
  });

  it('has no total where the API names no size', async () => {
    const progress: unknown[] = [];
    const { client } = clientOf([[shown('expired', { size: undefined })]]);

    await client.follow('u-1', { onProgress: (one) => progress.push(one) });

    expect(progress).toEqual([{ leg: 'delivery', bytes: 0, total: 0 }]);
  });

  it('asks for no URLs where its file has arrived', async () => {
    const { client, calls } = clientOf([[shown('staged')], [shown('delivered')]]);

    await client.resume('u-1', { file });

    expect(calls.map(({ call }) => call)).toEqual(['GET /v1/uploads/u-1', 'GET /v1/uploads/u-1']);
  });

  it.each(['follow', 'resume'] as const)('waits no longer than its patience: %s', async (name) => {
    const said: unknown[] = [];
    const { client, calls } = clientOf([], { patienceMs: 0 });

    const error = await refusal(
      client[name]('u-1', { file, onPaused: (paused) => said.push(paused?.reason) }),
    );

    expect(error).toMatchObject({ code: 'network' });
    expect(said).toEqual(['no_answer']);
    expect(calls).toHaveLength(1);
  });
});

describe('an upload in parts', () => {
  it('ends with what the token source rejects with, even if that is nothing', async () => {
    const staging = { mode: 'multipart', parts: [], bytesStored: 3 };
    const created = [shown('awaiting_upload', { staging })] satisfies [object];
    const tokens = [Promise.resolve('jwt'), Promise.resolve('jwt')];
    const { client, calls } = clientOf([created, created], {
      token: () => tokens.shift() ?? Promise.reject(),
    });

    const ended = await client.resume('u-1', { file }).then(
      () => 'resolved',
      (error: unknown) => ({ error }),
    );

    expect(ended).toEqual({ error: undefined });
    expect(calls.length).toBeGreaterThan(0);
  });
});
