/**
 * All files of one work item: sends those that a person picks, two at a time, goes on with those that were begun
 * earlier, and follows each until IPD has it. Knows nothing of the document: it reports every change.
 */
import { UploadError } from '../../packages/client/src/client.ts';
import type { Client, Limits, Upload, Watch } from '../../packages/client/src/client.ts';
import { sizeInWords } from './format.ts';
import { fill, texts } from './texts.ts';
import { needsPage } from './transfer.ts';
import type { Action, Transfer } from './transfer.ts';
import type { WorkItem } from './work-item.ts';

type TransfersOptions = {
  client: Client;
  workItem: WorkItem;
  /** The place is that of a new one in the list. */
  onChange: (transfer: Transfer, place: 'first' | 'last') => void;
  onRemove: (transfer: Transfer) => void;
};

type Work = (watch: Watch) => Promise<Upload>;

/** Work under way: how it is stopped, and what resolves once the API has answered for the first time or never will. */
type Run = { stop: AbortController; answered: PromiseWithResolvers<void> };

/** Files on the way to storage at the same time; more would only share the same line. */
const AT_ONCE = 2;
const OPEN_LISTED = 100;
const RECENT_LISTED = 20;
const GONE = new Set(['cancelled', 'removed']);
const ENDED = new Set(['delivered', 'failed', 'expired', ...GONE]);
const REMOVED = 'attach-files.removed';
const REMOVED_KEPT = 200;
/** IPD could read these as several files, so the API refuses them: https://www.rfc-editor.org/rfc/rfc2046#section-5 */
const COMPOSITE = /^(?:multipart|message)\//i;
const ANY_BYTES = 'application/octet-stream';

