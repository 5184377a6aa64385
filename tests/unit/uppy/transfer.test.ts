import { describe, expect, it } from '@jest/globals';
import { UploadError } from '../../../packages/client/src/client.ts';
import type { Client, Upload, UploadRequest, Watch } from '../../../packages/client/src/client.ts';
import { createCancellations } from '../../../packages/uppy/src/cancellations.ts';
import type { Cancellations } from '../../../packages/uppy/src/cancellations.ts';
import type { PickedFile } from '../../../packages/uppy/src/host.ts';
import { freshRecord } from '../../../packages/uppy/src/order.ts';
import type { Order } from '../../../packages/uppy/src/order.ts';
import { createPlaces } from '../../../packages/uppy/src/places.ts';
import { createRecords } from '../../../packages/uppy/src/records.ts';
import type { FileRecord } from '../../../packages/uppy/src/records.ts';
import { startTransfer } from '../../../packages/uppy/src/transfer.ts';
import { listening, uploadIn } from '../../support/uppy-host.ts';

const picked: PickedFile = { id: 'f', name: 'a.png', size: 10, meta: {}, progress: { uploadStarted: 7 } };
const data = new Blob(['0123456789']);
const about = { projectId: 'p', issueId: 'i', filename: 'a.png', contentType: 'image/png', size: 10 };
const order: Order = { about, data, path: 'a.png' };
const words = (key: string, { file = '' } = {}): string => `${key} ${file}`.trim();
const settled = () => new Promise(setImmediate);

/** One call of the client that the test answers when it likes. */
type Call = {
  name: string;
  watch: Watch;
  request?: UploadRequest;
  answer: (upload: Upload) => Promise<void>;
  fail: (error: unknown) => Promise<void>;
};

/** A file on its way; its client's calls wait for the test. */
function begin(
  given: {
    record?: Partial<FileRecord>;
    order?: Partial<Order>;
    before?: (cancellations: Cancellations) => void;
  } = {},
) {
  const calls: Call[] = [];
  const uppy = listening(picked);
  const saved: Record<string, FileRecord>[] = [];
  const records = createRecords((all) => saved.push(all));
  const places = createPlaces(1);

  function call(name: string, watch: Watch = {}, request?: UploadRequest): Promise<Upload> {
    const { promise, resolve, reject } = Promise.withResolvers<Upload>();
    calls.push({
      name,
      watch,
      ...(request && { request }),
      async answer(upload) {
        resolve(upload);
        await settled();
      },
      async fail(error) {
        reject(error);
        await settled();
      },
    });
    const end = () => reject(watch.signal?.reason);
    watch.signal?.addEventListener('abort', end);
    if (watch.signal?.aborted) end();
    return promise;
  }

  const client: Client = Object.assign(Object.create(null), {
    upload: (request: UploadRequest) => call('upload', request, request),
    follow: (id: string, watch: Watch) => call(`follow ${id}`, watch),
    retry: (id: string, signal: AbortSignal) => call(`retry ${id}`, { signal }),
    status: (id: string) => call(`status ${id}`),
    cancel: (id: string) => call(`cancel ${id}`),
  });
  const cancellations = createCancellations({ client, host: uppy.host, words });
  given.before?.(cancellations);
  const record = { ...freshRecord(order), key: 'k', ...given.record };
  const transfer = startTransfer(
    { id: 'f', order: { ...order, ...given.order }, record },
    { host: uppy.host, client, words, places, records, cancellations },
  );
  return { ...uppy, calls, records, places, transfer, cancellations, saved };
}

/** A call by its place among the calls, once it has been made. */
async function nth(calls: readonly Call[], index: number): Promise<Call> {
  await settled();
  const call = calls[index];
  if (call === undefined) throw new Error(`there are ${calls.length} calls`);
  return call;
}

const names = (calls: readonly Call[]) => calls.map(({ name }) => name);
const eventsOf = (events: readonly unknown[][], name: string) => events.filter(([one]) => one === name);
const staged = (call: Call, bytes: number) => call.watch.onProgress?.({ leg: 'staging', bytes, total: 10 });
const delivering = (call: Call) => call.watch.onProgress?.({ leg: 'delivery', bytes: 0, total: 10 });
const paused = (reason: string) => ({ reason, detail: 'd', since: 1 });

