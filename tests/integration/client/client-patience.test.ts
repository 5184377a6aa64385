import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { createClient } from '../../../packages/client/src/node.ts';
import type { ClientOptions, Paused } from '../../../packages/client/src/node.ts';
import { pause } from '../../../packages/client/src/retry.ts';
import { startCutLine } from '../../support/cut-line.ts';
import { refusal } from '../../support/refusal.ts';
import { problem, storageRefusal, useUploadApi } from '../../support/upload-api.ts';

const timing = { attempts: 3, firstDelayMs: 1, longestDelayMs: 2, pollMs: 1 };
const never = { ...timing, firstDelayMs: 3_600_000, longestDelayMs: 3_600_000 };
const bytes = new Uint8Array(300_000).map((_, index) => index % 251);
const about = {
  projectId: '0123456789abcdef0123456789abcdef',
  issueId: '956239067176935400',
  filename: '需求.mp4',
  contentType: 'video/mp4',
  mode: 'multipart',
  file: new Blob([bytes]),
} as const;

const line = await startCutLine(() => api.url);
const api = await useUploadApi({ base: () => line.url });
afterEach(() => line.mend());
afterAll(() => line.close());

/** More failures than any other work is given. */
const MANY = 20;

function newClient(options: Partial<ClientOptions> = {}) {
  return createClient({
    apiUrl: line.url,
    token: 'jwt',
    timing,
    partsAtOnce: 1,
    fetch: line.fetch,
    ...options,
  });
}

/** What an upload says of its pauses. */
function notes() {
  const seen: string[] = [];
  return { seen, onPaused: (paused: Paused | undefined) => void seen.push(paused?.reason ?? 'goes on') };
}

function times(call: string): number {
  return api.calls().filter((made) => made === call).length;
}

/** The upload as the API answers its creation, with other dates. */
async function createdWith(dates: { updatedAt: string; uploadDeadline: string }) {
  const { file, ...rest } = about;
  const created = await newClient().create({ ...rest, size: file.size }, { idempotencyKey: 'dated' });
  api.fault('POST /uploads', { status: 200, body: { ...created, ...dates } });
}

