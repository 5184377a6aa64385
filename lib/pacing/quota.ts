/**
 * How much one user may ask for, and how much of IPD's rate may be spent before files are sent: counters of a minute
 * that hold however many calls come at the same moment, and what is unfinished by its index, which lags behind.
 * What was counted is never given back, so refused calls count, too.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import { AppError, invalidRequest } from '../domain/errors.ts';
import type { Counters } from '../ledger/counters.ts';
import type { Ledger } from '../ledger/uploads.ts';

export type Quota = ReturnType<typeof createQuota>;

const MINUTE = 60_000;
/** Nobody knows when an upload ends; this is how often it is worth asking. */
const OPEN_RETRY_SECONDS = 60;

export function createQuota(parts: {
  ledger: Ledger;
  counters: Counters;
  clock: Clock;
  allowance: { maxOpenUploads: number; uploadsPerMinute: number };
  /** Looks at work items before a file is taken, of all users together. */
  preflightsPerMinute: number;
}) {
  const { ledger, counters, clock, preflightsPerMinute } = parts;
  const { maxOpenUploads, uploadsPerMinute } = parts.allowance;

  /** One upload more, which may cost a look at its work item. Throws `too_many_open_uploads` or `rate_limited`. */
  async function takeUpload(owner: string): Promise<void> {
    await checkOpen(owner, 1);
    await count(owner, { uploads: 1, calls: 1 });
  }

  /**
   * A session, which has room for its files or is refused; they are counted as they are begun. Throws as before, and
   * `invalid_request` for more files than there is ever room for.
   */
  async function takeSession(owner: string, files: number): Promise<void> {
    const most = Math.min(maxOpenUploads, uploadsPerMinute);
    if (files > most)
      throw invalidRequest([{ pointer: '/files', detail: `must name at most ${most} files` }]);
    await checkOpen(owner, files);
    await count(owner, { calls: 1, roomFor: files });
  }

  /** One upload more of a session, for which IPD is not asked again. Throws as before. */
  async function takeUploadOfSession(owner: string): Promise<void> {
    await checkOpen(owner, 1);
    await count(owner, { uploads: 1 });
  }

  /** One more attempt of an upload that there is. Throws `rate_limited`. */
  async function takeRetry(owner: string): Promise<void> {
    await count(owner, { calls: 1 });
  }

  /** False when IPD has been asked so often in this minute that its rate is for deliveries now. */
  async function takePreflight(): Promise<boolean> {
    return counters.countInMinute('ipd', { calls: { add: 1, upTo: preflightsPerMinute } });
  }

  async function checkOpen(owner: string, more: number): Promise<void> {
    const open = await ledger.countOpenOf(owner, maxOpenUploads);
    if (open + more <= maxOpenUploads) return;
    const asked = more > 1 ? ` and ask for ${more} more` : '';
    throw new AppError(
      'too_many_open_uploads',
      `you have ${open} unfinished uploads${asked}; at most ${maxOpenUploads} are allowed: finish or cancel some`,
      { retryAfterSeconds: OPEN_RETRY_SECONDS },
    );
  }

  /** `calls` may reach IPD; `roomFor`: uploads that are to follow within the minute. */
  async function count(
    owner: string,
    { uploads = 0, calls = 0, roomFor = 0 }: { uploads?: number; calls?: number; roomFor?: number },
  ): Promise<void> {
    const counted = await counters.countInMinute(hashOf(owner), {
      ...(uploads + roomFor > 0 && { uploads: { add: uploads, upTo: uploadsPerMinute - roomFor } }),
      ...(calls > 0 && { calls: { add: calls, upTo: uploadsPerMinute } }),
    });
    if (counted) return;
    const asked = roomFor > 1 ? `, and you ask for ${roomFor} more` : '';
    throw new AppError(
      'rate_limited',
      `at most ${uploadsPerMinute} uploads, and as many calls that may lead to IPD, are taken within a minute${asked}`,
      { retryAfterSeconds: Math.ceil((MINUTE - (clock.now() % MINUTE)) / 1000) },
    );
  }

  return { takeUpload, takeSession, takeUploadOfSession, takeRetry, takePreflight };
}

/** The key of an item has a largest length, a name from a token need not. */
function hashOf(owner: string): string {
  return createHash('sha256').update(owner).digest('hex');
}
