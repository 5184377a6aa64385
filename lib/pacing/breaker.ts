/**
 * One circuit breaker for all functions, kept in the ledger: when IPD is out, or does not accept our credentials, all
 * deliveries wait without using up attempts, and one at a time tests whether IPD is back. Also keeps the rate at
 * which deliveries may start, and counts their tries. lib/domain/breaker.ts decides; this file reads and writes, and
 * never calls IPD.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Clock } from '../runtime/clock.ts';
import type { SharedState } from '../ledger/shared-state.ts';
import * as breaker from '../domain/breaker.ts';
import type { BreakerState, BreakerView, CallResult, Contact, Refusal } from '../domain/breaker.ts';
import type { Tries } from '../domain/rate.ts';
import type { Telemetry } from '../runtime/telemetry.ts';
import { HOUR_MS, MINUTE_MS } from '../domain/units.ts';

/** A delivery or a pre-flight check that is about to call IPD. Without `until` (the end of its lease) it is never the trial. */
export type Call = {
  owner?: string;
  issueId: string;
  until?: number;
  /** The sweep gave it a slot. While the rate is reduced, no call is allowed without one. */
  isRateLimited?: boolean;
};

export type Permission =
  | Refusal
  /** `report` says how the call went, exactly once, and returns the new view. */
  | { kind: 'granted'; report: (contact: Contact, tries?: Tries) => Promise<BreakerView> };

export type Breaker = ReturnType<typeof createBreaker>;

const MAX_CONFLICTS = 10;
/** A counter is read in the minute after its own. */
const COUNTER_KEPT_MS = HOUR_MS;

const STATE = 'breaker';
const NO_TRIES: Tries = { tries: 0, throttled: 0 };
const triesItem = z.object({ tries: z.int(), throttled: z.int() });

export function createBreaker({
  sharedState,
  clock,
  telemetry,
}: {
  sharedState: SharedState;
  clock: Clock;
  telemetry: Telemetry;
}) {
  async function read(): Promise<BreakerState> {
    const item = await sharedState.readState(STATE);
    return item === undefined ? breaker.CLOSED : breaker.breakerSchema.parse(item);
  }

  async function view(): Promise<BreakerView> {
    return breaker.viewOf(await read(), clock.now());
  }

  /** Whether this call may go to IPD now. A trial whose function dies keeps all other calls back until its lease ends. */
  async function request({ owner, issueId, until, isRateLimited = true }: Call): Promise<Permission> {
    const state = await read();
    const now = clock.now();
    const decision = breaker.decide(state, { until, isRateLimited, now });
    if (decision.kind !== 'granted') return decision;
    const { trialUntil } = decision;
    if (trialUntil !== undefined && !(await write(state, { ...state, trialUntil }))) {
      return breaker.refusedByTrial(state, { trialUntil, now });
    }
    const report = async (contact: Contact, tries = NO_TRIES): Promise<BreakerView> => {
      const isCounting = state.countingSince !== undefined;
      if (isCounting || tries.throttled > 0) await count(tries);
      const beginsCounting = tries.throttled > 0 && !isCounting;
      if (breaker.isNoNews(state, { contact, beginsCounting })) return { state: 'closed' };
      return record({ contact, trialUntil, beginsCounting, owner: owner && hashOf(owner), issueId });
    };
    return { kind: 'granted', report };
  }

  async function record(result: CallResult): Promise<BreakerView> {
    const { contact } = result;
    const { before, next } = await change((state) => breaker.afterCall(state, result, clock.now()));
    if (contact === 'locked_out') telemetry.addMetrics({ AuthenticationFailures: 1 });
    const { openUntil } = next;
    if (openUntil !== before.openUntil) {
      const words = openUntil === undefined ? 'breaker closed' : 'breaker opened';
      telemetry.warn(words, { contact, openUntil, ...breaker.summaryOf(next) });
    }
    return breaker.viewOf(next, clock.now());
  }

  /** The view for the sweep. Sets the rate by the counts of the minute before. */
  async function updateRate(full: number): Promise<BreakerView> {
    const state = await read();
    const minute = minuteOf(clock.now()) - 1;
    if (!breaker.isRateDue(state, minute)) return breaker.viewOf(state, clock.now());
    const tries = triesItem.parse((await sharedState.readState(counterOf(minute))) ?? NO_TRIES);
    const { next } = await change((before) => breaker.afterMinute(before, { minute, full, tries }));
    if (next.rate !== state.rate) {
      telemetry.warn('delivery rate changed', { ...tries, from: state.rate ?? full, to: next.rate ?? full });
    }
    return breaker.viewOf(next, clock.now());
  }

  async function count(tries: Tries): Promise<void> {
    if (tries.tries === 0) return;
    const minute = minuteOf(clock.now());
    await sharedState.addToState(counterOf(minute), tries, (minute + 1) * MINUTE_MS + COUNTER_KEPT_MS);
  }

  /** Writes the next state. If other writers are faster each time, nothing is written: their state is as good. */
  async function change(
    transition: (state: BreakerState) => BreakerState,
  ): Promise<{ before: BreakerState; next: BreakerState }> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const before = await read();
      const next = transition(before);
      if (await write(before, next)) return { before, next };
    }
    const present = await read();
    return { before: present, next: present };
  }

  async function write(seen: BreakerState, next: BreakerState): Promise<boolean> {
    return sharedState.writeState(STATE, seen.version, next);
  }

  return { request, view, updateRate };
}

const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS);
const counterOf = (minute: number): string => `tries#${minute}`;

function hashOf(owner: string): string {
  return createHash('sha256').update(owner).digest('hex').slice(0, 16);
}
