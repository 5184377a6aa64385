import { describe, expect, it } from '@jest/globals';
import { createPhoneInMemory } from '../../support/phone-in-memory.ts';
import { useQuickWaits } from '../../support/quick-waits.ts';

const about = { projectId: 'p', issueId: 'i', filename: 'film.mp4', contentType: 'video/mp4' };
const file = { ...about, mode: 'single', uri: 'file:///picked', key: 'k' } as const;
const API = /^[A-Z]/;
useQuickWaits();

/** A phone with what an earlier process has left of an upload: its record, and the copy of the file. */
function phoneWith(...keys: string[]) {
  const phone = createPhoneInMemory();
  for (const key of keys) {
    phone.records.set(key, JSON.stringify({ key, about: { ...about, size: 10 } }));
    phone.files.set(`${key}.data`, Buffer.alloc(10));
  }
  return phone;
}

describe('a start', () => {
  it('copies the file once, also when it comes twice at the same time', async () => {
    const phone = createPhoneInMemory();
    const { uploads } = phone.launch();

    const starts = await Promise.all([uploads.start(file), uploads.start(file)]);

    expect(await Promise.all(starts.map(({ done }) => done))).toMatchObject([
      { kind: 'ended' },
      { kind: 'ended' },
    ]);
    expect(phone.stepsLike(/^adopt/)).toEqual(['adopt k.data']);
  });

  it('tells of which upload the bridge has answered what', async () => {
    const { uploads, changes } = createPhoneInMemory().launch();

    await (
      await uploads.start(file)
    ).done;

    expect(changes.find(({ kind }) => kind === 'status')).toMatchObject({
      key: 'k',
      upload: { id: expect.any(String), status: 'awaiting_upload', filename: 'film.mp4' },
    });
  });

  it('of an upload that has ended gives its outcome, without a call', async () => {
    const phone = createPhoneInMemory();
    const outcome = await (await phone.launch().uploads.start(file)).done;
    phone.steps.length = 0;

    const again = await phone.launch().uploads.start(file);

    expect(await again.done).toEqual(outcome);
    expect(phone.steps).toEqual(['read k', 'read k']);
  });
});

describe('an upload that ends', () => {
  it('leaves the files of other uploads alone', async () => {
    const phone = phoneWith('other');

    expect(await (await phone.launch().uploads.start(file)).done).toMatchObject({ kind: 'ended' });

    expect([...phone.files.keys()]).toEqual(['other.data']);
  });

  it('is cancelled when its record has gone before it began', async () => {
    const phone = phoneWith('k');
    phone.meanwhile('names', () => phone.records.clear());
    const { uploads, details } = phone.launch();

    const [resumed] = await uploads.resumeAll();

    expect(await resumed?.done).toEqual({ kind: 'cancelled' });
    expect(details()).toEqual([]);
  });

  it('writes nothing down when its record has gone with the last answer', async () => {
    const phone = createPhoneInMemory();
    const { uploads } = phone.launch({
      onChange: (change) => {
        if (change.kind === 'status' && change.upload.status === 'delivered') phone.records.clear();
      },
    });

    expect(await (await uploads.start(file)).done).toEqual({ kind: 'cancelled' });
    expect(phone.records.size).toBe(0);
  });
});

describe('a cancellation', () => {
  it('of an upload that the bridge knows nothing of is of this device alone', async () => {
    const phone = phoneWith('k');

    await phone.launch().uploads.cancel('k');

    expect(phone.stepsLike(API)).toEqual([]);
    expect([...phone.records.keys(), ...phone.files.keys()]).toEqual([]);
  });

  it('that the bridge refuses is an error, and leaves the upload listed', async () => {
    const phone = createPhoneInMemory();
    const { uploads } = phone.launch();
    await (
      await uploads.start(file)
    ).done;

    await expect(uploads.cancel('k')).rejects.toMatchObject({ code: 'upload_state_conflict' });

    expect(await uploads.list()).toMatchObject([{ key: 'k', outcome: { kind: 'ended' } }]);
  });
});

describe('an upload that is forgotten', () => {
  it('loses its record first, then its own files, and all before the app goes on', async () => {
    const phone = phoneWith('k', 'other');
    const { uploads } = phone.launch();
    let atRemoval: string[] = [];
    phone.meanwhile('names', () => (atRemoval = [...phone.records.keys()]));

    await uploads.forget('k');

    expect([...phone.files.keys()]).toEqual(['other.data']);
    expect(atRemoval).toEqual(['other']);
  });
});

describe('resumeAll', () => {
  it('keeps the copy of a file whose upload is not written down yet', async () => {
    const phone = createPhoneInMemory();
    const { uploads } = phone.launch();
    phone.meanwhile('write k', () => uploads.resumeAll());

    const { done } = await uploads.start(file);

    expect(phone.stepsLike(/^remove/)).toEqual([]);
    expect(await done).toMatchObject({ kind: 'ended' });
  });

  it('keeps the copy of a file whose upload has begun since the records were listed', async () => {
    const phone = phoneWith('other');
    const { uploads } = phone.launch();
    const resumed = Promise.withResolvers<unknown>();
    phone.meanwhile('read other', () => uploads.start(file));
    phone.meanwhile('POST /uploads', () => resumed.promise);

    resumed.resolve(await uploads.resumeAll());

    expect(phone.stepsLike(/^remove/)).toEqual([]);
    expect(await (await uploads.start(file)).done).toMatchObject({ kind: 'ended' });
  });
});
