/**
 * The staging leg: sends what storage lacks of a file, a few parts at a time, and has the API check that
 * it is complete. A single PUT is one part that needs no completion. Parts are cut from the Blob as they
 * are sent; one set of fresh URLs serves all of them, and the first that fails ends the others.
 */
import { needsFreshUrl, storageError, unexpectedAnswer, UploadError } from './errors.ts';
import { putFile } from './put.ts';
import { backoffMs, pause, retry } from './retry.ts';
import type { Timing } from './retry.ts';
import type { PartRequest, Upload } from './types.ts';

type Work = {
  file: Blob;
  partsAtOnce: number;
  timing: Timing;
  signal: AbortSignal | undefined;
  /** The bytes that storage has, those on the way included. */
  onBytes: (bytes: number) => void;
  fetch: typeof globalThis.fetch;
  /** Asks once for URLs of what is missing. */
  sign: (signal: AbortSignal | undefined) => Promise<Upload>;
  complete: () => Promise<unknown>;
};

type Requests = Map<number, PartRequest>;

/** Resolves when storage has the whole file; rejects with the error of the first failed part, or of the completion. */
export async function stage(upload: Upload, work: Work): Promise<void> {
  const { file, timing, signal } = work;
  let parts = missingParts(upload, file);
  for (let round = 1; ; round += 1) {
    parts ??= missingParts(await retry(() => work.sign(signal), { timing, signal }), file) ?? [];
    await sendParts(parts, work);
    if (upload.staging.mode === 'single') return;
    try {
      await work.complete();
      return;
    } catch (error) {
      const isIncomplete = error instanceof UploadError && error.code === 'upload_incomplete';
      if (!isIncomplete || round >= timing.attempts) throw error;
    }
    await pause(backoffMs({ attempt: round, timing }), signal);
    parts = undefined;
  }
}

async function sendParts(parts: PartRequest[], work: Work): Promise<void> {
  const { file, timing, onBytes } = work;
  const stop = new AbortController();
  const { signal } = stop;
  const end = () => stop.abort(work.signal?.reason);
  let requests: Requests | undefined = byNumber(parts);
  let renewal: Promise<Requests> | undefined;
  let stored = parts.reduce((bytes, { length }) => bytes - length, file.size);

  /** Asks the API for fresh URLs once, even when several parts meet an expired URL. */
  function renew(): Promise<Requests> {
    renewal ??= work
      .sign(signal)
      .then((signed) => (requests = byNumber(missingParts(signed, file) ?? [])))
      .finally(() => (renewal = undefined));
    return renewal;
  }

  async function sendPart({ number, offset, length }: PartRequest): Promise<void> {
    // A slice has no type of its own that XMLHttpRequest would send along.
    const slice = file.slice(offset, offset + length);
    let counted = 0;
    const count = (reached: number) => {
      const bytes = Math.min(reached, length);
      if (bytes === counted) return;
      stored += bytes - counted;
      counted = bytes;
      onBytes(stored);
    };

    const attempt = async () => {
      count(0);
      const current = requests ?? (await renew());
      const request = current.get(number);
      // A part that is not listed any more was stored by an attempt whose answer was lost.
      if (request) {
        const answer = await putFile({ ...request, file: slice, signal, onBytes: count }, work.fetch);
        const error = answer.status < 300 ? undefined : storageError(answer);
        if (error && needsFreshUrl(error.code) && requests === current) requests = undefined;
        if (error && error.code !== 'already_stored') throw error;
      }
      count(length);
    };
    await retry(attempt, { timing, signal });
  }

  const queue = parts.values();
  const send = async () => {
    for (const part of queue) await sendPart(part);
  };

  work.signal?.addEventListener('abort', end);
  if (work.signal?.aborted) end();
  onBytes(stored);
  try {
    await Promise.all(Array.from({ length: Math.max(1, work.partsAtOnce) }, send));
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    work.signal?.removeEventListener('abort', end);
  }
}

/** What storage lacks; undefined where the answer brings no URLs. */
function missingParts({ staging }: Upload, file: Blob): PartRequest[] | undefined {
  const { mode }: { mode: string } = staging;
  if (staging.mode === 'multipart') return staging.parts;
  if (staging.mode !== 'single') throw unexpectedAnswer(`Uploads of mode ${mode} are not supported`);
  const { method = 'PUT', url, headers = {} } = staging;
  return url === undefined ? undefined : [{ number: 1, offset: 0, length: file.size, method, url, headers }];
}

function byNumber(parts: PartRequest[]): Requests {
  return new Map(parts.map((part) => [part.number, part]));
}
