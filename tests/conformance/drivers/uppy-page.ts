/**
 * Uppy 6 with the plugin and Golden Retriever in a page, as `uppy.ts` serves and drives it: what has to outlast a kill
 * is in Golden Retriever's database, and a file that it could not keep is picked again.
 */
import Uppy from '@uppy/core';
import type { Meta } from '@uppy/core';
import GoldenRetriever from '@uppy/golden-retriever';
import IpdAttachment from '../../../packages/uppy/src/plugin.ts';
import type { Upload } from '../../../packages/uppy/src/plugin.ts';
import { isObject } from '../../../packages/uppy/src/records.ts';
import type { ClientEvent } from '../protocol.ts';
import { shiftClock } from './clock.ts';
import { endOf, refusalOf } from './events.ts';
import type { Settings } from './port.ts';
import { createTokens } from './tokens.ts';

type Core = Uppy<Meta, Upload>;

/** As Golden Retriever writes it. */
type SavedState = {
  files: object;
  currentUploads: object;
  pluginData?: Record<string, object>;
};

declare const say: (event: ClientEvent) => void;

const PLUGIN = 'IpdAttachment';
/** Golden Retriever's. */
const DATABASE = 'uppy-blobs';
const KEPT_FILE_BYTES = 2 ** 30;
/** The names of states instead of sentences, so that the page knows them in Uppy's events. */
const STRINGS = {
  staged: 'staged',
  delivering: 'delivering',
  waiting: 'waiting',
  unconfirmed: 'unconfirmed',
  unseen: 'unseen',
  stalledBusy: 'busy',
  stalledOffline: 'offline',
  stalledSilent: 'no_answer',
};

/** What the driver calls. */
export function open(settings: Settings) {
  shiftClock(settings.CLOCK_AHEAD_MS);
  const cancellation = watchCancellation();
  const uppy: Core = new Uppy<Meta, Upload>().use(IpdAttachment, {
    apiUrl: settings.API_URL,
    token: createTokens(settings),
    projectId: settings.PROJECT_ID,
    issueId: settings.ISSUE_ID,
    locale: { strings: STRINGS },
  });
  watchSteps(uppy);
  uppy.on('upload-success', (file, { body }) => {
    if (file && body) void finish(file.id, endOf(body));
  });
  uppy.on('upload-error', (file, error, response) => {
    // Uppy keeps a file that can be tried again from storage: to remove it would cancel its upload.
    if (response?.body) say(endOf(response.body));
    else if (file) void finish(file.id, refusalOf(error));
  });
  const restored = restore(uppy);

  async function finish(fileId: string, event: ClientEvent): Promise<void> {
    uppy.removeFile(fileId);
    await untilForgotten();
    say(event);
  }

  function pick(): void {
    const data = document.querySelector('input')?.files?.[0];
    if (!data) throw new Error('There is no file in the picker');
    uppy.addFile({ name: settings.FILENAME, type: settings.CONTENT_TYPE, data });
  }

  return {
    hasUpload: () => restored,

    async upload(): Promise<void> {
      if (!(await restored)) {
        pick();
        await uppy.upload();
        return;
      }
      // With a delivery the plugin has gone on by itself.
      if (!uppy.getState().recoveredState) return;
      if (uppy.getFiles().some(({ isGhost }) => isGhost)) pick();
      // As the Dashboard does on a person's wish.
      uppy.emit('restore-confirmed');
    },

    async cancel(): Promise<void> {
      for (const { id } of uppy.getFiles()) uppy.removeFile(id);
      await cancellation;
      await untilForgotten();
      say({ event: 'finished', status: 'cancelled' });
    },

    left: () => (uppy.getFiles().some(({ error }) => error) ? [] : kept()),
  };
}

/** Adds Golden Retriever; resolves when it is through, and tells whether it has brought a file back. */
async function restore(uppy: Core): Promise<boolean> {
  const { states } = await readDatabase();
  const isThrough = new Promise<void>((resolve) => uppy.once('restored', () => resolve()));
  const indexedDB = { name: DATABASE, maxFileSize: KEPT_FILE_BYTES, maxTotalSize: KEPT_FILE_BYTES };
  uppy.use(GoldenRetriever, { indexedDB });
  // It says nothing where it had kept nothing.
  if (states.length > 0) await isThrough;
  return uppy.getFiles().length > 0;
}