/** The files of one work item; `load` shows the earlier ones. */
export function createTransfers({ client, workItem, onChange, onRemove }: TransfersOptions) {
  const all = new Set<Transfer>();
  const runs = new Map<Transfer, Run>();
  const cancellations = new Map<Transfer, Promise<void>>();
  const queue: { transfer: Transfer; begin: () => void }[] = [];
  const sending = new Set<Transfer>();
  let maxFileBytes = Infinity;
  let maxAttachmentBytes = Infinity;

  /** Reads what was begun earlier, on any device; rejects with the client's error. */
  async function load(): Promise<void> {
    const open = await client.list({ ...workItem, state: 'open', limit: OPEN_LISTED });
    // Read later: of two answers for one upload, this one counts.
    const recent = await client.list({ ...workItem, limit: RECENT_LISTED });
    const uploads = new Map([...open.uploads, ...recent.uploads].map((upload) => [upload.id, upload]));
    const hidden = new Set([...readRemoved(), ...[...all].map(({ upload }) => upload?.id)]);
    const found = [...uploads.values()].filter(({ id, status }) => !GONE.has(status) && !hidden.has(id));
    for (const upload of found.toSorted(newestFirst)) {
      const transfer = fromUpload(upload);
      all.add(transfer);
      if (transfer.activity === 'running') void follow(transfer, 'last');
      else onChange(transfer, 'last');
    }
  }

  /** Reads the largest file that is taken, and what ends as a link; until then the API says it for each file. */
  async function readLimits(): Promise<Limits> {
    const limits = await client.limits();
    ({ maxFileBytes, maxAttachmentBytes } = limits);
    return limits;
  }

  function add(file: File): void {
    const same = [...all].find((transfer) => isOf(transfer, file));
    if (same !== undefined) return pick(same, file);
    const transfer = fromFile(file);
    all.add(transfer);
    start(transfer, file);
  }

  function start(transfer: Transfer, file: File, again = false): void {
    const isLarge = file.size > maxAttachmentBytes;
    const { upload } = transfer;
    const isOpen = file === transfer.file && upload !== undefined && !ENDED.has(upload.status);
    Object.assign(transfer, { ...fromFile(file), isLarge, upload: isOpen ? upload : undefined });
    transfer.trouble = refusalOf(file);
    if (transfer.trouble !== undefined) return onChange(transfer, 'first');
    const contentType = file.type === '' || COMPOSITE.test(file.type) ? ANY_BYTES : file.type;
    enqueue(transfer, (watch) =>
      client.upload({ ...workItem, filename: file.name, contentType, file, again, ...watch }),
    );
  }

  function refusalOf({ size }: File): UploadError | undefined {
    if (size === 0) return ownError('file_empty', texts.picker.empty);
    if (size <= maxFileBytes) return undefined;
    return ownError('file_too_large', fill(texts.picker.tooLarge, { size: sizeInWords(maxFileBytes) }));
  }

  /** A person has picked the file of a transfer that this page has only read about. */
  function pick(transfer: Transfer, file: File): void {
    const { upload, activity } = transfer;
    const cancellation = cancellations.get(transfer);
    if (cancellation !== undefined) return void cancellation.then(() => add(file));
    if (activity !== 'none' || upload?.status === 'delivered') return onChange(transfer, 'first');
    if (upload?.status !== 'awaiting_upload') return start(transfer, file);
    Object.assign(transfer, { file, trouble: undefined });
    const { id } = upload;
    enqueue(transfer, (watch) => client.resume(id, { file, ...watch }));
  }

  function enqueue(transfer: Transfer, work: Work): void {
    transfer.activity = 'queued';
    onChange(transfer, 'first');
    const begin = (): void => {
      sending.add(transfer);
      void run(transfer, work, 'first').finally(() => letNext(transfer));
    };
    queue.push({ transfer, begin });
    beginNext();
  }

  function beginNext(): void {
    while (sending.size < AT_ONCE) {
      const next = queue.shift();
      if (next === undefined) return;
      next.begin();
    }
  }

  function letNext(transfer: Transfer): void {
    if (sending.delete(transfer)) beginNext();
  }

  function follow(transfer: Transfer, place: 'first' | 'last' = 'first'): Promise<void> {
    const { upload } = transfer;
    return upload === undefined
      ? Promise.resolve()
      : run(transfer, (watch) => client.follow(upload.id, watch), place);
  }

  /** Does one piece of work for a transfer until it ends; its error becomes the transfer's. */
  async function run(transfer: Transfer, work: Work, place: 'first' | 'last'): Promise<void> {
    const current: Run = { stop: new AbortController(), answered: Promise.withResolvers() };
    const { signal } = current.stop;
    runs.set(transfer, current);
    Object.assign(transfer, { activity: 'running', trouble: undefined, pausedBy: undefined });
    onChange(transfer, place);

    const report = (change: Partial<Transfer>): void => {
      if (signal.aborted) return;
      Object.assign(transfer, change);
      onChange(transfer, place);
    };
    const onStatus = (upload: Upload): void => {
      if (transfer.upload?.id !== upload.id) takeOn(transfer, upload.id);
      report(shownOf(transfer, upload));
      current.answered.resolve();
      if (upload.status !== 'awaiting_upload') letNext(transfer);
    };
    const end = (change: Partial<Transfer>): void => {
      if (transfer.activity !== 'cancelling') report({ ...change, activity: 'none', pausedBy: undefined });
    };
    try {
      const upload = await work({
        signal,
        onStatus,
        onProgress: ({ leg, bytes }) => report(leg === 'staging' ? { staged: bytes } : { passedOn: bytes }),
        onPaused: (paused) => report({ pausedBy: paused?.reason }),
      });
      end(shownOf(transfer, upload));
    } catch (error) {
      end({ trouble: toUploadError(error) });
    } finally {
      current.answered.resolve();
      if (runs.get(transfer) === current) runs.delete(transfer);
    }
  }

  /** A picked file may be the same upload as an earlier row, shown or hidden: one row is enough. */
  function takeOn(transfer: Transfer, id: string): void {
    const removed = readRemoved();
    if (removed.includes(id)) keepRemoved(removed.filter((one) => one !== id));
    for (const other of all) {
      if (other === transfer || other.upload?.id !== id) continue;
      runs.get(other)?.stop.abort();
      all.delete(other);
      onRemove(other);
    }
  }

  /** Does what a person chose; a picked file comes by `pick`. */
  function act(transfer: Transfer, action: Exclude<Action, 'pick'>): void {
    switch (action) {
      case 'cancel':
        cancellations.set(
          transfer,
          cancel(transfer).finally(() => cancellations.delete(transfer)),
        );
        return;
      case 'retry':
        return retry(transfer);
      case 'again':
        if (transfer.file !== undefined) start(transfer, transfer.file, true);
        return;
      case 'withdraw':
        return void withdraw(transfer);
      case 'remove':
        return remove(transfer);
    }
  }

  function retry(transfer: Transfer): void {
    const { upload, file, trouble } = transfer;
    const isFailed = trouble === undefined && upload?.status === 'failed' && upload.error?.retryable === true;
    if (isFailed) {
      const again: Work = async (watch) => {
        const retried = await client.retry(upload.id, watch.signal);
        watch.onStatus?.(retried);
        return client.follow(upload.id, watch);
      };
      void run(transfer, again, 'first');
    } else if (file !== undefined) start(transfer, file);
    else void follow(transfer);
  }

  async function cancel(transfer: Transfer): Promise<void> {
    const at = queue.findIndex((waiting) => waiting.transfer === transfer);
    if (at >= 0) queue.splice(at, 1);
    letNext(transfer);
    Object.assign(transfer, { activity: 'cancelling', pausedBy: undefined });
    onChange(transfer, 'first');
    const current = runs.get(transfer);
    // A creation that is given up may have succeeded: only its answer says what is to be cancelled.
    await current?.answered.promise;
    current?.stop.abort();
    const { upload } = transfer;
    if (upload === undefined) return remove(transfer);
    try {
      const found = await client.status(upload.id);
      // Of a linked file, this would remove the link, which needs a question.
      const after = found.status === 'delivered' ? found : await client.cancel(upload.id);
      Object.assign(transfer, { ...shownOf(transfer, after), activity: 'none' });
    } catch (error) {
      // Too late: IPD may have it by now.
      if (error instanceof UploadError && error.code === 'upload_state_conflict')
        return void follow(transfer);
      Object.assign(transfer, { activity: 'none', trouble: toUploadError(error) });
    }
    onChange(transfer, 'first');
  }

  /** Takes a linked file back: its link stops working, and link and file go. */
  async function withdraw(transfer: Transfer): Promise<void> {
    const { upload } = transfer;
    if (upload === undefined) return;
    Object.assign(transfer, { activity: 'withdrawing', trouble: undefined });
    onChange(transfer, 'first');
    try {
      transfer.upload = await client.cancel(upload.id);
    } catch (error) {
      transfer.trouble = toUploadError(error);
    }
    transfer.activity = 'none';
    onChange(transfer, 'first');
  }

  function remove(transfer: Transfer): void {
    all.delete(transfer);
    if (transfer.upload !== undefined) keepRemoved([transfer.upload.id, ...readRemoved()]);
    onRemove(transfer);
  }

  return {
    load,
    readLimits,
    add,
    pick,
    act,
    /** Whether a file would be lost if the page were closed now. */
    needPage: () => [...all].some(needsPage),
  };
}

