/**
 * The states of the circuit breaker, and of the rate that is kept beside it: which call may go to IPD, and what
 * follows from how it went. Pure: time is an argument; lib/pacing/breaker.ts keeps the state for all functions.
 */
import * as z from 'zod';
import { nextRate } from './rate.ts';
import type { Tries } from './rate.ts';
import { MINUTE_MS } from './units.ts';

/**
 * How a call to IPD went. A list contains nothing of a user's but the number of a work item, so its failure says
 * more.
 */
export type Contact =
  /** IPD took or refused an upload: it works. */
  | 'answered'
  /** IPD answered the list, and no upload followed. */
  | 'listed'
  /** The list failed, at IPD or on the way to it. */
  | 'list_failed'
  | 'unreachable'
  /** The list was answered, the upload was not: the cause may be IPD, or the file. */
  | 'upload_failed'
  | 'locked_out'
  /** IPD was not asked. */
  | 'none';

const outage = z.object({
  /** A hash: which users met it does not matter, only how many. */
  owner: z.string().optional(),
  issueId: z.string(),
  call: z.enum(['connection', 'list', 'upload']),
});
type Outage = z.infer<typeof outage>;

/** Times in milliseconds. */
export const breakerSchema = z.object({
  version: z.int(),
  /** What has failed since IPD answered the same call. */
  recentOutages: z.array(outage).default([]),
  /** How often it was opened without an answer in between. */
  openings: z.int(),
  openUntil: z.int().optional(),
  /** Our credentials were refused: until then no answer closes it. */
  lockedUntil: z.int().optional(),
  /** The trial delivery ends by then. */
  trialUntil: z.int().optional(),
  /** Deliveries a minute, while they are fewer than the setting says. */
  rate: z.int().optional(),
  /**
   * Since when deliveries count their tries: since a throttle. Without throttles, no delivery spends a write on that.
   */
  countingSince: z.int().optional(),
  /** The last minute since the epoch whose counts are in the rate. */
  ratedMinute: z.int().optional(),
});
export type BreakerState = z.infer<typeof breakerSchema>;

/** `open` until a moment (milliseconds); `half_open`: one delivery, the trial, may test IPD. `rate`: absent unless reduced. */
export type BreakerView = { rate?: number | undefined } & (
  { state: 'closed' } | { state: 'open' | 'half_open'; until: number }
);

export type Refusal =
  /** IPD must not be called before this moment, because of an outage, or since it refuses our credentials. */
  | { kind: 'refused'; until: number; reason: 'outage' | 'credentials' }
  /** The rate is reduced: the sweep gives the slots. */
  | { kind: 'rate_limited' };

/** `trialUntil`: the call is the trial if this can be written as its end. */
export type Decision = Refusal | { kind: 'granted'; trialUntil?: number };

/** How a call went. `owner`: a hash. */
export type CallResult = {
  contact: Contact;
  owner: string | undefined;
  issueId: string;
  /** The end of the trial that this call wrote, if it is the trial. */
  trialUntil: number | undefined;
  /** It was throttled, and no tries have been counted until now. */
  beginsCounting: boolean;
};

/** After so many outages in a row, over all functions, the breaker opens. */
const OUTAGES_TO_OPEN = 5;
/**
 * So many of one owner count at most. Other owners must meet two, since one failure beside the files of an owner that
 * always fail is a chance, not an outage.
 */
const OUTAGES_OF_ONE_OWNER = 3;
/** How many of the last ones are kept: more than the owners of an outage need, whichever of them meets the most. */
const OUTAGES_KEPT = 20;
/** It stays open for this long, twice as long each time, up to the longest. */
const OPEN_MS = { first: 30_000, longest: 300_000 };
/** Further openings make it no longer. */
const OPENINGS_COUNTED = 10;
/** Five refused signatures lock an access key for five minutes: https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-0001.html */
const LOCK_OUT_MS = 310_000;

export const CLOSED: BreakerState = { version: 0, recentOutages: [], openings: 0 };

/** Whether a call may go to IPD. `until` is the end of its lease: without one it is never the trial. */
export function decide(
  state: BreakerState,
  { until, isRateLimited, now }: { until: number | undefined; isRateLimited: boolean; now: number },
): Decision {
  const { openUntil, trialUntil = 0 } = state;
  if (openUntil === undefined) {
    return state.rate !== undefined && !isRateLimited ? { kind: 'rate_limited' } : { kind: 'granted' };
  }
  if (now < openUntil) return refusedUntil(state, openUntil);
  if (now < trialUntil) return refusedByTrial(state, { trialUntil, now });
  return until === undefined ? refusedUntil(state, now) : { kind: 'granted', trialUntil: until };
}

/** Another call is the trial. Most trials end long before their lease does. */
export function refusedByTrial(
  state: BreakerState,
  { trialUntil, now }: { trialUntil: number; now: number },
): Refusal {
  return refusedUntil(state, Math.min(trialUntil, now + MINUTE_MS));
}

/** A lock-out lasts longer than any outage before it; a trial that fails after it opens the breaker for longer. */
function refusedUntil({ openUntil = 0, lockedUntil = 0 }: BreakerState, until: number): Refusal {
  return { kind: 'refused', until, reason: openUntil <= lockedUntil ? 'credentials' : 'outage' };
}

/** True where a call that went like this leaves the state as it is. */
export function isNoNews(
  state: BreakerState,
  { contact, beginsCounting }: Pick<CallResult, 'contact' | 'beginsCounting'>,
): boolean {
  const isQuiet = state.recentOutages.length === 0 && state.openUntil === undefined;
  return isQuiet && isWell(contact) && !beginsCounting;
}

/** True where IPD answered, or was not asked. */
export function isWell(contact: Contact): boolean {
  return contact === 'answered' || contact === 'listed' || contact === 'none';
}

