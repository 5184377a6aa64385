/**
 * Limits how much one user may ask for, and how much of IPD's rate pre-flight checks may use. Counters of a minute
 * are exact for any number of concurrent calls; the number of unfinished uploads comes from an index, which lags behind.
 * Nothing that was counted is given back, so refused calls count, too.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../runtime/clock.ts';
import { AppError, invalidRequest } from '../domain/errors.ts';
import type { Counters } from '../ledger/counters.ts';
import type { Ledger } from '../ledger/uploads.ts';
import { MINUTE_MS } from '../domain/units.ts';

export type Quota = ReturnType<typeof createQuota>;

/** The end of an upload cannot be predicted; this is how often a retry is worth it. */
const OPEN_RETRY_SECONDS = 60;
/** Enough for a team that opens a work item at the same time, also when a download goes on in pieces. */
const DOWNLOADS_PER_MINUTE = 60;

export function createQuota(deps: {
  ledger: Ledger;
  counters: Counters;
  clock: Clock;
  limits: { maxOpenUploads: number; uploadsPerMinute: number };
  /** Pre-flight checks of work items, of all users together. */
  preflightsPerMinute: number;
}) {
  const { ledger, counters, clock, preflightsPerMinute } = deps;
  const { maxOpenUploads, uploadsPerMinute } = deps.limits;

  /**
   * Counts one upload more, which may need a check of its work item. Throws `too_many_open_uploads` or
   * `rate_limited`.
   */
  async function takeUpload(owner: string): Promise<void> {
    await checkOpen(owner, 1);
    await count(owner, { uploads: 1, calls: 1 });
  }

  /**
   * Admits a session if there is room for all its files; a file is counted when its upload begins. Throws as before,
   * and `invalid_request` for more files than there is ever room for.
   */
  async function takeSession(owner: string, files: number): Promise<void> {
    const most = Math.min(maxOpenUploads, uploadsPerMinute);
    if (files > most)
      throw invalidRequest([{ pointer: '/files', detail: `must name at most ${most} files` }]);
    await checkOpen(owner, files);
    await count(owner, { calls: 1, roomFor: files });
  }

  /** Counts one upload more of a session, for which IPD is not asked again. Throws as before. */
  async function takeUploadOfSession(owner: string): Promise<void> {
    await checkOpen(owner, 1);
    await count(owner, { uploads: 1 });
  }

  /** Counts a retry of an upload. Throws `rate_limited`. */
  async function takeRetry(owner: string): Promise<void> {
    await count(owner, { calls: 1 });
  }

  /** False when the pre-flight checks of this minute are used up: the rest of IPD's rate is for deliveries. */
  async function takePreflight(): Promise<boolean> {
    return counters.countInMinute('ipd', { calls: { add: 1, upTo: preflightsPerMinute } });
  }

  /** Counts a download of a linked file, which anyone may ask for who has its URL. Throws `rate_limited`. */
  async function takeDownload(uploadId: string): Promise<void> {
    const counted = await counters.countInMinute(`file-${uploadId}`, {
      downloads: { add: 1, upTo: DOWNLOADS_PER_MINUTE },
    });
    if (counted) return;
    throw new AppError('rate_limited', `a file is given out at most ${DOWNLOADS_PER_MINUTE} times a minute`, {
      retryAfterSeconds: secondsLeftOfMinute(),
    });
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
      uploads: { add: uploads, upTo: uploadsPerMinute - roomFor },
      calls: { add: calls, upTo: uploadsPerMinute },
    });
    if (counted) return;
    const asked = roomFor > 1 ? `, and you ask for ${roomFor} more` : '';
    throw new AppError(
      'rate_limited',
      `at most ${uploadsPerMinute} uploads, and as many calls that may lead to IPD, are taken within a minute${asked}`,
      { retryAfterSeconds: secondsLeftOfMinute() },
    );
  }

  function secondsLeftOfMinute(): number {
    return Math.ceil((MINUTE_MS - (clock.now() % MINUTE_MS)) / 1000);
  }

  return { takeUpload, takeSession, takeUploadOfSession, takeRetry, takePreflight, takeDownload };
}

/** The key of an item has a maximum length; the `sub` of a token need not have one. */
function hashOf(owner: string): string {
  return createHash('sha256').update(owner).digest('hex');
}
