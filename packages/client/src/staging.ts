/**
 * The staging leg: sends what storage lacks of a file, a few parts at a time, and has the API check that
 * it is complete. A single PUT is one part that needs no completion. Parts are cut from the Blob as they
 * are sent; one set of fresh URLs serves all of them, and the first that fails ends the others.
 */
import { isOutage, storageError, UploadError } from './errors.ts';
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
  signal?: Signal | undefined;
  /** The bytes that storage has, those on the way included. */
  onBytes: (bytes: number) => void;
  fetch: Fetch;
  put: Put;
  /** Asks once for URLs of what is missing. */
  sign: (signal: Signal | undefined) => Promise<Upload>;
  complete: () => Promise<unknown>;
};

/** Resolves when storage has the whole file; rejects with the error of the first failed part, or of the completion. */
export async function stage(upload: Upload, work: Work): Promise<void> {
  const { file, timing, patience, signal } = work;
  let parts = missingParts(upload, file);
  for (let round = 1; ; round += 1) {
    parts ??= await retry(() => signParts(work, signal), timing, signal, patience);
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
  const { file, timing, patience, fetch } = work;
  // Asked for anew once, even when several parts meet an expired URL.
  let requests: Promise<PartRequest[]> | undefined = Promise.resolve(parts);
  let stored = parts.reduce((bytes, { length }) => bytes - length, file.size);

  async function sendPart({ number, offset, length }: PartRequest, signal: Signal): Promise<void> {
    // A slice has no type of its own that XMLHttpRequest would send along.
    const slice = file.slice(offset, offset + length);
    let counted = 0;
    const count = (reached: number) => {
      const more = Math.min(reached, length) - counted;
      if (more > 0) patience.goOn();
      counted += more;
      stored += more;
      if (more) work.onBytes(stored);
    };

    const put = (part: PartRequest) => {
      const request = { ...part, file: slice };
      return unlessStalled(signal, timing.stallMs, { target: 'storage', request, fetch }, (stop, heard) => {
        const onBytes = (bytes: number) => {
          heard();
          count(bytes);
        };
        return work.put({ ...request, signal: stop, onBytes }, fetch);
      });
    };

    const attempt = async () => {
      count(0);
      const current = (requests ??= signParts(work, signal).catch((error: unknown) => {
        requests = undefined;
        throw error;
      }));
      const request = (await current).find((one) => one.number === number);
      // A part that is not listed any more was stored by an attempt whose answer was lost.
      if (request) {
        const error = storageError(await put(request));
        if (error && !isOutage(error.status) && requests === current) requests = undefined;
        if (error) throw error;
      }
      count(length);
    };
    await retry(attempt, timing, signal, patience);
  }

  work.onBytes(stored);
  await within(work.signal, async (stop) => {
    const queue = parts.values();
    const send = async () => {
      for (const part of queue) await sendPart(part, stop.signal);
    };
    await Promise.all(Array.from({ length: work.partsAtOnce || 1 }, send));
  });
}

async function signParts({ sign, file }: Work, signal: Signal | undefined): Promise<PartRequest[]> {
  return missingParts(await sign(signal), file) ?? [];
}

/** What storage lacks; undefined where the answer brings no URLs. */
function missingParts({ staging }: Upload, file: FileBody): PartRequest[] | undefined {
  if (staging.mode === 'multipart') return staging.parts;
  const { mode, method = 'PUT', url, headers = {} } = staging;
  if (mode === 'single')
    return url ? [{ number: 1, offset: 0, length: file.size, method, url, headers }] : undefined;
  throw new UploadError({ code: 'unexpected_answer', detail: `Mode ${String(mode)} is not supported` });
}