describe('a file on its way', () => {
  it('is sent with what Uppy knows of it, under its key', async () => {
    const { calls } = begin();

    const { request } = await nth(calls, 0);

    expect(request).toMatchObject({
      projectId: 'p',
      issueId: 'i',
      filename: 'a.png',
      contentType: 'image/png',
      file: data,
      idempotencyKey: 'k',
    });
    expect(request).not.toHaveProperty('size');
  });

  it('cannot be sent where its bytes are not here any more', async () => {
    const { calls, events, transfer } = begin({ order: { data: undefined } });

    await transfer.done;

    expect(calls).toEqual([]);
    expect(eventsOf(events, 'upload-error')).toMatchObject([
      ['upload-error', { id: 'f' }, { code: 'file_unreadable', message: 'fileUnavailable' }],
    ]);
  });

  it('remembers its upload once, as soon as the bridge has answered', async () => {
    const { calls, saved } = begin();
    const call = await nth(calls, 0);

    call.watch.onStatus?.(uploadIn('awaiting_upload'));
    call.watch.onStatus?.(uploadIn('awaiting_upload'));

    expect(saved).toMatchObject([{ f: { key: 'k', uploadId: 'u' } }]);
  });

  it('shows the bytes that storage has', async () => {
    const { calls, events } = begin();
    const call = await nth(calls, 0);

    staged(call, 4);

    const progress = { uploadStarted: 7, bytesUploaded: 4, bytesTotal: 10 };
    expect(events).toEqual([['upload-progress', expect.objectContaining({ id: 'f' }), progress]]);
  });

  it('has begun now where Uppy does not say when', async () => {
    const { calls, events, host } = begin();
    host.setFileState('f', { progress: {} });
    const { now } = Date;
    Date.now = () => 1234;

    staged(await nth(calls, 0), 4);
    Date.now = now;

    expect(events).toMatchObject([['upload-progress', {}, { uploadStarted: 1234 }]]);
  });

  it('gives its place to the next file once storage has it, and shows the way to the work item', async () => {
    const { calls, events, places, file, saved } = begin();
    const call = await nth(calls, 0);
    let hasPlace = false;
    const next = places.enter().then(() => (hasPlace = true));
    await settled();
    expect(hasPlace).toBe(false);

    call.watch.onStatus?.(uploadIn('staged'));
    delivering(call);
    delivering(call);
    await next;

    expect(hasPlace).toBe(true);
    expect(file('f')).toMatchObject({
      isPaused: false,
      progress: { uploadStarted: 7, uploadComplete: true },
    });
    expect(eventsOf(events, 'upload-progress')).toEqual([
      ['upload-progress', expect.anything(), { uploadStarted: 7, bytesUploaded: 10, bytesTotal: 10 }],
    ]);
    const shown = { mode: 'determinate', message: 'staged', value: 0 };
    expect(eventsOf(events, 'postprocess-progress').map(([, , progress]) => progress)).toEqual([
      shown,
      shown,
    ]);
    expect(saved.at(-1)).toMatchObject({ f: { uploadId: 'u', next: 'follow' } });
  });

  it.each([
    ['staged', 'attachment', 'staged', 0],
    ['waiting', 'attachment', 'waiting', 0.5],
    ['unconfirmed', 'attachment', 'unconfirmed', 0.5],
    ['delivering', 'attachment', 'delivering', 0.5],
    ['delivering', 'link', 'linking', 0.5],
    ['delivered', 'attachment', 'delivering', 1],
    ['delivered', 'link', 'linking', 1],
  ])('shows %s (%s) as %s', async (status, endsAs, message, value) => {
    const { calls, events } = begin();
    const call = await nth(calls, 0);
    const bytesSent = value === 0 ? 0 : 5;

    call.watch.onStatus?.(uploadIn(status, { delivery: { endsAs, attempts: 1, bytesSent } }));
    delivering(call);

    expect(eventsOf(events, 'postprocess-progress')).toMatchObject([[{}, {}, { message, value }]]);
  });

  it.each([
    [{ size: 10, delivery: { bytesSent: 30 } }, 1],
    [{ size: 0, delivery: { bytesSent: 30 } }, 0],
    [{ size: undefined, delivery: { bytesSent: 30 } }, 0],
  ])('shows a share from 0 to 1: %j', async (more, value) => {
    const { calls, events } = begin();
    const call = await nth(calls, 0);

    call.watch.onStatus?.(uploadIn('waiting', more));
    delivering(call);

    expect(eventsOf(events, 'postprocess-progress')).toMatchObject([[{}, {}, { value }]]);
  });

  it('shows no share before the bridge has answered', async () => {
    const { calls, events } = begin({ record: { uploadId: 'u', next: 'follow' } });

    delivering(await nth(calls, 0));

    expect(eventsOf(events, 'postprocess-progress')).toMatchObject([
      [{}, {}, { value: 0, message: 'staged' }],
    ]);
  });
});