/** The state after a call to IPD. */
export function afterCall(before: BreakerState, result: CallResult, now: number): BreakerState {
  const { contact } = result;
  const countingSince = before.countingSince ?? (result.beginsCounting ? now : undefined);
  // Only the trial itself ends the trial.
  const isTrial = result.trialUntil !== undefined && result.trialUntil === before.trialUntil;
  const ended = { ...before, countingSince, trialUntil: isTrial ? undefined : before.trialUntil };
  if (contact === 'none') return ended;
  const recentOutages = outagesAfter(before.recentOutages, result, isTrial);
  const noted = { ...ended, recentOutages };
  if (contact === 'locked_out') {
    const lockedUntil = now + LOCK_OUT_MS;
    return opened({ ...noted, lockedUntil }, lockedUntil);
  }
  const { openUntil = 0, lockedUntil = 0 } = before;
  // Only time ends a lock-out. A call that began before it cannot.
  if (now < lockedUntil) return noted;
  if (!isOutage(recentOutages)) {
    return { ...noted, openings: 0, openUntil: undefined, lockedUntil: undefined, trialUntil: undefined };
  }
  // Uploads fail and a list was answered: that proves nothing about uploads, so another delivery has to test.
  if (now < openUntil || contact === 'listed') return noted;
  return opened(noted, now + Math.min(OPEN_MS.first * 2 ** before.openings, OPEN_MS.longest));
}

/** The outages after this call: an answer removes the outages of the same call. */
function outagesAfter(
  recentOutages: Outage[],
  { contact, owner, issueId }: CallResult,
  isTrial: boolean,
): Outage[] {
  const ofUploads = recentOutages.filter(({ call }) => call === 'upload');
  const add = (before: Outage[], call: Outage['call']): Outage[] =>
    kept([...before, { owner, issueId, call }]);
  switch (contact) {
    case 'answered':
      return [];
    case 'listed':
      return ofUploads;
    case 'unreachable':
      return add(recentOutages, 'connection');
    case 'list_failed':
      return add(recentOutages, 'list');
    case 'upload_failed':
      // The list of this upload may have been answered long ago, so it does not count; a trial's list was answered
      // just now.
      return add(isTrial ? ofUploads : recentOutages, 'upload');
    case 'locked_out':
    case 'none':
      return recentOutages;
  }
}

/** When there are too many, the owner who has the most loses the oldest, so no owner pushes out those of another. */
function kept(outages: Outage[]): Outage[] {
  if (outages.length <= OUTAGES_KEPT) return outages;
  const [most = []] = ofEachOwner(outages).toSorted((one, other) => other.length - one.length);
  return outages.filter((one) => one !== most[0]);
}

function ofEachOwner(outages: Outage[]): Outage[][] {
  return [...Map.groupBy(outages, ({ owner }) => owner).values()];
}

/**
 * One user's files can make uploads fail, and one work item can make its list fail. So IPD counts as out only when
 * different owners meet failures at different work items; or when the lists of different work items fail, which
 * contain nothing of a user; or when there is no connection. A pre-flight has no owner: it counts in the last two.
 */
function isOutage(recentOutages: Outage[]): boolean {
  const isEnough = (some: Outage[]): boolean => some.length >= OUTAGES_TO_OPEN;
  const owned = recentOutages.filter(({ owner }) => owner !== undefined);
  const ofOwners = ofEachOwner(owned).flatMap((outages) => outages.slice(-OUTAGES_OF_ONE_OWNER));
  const lists = recentOutages.filter(({ call }) => call !== 'upload');
  return (
    (isEnough(ofOwners) && workItemsOf(owned).size > 1) ||
    (isEnough(lists) && workItemsOf(lists).size > 1) ||
    isEnough(recentOutages.filter(({ call }) => call === 'connection'))
  );
}

function workItemsOf(recentOutages: Outage[]): Set<string> {
  return new Set(recentOutages.map(({ issueId }) => issueId));
}

function opened(state: BreakerState, until: number): BreakerState {
  return {
    ...state,
    openings: Math.min(state.openings + 1, OPENINGS_COUNTED),
    openUntil: Math.max(state.openUntil ?? 0, until),
    trialUntil: undefined,
  };
}

/**
 * The state with a rate that follows from the counts of a minute since the epoch. The counting ends with the first
 * minute without a throttle at the full rate.
 */
export function afterMinute(
  before: BreakerState,
  { minute, full, tries }: { minute: number; full: number; tries: Tries },
): BreakerState {
  const rate = nextRate({ rate: before.rate, full }, tries);
  const isOver = rate === undefined && tries.throttled === 0;
  if (isOver) return { ...before, rate, countingSince: undefined, ratedMinute: undefined };
  return { ...before, rate, ratedMinute: minute };
}

/** True where all tries of this minute were counted, and the rate has not been set by them. */
export function isRateDue(
  { countingSince = Infinity, ratedMinute = 0 }: BreakerState,
  minute: number,
): boolean {
  // The tries before its first throttle were not counted.
  return countingSince <= minute * MINUTE_MS && ratedMinute < minute;
}

export function viewOf({ openUntil, trialUntil, rate }: BreakerState, now: number): BreakerView {
  if (openUntil === undefined) return { state: 'closed', rate };
  if (now < openUntil) return { state: 'open', until: openUntil, rate };
  return { state: 'half_open', until: trialUntil ?? openUntil, rate };
}

/** For people: how many outages there were, of how many owners, at how many work items. */
export function summaryOf({ recentOutages }: BreakerState) {
  const owners = new Set(recentOutages.flatMap(({ owner }) => owner ?? []));
  return { outages: recentOutages.length, owners: owners.size, workItems: workItemsOf(recentOutages).size };
}
