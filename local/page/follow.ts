/** Asks for one upload again and again, as often as the API wishes, until nothing will change by itself. */
import { Refusal } from './api.ts';
import type { Api, Upload } from './api.ts';

/** The wait before the next request when no answer came. */
const PATIENCE_SECONDS = 5;

interface FollowOptions {
  api: Api;
  id: string;
  signal: AbortSignal;
  onChange: (upload: Upload) => void;
}

/** Settles when the upload is final or gone, or when `signal` is aborted. */
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
