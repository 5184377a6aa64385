/**
 * One file's way from Uppy to the work item: creation, staging and delivery, as Uppy's events. The client sends and
 * follows; this decides when it begins, pauses, goes on and ends, and what Uppy hears of it.
 */
import { UploadError } from '../../client/src/client.ts';
import type { Client, Paused, Progress, Upload } from '../../client/src/client.ts';
import type { Cancellation, Cancellations } from './cancellations.ts';
import { MESSAGE_MS } from './host.ts';
import type { Host, PickedFile } from './host.ts';
import { freshRecord } from './order.ts';
import type { Order } from './order.ts';
import type { Places } from './places.ts';
import type { FileRecord, Records } from './records.ts';
import type { STRINGS, Words } from './strings.ts';

export type TransferDeps = {
  host: Host;
  client: Client;
  words: Words;
  /** Those in which files go to storage. */
  places: Places;
  records: Records;
  cancellations: Cancellations;
};

type Beginning = {
  /** Uppy's id of the file. */
  id: string;
  order: Order;
  record: FileRecord;
};

export type Transfer = ReturnType<typeof startTransfer>;

/** Begins to bring a file to its work item. `done` resolves at the end and never rejects: Uppy gets the events. */
export function startTransfer({ id, order, ...beginning }: Beginning, deps: TransferDeps) {
  const { host, client, words, places, records, cancellations } = deps;
  const { data } = order;
  const { size, ...about } = order.about;
  let { record } = beginning;
  let state: 'going' | 'paused' | 'ended' = 'going';
  let stop = new AbortController();
  let wake = () => {};
  let finish = () => {};
  let leavePlace = () => {};
  let isStored = false;
  let stalled: Paused | undefined;
  /** A creation was sent: the upload may exist, and its id has not come yet. */
  let isCreating = false;
  let cancellation: Cancellation | undefined;
  let isReplayed = false;
  let latest: Upload | undefined;

  const ended = new Promise<void>((resolve) => (finish = resolve));
  const done = Promise.race([run(), ended]);

  async function run(): Promise<void> {
    try {
      const upload = await untilFinal();
      if (upload !== undefined) conclude(upload);
    } catch (error) {
      fail(error);
    }
  }

  /** Goes on after each pause; undefined when the file was removed. */
  async function untilFinal(): Promise<Upload | undefined> {
    for (;;) {
      if (state === 'paused') await new Promise<void>((resolve) => (wake = resolve));
      leavePlace = await places.enter();
      stop = new AbortController();
      stalled = undefined;
      const { signal } = stop;
      try {
        // A creation is made again until there is an id to cancel.
        if (state === 'ended' && !(isCreating && cancellation?.isDropped === false)) return undefined;
        if (state !== 'paused') return await carry(signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        leavePlace();
      }
    }
  }

  async function carry(signal: AbortSignal): Promise<Upload> {
    const watch = { signal, onStatus, onProgress, onPaused };
    const { key, uploadId, next } = record;
    if (uploadId !== undefined && next !== undefined) {
      const found = await client.follow(uploadId, watch);
      if (next === 'follow' || !isRetryable(found)) return found;
      await client.retry(uploadId, signal);
      return client.follow(uploadId, watch);
    }
    if (data === undefined) {
      throw new UploadError({ code: 'file_unreadable', detail: words('fileUnavailable') });
    }
    if (state !== 'ended') await cancellations.drop(key);
    if (!signal.aborted) isCreating = true;
    try {
      return await client.upload({ ...about, file: data, idempotencyKey: key, ...watch });
    } catch (error) {
      if (!signal.aborted) isCreating = false;
      throw error;
    }
  }

  function note(change: Partial<FileRecord>): void {
    record = { ...record, ...change };
    records.set(id, record);
  }

  function onStatus(upload: Upload): void {
    latest = upload;
    const isFirst = isCreating;
    isCreating = false;
    // Not where this file's own upload has been delivered while the page was away.
    isReplayed ||= upload.replayed === true && record.uploadId !== upload.id;
    if (state !== 'ended') {
      if (record.uploadId !== upload.id) note({ uploadId: upload.id });
    } else if (isFirst) {
      // The file was removed meanwhile.
      stop.abort();
      if (cancellation !== undefined) cancellations.run(cancellation, upload.id);
    }
  }

  function onProgress({ leg, bytes, total }: Progress): void {
    const file = host.getFile(id);
    if (state === 'ended' || file === undefined) return;
    if (leg === 'delivery') showDelivery(file);
    else showStaging(file, bytes, total);
  }

  function showStaging(file: PickedFile, bytesUploaded: number, bytesTotal: number): void {
    const uploadStarted = file.progress.uploadStarted ?? Date.now();
    host.emit('upload-progress', file, { uploadStarted, bytesUploaded, bytesTotal });
  }

  /** What follows storage is to Uppy the processing of a file that it has uploaded. */
  function showDelivery(file: PickedFile): void {
    if (!isStored) {
      isStored = true;
      leavePlace();
      note({ next: 'follow' });
      showStaging(file, size, size);
      const progress = { ...host.getFile(id)?.progress, uploadComplete: true };
      host.setFileState(id, { isPaused: false, progress });
    }
    host.emit('postprocess-progress', file, {
      mode: 'determinate',
      // The delivery needs nothing of this page.
      message: words(stalled === undefined ? stageOf(latest) : 'unseen'),
      value: deliveredShare(latest),
    });
  }

  /** The client gets no answer, or goes on. */
  function onPaused(paused: Paused | undefined): void {
    const file = host.getFile(id);
    if (state !== 'going' || file === undefined) return;
    stalled = paused;
    if (isStored) return showDelivery(file);
    // So Uppy shows it for as long as it lasts, and offers to try at once.
    host.setFileState(id, { isPaused: paused !== undefined });
    if (paused !== undefined) host.emit('upload-stalled', { message: stallInWords(paused, words) }, [file]);
  }

  function conclude(upload: Upload): void {
    const file = host.getFile(id);
    if (state === 'ended' || file === undefined) return;
    if (upload.status !== 'delivered') {
      note({ next: isRetryable(upload) ? 'retry' : undefined });
      return fail(failureOf(upload, words), upload);
    }
    // A listener that removes the file has nothing to cancel any more.
    record = freshRecord(order);
    if (isReplayed) host.emit('ipd-attachment:already-attached', file, upload);
    if (isReplayed && upload.attachmentGone === true) {
      // A retry is the person's wish to attach it again.
      records.set(id, record);
      return fail(new UploadError({ code: 'attachment_gone', detail: words('attachmentGone') }), upload);
    }
    if (isReplayed) {
      const key = upload.link ? 'alreadyLinked' : 'alreadyAttached';
      host.info(words(key, { file: about.filename }), 'info', MESSAGE_MS);
    }
    records.forget(id);
    host.emit('upload-success', file, { status: 200, body: upload, bytesUploaded: size });
  }

  function fail(error: unknown, upload?: Upload): void {
    const file = host.getFile(id);
    if (state === 'ended' || file === undefined) return;
    if (isStored) {
      // Uppy offers to retry only what it has not uploaded.
      const { progress } = file;
      const begun = { uploadStarted: progress.uploadStarted, bytesTotal: size };
      host.setFileState(id, {
        progress: { ...begun, bytesUploaded: 0, percentage: 0, uploadComplete: false },
      });
    }
    // Uppy shows an error's message.
    if (error instanceof UploadError && error.userMessage !== undefined) error.message = error.userMessage;
    host.emit('upload-error', file, error, upload && { status: 200, body: upload });
  }

  return {
    done,

    pause(): void {
      if (isStored || state === 'ended') return;
      state = 'paused';
      stop.abort();
    },

    /** Goes on after a pause; tries at once where the network was waited for. */
    resume(): void {
      if (state === 'paused') {
        state = 'going';
        wake();
      } else if (stalled !== undefined && !isStored) stop.abort();
    },

    /** Ends the work without an event; the upload itself goes on unless it is to be cancelled. */
    end({ isCancelled }: { isCancelled: boolean }): void {
      state = 'ended';
      const { key, uploadId } = record;
      if (isCancelled) cancellation = cancellations.plan(key, about.filename);
      if (cancellation === undefined || !isCreating) stop.abort();
      if (cancellation !== undefined && !isCreating) cancellations.run(cancellation, uploadId);
      wake();
      finish();
    },
  };
}

function isRetryable({ status, error }: Upload): boolean {
  return status === 'failed' && error?.retryable === true;
}

function failureOf({ status, error }: Upload, words: Words): UploadError {
  switch (status) {
    case 'expired':
      return new UploadError({ code: 'expired', detail: words('expired') });
    case 'cancelled':
      return new UploadError({ code: 'cancelled', detail: words('cancelled') });
    case 'removed':
      return new UploadError({ code: 'removed', detail: words('removed') });
    default: {
      const { code = 'delivery_failed', message = words('failed'), retryable = false } = error ?? {};
      return new UploadError({ code, detail: message, retryable });
    }
  }
}

function stageOf(upload: Upload | undefined): keyof typeof STRINGS {
  switch (upload?.status) {
    case 'waiting':
      return 'waiting';
    case 'unconfirmed':
      return 'unconfirmed';
    case 'delivering':
    case 'delivered':
      return upload.delivery.endsAs === 'link' ? 'linking' : 'delivering';
    default:
      return 'staged';
  }
}

function stallInWords({ reason }: Paused, words: Words): string {
  if (reason === 'offline') return words('stalledOffline');
  return words(reason === 'busy' ? 'stalledBusy' : 'stalledSilent');
}

/** From 0 to 1. */
function deliveredShare(upload: Upload | undefined): number {
  if (upload === undefined || !upload.size) return 0;
  return upload.status === 'delivered' ? 1 : Math.min(1, upload.delivery.bytesSent / upload.size);
}
