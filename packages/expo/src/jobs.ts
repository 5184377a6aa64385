/** The uploads of this device as they are written down: enough to go on with each after the process has died. */
import type { NewUpload, Upload } from '../../client/src/client.ts';
import type { Store } from './platform.ts';

/**
 * How an upload ended. `refused`: the bridge does not take it; `userMessage` is for the person who sent the file, and
 * where there is none the app has its own words for the `code`.
 */
export type Outcome =
  | { kind: 'ended'; upload: Upload }
  | { kind: 'refused'; code: string; detail: string; userMessage?: string | undefined }
  | { kind: 'cancelled' };

/** A file on its way. `key` names it on this device, and is its `Idempotency-Key`. */
export type Job = {
  key: string;
  about: NewUpload;
  /** The bridge's id, once it has answered. */
  id?: string;
  /** Absent while the upload goes on. */
  outcome?: Outcome;
};

/** Keys become names of files. */
const KEY = /^[\w-]{1,64}$/;

export function createJobs(store: Store) {
  async function load(key: string): Promise<Job | undefined> {
    return parse(await store.read(key));
  }

  return {
    load,

    save: (job: Job): Promise<void> => store.write(job.key, JSON.stringify(job)),

    remove: (key: string): Promise<void> => store.remove(key),

    async all(): Promise<Job[]> {
      const jobs = await Promise.all((await store.keys()).map(load));
      return jobs.filter((job) => job !== undefined);
    },
  };
}

/** @throws TypeError when the key cannot be a file's name. */
export function checkKey(key: string): string {
  if (!KEY.test(key)) throw new TypeError('A key has 1 to 64 letters, digits, _ or -');
  return key;
}

/** A key that no other upload has; it is no secret. React Native has no `crypto`. */
export function randomKey(): string {
  return Array.from({ length: 4 }, () => Math.random().toString(36).slice(2)).join('');
}

/** Undefined for no text, and for a spoilt one. */
function parse(text = ''): Job | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
