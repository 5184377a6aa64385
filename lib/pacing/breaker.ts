/**
 * One circuit breaker for all functions, kept in the ledger: when IPD is out, or does not accept our credentials, all
 * deliveries wait without using up attempts, and one at a time tests whether IPD is back. Also keeps the rate at
 * which deliveries may start. Decides which deliveries may call IPD, and how many; never calls it.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import type { SharedState } from '../ledger/shared-state.ts';
import { nextRate } from '../domain/rate.ts';
import type { Contact } from './contact.ts';
import type { Tries } from '../domain/rate.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { HOUR_MS, MINUTE_MS } from '../domain/units.ts';

/** A delivery or a pre-flight check that is about to call IPD. Without `until` (the end of its lease) it is never the trial. */
export type Call = {
  owner?: string | undefined;
  issueId: string;
  until?: number;
  /** The sweep gave it a slot. While the rate is reduced, no call is allowed without one. */
  isRateLimited?: boolean;
};

/** `open` until a moment (milliseconds); `half_open`: one delivery, the trial, may test IPD. `rate`: absent unless reduced. */
export type BreakerView = { state: 'closed' | 'open' | 'half_open'; until?: number; rate?: number };

export type Permission =
  /** IPD must not be called before this moment, because of an outage, or since it refuses our credentials. */
  | { kind: 'refused'; until: number; reason: 'outage' | 'credentials' }
  /** The rate is reduced: the sweep gives the slots. */
  | { kind: 'rate_limited' }
  /** `report` says how the call went, exactly once, and returns the new view. */
  | { kind: 'granted'; report: (contact: Contact, tries?: Tries) => Promise<BreakerView> };

export type Breaker = ReturnType<typeof createBreaker>;

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
/** Five refused signatures lock an access key for five minutes: https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-0001.html */
const LOCK_OUT_MS = 310_000;
const MAX_CONFLICTS = 10;
/** A counter is read in the minute after its own. */
const COUNTER_KEPT_MS = HOUR_MS;

const STATE = 'breaker';
const outage = z.object({
  /** A hash: which users met it does not matter, only how many. */
  owner: z.string().optional(),
  issueId: z.string(),
  call: z.enum(['connection', 'list', 'upload']),
});
type Outage = z.infer<typeof outage>;

const stateItem = z.object({
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
type State = z.infer<typeof stateItem>;

const triesItem = z.object({ tries: z.int(), throttled: z.int() });
const NO_TRIES: Tries = { tries: 0, throttled: 0 };
const CLOSED: State = { version: 0, recentOutages: [], openings: 0 };

export function createBreaker({
  sharedState,
  clock,
  telemetry,
}: {
  sharedState: SharedState;
  clock: Clock;
  telemetry: Telemetry;
}) {
  async function read(): Promise<State> {
    const item = await sharedState.readState(STATE);
    return item === undefined ? CLOSED : stateItem.parse(item);
  }

  async function view(): Promise<BreakerView> {
    return viewOf(await read(), clock.now());
  }

  /** Whether this call may go to IPD now. A trial whose function dies keeps all other calls back until its lease ends. */
  async function request({ owner, issueId, until, isRateLimited = true }: Call): Promise<Permission> {
    const state = await read();
    const now = clock.now();
    let trialUntil: number | undefined;
    if (state.openUntil !== undefined) {
      // A lock-out lasts longer than any outage before it; a trial that fails after it opens the breaker for longer.
      const isLockedOut = state.openUntil <= (state.lockedUntil ?? 0);
      const refused = { kind: 'refused', reason: isLockedOut ? 'credentials' : 'outage' } as const;
      if (now < state.openUntil) return { ...refused, until: state.openUntil };
      // Most trials end long before their lease does.
      const afterTrial = (end: number): Permission => ({ ...refused, until: Math.min(end, now + MINUTE_MS) });
      if (now < (state.trialUntil ?? 0)) return afterTrial(state.trialUntil ?? 0);
      if (until === undefined) return { ...refused, until: now };
      trialUntil = until;
      if (!(await write(state, { ...state, trialUntil }))) return afterTrial(until);
    } else if (state.rate !== undefined && !isRateLimited) {
      return { kind: 'rate_limited' };
    }
    const isQuiet = state.recentOutages.length === 0 && state.openUntil === undefined;
    const report = async (contact: Contact, tries = NO_TRIES): Promise<BreakerView> => {
      const isCounted = tries.throttled > 0 || state.countingSince !== undefined;
      if (isCounted && tries.tries > 0) await count(tries);
      const beginsCounting = tries.throttled > 0 && state.countingSince === undefined;
      const isWell = contact === 'answered' || contact === 'listed' || contact === 'none';
      if (isQuiet && isWell && !beginsCounting) return { state: 'closed' };
      return record({ contact, trialUntil, beginsCounting, owner: owner && hashOf(owner), issueId });
    };
    return { kind: 'granted', report };
  }

  async function record(result: CallResult): Promise<BreakerView> {
    const { contact } = result;
    const { before, next } = await change((state) => after(state, result, clock.now()));
    if (contact === 'locked_out') telemetry.addMetrics({ AuthenticationFailures: 1 });
    const { openUntil } = next;
    if (openUntil !== before.openUntil) {
      const words = openUntil === undefined ? 'breaker closed' : 'breaker opened';
      telemetry.warn(words, { contact, openUntil, ...summaryOf(next.recentOutages) });
    }
    return viewOf(next, clock.now());
  }

  /**
   * The view for the sweep. Sets the rate by the counts of the minute before. A minute in which counting began is
   * left out, since the tries before its first throttle were not counted.
   */
  async function updateRate(full: number): Promise<BreakerView> {
    const state = await read();
    const minute = Math.floor(clock.now() / MINUTE_MS) - 1;
    const { countingSince, ratedMinute = 0 } = state;
    const isCounted = countingSince !== undefined && countingSince <= minute * MINUTE_MS;
    if (!isCounted || ratedMinute >= minute) return viewOf(state, clock.now());
    const tries = triesItem.parse((await sharedState.readState(counterOf(minute))) ?? NO_TRIES);
    const { next } = await change((before) => {
      const rate = nextRate({ rate: before.rate, full }, tries);
      const isOver = rate === undefined && tries.throttled === 0;
      const counting = isOver ? undefined : { countingSince: before.countingSince, ratedMinute: minute };
      return { ...before, countingSince: undefined, ratedMinute: undefined, ...counting, rate };
    });
    if (next.rate !== state.rate) {
      telemetry.warn('delivery rate changed', { ...tries, from: state.rate ?? full, to: next.rate ?? full });
    }
    return viewOf(next, clock.now());
  }

  async function count({ tries, throttled }: Tries): Promise<void> {
    const minute = Math.floor(clock.now() / MINUTE_MS);
    await sharedState.addToState(
      counterOf(minute),
      { tries, throttled },
      (minute + 1) * MINUTE_MS + COUNTER_KEPT_MS,
    );
  }

  /** Writes the next state. If other writers are faster each time, nothing is written: their state is as good. */
  async function change(transition: (state: State) => State): Promise<{ before: State; next: State }> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const before = await read();
      const next = transition(before);
      if (await write(before, next)) return { before, next };
    }
    const present = await read();
    return { before: present, next: present };
  }

  async function write(seen: State, next: State): Promise<boolean> {
    return sharedState.writeState(STATE, seen.version, next);
  }

  return { request, view, updateRate };
}

