/**
 * A phone for packages/expo in memory, and the small upload API behind its `fetch`. All that it is asked ends in a later
 * round of the event loop, and needs none of the machine's time. Faults are answers queued per step, such as "POST
 * /uploads" or "put k.1"; `meanwhile` has something happen, or fail, within a step.
 */
import { setImmediate } from 'node:timers/promises';
import { UploadError } from '../../packages/client/src/client.ts';
import { createUploads } from '../../packages/expo/src/uploads.ts';
import type {
  Change,
  FileRequest,
  Platform,
  Store,
  UploadsOptions,
} from '../../packages/expo/src/uploads.ts';
import { problem } from './upload-answers.ts';
import type { Answer } from './upload-answers.ts';
import { createUploadStore } from './upload-store.ts';
import type { StoreOptions } from './upload-store.ts';

const API_URL = 'https://bridge.example.com';
const STORAGE_URL = 'https://storage.example.com';
const WITHOUT_BODY = new Set([204, 304]);
const MOST_PAUSES = 20;
/** What every picked file holds. */
const PICKED = Buffer.from('0123456789');

export function createPhoneInMemory({
  filesAtOnce = 1,
  ...options
}: StoreOptions & { filesAtOnce?: number } = {}) {
  const api = createUploadStore(() => STORAGE_URL, options);
  const files = new Map<string, Buffer>();
  const records = new Map<string, string>();
  const steps: string[] = [];
  const faults: { step: string; fault: Answer }[] = [];
  const events: { step: string; happen: () => unknown }[] = [];

  async function step<T>(name: string, work: () => T): Promise<T> {
    steps.push(name);
    await take(events, name)?.happen();
    await setImmediate();
    return work();
  }

  const platform: Platform = {
    filesAtOnce,

    adopt: (_uri, name) =>
      step(`adopt ${name}`, () => {
        files.set(name, PICKED);
        return PICKED.length;
      }),

    cut: ({ from, name, offset, length }) =>
      step(`cut ${name}`, () => void files.set(name, readable(from).subarray(offset, offset + length))),

    put: (file) =>
      step(`put ${file.name}`, () => {
        file.signal.throwIfAborted();
        const { status, body = '' } = take(faults, `put ${file.name}`)?.fault ?? put(file);
        return { status, text: typeof body === 'object' ? JSON.stringify(body) : body };
      }),

    remove: (name) => step(`remove ${name}`, () => void files.delete(name)),

    names: () => step('names', () => [...files.keys()]),
  };

  const store: Store = {
    keys: () => step('keys', () => [...records.keys()]),
    read: (key) => step(`read ${key}`, () => records.get(key)),
    write: (key, text) => step(`write ${key}`, () => void records.set(key, text)),
    remove: (key) => step(`strike ${key}`, () => void records.delete(key)),
  };

  const fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    const [id = '', action] = pathname.split('/').slice(3);
    const call = `${init.method} /${['uploads', id && ':id', action].filter(Boolean).join('/')}`;
    const sent = Buffer.from(await new Response(init.body).arrayBuffer());
    const answer = await step(call, () => {
      init.signal?.throwIfAborted();
      return take(faults, call)?.fault ?? route(call, { id, sent, headers: new Headers(init.headers) });
    });
    const body = WITHOUT_BODY.has(answer.status) ? null : JSON.stringify(answer.body);
    return new Response(body, { status: answer.status, headers: answer.headers ?? {} });
  };

  function route(
    call: string,
    { id, sent, headers }: { id: string; sent: Buffer; headers: Headers },
  ): Answer {
    if (call === 'POST /uploads') return api.create(sent, headers.get('idempotency-key') ?? '');
    const kept = api.uploads.get(id);
    if (kept === undefined) return problem(404, 'not_found');
    switch (call) {
      case 'GET /uploads/:id':
        return api.read(kept, headers.get('if-none-match') ?? undefined);
      case 'POST /uploads/:id/urls':
        return api.urls(kept);
      case 'POST /uploads/:id/complete':
        return api.complete(kept);
      case 'DELETE /uploads/:id':
        return api.cancel(kept);
      default:
        throw new Error(`The API has no ${call}`);
    }
  }

  /** As storage does it. */
  function put({ name, url, onBytes }: FileRequest): Answer {
    const body = readable(name);
    onBytes(body.length);
    const { pathname, searchParams } = new URL(url);
    const [area, ...path] = pathname.split('/').slice(1);
    const [id = '', number = '0'] = area === 'parts' ? path.toReversed() : path;
    const kept = api.uploads.get(id);
    if (kept === undefined) throw new Error(`No upload has ${url}`);
    return api.store(kept, { id, number: Number(number), signed: searchParams.get('generation'), body });
  }

  function readable(name: string): Buffer {
    const bytes = files.get(name);
    if (bytes !== undefined) return bytes;
    throw new UploadError({ code: 'file_unreadable', detail: 'The copy is gone' });
  }

  return {
    store,
    files,
    records,
    steps,
    /** The latest upload, as the bridge has it. */
    kept: () => [...api.uploads.values()].at(-1),
    expireUrls: () => void (api.state.generation += 1),
    fault: (name: string, ...answers: Answer[]) =>
      void faults.push(...answers.map((fault) => ({ step: name, fault }))),
    /** Once, with the next step of that name: what it throws fails the step. */
    meanwhile: (name: string, happen: () => unknown) => void events.push({ step: name, happen }),
    stepsLike: (pattern: RegExp) => steps.filter((name) => pattern.test(name)),

    /** A process of the app. */
    launch(more: Partial<UploadsOptions> = {}) {
      const changes: Change[] = [];
      const details = () => changes.flatMap((change) => (change.kind === 'paused' ? [change.detail] : []));
      const onChange = (change: Change) => {
        changes.push(change);
        // Its waits may take no time: it would go on for ever.
        if (details().length > MOST_PAUSES) throw new Error('The upload comes to no end');
      };
      const uploads = createUploads({
        apiUrl: API_URL,
        token: 'a token',
        fetch,
        platform,
        store,
        onChange,
        ...more,
      });
      return { uploads, changes, details };
    },
  };
}

/** The first of this name, which is then gone. */
function take<T extends { step: string }>(list: T[], name: string): T | undefined {
  const index = list.findIndex(({ step }) => step === name);
  return index === -1 ? undefined : list.splice(index, 1)[0];
}
