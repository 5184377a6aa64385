/** Polls one upload, as often as the API's `Retry-After` says, until it no longer changes by itself. */
import { Refusal } from './api.ts';
import type { Api, Upload } from './api.ts';

/** The time between two polls while the API does not answer. */
const PATIENCE_SECONDS = 5;

interface FollowOptions {
  api: Api;
  id: string;
  signal: AbortSignal;
  onChange: (upload: Upload) => void;
}

/** Settles when the upload no longer changes, does not exist any more, or `signal` is aborted. */
export async function follow({ api, id, signal, onChange }: FollowOptions): Promise<void> {
  let etag: string | undefined;
  while (!signal.aborted) {
    let seconds = PATIENCE_SECONDS;
    try {
      const answer = await api.poll(id, etag);
      if (signal.aborted) return;
      if (answer.upload !== undefined) onChange(answer.upload);
      if (answer.retryAfterSeconds === 0) return;
      etag = answer.etag;
      seconds = answer.retryAfterSeconds;
    } catch (error) {
      if (error instanceof Refusal && error.status === 404) return;
    }
    await pause(seconds, signal);
  }
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, seconds * 1000);
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