describe('an upload whose network is gone', () => {
  it('goes on by itself in the middle of the file, and sends no stored part again', async () => {
    const { seen, onPaused } = notes();
    api.fault('PUT /parts/4', 'hang');
    const running = newClient().upload({ ...about, onPaused });
    await api.arrival('PUT /parts/4');

    line.cut();
    await line.failures(MANY);
    await line.mend();

    expect(await running).toMatchObject({ status: 'delivered' });
    expect(seen).toEqual(['no_answer', 'goes on']);
    expect(api.log.filter(({ call, status }) => call.startsWith('PUT') && status === 200)).toHaveLength(8);
  });

  it('begins once there is one', async () => {
    const { seen, onPaused } = notes();
    line.cut();

    const running = newClient().upload({ ...about, onPaused });
    await line.failures(MANY);
    await line.mend();

    expect(await running).toMatchObject({ status: 'delivered' });
    expect(seen).toEqual(['no_answer', 'goes on']);
  });

  it('is followed further once there is one', async () => {
    const { seen, onPaused } = notes();
    const running = newClient().upload({
      ...about,
      onPaused,
      onStatus: ({ status }) => status === 'delivering' && line.cut(),
    });

    await line.failures(MANY);
    await line.mend();

    expect(await running).toMatchObject({ status: 'delivered' });
    expect(seen).toEqual(['no_answer', 'goes on']);
  });

  it('gets fresh URLs once when its own have ended meanwhile', async () => {
    const running = newClient().upload(about);
    await api.stored(3);
    line.cut();
    await line.failures(MANY);
    api.expireUrls();
    await line.mend();

    expect(await running).toMatchObject({ status: 'delivered' });
    expect(times('POST /uploads/:id/urls')).toBe(1);
  });

  it('says what it waits for and since when', async () => {
    const seen: (Paused | undefined)[] = [];
    const before = Date.now();
    line.cut();

    const running = newClient().upload({ ...about, onPaused: (paused) => void seen.push(paused) });
    await line.failures(MANY);
    await line.mend();
    await running;

    expect(seen).toEqual([
      { reason: 'no_answer', detail: `No answer from ${line.url}`, since: expect.any(Number) },
      undefined,
    ]);
    expect(seen[0]?.since).toBeGreaterThanOrEqual(before);
  });

  it('ends with the reason of its signal', async () => {
    const controller = new AbortController();
    line.cut();

    const running = newClient({ timing: never }).upload({ ...about, signal: controller.signal });
    await line.failures(1);
    controller.abort(new Error('the user left'));

    await expect(running).rejects.toThrow('the user left');
  });

  it('ends when it may wait no longer', async () => {
    line.cut();

    const error = await refusal(newClient({ patienceMs: 30 }).upload(about));

    expect(error).toMatchObject({ code: 'network', status: 0, retryable: true });
  });

  it('ends with the time that the server gives the file, by no clock of the device', async () => {
    await createdWith({
      updatedAt: '2020-01-01T00:00:00.000Z',
      uploadDeadline: '2020-01-01T00:00:00.030Z',
    });

    const running = newClient().upload({ ...about, onStatus: () => line.cut() });

    expect(await refusal(running)).toMatchObject({ code: 'network' });
  });

  it('waits as long as the server gives the file, although the clock of the device is years ahead', async () => {
    await createdWith({
      updatedAt: '2020-01-01T00:00:00.000Z',
      uploadDeadline: '2020-01-04T00:00:00.000Z',
    });

    const running = newClient().upload({
      ...about,
      onStatus: ({ status }) => status === 'awaiting_upload' && line.cut(),
    });
    await line.failures(MANY);
    await line.mend();

    expect(await running).toMatchObject({ status: 'delivered' });
  });
});

describe('an upload that is asked to wait', () => {
  it('waits out more refusals than it has attempts', async () => {
    const { seen, onPaused } = notes();
    const busy = storageRefusal(503, 'SlowDown', 'Please reduce your request rate.');
    api.fault('PUT /parts/2', ...Array.from({ length: MANY }, () => busy));

    expect(await newClient().upload({ ...about, onPaused })).toMatchObject({ status: 'delivered' });
    expect(seen.slice(0, 2)).toEqual(['busy', 'goes on']);
  });

  it('ends at once when it may not wait as long as the server asks', async () => {
    const refused = problem(429, 'rate_limited', { retryable: true });
    api.fault('POST /uploads', { ...refused, headers: { ...refused.headers, 'retry-after': '60' } });

    const error = await refusal(newClient({ patienceMs: 30_000 }).upload(about));

    expect(error).toMatchObject({ code: 'rate_limited', retryAfterMs: 60_000 });
  });
});

describe('a request of which nothing is heard', () => {
  it.each(['PUT /parts/3', 'POST /uploads/:id/complete', 'GET /uploads/:id'])(
    'is made again: %s',
    async (call) => {
      const hasty = newClient({ timing: { ...timing, stallMs: 500 } });
      api.fault(call, 'hang');

      expect(await hasty.upload(about)).toMatchObject({ status: 'delivered' });
    },
  );
});