describe('a file whose delivery is under way', () => {
  it('is followed, and not sent', async () => {
    const { calls, events, transfer } = begin({ record: { uploadId: 'u', next: 'follow' } });

    await (await nth(calls, 0)).answer(uploadIn('failed', { error: { retryable: true } }));
    await transfer.done;

    expect(names(calls)).toEqual(['follow u']);
    expect(eventsOf(events, 'upload-error')).toHaveLength(1);
  });

  it('is tried again where that can help', async () => {
    const { calls, events, transfer } = begin({ record: { uploadId: 'u', next: 'retry' } });

    await (await nth(calls, 0)).answer(uploadIn('failed', { error: { retryable: true } }));
    await (await nth(calls, 1)).answer(uploadIn('staged'));
    await (await nth(calls, 2)).answer(uploadIn('delivered'));
    await transfer.done;

    expect(names(calls)).toEqual(['follow u', 'retry u', 'follow u']);
    expect(calls[1]?.watch.signal).toBeInstanceOf(AbortSignal);
    expect(eventsOf(events, 'upload-success')).toHaveLength(1);
  });

  it('is followed again no sooner than the bridge has begun to try it again', async () => {
    const { calls } = begin({ record: { uploadId: 'u', next: 'retry' } });

    await (await nth(calls, 0)).answer(uploadIn('failed', { error: { retryable: true } }));

    expect(names(calls)).toEqual(['follow u', 'retry u']);
  });

  it.each([
    ['failed', { error: { retryable: false } }],
    ['failed', {}],
    ['delivered', { error: { retryable: true } }],
  ])('is not tried again where it cannot: %s %j', async (status, more) => {
    const { calls, transfer } = begin({ record: { uploadId: 'u', next: 'retry' } });

    await (await nth(calls, 0)).answer(uploadIn(status, more));
    await transfer.done;

    expect(names(calls)).toEqual(['follow u']);
  });

  it.each([{ next: 'follow' as const }, { uploadId: 'u' }])(
    'is sent where one half of that is unknown: %j',
    async (record) => {
      const { calls } = begin({ record });

      expect((await nth(calls, 0)).name).toBe('upload');
    },
  );
});

