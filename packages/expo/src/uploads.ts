/**
 * Background uploads: each file is copied and written down before the first call, its parts are handed to the platform
 * as files, and after a restart `resumeAll` asks the bridge what is still missing. It knows no phone: `expo.ts` gives
 * it Expo's.
 */
import { createClient, UploadError } from '../../client/src/client.ts';
import type { ClientOptions, NewUpload, PartRequest, Upload } from '../../client/src/client.ts';
import { checkKey, createJobs, randomKey } from './jobs.ts';
import type { Job, Outcome } from './jobs.ts';
import type { Platform, Store } from './platform.ts';

export { UploadError } from '../../client/src/client.ts';
export type { NewUpload, Upload } from '../../client/src/client.ts';
export type { Job, Outcome } from './jobs.ts';
export type { FileRequest, Piece, Platform, Store } from './platform.ts';

export type Change =
  /** The bridge has answered. */
  | { kind: 'status'; key: string; upload: Upload }
  /** The staging leg ends when storage has the file, the delivery leg when IPD has it. */
  | { kind: 'progress'; key: string; leg: 'staging' | 'delivery'; bytes: number; total: number }
  /** Nothing goes on at the moment. It goes on by itself, at the latest with the next `resumeAll`. */
  | { kind: 'paused'; key: string; detail: string }
  | { kind: 'ended'; key: string; outcome: Outcome };

export type UploadsOptions = Pick<ClientOptions, 'apiUrl' | 'token' | 'language' | 'fetch' | 'timing'> & {
  platform: Platform;
  store: Store;
  onChange?: ((change: Change) => void) | undefined;
};

/** `uri` is what a picker gives. The same `key` is the same upload, however often it is started. */
export type NewFile = Omit<NewUpload, 'size'> & { uri: string; key?: string | undefined };

/** `done` never rejects: what goes wrong is tried again, or is the outcome. */
export type Started = { key: string; done: Promise<Outcome> };

type Run = { done: Promise<Outcome>; stop: AbortController };

export type Uploads = ReturnType<typeof createUploads>;

