/**
 * When an upload is due again, as data and a little arithmetic: while it waits for its file, after a failure, in
 * doubt. Pure; all lengths in milliseconds.
 */
import type { Doubt, Policy, Upload } from './upload.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS } from './units.ts';

/** The waits between checks for a file that has not arrived, the first from its creation; the last one repeats. */
const STAGING_CHECKS = [1, 5, 15, 60].map((minutes) => minutes * MINUTE_MS);
/** The longest wait once a part has arrived: no event reports the last part, and the client may be dead. */
const PART_CHECK_MS = 5 * MINUTE_MS;
/** The upper ends of the retry delays; the last one repeats. */
const RETRY_DELAYS = [
  30 * SECOND_MS,
  2 * MINUTE_MS,
  10 * MINUTE_MS,
  30 * MINUTE_MS,
  HOUR_MS,
  2 * HOUR_MS,
  4 * HOUR_MS,
];
/**
 * The waits after a throttle, doubled each time; Huawei's advice for a throttled call is 2 to 5 s. Jitter doubles them at
 * most: uploads that were throttled together must not come back together, or they are throttled again.
 */
const THROTTLE_DELAY = { first: 2 * SECOND_MS, longest: 150 * SECOND_MS };
/** When the work item is read after a doubt: most copies show at once. The last time is after the commit window. */
const DOUBT_CHECKS = [15 * SECOND_MS, MINUTE_MS, 4 * MINUTE_MS];
/**
 * How long after a file's arrival its scan tag is read; the last length repeats. A scan takes seconds, or longer in a
 * queue.
 */
const SCAN_CHECKS = [30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS];
const BUSY_MS = { first: 15 * SECOND_MS, longest: 5 * MINUTE_MS };
/** By how much the clocks of two functions may differ. */
export const CLOCK_SKEW_MS = MINUTE_MS;
/** How long a queued delivery may take to begin before it is queued again. */
export const QUEUE_PATIENCE_MS = 15 * MINUTE_MS;
/** A function that was just killed may still have a write under way. */
export const LEASE_GRACE_MS = 5 * SECOND_MS;
/** After this time the sweep notifies and removes the staged file, if the function that ended the upload did not. */
export const CLOSING_PATIENCE_MS = 2 * MINUTE_MS;
/**
 * The longest life of a URL that a role signs, and time for a slow PUT to end. A file that comes later is removed on
 * its event, or by the bucket's rule.
 */
export const LATE_ARRIVAL_MS = 2 * HOUR_MS;

/** The wait until storage is asked again for a file that has not arrived. */
export function stagingCheckDelay(stagingChecks: number, { hasParts = false } = {}): number {
  const delay = nth(STAGING_CHECKS, stagingChecks);
  return hasParts ? Math.min(delay, PART_CHECK_MS) : delay;
}

/** How long to wait after so many failed attempts, with full jitter: `random` is in [0, 1). */
export function retryDelay(failedAttempts: number, random: number): number {
  return random * nth(RETRY_DELAYS, failedAttempts);
}

/** How long an upload waits after so many throttles in a row: 2 to 4 s, doubled up to 2.5 to 5 min. */
export function throttleDelay(throttles: number, random: number): number {
  const { first, longest } = THROTTLE_DELAY;
  const least = Math.min(first * 2 ** Math.min(throttles, 20), longest);
  return least * (1 + random);
}

type Stored = Pick<Upload, 'storedAt'> & { stagedAt: string };

/**
 * Until when a file may stay in storage, however often its upload fails and is retried. The bucket's own rule removes
 * it later: lib/runtime/retention.ts.
 */
export function fileUntil({ stagedAt, storedAt = stagedAt }: Stored, policy: Policy): number {
  return Date.parse(storedAt) + policy.retryWindowMs + 2 * policy.failedRetentionMs;
}

/**
 * When an upload that still waits is given up. This moment is fixed, so that a failed upload can keep its file for a
 * retry. A retried upload has the time that its file has left.
 */
export function giveUpAt(upload: Stored, policy: Policy): number {
  const isTriedAgain = upload.storedAt !== undefined && upload.storedAt !== upload.stagedAt;
  return fileUntil(upload, policy) - (isTriedAgain ? 0 : policy.failedRetentionMs);
}

/**
 * How long an upload of this age waits for a work item that another upload holds. Older ones wait longer: with many
 * uploads, most tries are in vain.
 */
export function busyDelay(ageMs: number, random: number): number {
  return Math.min(Math.max(ageMs / 4, BUSY_MS.first), BUSY_MS.longest) * (1 + random);
}

/** From this moment on, IPD does not have a copy that its list does not show. */
export function committedAt(doubt: Doubt, { commitWindowMs }: Policy): number {
  return Date.parse(doubt.since) + commitWindowMs + CLOCK_SKEW_MS;
}

/** When the next planned check of a doubt is due; soon, when all planned checks are over. */
export function nextDoubtCheck(doubt: Doubt, now: number, policy: Policy): number {
  const since = Date.parse(doubt.since);
  const plan = [...DOUBT_CHECKS.map((after) => since + after), committedAt(doubt, policy)];
  return plan.find((at) => at > now) ?? now + nth(DOUBT_CHECKS, 0);
}

/** How long a file of this age waits until its scan tag is read again. */
export function scanDelay(ageMs: number): number {
  const next = SCAN_CHECKS.find((after) => after > ageMs);
  return next === undefined ? nth(SCAN_CHECKS, SCAN_CHECKS.length) : next - ageMs;
}

export type Slots = ReturnType<typeof createSlots>;

/**
 * Slots for deliveries, spread evenly over a minute. `take` gives the first free slot at or after `earliestMs`, in
 * milliseconds from the start of the minute, or undefined when none is left; `hasFree` says whether there is one.
 */
export function createSlots(count: number) {
  const everyMs = MINUTE_MS / count;
  const taken = new Set<number>();
  let firstFree = 0;

  function firstFreeFrom(earliestMs: number): number {
    let slot = Math.max(firstFree, Math.ceil(earliestMs / everyMs));
    while (taken.has(slot)) slot += 1;
    return slot;
  }

  function hasFree(earliestMs: number): boolean {
    return firstFreeFrom(earliestMs) < count;
  }

  function take(earliestMs: number): number | undefined {
    const slot = firstFreeFrom(earliestMs);
    if (slot >= count) return undefined;
    taken.add(slot);
    while (taken.has(firstFree)) firstFree += 1;
    return slot * everyMs;
  }

  return { hasFree, take };
}

/**
 * True once in each hour that an upload is overdue, for a sweep that runs every minute: to read a whole backlog each
 * time would cost too much.
 */
export function isHourOver(overdueMs: number): boolean {
  return overdueMs >= HOUR_MS && overdueMs % HOUR_MS < MINUTE_MS;
}

function nth(list: readonly number[], index: number): number {
  return list[Math.min(index, list.length - 1)] ?? 0;
}