describe('the end of a file', () => {
  it('is a success that is forgotten, with the upload as its answer', async () => {
    const { calls, events, records, transfer } = begin();
    const call = await nth(calls, 0);
    call.watch.onStatus?.(uploadIn('staged'));

    await call.answer(uploadIn('delivered'));
    await transfer.done;

    const answer = { status: 200, body: uploadIn('delivered'), bytesUploaded: 10 };
    expect(events).toEqual([['upload-success', expect.objectContaining({ id: 'f' }), answer]]);
    expect(records.get('f')).toBeUndefined();
  });

  it.each([
    ['expired', {}, { code: 'expired', message: 'expired', retryable: false }],
    ['cancelled', {}, { code: 'cancelled', message: 'cancelled', retryable: false }],
    ['removed', {}, { code: 'removed', message: 'removed', retryable: false }],
    ['failed', {}, { code: 'delivery_failed', message: 'failed', retryable: false }],
    [
      'failed',
      { error: { code: 'c', message: 'm', retryable: true } },
      { code: 'c', message: 'm', retryable: true },
    ],
  ])('is an error that says what it was: %s %j', async (status, more, error) => {
    const { calls, events, transfer } = begin();
    const call = await nth(calls, 0);

    await call.answer(uploadIn(status, more));
    await transfer.done;

    expect(events).toEqual([
      [
        'upload-error',
        expect.objectContaining({ id: 'f' }),
        expect.objectContaining(error),
        { status: 200, body: uploadIn(status, more) },
      ],
    ]);
  });

  it.each([
    [true, 'retry'],
    [false, undefined],
  ])('is remembered where a retry can help: %p', async (retryable, next) => {
    const { calls, records, transfer } = begin();
    const call = await nth(calls, 0);
    call.watch.onStatus?.(uploadIn('staged'));

    await call.answer(uploadIn('failed', { error: { retryable } }));
    await transfer.done;

    expect(records.get('f')).toMatchObject({ key: 'k', uploadId: 'u' });
    expect(records.get('f')?.next).toBe(next);
  });

  it('is an error in the words of the API for people, or its own, without an answer', async () => {
    const { calls, events, transfer } = begin();

    await (await nth(calls, 0)).fail(new UploadError({ code: 'c', detail: 'd', userMessage: 'for people' }));
    await transfer.done;
    const plain = begin();
    await (await nth(plain.calls, 0)).fail(new UploadError({ code: 'c', detail: 'd' }));
    const mistake = begin();
    await (await nth(mistake.calls, 0)).fail(new TypeError('a mistake'));

    expect(events).toEqual([
      ['upload-error', expect.anything(), expect.objectContaining({ message: 'for people' }), undefined],
    ]);
    expect(plain.events).toMatchObject([['upload-error', {}, { message: 'd' }, undefined]]);
    expect(mistake.events).toMatchObject([['upload-error', {}, { message: 'a mistake' }, undefined]]);
  });

  it('lets Uppy retry what it took for uploaded', async () => {
    const { calls, file, transfer } = begin();
    const call = await nth(calls, 0);
    delivering(call);

    await call.answer(uploadIn('failed'));
    await transfer.done;

    expect(file('f')?.progress).toEqual({
      uploadStarted: 7,
      bytesTotal: 10,
      bytesUploaded: 0,
      percentage: 0,
      uploadComplete: false,
    });
  });

  it('leaves the progress of a file that storage has not got', async () => {
    const { calls, file, transfer } = begin();

    await (await nth(calls, 0)).answer(uploadIn('failed'));
    await transfer.done;

    expect(file('f')?.progress).toEqual(picked.progress);
  });

  it('says nothing of a file that is not in Uppy any more', async () => {
    const { calls, events, remove, transfer } = begin();
    const call = await nth(calls, 0);
    remove('f');

    staged(call, 4);
    delivering(call);
    call.watch.onPaused?.(paused('offline'));
    await call.answer(uploadIn('delivered'));
    await transfer.done;
    const failed = begin();
    const other = await nth(failed.calls, 0);
    failed.remove('f');
    await other.fail(new TypeError('a mistake'));

    expect([...events, ...failed.events]).toEqual([]);
  });
});

