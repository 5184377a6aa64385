/**
 * Gets a ticket for Uppy. The page requests it when the user picks files, so that a refusal comes before any byte is
 * sent. It keeps the ticket while an upload runs or can be resumed, and replaces it when it has expired.
 */
import { isHonoured, Refusal } from './api.ts';
import type { Api } from './api.ts';
import { byId } from '../../page/src/dom.ts';
import { MIB } from '../../lib/domain/units.ts';
import type { Voice } from './voice.ts';
import type { Identity } from './identity.ts';
import { createTicketStore, isUsable, toTicket } from './ticket.ts';
import type { PickedFile, UppyKit } from './uppy.ts';
import { errorInWords } from './words.ts';

interface TransferOptions {
  kit: UppyKit;
  apiUrl: string;
  api: Api;
  identity: Identity;
  voice: Voice;
  /** The file is being sent in parts as upload `id`. */
  onBegun: (id: string, file: PickedFile) => void;
  /** The file is in storage, or on its way to IPD already, as upload `id`. */
  onStored: (id: string, file: PickedFile) => void;
}

/** Puts Uppy on the page. */
export function createTransfers(options: TransferOptions) {
  const { kit, apiUrl, api, identity, voice, onBegun, onStored } = options;
  // No such ticket exists: the API refuses an upload with it, and the page then requests a ticket.
  const nowhere = `${apiUrl}/v1/uppy/none`;
  const picker = byId('picker', HTMLElement);
  const store = createTicketStore(kit.id);
  let ticket = store.read();
  let opening: Promise<void> | undefined;
  let isCuring = false;
  /** The upload id of each of Uppy's files that is sent in parts: Uppy 5 forgets it after a failure. */
  const begun = new Map<string, string>();

  const { core, connect, restore } = kit.create({ id: `ipd-bridge-${kit.id}`, onBeforeUpload });
  connect(ticket?.companionEndpoint ?? nowhere);
  // For the console of the browser.
  Object.assign(window, { uppy: core });

  core.on('files-added', () => void open());
  core.on('restored', () => void open());
  core.on('upload-error', (file, error) => void cure(file, error.message));
  core.on('state-update', () => {
    for (const file of core.getFiles()) {
      const uploadId = file.s3Multipart?.uploadId;
      if (uploadId === undefined || begun.get(file.id) === uploadId) continue;
      begun.set(file.id, uploadId);
      onBegun(uploadId, file);
    }
  });
  core.on('upload-success', (file, { body }) => {
    begun.delete(file?.id ?? '');
    const key = body?.['key'];
    const id = typeof key === 'string' ? (key.split('/').at(-1) ?? '') : '';
    if (file !== undefined && id !== '') onStored(id, file);
  });
  restore();

  /** Without a ticket for these files, the upload starts later, when there is one. */
  function onBeforeUpload(): boolean {
    if (opening === undefined && isCovered()) return true;
    void openAndUpload();
    return false;
  }

  async function openAndUpload(): Promise<void> {
    await open();
    // The event `upload-error` reports the failure of a file.
    if (isCovered()) await core.upload().catch(() => undefined);
  }

  function isCovered(): boolean {
    const files = missing().map(({ id }) => id);
    const target = identity.target();
    return ticket !== undefined && target !== undefined && isUsable(ticket, { target, files });
  }

  function missing(): PickedFile[] {
    return core.getFiles().filter(isMissing);
  }

  /** One request at a time: files that are added meanwhile get the next one. */
  function open(): Promise<void> {
    const next = (opening ?? Promise.resolve()).then(openNow).finally(() => {
      if (opening === next) opening = undefined;
    });
    opening = next;
    return next;
  }

  async function openNow(): Promise<void> {
    await ended();
    const target = identity.target();
    // Uppy's Resume and Retry start without `onBeforeUpload`, so the picker is disabled while a field is wrong.
    picker.inert = target === undefined;
    const files = missing();
    if (target === undefined || files.length === 0 || isCovered()) return;
    // For the same reason they are disabled until there is a ticket.
    picker.inert = files.some(hasStarted);
    try {
      const session = await api.openSession({
        projectId: target.project,
        issueId: target.issue,
        files: files.map(({ name = '', size, type = '' }) => ({ name, size: size ?? 0, type })),
      });
      ticket = toTicket(session, { target, files: files.map(({ id }) => id) });
      store.write(ticket);
      for (const file of files) await startAnew(file);
      connect(ticket.companionEndpoint);
      if (!isCuring) voice.hush();
    } catch (error) {
      ticket = undefined;
      refuse(files, error);
    } finally {
      picker.inert = identity.target() === undefined;
    }
  }

  /** Shows the reason and removes the files that the API named; without a ticket nothing is sent. */
  function refuse(files: PickedFile[], error: unknown): void {
    const pointers = error instanceof Refusal ? error.pointers : [];
    const named = files.filter((_, index) =>
      pointers.some((pointer) => `${pointer}/`.startsWith(`/files/${index}/`)),
    );
    const names = named.map(({ name }) => `“${name}”`).join(', ');
    voice.problem(`${names === '' ? 'Not possible' : names}: ${errorInWords(error)}`);
    for (const { id } of named) core.removeFile(id);
  }

  /** A new ticket cannot go on with a multipart upload, so this cancels it, unless IPD may have the file already. */
  async function startAnew(file: PickedFile): Promise<void> {
    const id = begun.get(file.id);
    if (id === undefined) return;
    core.setFileState(file.id, { s3Multipart: undefined });
    begun.delete(file.id);
    try {
      await api.cancel(id);
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return;
      if (error instanceof Refusal && error.status === 409) {
        core.removeFile(file.id);
        onStored(id, file);
        return;
      }
      begun.set(file.id, id);
      throw error;
    }
  }

  /**
   * Reports a failure, about which Uppy says little, and nothing over HTTP/2. Replaces an expired ticket and says so. A
   * ticket that the API still accepts is kept for half-done uploads. Without them it is replaced, too, since its number
   * of uploads may be used up.
   */
  async function cure(file: PickedFile | undefined, message: string): Promise<void> {
    if (isCuring) return;
    isCuring = true;
    try {
      const isExpired = ticket === undefined || !(await isHonoured(ticket.companionEndpoint));
      const reason = message === '' ? 'no reason was given' : message;
      voice.problem(
        isExpired
          ? 'The upload session has expired; opening a new one …'
          : `“${file?.name ?? 'A file'}” could not be stored: ${reason}. Press Retry to go on.`,
      );
      await ended();
      if (!isExpired && missing().some(isHalfDone)) return;
      ticket = undefined;
      await open();
      if (isExpired && isCovered()) {
        voice.problem('The upload session had expired. A new one is open: press Retry.');
      }
    } catch (error) {
      voice.problem(errorInWords(error));
    } finally {
      isCuring = false;
    }
  }

  /** Settles when no upload is running. */
  async function ended(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (!isRunning()) resolve();
    };
    core.on('state-update', check);
    check();
    await promise;
    core.off('state-update', check);
  }

  /** Restored uploads do not count: they wait for the user. */
  function isRunning(): boolean {
    const { currentUploads, recoveredState } = core.getState();
    return Object.keys(currentUploads).length > 0 && recoveredState === null;
  }

  return {
    /** Refuses larger files as soon as they are picked. */
    limitTo(maxFileSize: number): void {
      core.setOptions({ restrictions: { maxFileSize } });
      // What Uppy's own texts call MB is MiB.
      core.getPlugin('Dashboard')?.setOptions({ note: `Up to ${Math.floor(maxFileSize / MIB)} MB each` });
    },

    /** The fields have changed: no waiting file may still go to the earlier work item. */
    retarget(): void {
      if (!isRunning()) {
        ticket = undefined;
        connect(nowhere);
      }
      void open();
    },

    /** Removes the file of an upload that has ended, so that Uppy does not send the rest. */
    drop(uploadId: string): void {
      for (const { id } of core.getFiles()) if (begun.get(id) === uploadId) core.removeFile(id);
    },
  };
}

function isMissing(file: PickedFile): boolean {
  return file.data instanceof Blob && file.progress.uploadComplete !== true;
}

function hasStarted({ progress }: PickedFile): boolean {
  return progress.uploadStarted != null;
}

function isHalfDone(file: PickedFile): boolean {
  return file.s3Multipart?.uploadId !== undefined;
}