describe('a token that the API refuses', () => {
  const refused = { status: 401, body: { message: 'Unauthorized' } };

  it('is asked for once more, with the one that was refused', async () => {
    const asked: (string | undefined)[] = [];
    const token = async (old?: string): Promise<string> => {
      asked.push(old);
      return old === undefined ? 'old' : 'new';
    };
    api.fault('POST /uploads/:id/complete', refused);

    expect(await newClient({ token }).upload(about)).toMatchObject({ status: 'delivered' });
    expect(asked.filter((old) => old !== undefined)).toEqual(['old']);
    const [first, second] = api.log.filter(({ call }) => call === 'POST /uploads/:id/complete');
    expect([first?.headers.authorization, second?.headers.authorization]).toEqual([
      'Bearer old',
      'Bearer new',
    ]);
  });

  it('is waited for where it needs the network itself', async () => {
    const { seen, onPaused } = notes();
    let asked = 0;
    const token = async (): Promise<string> => {
      asked += 1;
      if (asked <= MANY) throw new TypeError('fetch failed');
      return 'jwt';
    };

    expect(await newClient({ token }).upload({ ...about, onPaused })).toMatchObject({ status: 'delivered' });
    expect(seen).toEqual(['no_answer', 'goes on']);
  });

  it('ends the upload where the app cannot give one', async () => {
    const token = () => Promise.reject(new Error('signed out'));

    await expect(newClient({ token }).upload(about)).rejects.toThrow('signed out');
  });

  it('ends the upload when the new one is refused, too', async () => {
    api.fault('POST /uploads', refused, refused);

    const error = await refusal(newClient({ token: async () => 'jwt' }).upload(about));

    expect(error).toMatchObject({ code: 'unauthorized', status: 401, retryable: false });
    expect(times('POST /uploads')).toBe(2);
  });

  it.each([
    ['token', { token: 'j\nwt' }, {}],
    ['key', {}, { idempotencyKey: '需求' }],
  ])('is no network: a %s that no header can carry ends the upload at once', async (_, options, request) => {
    const error = await refusal(newClient(options).upload({ ...about, ...request }));

    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(api.calls()).toEqual([]);
  });
});

describe('in a page', () => {
  const page = Object.assign(new EventTarget(), { navigator: { onLine: true } });
  const wake = (type: string) => page.dispatchEvent(new Event(type));

  afterEach(() => {
    page.navigator.onLine = true;
    Reflect.deleteProperty(globalThis, 'self');
  });

  it.each(['online', 'visibilitychange'])(
    'an upload without a network goes on at once upon %s',
    async (type) => {
      Reflect.set(globalThis, 'self', page);
      page.navigator.onLine = false;
      const { seen, onPaused } = notes();
      const paused = Promise.withResolvers<void>();
      line.cut();

      const running = newClient({ timing: never }).upload({
        ...about,
        onPaused: (reason) => {
          onPaused(reason);
          paused.resolve();
        },
      });
      await paused.promise;
      await line.mend();
      // The wait begins after the call of onPaused.
      await new Promise(setImmediate);
      wake(type);

      expect(await running).toMatchObject({ status: 'delivered' });
      expect(seen).toEqual(['offline', 'goes on']);
    },
  );

  it('an upload goes on at once where the network is back while it is found out why there was no answer', async () => {
    const location = { href: 'http://127.0.0.1/', origin: 'http://127.0.0.1', protocol: 'http:' };
    const here = Object.assign(new EventTarget(), { location });
    Reflect.set(globalThis, 'self', here);
    line.cut();
    const probing: typeof fetch = async (input, init) => {
      if (init?.mode !== 'no-cors') return line.fetch(input, init);
      await line.mend();
      here.dispatchEvent(new Event('online'));
      throw new TypeError('fetch failed');
    };

    const running = newClient({ timing: never, fetch: probing }).upload(about);

    expect(await running).toMatchObject({ status: 'delivered' });
  });

  it('a wait that a server asked for is over when its time is, however long the page slept', async () => {
    Reflect.set(globalThis, 'self', page);
    const { now } = Date;
    let isOver = false;
    const waiting = pause(3_600_000, undefined).then(() => (isOver = true));

    wake('visibilitychange');
    await new Promise(setImmediate);
    expect(isOver).toBe(false);
    Date.now = () => now() + 3_600_000;
    wake('visibilitychange');
    Date.now = now;

    await waiting;
  });
});