type CallResult = {
  contact: Contact;
  owner: string | undefined;
  issueId: string;
  /** The end of the trial that this call wrote, if it is the trial. */
  trialUntil: number | undefined;
  beginsCounting: boolean;
};

/** Pure: the state after one call to IPD. */
function after(before: State, result: CallResult, now: number): State {
  const { contact } = result;
  const countingSince = before.countingSince ?? (result.beginsCounting ? now : undefined);
  const state = { ...before, countingSince };
  // Only the trial itself ends the trial.
  const isTrial = result.trialUntil !== undefined && result.trialUntil === state.trialUntil;
  const ended = isTrial ? { ...state, trialUntil: undefined } : state;
  if (contact === 'none') return ended;
  const recentOutages = outagesAfter(state.recentOutages, result, isTrial);
  const noted = { ...ended, recentOutages };
  if (contact === 'locked_out') {
    const lockedUntil = now + LOCK_OUT_MS;
    return opened({ ...noted, lockedUntil }, lockedUntil);
  }
  // Only time ends a lock-out. A call that began before it cannot.
  if (now < (state.lockedUntil ?? 0)) return noted;
  const isOpen = state.openUntil !== undefined && now < state.openUntil;
  if (!isOutage(recentOutages)) {
    return { ...noted, openings: 0, openUntil: undefined, lockedUntil: undefined, trialUntil: undefined };
  }
  // Uploads fail and a list was answered: that proves nothing about uploads, so another delivery has to test.
  if (isOpen || contact === 'listed') return noted;
  return opened(noted, now + Math.min(OPEN_MS.first * 2 ** state.openings, OPEN_MS.longest));
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

function opened(state: State, until: number): State {
  return {
    ...state,
    openings: Math.min(state.openings + 1, 10),
    openUntil: Math.max(state.openUntil ?? 0, until),
    trialUntil: undefined,
  };
}

function viewOf({ openUntil, trialUntil, rate }: State, now: number): BreakerView {
  const reduced = rate === undefined ? {} : { rate };
  if (openUntil === undefined) return { state: 'closed', ...reduced };
  if (now < openUntil) return { state: 'open', until: openUntil, ...reduced };
  return { state: 'half_open', until: trialUntil ?? openUntil, ...reduced };
}

function summaryOf(recentOutages: Outage[]) {
  const owners = new Set(recentOutages.flatMap(({ owner }) => owner ?? []));
  return { outages: recentOutages.length, owners: owners.size, workItems: workItemsOf(recentOutages).size };
}

const counterOf = (minute: number): string => `tries#${minute}`;

function hashOf(owner: string): string {
  return createHash('sha256').update(owner).digest('hex').slice(0, 16);
}
