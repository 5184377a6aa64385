/**
 * The plugin of Uppy: takes Uppy's files to a work item. It opens each upload when Uppy starts it, shows the delivery
 * as the processing that follows the upload, and goes on by itself after a loss of the network.
 */
import { BasePlugin } from '@uppy/core';
import type { Body, Meta, PluginOpts, Uppy, UppyFile } from '@uppy/core';
import { createClient } from '../../client/src/client.ts';
import type { Upload } from '../../client/src/client.ts';
import { createCancellations } from './cancellations.ts';
import { freshRecord, readOrder, recordFor } from './order.ts';
import type { Order } from './order.ts';
import type { Host, PickedFile } from './host.ts';
import { createPlaces } from './places.ts';
import { createRecords, isObject } from './records.ts';
import type { FileRecord } from './records.ts';
import { STRINGS } from './strings.ts';
import type { Words } from './strings.ts';
import { startTransfer } from './transfer.ts';
import type { Transfer, TransferDeps } from './transfer.ts';

export { UploadError } from '../../client/src/client.ts';
export type { Upload } from '../../client/src/client.ts';

export type IpdAttachmentOptions = PluginOpts & {
  /** Of the bridge, without a path. */
  apiUrl: string;
  /** The user's JWT, or where to get it: asked before every call, so it may be renewed under way. */
  token: string | ((refused?: string) => string | Promise<string>);
  /** The work item that gets the files; `meta.projectId` and `meta.issueId` of a file go before it. */
  projectId?: string | undefined;
  issueId?: string | undefined;
  /** How many files are on the way to storage at the same time; 2 if not given. */
  filesAtOnce?: number | undefined;
  /** How many parts of one file are on the way at the same time; 3 if not given. */
  partsAtOnce?: number | undefined;
  /** How long an upload waits for the network before it is an error. If not given: as long as the bridge awaits the file. */
  patienceMs?: number | undefined;
};

type AlreadyAttached<M extends Meta, B extends Body> = (file: UppyFile<M, B>, upload: Upload) => void;

declare module '@uppy/core' {
  interface UppyEventMap<M extends Meta, B extends Body> {
    /** The work item has had this file before, as `upload`: nothing was sent. */
    'ipd-attachment:already-attached': AlreadyAttached<M, B>;
  }
  interface PluginTypeRegistry<M extends Meta, B extends Body> {
    IpdAttachment: IpdAttachment<M, B>;
  }
}

const FILES_AT_ONCE = 2;

export default class IpdAttachment<M extends Meta, B extends Body> extends BasePlugin<
  IpdAttachmentOptions,
  M,
  B
