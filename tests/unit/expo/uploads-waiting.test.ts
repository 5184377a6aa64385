import { describe, expect, it } from '@jest/globals';
import { createPhoneInMemory } from '../../support/phone-in-memory.ts';
import { problem } from '../../support/upload-answers.ts';
import { useQuickWaits } from '../../support/quick-waits.ts';

const about = { projectId: 'p', issueId: 'i', filename: 'film.mp4', contentType: 'video/mp4' };
const file = { ...about, mode: 'single', uri: 'file:///picked', key: 'k' } as const;
const busy = problem(503, 'unavailable', { retryable: true });
const CREATE = 'POST /uploads';
const waits = useQuickWaits();

describe('an upload that the bridge does not take yet', () => {
  it('waits a second, then twice as long each time, at most a minute', async () => {
    const phone = createPhoneInMemory();
    phone.fault(CREATE, ...Array.from({ length: 8 }, () => busy));

    expect(await (await phone.launch().uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('waits no longer than the app has set', async () => {
    const phone = createPhoneInMemory();
    phone.fault(CREATE, busy, busy, busy);
    const { uploads } = phone.launch({ timing: { longestDelayMs: 3000 } });

    expect(await (await uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(waits).toEqual([1000, 2000, 3000]);
  });

  it('waits as long as the bridge asks for', async () => {
    const phone = createPhoneInMemory();
    phone.fault(CREATE, { ...busy, headers: { 'retry-after': '7' } });

    expect(await (await phone.launch().uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(waits).toEqual([7000]);
  });

  it('says so at each failure', async () => {
    const phone = createPhoneInMemory();
    phone.fault(CREATE, busy, busy);
    const { uploads, details } = phone.launch();

    expect(await (await uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(details()).toEqual(['About unavailable', 'About unavailable']);
  });

  it('asks for nothing more once the app forgets it, and does not wait', async () => {
    const phone = createPhoneInMemory();
    phone.fault(CREATE, busy);
    let forgotten: Promise<void> | undefined;
    const { uploads } = phone.launch({
      onChange: ({ kind, key }) => {
        if (kind !== 'paused') return;
        phone.steps.length = 0;
        forgotten = uploads.forget(key);
      },
    });

    expect(await (await uploads.start(file)).done).toEqual({ kind: 'cancelled' });
    await forgotten;

    expect(phone.steps).toEqual(['strike k', 'names', 'remove k.data']);
    expect(waits).toEqual([]);
  });
});

describe('an upload whose file the bridge has', () => {
  it('is asked for as often as the app has set, where the bridge does not say', async () => {
    const phone = createPhoneInMemory({ retryAfter: 'soon' });
    const { uploads } = phone.launch({ timing: { pollMs: 7 } });

    expect(await (await uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(new Set(waits)).toEqual(new Set([7]));
  });

  it('says once that the bridge does not answer, and nothing when it does again', async () => {
    const phone = createPhoneInMemory();
    phone.fault('GET /uploads/:id', busy, busy);
    const { uploads, changes } = phone.launch();

    expect(await (await uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(changes.filter(({ kind }) => kind === 'paused')).toEqual([
      { kind: 'paused', key: 'k', detail: 'About unavailable' },
    ]);
  });
});

describe('a failure that is no answer of the bridge', () => {
  it('of the network passes', async () => {
    const phone = createPhoneInMemory();
    phone.meanwhile('put k.data', () => {
      throw new Error('There is no network');
    });
    const { uploads, details } = phone.launch();

    expect(await (await uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(details()).toEqual(['There is no network']);
  });

  it.each(['a text', undefined])('passes also where it is no Error but %p', async (reason) => {
    const phone = createPhoneInMemory();
    phone.meanwhile('read k', () => undefined);
    phone.meanwhile('read k', () => Promise.reject(reason));
    const { uploads, details } = phone.launch();

    expect(await (await uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect(details()).toEqual([String(reason)]);
  });
});
