/**
 * The staging leg: sends what storage lacks of a file, a few parts at a time, and has the API check that
 * it is complete. A single PUT is one part that needs no completion. Parts are cut from the Blob as they
 * are sent; one set of fresh URLs serves all of them, and the first that fails ends the others.
 */
import { needsFreshUrl, noAnswer, storageError, UploadError } from './errors.ts';
import type { Fetch, FileBody, Signal } from './platform.ts';
import type { Put } from './put.ts';
import { backoffMs, pause, retry, unlessStalled, within } from './retry.ts';
import type { Patience, Timing } from './retry.ts';
import type { PartRequest, Upload } from './types.ts';

type Work = {
  file: FileBody;
  partsAtOnce: number;
  timing: Timing;
  patience: Patience;
  signal: Signal | undefined;
  /** The bytes that storage has, those on the way included. */
  onBytes: (bytes: number) => void;
  fetch: Fetch;
  put: Put;
  /** Asks once for URLs of what is missing. */
  sign: (signal: Signal | undefined) => Promise<Upload>;
  complete: () => Promise<unknown>;
};

type Requests = Map<number, PartRequest>;

/** Resolves when storage has the whole file; rejects with the error of the first failed part, or of the completion. */
export async function stage(upload: Upload, work: Work): Promise<void> {
  const { file, timing, patience, signal } = work;
  let parts = missingParts(upload, file);
  for (let round = 1; ; round += 1) {
    parts ??= missingParts(await retry(() => work.sign(signal), timing, signal, patience), file) ?? [];
    await sendParts(parts, work);
    if (upload.staging.mode === 'single') return;
    try {
      await work.complete();
      return;
    } catch (error) {
      const isIncomplete = error instanceof UploadError && error.code === 'upload_incomplete';
      if (!isIncomplete || round >= timing.attempts) throw error;
    }
    await pause(backoffMs(timing, round), signal);
    parts = undefined;
  }
}

async function sendParts(parts: PartRequest[], work: Work): Promise<void> {
  const { file, timing, patience, onBytes } = work;
  let requests: Requests | undefined = byNumber(parts);
  let renewal: Promise<Requests> | undefined;
  let stored = parts.reduce((bytes, { length }) => bytes - length, file.size);

  /** Asks the API for fresh URLs once, even when several parts meet an expired URL. */
  function renew(signal: Signal): Promise<Requests> {
    renewal ??= work
      .sign(signal)
      .then((signed) => (requests = byNumber(missingParts(signed, file) ?? [])))
      .finally(() => (renewal = undefined));
    return renewal;
  }

  async function sendPart({ number, offset, length }: PartRequest, signal: Signal): Promise<void> {
    // A slice has no type of its own that XMLHttpRequest would send along.
    const slice = file.slice(offset, offset + length);
    let counted = 0;
    const count = (reached: number) => {
      const bytes = Math.min(reached, length);
      if (bytes === counted) return;
      if (bytes > counted) patience.goOn();
      stored += bytes - counted;
      counted = bytes;
      onBytes(stored);
    };

    const put = (request: PartRequest) =>
      unlessStalled(signal, timing.stallMs, async (stop, heard) => {
        const onPutBytes = (bytes: number) => {
          heard();
          count(bytes);
        };
        const { fetch } = work;
        try {
          return await work.put({ ...request, file: slice, signal: stop, onBytes: onPutBytes }, fetch);
        } catch (cause) {
          await slice.slice(0, 1).arrayBuffer?.().catch(unreadable);
          const { method, headers } = request;
          // Without its signature the request stores nothing.
          const [url = ''] = request.url.split('?');
          throw await noAnswer({
            target: 'storage',
            cause,
            url,
            init: { method, headers, signal: stop },
            fetch,
          });
        }
      });

    const attempt = async () => {
      count(0);
      const current = requests ?? (await renew(signal));
      const request = current.get(number);
      // A part that is not listed any more was stored by an attempt whose answer was lost.
      if (request) {
        const answer = await put(request);
        const error = answer.status < 300 ? undefined : storageError(answer);
        if (error && needsFreshUrl(error.code) && requests === current) requests = undefined;
        if (error && error.code !== 'already_stored') throw error;
      }
      count(length);
    };
    await retry(attempt, timing, signal, patience);
  }

  onBytes(stored);
  await within(work.signal, async (stop) => {
    const queue = parts.values();
    const send = async () => {
      for (const part of queue) await sendPart(part, stop.signal);
    };
    try {
      await Promise.all(Array.from({ length: Math.max(1, work.partsAtOnce) }, send));
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
}

/** What storage lacks; undefined where the answer brings no URLs. */
function missingParts({ staging }: Upload, file: FileBody): PartRequest[] | undefined {
  const { mode }: { mode: string } = staging;
  if (staging.mode === 'multipart') return staging.parts;
  if (staging.mode !== 'single') {
    throw new UploadError({
      code: 'unexpected_answer',
      detail: `Mode ${mode} is not supported`,
    });
  }
  const { method = 'PUT', url, headers = {} } = staging;
  return url === undefined ? undefined : [{ number: 1, offset: 0, length: file.size, method, url, headers }];
}

function unreadable(cause: unknown): never {
  const detail = 'The file cannot be read, or has changed';
  throw new UploadError({ code: 'file_unreadable', detail }, cause);
}

function byNumber(parts: PartRequest[]): Requests {
  return new Map(parts.map((part) => [part.number, part]));
}
