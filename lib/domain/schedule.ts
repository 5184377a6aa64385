/**
 * When an upload is looked at again, as data and a little arithmetic: waiting for the file, retrying, looking
 * for a lost one. Pure; all lengths in milliseconds.
 */
import type { Doubt, Policy, Upload } from './upload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The waits between looks for a file that has not arrived, the first from its creation; the last one repeats. */
const LOOKS = [1, 5, 15, 60].map((minutes) => minutes * MINUTE);
/** The longest wait once a part has arrived: no event tells that the last one has, and its app may be dead. */
const PART_LOOK_MS = 5 * MINUTE;
/** The upper ends of the retry delays; the last one repeats. */
const RETRY_DELAYS = [30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR];
/** The waits after a throttle, without their jitter: doubled each time. Huawei's advice for a throttled call is 2 to 5 s. */
const THROTTLE_DELAY = { first: 2 * SECOND, longest: 4 * MINUTE, spread: 1.25 };
/** When the work item is read after a doubt: most copies show at once. The last time is after the commit window. */
const DOUBT_LOOKS = [15 * SECOND, MINUTE, 4 * MINUTE];
/** When a file that waits for its scan is looked at after it has come; the last one repeats. Scans take seconds, or a queue. */
const SCAN_LOOKS = [30 * SECOND, 2 * MINUTE, 10 * MINUTE];
const BUSY_MS = { first: 15 * SECOND, longest: 5 * MINUTE };
/** By how much the clocks of two functions may differ. */
export const CLOCK_SKEW_MS = MINUTE;
/** How long a queued delivery may take to begin before it is queued again. */
export const QUEUE_PATIENCE_MS = 15 * MINUTE;
/** A function that was just killed may still have a write under way. */
export const LEASE_GRACE_MS = 5 * SECOND;
/** How soon the sweep helps when the one who had to give notice and remove the staged file did not. */
export const CLOSING_PATIENCE_MS = 2 * MINUTE;
/** The longest life of a URL that a role signs, and time for a slow PUT to end. What comes later is removed by its event, or by the bucket's rule. */
export const LATE_ARRIVAL_MS = 2 * HOUR;

/** How long after the last look for a file that has not arrived the next one comes. */
export function lookDelay(looks: number, { hasParts = false } = {}): number {
  const delay = nth(LOOKS, looks);
  return hasParts ? Math.min(delay, PART_LOOK_MS) : delay;
}

/** How long to wait after so many failed attempts, with full jitter: `random` is in [0, 1). */
export function retryDelay(failedAttempts: number, random: number): number {
  return random * nth(RETRY_DELAYS, failedAttempts);
}

/** How long an upload waits after so many throttles in a row: 2 s or a little more, doubled up to 4 to 5 min. */
export function throttleDelay(throttles: number, random: number): number {
  const { first, longest, spread } = THROTTLE_DELAY;
  const least = Math.min(first * 2 ** Math.min(throttles, 20), longest);
  return least * (1 + random * (spread - 1));
}

type Stored = Pick<Upload, 'storedAt'> & { stagedAt: string };

/** Until when a file may stay in storage, however often its upload fails and is tried again. The bucket's own rule comes later: expiry.ts. */
export function fileUntil({ stagedAt, storedAt = stagedAt }: Stored, policy: Policy): number {
  return Date.parse(storedAt) + policy.retryWindowMs + 2 * policy.failedRetentionMs;
}

/**
 * When an upload ends whatever it waits for. It never moves, so that a failed upload can keep its file for a retry; one
 * that was tried again has the time that is left of its file.
 */
export function giveUpAt(upload: Stored, policy: Policy): number {
  const isTriedAgain = upload.storedAt !== undefined && upload.storedAt !== upload.stagedAt;
  return fileUntil(upload, policy) - (isTriedAgain ? 0 : policy.failedRetentionMs);
}

/** How long an upload of this age waits for a work item that another one holds: with many of them, most looks are in vain. */
export function busyDelay(ageMs: number, random: number): number {
  return Math.min(Math.max(ageMs / 4, BUSY_MS.first), BUSY_MS.longest) * (1 + random);
}

/** From when on a copy that IPD does not show is one that it does not have. */
export function committedAt(doubt: Doubt, { commitWindowMs }: Policy): number {
  return Date.parse(doubt.since) + commitWindowMs + CLOCK_SKEW_MS;
}

/** The first look after a doubt that is still to come; when the plan is over, soon. */
export function nextDoubtLook(doubt: Doubt, now: number, policy: Policy): number {
  const since = Date.parse(doubt.since);
  const plan = [...DOUBT_LOOKS.map((after) => since + after), committedAt(doubt, policy)];
  return plan.find((at) => at > now) ?? now + nth(DOUBT_LOOKS, 0);
}

/** How long a file that came so long ago waits for the next look at its scan. */
export function scanDelay(ageMs: number): number {
  const next = SCAN_LOOKS.find((after) => after > ageMs);
  return next === undefined ? nth(SCAN_LOOKS, SCAN_LOOKS.length) : next - ageMs;
}

/**
 * Turns for deliveries, evenly over a minute: `take` gives the first free one from `earliestMs` into the minute on, in
 * milliseconds, or undefined when none is left.
 */
export function createTurns(count: number) {
  const everyMs = MINUTE / count;
  const taken = new Set<number>();
  let firstFree = 0;

  function take(earliestMs: number): number | undefined {
    let turn = Math.max(firstFree, Math.ceil(earliestMs / everyMs));
    while (taken.has(turn)) turn += 1;
    if (turn >= count) return undefined;
    taken.add(turn);
    while (taken.has(firstFree)) firstFree += 1;
    return turn * everyMs;
  }

  return { take };
}

function nth(list: readonly number[], index: number): number {
  return list[Math.min(index, list.length - 1)] ?? 0;
}
