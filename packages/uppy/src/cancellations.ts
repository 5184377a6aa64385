/**
 * Cancels the uploads of files that were removed, as soon as there is a network. Never touches what has been delivered,
 * nor the upload of a file that is sent again meanwhile.
 */
import { UploadError } from '../../client/src/client.ts';
import type { Client } from '../../client/src/client.ts';
import { MESSAGE_MS } from './host.ts';
import type { Host } from './host.ts';
import type { Words } from './strings.ts';

export type Cancellation = {
  readonly filename: string;
  /** The same file is sent again. */
  isDropped: boolean;
  request: Promise<void> | undefined;
};

export type Cancellations = ReturnType<typeof createCancellations>;

export function createCancellations({ client, host, words }: { client: Client; host: Host; words: Words }) {
  /** The last one of each idempotency key. */
  const planned = new Map<string, Cancellation>();

  /** To be run when it is clear which upload the key has begun. */
  function plan(key: string, filename: string): Cancellation {
    const cancellation = { filename, isDropped: false, request: planned.get(key)?.request };
    planned.set(key, cancellation);
    return cancellation;
  }

  /** Without an id there is no upload. */
  function run(cancellation: Cancellation, uploadId: string | undefined): void {
    if (uploadId !== undefined && !cancellation.isDropped)
      cancellation.request = cancel(cancellation, uploadId);
  }

  /** Ends what has not begun; resolves when nothing is under way that could cancel an upload of this key. */
  async function drop(key: string): Promise<void> {
    const cancellation = planned.get(key);
    if (cancellation === undefined) return;
    cancellation.isDropped = true;
    await cancellation.request;
  }

  async function cancel(cancellation: Cancellation, uploadId: string): Promise<void> {
    const { filename } = cancellation;
    const sayTooLate = () => host.info(words('tooLate', { file: filename }), 'warning', MESSAGE_MS);
    try {
      const { status } = await client.status(uploadId);
      if (cancellation.isDropped) return;
      // The call that cancels an upload would remove a delivered link and its file.
      if (status === 'delivered') sayTooLate();
      else await client.cancel(uploadId);
    } catch (error) {
      const status = error instanceof UploadError ? error.status : undefined;
      if (status === 409) sayTooLate();
      else if (status === 0) host.once('is-online', () => run(cancellation, uploadId));
      else if (status !== 404) host.log(error, 'warning');
    }
  }

  return { plan, run, drop };
}