> {
  readonly #transfers = new Map<string, Transfer>();
  readonly #deps: TransferDeps;

  /** Throws a TypeError when `apiUrl` or `token` is missing. */
  constructor(uppy: Uppy<M, B>, options: IpdAttachmentOptions) {
    super(uppy, options);
    this.type = 'uploader';
    this.id = options?.id ?? 'IpdAttachment';
    this.defaultLocale = { strings: STRINGS };
    this.i18nInit();
    this.#deps = this.#createDeps(options);
  }

  override install(): void {
    this.#setResumable(true);
    this.uppy.addUploader(this.#upload);
    this.uppy.on('file-removed', this.#onRemoved);
    this.uppy.on('upload-pause', this.#onPause);
    this.uppy.on('pause-all', this.#onPauseAll);
    this.uppy.on('resume-all', this.#onResumeAll);
    this.uppy.on('restored', this.#onRestored);
  }

  override uninstall(): void {
    this.#setResumable(false);
    this.uppy.removeUploader(this.#upload);
    this.uppy.off('file-removed', this.#onRemoved);
    this.uppy.off('upload-pause', this.#onPause);
    this.uppy.off('pause-all', this.#onPauseAll);
    this.uppy.off('resume-all', this.#onResumeAll);
    this.uppy.off('restored', this.#onRestored);
    for (const transfer of this.#transfers.values()) transfer.end({ isCancelled: false });
  }

  /**
   * Attaches a file once more that the work item has had before: only on a person's wish. Resolves when Uppy is
   * through with it. Rejects when Uppy has not got the file, or is sending it.
   */
  async attachAgain(fileId: string): Promise<void> {
    const { host, records } = this.#deps;
    const file = host.getFile(fileId);
    const order = file && this.#order(file);
    if (order?.data === undefined) throw new Error(`Uppy has no bytes of a file ${fileId}: pick it again`);
    if (this.#transfers.has(fileId)) throw new Error(`The file ${fileId} is on its way`);
    records.set(fileId, freshRecord(order));
    host.setFileState(fileId, {
      progress: {
        uploadStarted: null,
        bytesUploaded: false,
        bytesTotal: order.about.size,
        percentage: 0,
        uploadComplete: false,
      },
    });
    await this.uppy.retryUpload(fileId);
  }

  #createDeps(options: IpdAttachmentOptions): TransferDeps {
    const { apiUrl, token, partsAtOnce, patienceMs, filesAtOnce = FILES_AT_ONCE } = options ?? {};
    if (!apiUrl) throw new TypeError('IpdAttachment needs the option apiUrl, the address of the bridge');
    if (!token)
      throw new TypeError("IpdAttachment needs the option token, the user's JWT or where to get it");
    const words: Words = (key, values) => this.i18n(key, values);
    const host: Host = this.uppy;
    const client = createClient({
      apiUrl,
      token: async (refused) => {
        const present = this.opts.token;
        return typeof present === 'string' ? present : present(refused);
      },
      partsAtOnce,
      patienceMs,
    });
    return {
      host,
      client,
      words,
      cancellations: createCancellations({ client, host, words }),
      places: createPlaces(filesAtOnce),
      records: createRecords((records) => this.#save(records)),
    };
  }

  /** Golden Retriever listens for this. */
  #save(records: Record<string, FileRecord>): void {
    this.#deps.host.emit('restore:plugin-data-changed', { [this.id]: records });
  }

  #setResumable(resumableUploads: boolean): void {
    const { capabilities } = this.uppy.getState();
    this.uppy.setState({ capabilities: { ...capabilities, resumableUploads } });
  }

  #upload = async (ids: string[]): Promise<void> => {
    const files = ids
      .map((id) => this.uppy.getFile(id))
      .filter(({ error, progress }) => !error && !progress.complete);
    this.uppy.emit(
      'upload-start',
      files.filter(({ progress, isRestored }) => !(progress.uploadStarted && isRestored)),
    );
    await Promise.all(files.map(({ id }) => this.#transfer(id)));
  };

  async #transfer(id: string): Promise<void> {
    const { host, records } = this.#deps;
    const file = host.getFile(id);
    if (file === undefined) return;
    let order: Order;
    try {
      order = this.#order(file);
    } catch (error) {
      host.emit('upload-error', file, error);
      return;
    }
    const record = recordFor(order, records.get(id));
    records.set(id, record);
    const transfer = startTransfer({ id, order, record }, this.#deps);
    this.#transfers.set(id, transfer);
    await transfer.done;
    // The file may have been removed and added again meanwhile.
    if (this.#transfers.get(id) === transfer) this.#transfers.delete(id);
  }

  #order(file: PickedFile): Order {
    const { projectId, issueId } = this.opts;
    return readOrder(file, { projectId, issueId, words: this.#deps.words });
  }

  #onRemoved = (file: UppyFile<M, B>): void => {
    const { records, cancellations } = this.#deps;
    const transfer = this.#transfers.get(file.id);
    const record = records.get(file.id);
    records.forget(file.id);
    if (transfer !== undefined) transfer.end({ isCancelled: true });
    else if (record !== undefined) {
      cancellations.run(cancellations.plan(record.key, file.name), record.uploadId);
    }
  };

  #onPause = (file: UppyFile<M, B> | undefined, isPaused: boolean): void => {
    const transfer = this.#transfers.get(file?.id ?? '');
    if (isPaused) transfer?.pause();
    else transfer?.resume();
  };

  #onPauseAll = (): void => {
    for (const transfer of this.#transfers.values()) transfer.pause();
  };

  #onResumeAll = (): void => {
    for (const transfer of this.#transfers.values()) transfer.resume();
  };

  /** Goes on with the deliveries by itself; files wait for the person, since they cost data. */
  #onRestored = (saved: unknown): void => {
    if (isObject(saved)) this.#deps.records.restore(saved[this.id]);
    const files = this.uppy.getFiles();
    if (files.length === 0 || !files.every(({ progress }) => progress.uploadComplete)) return;
    // Golden Retriever is not through with the restoration yet.
    queueMicrotask(() => this.#deps.host.emit('restore-confirmed'));
  };
}