describe('a file that the work item has already', () => {
  it.each([
    [null, 'alreadyAttached a.png'],
    [{ id: 'l' }, 'alreadyLinked a.png'],
  ])('is said to be there, and is a success: %j', async (link, message) => {
    const { calls, events, said, transfer } = begin();
    const call = await nth(calls, 0);
    const upload = uploadIn('delivered', { replayed: true, link });

    call.watch.onStatus?.(upload);
    await call.answer(upload);
    await transfer.done;

    expect(events.map(([name]) => name)).toEqual(['ipd-attachment:already-attached', 'upload-success']);
    expect(events[0]).toEqual([
      'ipd-attachment:already-attached',
      expect.objectContaining({ id: 'f' }),
      upload,
    ]);
    expect(said).toEqual([[message, 'info', 5000]]);
  });

  it('is a plain success where it is the file of this page, delivered while the page was away', async () => {
    const { calls, events, said, transfer } = begin({ record: { uploadId: 'u' } });
    const call = await nth(calls, 0);
    const upload = uploadIn('delivered', { replayed: true });

    call.watch.onStatus?.(upload);
    await call.answer(upload);
    await transfer.done;

    expect(events.map(([name]) => name)).toEqual(['upload-success']);
    expect(said).toEqual([]);
  });

  it('stays one while more is heard of it', async () => {
    const { calls, said, transfer } = begin();
    const call = await nth(calls, 0);

    call.watch.onStatus?.(uploadIn('delivered', { replayed: true }));
    call.watch.onStatus?.(uploadIn('delivered'));
    await call.answer(uploadIn('delivered'));
    await transfer.done;

    expect(said).toHaveLength(1);
  });

  it('and has no more, is attached again by a retry alone, under a key of its own', async () => {
    const { calls, events, records, said, transfer } = begin();
    const call = await nth(calls, 0);
    const upload = uploadIn('delivered', { replayed: true, attachmentGone: true });

    call.watch.onStatus?.(upload);
    await call.answer(upload);
    await transfer.done;

    expect(events.map(([name]) => name)).toEqual(['ipd-attachment:already-attached', 'upload-error']);
    expect(events[1]).toMatchObject([{}, {}, { code: 'attachment_gone', message: 'attachmentGone' }, {}]);
    expect(records.get('f')).toEqual({ key: expect.any(String), subject: JSON.stringify(about) });
    expect(records.get('f')?.key).not.toBe('k');
    expect(said).toEqual([]);
  });

  it('is a success where the attachment of its own upload has gone since', async () => {
    const { calls, events, transfer } = begin({ record: { uploadId: 'u' } });
    const call = await nth(calls, 0);

    await call.answer(uploadIn('delivered', { attachmentGone: true }));
    await transfer.done;

    expect(events.map(([name]) => name)).toEqual(['upload-success']);
  });
});

describe('a file that waits', () => {
  it.each([
    ['offline', 'stalledOffline'],
    ['busy', 'stalledBusy'],
    ['no_answer', 'stalledSilent'],
  ])('says why, and is shown as paused until it goes on: %s', async (reason, message) => {
    const { calls, events, file } = begin();
    const call = await nth(calls, 0);

    call.watch.onPaused?.(paused(reason));
    expect(file('f')).toMatchObject({ isPaused: true });
    call.watch.onPaused?.(undefined);

    expect(file('f')).toMatchObject({ isPaused: false });
    expect(events).toEqual([['upload-stalled', { message }, [expect.objectContaining({ id: 'f' })]]]);
  });

  it('on its way to the work item needs nothing of the page', async () => {
    const { calls, events, file } = begin();
    const call = await nth(calls, 0);
    call.watch.onStatus?.(uploadIn('waiting'));
    delivering(call);

    call.watch.onPaused?.(paused('offline'));
    call.watch.onPaused?.(undefined);

    const messages = eventsOf(events, 'postprocess-progress').map(([, , shown]) => Object(shown).message);
    expect(messages).toEqual(['waiting', 'unseen', 'waiting']);
    expect(eventsOf(events, 'upload-stalled')).toEqual([]);
    expect(file('f')).toMatchObject({ isPaused: false });
  });

  it('tries at once when the person wants it to go on', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);
    call.watch.onPaused?.(paused('no_answer'));

    transfer.resume();

    expect((await nth(calls, 1)).name).toBe('upload');
    expect(call.watch.signal?.aborted).toBe(true);
    transfer.resume();
    await settled();
    expect(calls).toHaveLength(2);
  });

  it('goes on as it is where nothing is in its way, or storage has the file', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);

    transfer.resume();
    delivering(call);
    call.watch.onPaused?.(paused('no_answer'));
    transfer.resume();
    await settled();

    expect(calls).toHaveLength(1);
    expect(call.watch.signal?.aborted).toBe(false);
  });
});