function fromFile(file: File): Transfer {
  const { name, size } = file;
  return { name, size, file, activity: 'none', staged: 0, passedOn: 0, replay: undefined };
}

function fromUpload(upload: Upload): Transfer {
  const isFollowed = !ENDED.has(upload.status) && upload.status !== 'awaiting_upload';
  return {
    name: upload.filename,
    size: upload.size ?? undefined,
    upload,
    activity: isFollowed ? 'running' : 'none',
    staged: upload.staging.bytesStored,
    passedOn: upload.delivery.bytesSent,
  };
}

/** What a new answer of the API changes. Only the first answer says that the file was attached before. */
function shownOf(transfer: Transfer, upload: Upload): Partial<Transfer> {
  const found = upload.replayed === true && upload.status === 'delivered';
  const replay = found ? (upload.attachmentGone === true ? 'gone' : 'there') : transfer.replay;
  return { upload, name: upload.filename, replay };
}

/** Whether a picked file is the one of a transfer: picked here already, or begun and not finished earlier. */
function isOf({ file, name, size, upload, activity }: Transfer, picked: File): boolean {
  if (size !== picked.size || name !== picked.name.normalize()) return false;
  if (file !== undefined) return activity !== 'none' && file.lastModified === picked.lastModified;
  return upload?.status === 'awaiting_upload';
}

function newestFirst(one: Upload, other: Upload): number {
  return one.createdAt < other.createdAt ? 1 : -1;
}

function readRemoved(): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(REMOVED) ?? '[]');
    return Array.isArray(kept) ? kept.filter((id) => typeof id === 'string') : [];
  } catch {
    return [];
  }
}

function keepRemoved(ids: string[]): void {
  localStorage.setItem(REMOVED, JSON.stringify(ids.slice(0, REMOVED_KEPT)));
}

function ownError(code: string, detail: string): UploadError {
  return new UploadError({ code, detail, status: 0, retryable: false });
}

function toUploadError(error: unknown): UploadError {
  if (error instanceof UploadError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new UploadError({ code: 'unexpected', detail, status: 0, retryable: true }, error);
}