export function createUploads({ platform, store, onChange, ...options }: UploadsOptions) {
  // One attempt for each call: `patiently` waits, and tells why.
  const client = createClient({ ...options, timing: { ...options.timing, attempts: 1 } });
  const jobs = createJobs(store);
  const runs = new Map<string, Run>();
  const starting = new Map<string, Promise<Started>>();
  const sleepers = new Set<() => void>();
  const { longestDelayMs = LONGEST_WAIT_MS } = options.timing ?? {};

  /** Copies the file and writes the upload down, then sends it. Rejects when the file cannot be copied. */
  async function start({ key = randomKey(), ...file }: NewFile): Promise<Started> {
    const begun = starting.get(checkKey(key)) ?? begin(key, file).finally(() => starting.delete(key));
    starting.set(key, begun);
    return begun;
  }

  async function begin(key: string, { uri, ...about }: Omit<NewFile, 'key'>): Promise<Started> {
    if ((await jobs.load(key)) === undefined) {
      const size = await platform.adopt(uri, copyOf(key));
      await jobs.save({ key, about: { ...about, size } });
    }
    return { key, done: run(key).done };
  }

  /**
   * Goes on with everything that has not ended: at each start of the app, when it comes to the foreground and when the
   * network is back. Resolves with what it goes on with.
   */
  async function resumeAll(): Promise<Started[]> {
    for (const wake of sleepers) wake();
    const all = await jobs.all();
    const open = all.filter(({ outcome }) => outcome === undefined).map(({ key }) => key);
    await removeAllBut(open);
    return open.map((key) => ({ key, done: run(key).done }));
  }

  /** All that were started on this device and not forgotten, with their outcomes. */
  const list = (): Promise<Job[]> => jobs.all();

  /**
   * Takes the upload back, a linked file also after its delivery. Rejects with `upload_state_conflict` when IPD may have
   * the file as an attachment already.
   */
  async function cancel(key: string): Promise<void> {
    const id = (await jobs.load(key))?.id;
    if (id !== undefined) await client.cancel(id);
    await forget(key);
  }

  /** Drops an upload from this device, when the user has read its outcome; what the bridge has of it goes on. */
  async function forget(key: string): Promise<void> {
    runs.get(key)?.stop.abort();
    await jobs.remove(key);
    await removeFiles((name) => keyOf(name) === key);
  }

  function run(key: string): Run {
    const present = runs.get(key);
    if (present) return present;
    const stop = new AbortController();
    const done = carry(key, stop.signal).finally(() => runs.delete(key));
    const begun = { done, stop };
    runs.set(key, begun);
    return begun;
  }

  async function carry(key: string, signal: AbortSignal): Promise<Outcome> {
    const outcome = await patiently(key, signal, async () => {
      const job = await jobs.load(key);
      return job === undefined ? CANCELLED : (job.outcome ?? end(key, await attempt(job, signal)));
    }).catch((): Outcome => CANCELLED);
    onChange?.({ kind: 'ended', key, outcome });
    return outcome;
  }

  async function end(key: string, outcome: Outcome): Promise<Outcome> {
    const job = await jobs.load(key);
    if (job === undefined) return CANCELLED;
    await jobs.save({ ...job, outcome });
    // Parts that are still on their way would be sent in vain.
    runs.get(key)?.stop.abort();
    await removeFiles((name) => keyOf(name) === key);
    return outcome;
  }

  /** Carries an upload to its end, or rejects with what another attempt may cure. */
  async function attempt(job: Job, signal: AbortSignal): Promise<Outcome> {
    const { key } = job;
    try {
      const onStatus = (current: Upload) => onChange?.({ kind: 'status', key, upload: current });
      const { id } = await stage(job, signal, onStatus);
      const upload = await client.follow(id, {
        signal,
        onStatus,
        onPaused: (paused) => paused && onChange?.({ kind: 'paused', key, detail: paused.detail }),
        onProgress: (progress) => onChange?.({ kind: 'progress', key, ...progress }),
      });
      return { kind: 'ended', upload };
    } catch (error) {
      // A token that is refused is the user's to renew, by signing in.
      if (!(error instanceof UploadError) || error.retryable || error.status === 401) throw error;
      const { code, detail, userMessage } = error;
      return { kind: 'refused', code, detail, userMessage };
    }
  }

  async function stage(job: Job, signal: AbortSignal, onStatus: (upload: Upload) => void): Promise<Upload> {
    let upload = await findMissing(job, signal);
    onStatus(upload);
    while (upload.status === 'awaiting_upload') {
      const problem = await sendParts(job, upload, signal);
      // However the parts ended: `complete` knows what storage has.
      const next = await complete(upload.id, signal);
      if (next.status === 'awaiting_upload' && next.staging.bytesStored <= upload.staging.bytesStored) {
        throw problem ?? storageProblem('Storage does not keep the file');
      }
      upload = next;
      onStatus(upload);
    }
    return upload;
  }

  async function findMissing(job: Job, signal: AbortSignal): Promise<Upload> {
    if (job.id !== undefined) return complete(job.id, signal);
    const created = await client.create(job.about, { idempotencyKey: job.key, signal });
    // Without its id, a later start would begin anew with what has failed meanwhile.
    await jobs.save({ ...job, id: created.id });
    return created;
  }

  /** Whether all is stored; if not, fresh URLs for what is missing. */
  async function complete(id: string, signal: AbortSignal): Promise<Upload> {
    try {
      return await client.complete(id, signal);
    } catch (error) {
      if (!(error instanceof UploadError)) throw error;
      if (error.code === 'upload_incomplete') return client.urls(id, signal);
      if (error.code === 'upload_state_conflict') return client.status(id, signal);
      throw error;
    }
  }

  /** Resolves when each part has ended, with the last one's problem. */
  async function sendParts(job: Job, upload: Upload, signal: AbortSignal): Promise<unknown> {
    const { key, about } = job;
    const parts = missingParts(upload, about.size);
    const sent = new Map<number, number>();
    const report = () => {
      const bytes = [...sent.values()].reduce((sum, count) => sum + count, upload.staging.bytesStored);
      onChange?.({ kind: 'progress', key, leg: 'staging', bytes, total: about.size });
    };
    let cutting: Promise<void> = Promise.resolve();
    let problem: unknown;
    let isExpired = false;

    async function sendPart({ number, offset, length, url, headers }: PartRequest): Promise<void> {
      const from = copyOf(key);
      // A file in one piece needs no piece of its own.
      const name = length === about.size ? from : `${key}.${number}`;
      if (name !== from) {
        // One after another: each reads and writes as fast as the device can.
        cutting = cutting.then(() => platform.cut({ from, name, offset, length }));
        await cutting;
      }
      const onBytes = (bytes: number) => {
        sent.set(number, Math.min(bytes, length));
        report();
      };
      try {
        const answer = await platform.put({ name, url, headers: ownHeaders(headers), signal, onBytes });
        // The URLs of one answer expire together.
        isExpired ||= answer.status === 403;
        if (isStored(answer.status)) onBytes(length);
        else throw refusalOf(answer);
      } catch (error) {
        sent.delete(number);
        throw error;
      } finally {
        if (name !== from) await platform.remove(name);
      }
    }

    const queue = parts.values();
    const send = async () => {
      for (const part of queue) {
        try {
          await sendPart(part);
        } catch (error) {
          if (signal.aborted || isFinal(error)) throw error;
          problem = error;
        }
        if (isExpired) return;
      }
    };
    report();
    await Promise.all(parts.slice(0, platform.filesAtOnce).map(send));
    return problem;
  }

  /** Until the work succeeds; rejects once the signal is aborted. */
  async function patiently<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (let round = 0; ; round += 1) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) throw error;
        onChange?.({ kind: 'paused', key, detail: detailOf(error) });
        const wanted = error instanceof UploadError ? error.retryAfterMs : undefined;
        await sleep(wanted ?? Math.min(longestDelayMs, FIRST_WAIT_MS * 2 ** round), signal);
      }
    }
  }

  /** `resumeAll` ends it before its time. */
  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      sleepers.add(wake);
      signal.addEventListener('abort', wake);
      if (signal.aborted) wake();
    });
    if (signal.aborted) throw new Error('The upload was forgotten');
  }

  /** What a process left that died between a copy and its record, or between an outcome and its end. */
  async function removeAllBut(keys: string[]): Promise<void> {
    const isKept = (key: string) => keys.includes(key) || starting.has(key) || runs.has(key);
    await removeFiles((name) => !isKept(keyOf(name)));
  }

  async function removeFiles(isUnwanted: (name: string) => boolean): Promise<void> {
    for (const name of await platform.names()) if (isUnwanted(name)) await platform.remove(name);
  }

  return { start, resumeAll, list, cancel, forget };
}

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const CANCELLED: Outcome = { kind: 'cancelled' };