describe('a file that a person pauses', () => {
  it('stops, says nothing, and goes on when it is resumed', async () => {
    const { calls, events, transfer } = begin();
    const call = await nth(calls, 0);

    transfer.pause();
    await settled();
    expect(call.watch.signal?.aborted).toBe(true);
    call.watch.onPaused?.(paused('no_answer'));
    expect(calls).toHaveLength(1);
    transfer.resume();

    await (await nth(calls, 1)).answer(uploadIn('delivered'));
    await transfer.done;
    expect(events.map(([name]) => name)).toEqual(['upload-success']);
  });

  it('leaves its place to others while it is paused', async () => {
    const { calls, places, transfer } = begin();
    await nth(calls, 0);

    transfer.pause();

    const leave = await places.enter();
    transfer.resume();
    await settled();
    expect(calls).toHaveLength(1);
    leave();
    expect((await nth(calls, 1)).name).toBe('upload');
  });

  it('is not sent where it is paused while it waits for its place', async () => {
    const { calls, transfer } = begin();
    transfer.pause();
    await settled();
    expect(calls).toEqual([]);

    transfer.resume();

    expect((await nth(calls, 0)).name).toBe('upload');
  });

  it('goes on where storage has it, or it has ended', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);
    delivering(call);

    transfer.pause();

    expect(call.watch.signal?.aborted).toBe(false);
    await call.answer(uploadIn('delivered'));
    await transfer.done;
  });

  it('fails with an error that is none of its pause', async () => {
    const { calls, events, transfer } = begin();

    await (await nth(calls, 0)).fail(new TypeError('a mistake'));
    transfer.pause();
    await transfer.done;

    expect(eventsOf(events, 'upload-error')).toHaveLength(1);
    expect(calls).toHaveLength(1);
  });
});