/** Says the protocol's steps as far as Uppy shows them. */
function watchSteps(uppy: Core): void {
  let id: string | undefined;
  let isCreated = false;
  let isStored = false;
  let status: string | undefined;
  let pausedFor: string | null = null;

  function create(): void {
    if (!isCreated && id !== undefined) say({ event: 'created', id });
    isCreated ||= id !== undefined;
  }

  function show(next: string): void {
    if (next !== status) say({ event: 'status', status: next });
    status = next;
  }

  function pause(reason: string | null): void {
    if (reason !== pausedFor) say({ event: 'paused', reason });
    pausedFor = reason;
  }

  uppy.on('restored', (saved) => {
    id = isObject(saved) ? uploadIdIn(saved) : undefined;
  });
  uppy.on('restore:plugin-data-changed', (saved) => {
    const present = uploadIdIn(saved);
    if (present === undefined || present === id) return;
    id = present;
    create();
  });
  uppy.on('upload-progress', create);
  uppy.on('upload-stalled', ({ message }) => pause(message));
  uppy.on('state-update', (_before, { files }) => {
    if (Object.values(files).some(({ isPaused }) => isPaused === false) && !isStored) pause(null);
  });
  uppy.on('postprocess-progress', (_file, { message = '' }) => {
    create();
    if (!isStored) say({ event: 'staging_done' });
    isStored = true;
    pause(message === STRINGS.unseen ? message : null);
    if (message !== STRINGS.unseen) show(message);
  });
  uppy.on('upload-success', (_file, { body }) => {
    if (body) show(body.status);
  });
}

/** Of the one file, in what the plugin has Golden Retriever keep. */
function uploadIdIn(saved: Record<string, unknown>): string | undefined {
  const records = saved[PLUGIN];
  const [record] = isObject(records) ? Object.values(records) : [];
  return isObject(record) && typeof record['uploadId'] === 'string' ? record['uploadId'] : undefined;
}

/** Resolves when the API has cancelled the upload of a removed file: the plugin has no event for it. */
function watchCancellation(): Promise<void> {
  const send = globalThis.fetch;
  return new Promise((resolve) => {
    globalThis.fetch = async (input, init) => {
      const response = await send(input, init);
      if (init?.method === 'DELETE' && response.ok) resolve();
      return response;
    };
  });
}

/** Golden Retriever writes every half second, and has no event for it. What is still there after 5 s stays. */
async function untilForgotten(): Promise<void> {
  for (let tries = 0; tries < 100 && (await kept()).length > 0; tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What a reload would bring back. */
async function kept(): Promise<string[]> {
  const { blobs, states } = await readDatabase();
  return [
    ...blobs.map((key) => `blob ${key}`),
    ...states.flatMap(({ files, currentUploads, pluginData }) => [
      ...Object.keys(files).map((file) => `file ${file}`),
      ...Object.keys(currentUploads).map((upload) => `upload ${upload}`),
      ...Object.keys(pluginData?.[PLUGIN] ?? {}).map((file) => `record of ${file}`),
    ]),
  ];
}

/** What Golden Retriever has in its database. */
async function readDatabase(): Promise<{ blobs: string[]; states: SavedState[] }> {
  const databases = await indexedDB.databases();
  // To open it would create it, in a version that is not Golden Retriever's.
  if (!databases.some(({ name }) => name === DATABASE)) return { blobs: [], states: [] };
  const database: IDBDatabase = await answerTo(indexedDB.open(DATABASE));
  try {
    const stores = database.transaction(['files', 'metadata']);
    const [blobs, records] = await Promise.all([
      answerTo(stores.objectStore('files').getAllKeys()),
      answerTo<{ metadata: string }[]>(stores.objectStore('metadata').getAll()),
    ]);
    return { blobs: blobs.map(String), states: records.map(({ metadata }) => JSON.parse(metadata)) };
  } finally {
    database.close();
  }
}

function answerTo<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('There is no answer')));
  });
}