function copyOf(key: string): string {
  return `${key}.data`;
}

function keyOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

/** A file in one piece is its own only part. */
function missingParts({ staging }: Upload, size: number): PartRequest[] {
  if (staging.mode === 'multipart') return staging.parts ?? [];
  const { method = 'PUT', url, headers = {} } = staging;
  return url === undefined ? [] : [{ number: 1, offset: 0, length: size, method, url, headers }];
}

/** The platform sets the length of the file itself. */
function ownHeaders(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'content-length'),
  );
}

/** 412: an earlier attempt has stored it, whose answer was lost. */
function isStored(status: number): boolean {
  return status < 300 || status === 412;
}

/** 403: the URL has expired. 404: the parts have been joined. `complete` knows more in each case. */
function refusalOf({ status, text }: { status: number; text: string }): UploadError {
  const name = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '';
  if (name !== 'BadDigest') return storageProblem(`Storage answered ${status} ${name}`.trim());
  const detail = 'The file has other bytes than its sha256 says';
  return new UploadError({ code: 'checksum_mismatch', status, retryable: false, detail });
}

function storageProblem(detail: string): UploadError {
  return new UploadError({ code: 'storage_refused', retryable: true, detail });
}

/** What no other attempt cures. */
function isFinal(error: unknown): boolean {
  return error instanceof UploadError && !error.retryable;
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