describe('a file that is removed', () => {
  it('says nothing more, and its upload goes on where it is not to be cancelled', async () => {
    const { calls, events, transfer, saved } = begin();
    const call = await nth(calls, 0);
    call.watch.onStatus?.(uploadIn('staged'));

    transfer.end({ isCancelled: false });
    await transfer.done;
    staged(call, 4);
    delivering(call);
    call.watch.onStatus?.(uploadIn('waiting', { id: 'v' }));
    transfer.pause();
    transfer.resume();
    await settled();

    expect(names(calls)).toEqual(['upload']);
    expect(call.watch.signal?.aborted).toBe(true);
    expect(events).toEqual([]);
    expect(saved).toHaveLength(1);
  });

  it('is cancelled at once where the bridge has named its upload', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);
    call.watch.onStatus?.(uploadIn('staged'));

    transfer.end({ isCancelled: true });
    await (await nth(calls, 1)).answer(uploadIn('staged'));
    await nth(calls, 2);

    expect(names(calls)).toEqual(['upload', 'status u', 'cancel u']);
    expect(call.watch.signal?.aborted).toBe(true);
  });

  it('is cancelled as soon as its creation is answered', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);

    transfer.end({ isCancelled: true });
    await settled();
    expect(call.watch.signal?.aborted).toBe(false);
    call.watch.onStatus?.(uploadIn('awaiting_upload', { id: 'v' }));
    await nth(calls, 1);

    expect(names(calls)).toEqual(['upload', 'status v']);
    expect(call.watch.signal?.aborted).toBe(true);
  });

  it('ends without a cancellation although its creation has not been answered', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);

    transfer.end({ isCancelled: false });
    call.watch.onStatus?.(uploadIn('awaiting_upload'));
    await settled();

    expect(names(calls)).toEqual(['upload']);
    expect(call.watch.signal?.aborted).toBe(true);
  });

  it('is cancelled once, however often the bridge answers', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);

    transfer.end({ isCancelled: true });
    call.watch.onStatus?.(uploadIn('awaiting_upload'));
    call.watch.onStatus?.(uploadIn('awaiting_upload'));
    await settled();

    expect(names(calls)).toEqual(['upload', 'status u']);
  });

  it('is cancelled no sooner than its creation is answered, though an earlier session has its id', async () => {
    const { calls, transfer } = begin({ record: { uploadId: 'u' } });
    const call = await nth(calls, 0);

    transfer.end({ isCancelled: true });
    await settled();
    expect(names(calls)).toEqual(['upload']);
    call.watch.onStatus?.(uploadIn('awaiting_upload'));
    await settled();

    expect(names(calls)).toEqual(['upload', 'status u']);
  });

  it('is cancelled under the id of an earlier session where its creation has failed', async () => {
    const { calls, transfer } = begin({ record: { uploadId: 'u' } });
    const call = await nth(calls, 0);

    await call.fail(new UploadError({ code: 'c', detail: 'd' }));
    transfer.end({ isCancelled: true });
    await settled();

    expect(names(calls)).toEqual(['upload', 'status u']);
  });

  it('ends at once, answered or not, where it is not to be cancelled', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);

    transfer.end({ isCancelled: false });

    expect(call.watch.signal?.aborted).toBe(true);
  });

  it.each<[string, (call: Call) => Promise<void>]>([
    ['an end', (call) => call.answer(uploadIn('delivered'))],
    ['a failure', (call) => call.fail(new UploadError({ code: 'c', detail: 'd' }))],
  ])('says nothing of %s that comes later, also of a file that has come in its place', async (_, finish) => {
    const { calls, events, transfer } = begin();
    const call = await nth(calls, 0);

    transfer.end({ isCancelled: true });
    await finish(call);

    expect(events).toEqual([]);
  });

  it('is not created where it is removed while an earlier cancellation is under way', async () => {
    const { calls, transfer } = begin({ before: ({ plan, run }) => run(plan('k', 'a.png'), 'u') });
    const question = await nth(calls, 0);

    transfer.end({ isCancelled: true });
    await question.answer(uploadIn('staged'));
    await settled();

    // The client rejects the only one without a request: its signal was aborted before.
    const creations = calls.filter(({ name }) => name === 'upload');
    expect(creations.map(({ watch }) => watch.signal?.aborted)).toEqual([true]);
  });

  it('is not sent where it is removed while it waits for its place or in a pause', async () => {
    const waiting = begin();
    waiting.transfer.end({ isCancelled: true });
    const resting = begin();
    await nth(resting.calls, 0);
    resting.calls[0]?.watch.onStatus?.(uploadIn('awaiting_upload'));
    resting.transfer.pause();
    resting.transfer.end({ isCancelled: false });
    await settled();

    expect(names(waiting.calls)).toEqual([]);
    expect(names(resting.calls)).toEqual(['upload']);
  });

  it('is created again where it was paused before the answer, so that there is an id to cancel', async () => {
    const { calls, transfer } = begin();
    await nth(calls, 0);
    transfer.pause();
    await settled();

    transfer.end({ isCancelled: true });
    const again = await nth(calls, 1);
    again.watch.onStatus?.(uploadIn('awaiting_upload'));
    await nth(calls, 2);

    expect(names(calls)).toEqual(['upload', 'upload', 'status u']);
  });

  it('is not created again where the creation has failed', async () => {
    const { calls, transfer } = begin();
    const call = await nth(calls, 0);

    await call.fail(new UploadError({ code: 'c', detail: 'd' }));
    transfer.end({ isCancelled: true });
    await settled();

    expect(names(calls)).toEqual(['upload']);
  });

  it('is not created again where the same file is sent again meanwhile', async () => {
    const { calls, cancellations, transfer } = begin();
    await nth(calls, 0);
    transfer.pause();
    await settled();

    transfer.end({ isCancelled: true });
    await cancellations.drop('k');
    await settled();

    expect(names(calls)).toEqual(['upload']);
  });
});

describe('a file that is sent again under its key', () => {
  it('waits until the cancellation that is under way has ended, and ends one that is planned', async () => {
    const { calls } = begin({ before: ({ plan, run }) => run(plan('k', 'a.png'), 'u') });
    const question = await nth(calls, 0);
    expect(names(calls)).toEqual(['status u']);

    await question.answer(uploadIn('staged'));
    await nth(calls, 1);

    expect(names(calls)).toEqual(['status u', 'upload']);
  });
});
