/** The events of the TypeScript client, as its drivers in Node and in a page say them. Without Node's modules. */
import { UploadError } from '../../../packages/client/src/client.ts';
import type { Progress, Upload } from '../../../packages/client/src/client.ts';
import type { ClientEvent } from '../protocol.ts';

type Say = (event: ClientEvent) => void;

/** What to hand to the client so that its steps are said. */
export function watch(say: Say) {
  let isCreated = false;
  let isStaged = false;
  let last: string | undefined;
  return {
    onStatus: ({ id, status }: Upload): void => {
      if (!isCreated) say({ event: 'created', id });
      isCreated = true;
      if (status !== last) say({ event: 'status', status });
      last = status;
    },
    onProgress: ({ leg }: Progress): void => {
      if (leg === 'delivery' && !isStaged) say({ event: 'staging_done' });
      isStaged ||= leg === 'delivery';
    },
  };
}

/** The end of an upload that has one. */
export function endOf({ status, attachment, error }: Upload): ClientEvent {
  return {
    event: 'finished',
    status,
    attachment: attachment?.id ?? null,
    ...(error && { error: { code: error.code, message: error.message } }),
  };
}

/** The end of an upload that was refused. */
export function refusalOf(reason: unknown): ClientEvent {
  const isOwn = reason instanceof UploadError;
  const error = isOwn
    ? { code: reason.code, message: reason.detail }
    : { code: 'unexpected', message: String(reason) };
  return { event: 'finished', status: 'refused', error };
}
