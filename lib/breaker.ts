/**
 * One circuit breaker for all functions, kept in the ledger: when IPD is out, or does not accept our
 * credentials, everybody waits without using up attempts, and one delivery at a time tries whether it is back.
 * Decides who may speak to IPD; never speaks to it.
 */
import * as z from 'zod';
import type { Clock } from './clock.ts';
import type { Ledger } from './ledger.ts';
import type { Telemetry } from './telemetry.ts';

/** How a visit to IPD went, as far as the breaker cares. */
export type Contact = 'answered' | 'outage' | 'locked_out' | 'none';

/** `open` until a moment (milliseconds); `half_open`: one delivery is let through to try. */
export type BreakerView = { state: 'closed' | 'open' | 'half_open'; until?: number };

export type Breaker = ReturnType<typeof createBreaker>;

/** So many outages in a row, over all functions, are no accident. */
const OUTAGES_TO_OPEN = 5;
/** It stays open for this long, twice as long each time, up to the longest. */
const OPEN_MS = { first: 30_000, longest: 300_000 };
/** Five refused signatures lock an access key for five minutes: https://support.huaweicloud.com/intl/en-us/devg-apisign/api-sign-0001.html */
const LOCK_OUT_MS = 310_000;
/** How long the one that tries keeps the others out. */
const PROBE_MS = 60_000;
const MAX_CONFLICTS = 10;

const STATE = 'breaker';
const stateItem = z.object({
  version: z.int(),
  outages: z.int(),
  /** How often it was opened without an answer in between. */
  openings: z.int(),
  openUntil: z.int().optional(),
  probeUntil: z.int().optional(),
});
type State = z.infer<typeof stateItem>;

const CLOSED: State = { version: 0, outages: 0, openings: 0 };

export function createBreaker({
  ledger,
  clock,
  telemetry,
}: {
  ledger: Ledger;
  clock: Clock;
  telemetry: Telemetry;
}) {
  async function read(): Promise<State> {
    const item = await ledger.readState(STATE);
    return item === undefined ? CLOSED : stateItem.parse(item);
  }

  /** What it is now, for whoever wants to know. */
  async function view(): Promise<BreakerView> {
    const { openUntil, probeUntil } = await read();
    if (openUntil === undefined) return { state: 'closed' };
    if (clock.now() < openUntil) return { state: 'open', until: openUntil };
    return { state: 'half_open', until: probeUntil ?? openUntil };
  }

  /**
   * May this delivery speak to IPD? `waitUntil` says when to ask again. After the way is free, `leave` reports
   * how it went, exactly once; whoever dies before that only costs the others the time of a probe.
   */
  async function enter(): Promise<{ waitUntil: number } | { leave: (contact: Contact) => Promise<void> }> {
    const state = await read();
    const now = clock.now();
    if (state.openUntil !== undefined) {
      const busyUntil = Math.max(state.openUntil, state.probeUntil ?? 0);
      if (now < busyUntil) return { waitUntil: busyUntil };
      const probing = await write(state, { ...state, probeUntil: now + PROBE_MS });
      if (!probing) return { waitUntil: now + PROBE_MS };
    }
    const isQuiet = state.outages === 0 && state.openUntil === undefined;
    return {
      leave: async (contact) => {
        if (!isQuiet || contact === 'outage' || contact === 'locked_out') await record(contact);
      },
    };
  }

  async function record(contact: Contact): Promise<void> {
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const state = await read();
      const next = after(state, contact, clock.now());
      if (!(await write(state, next))) continue;
      if (contact === 'locked_out') telemetry.measure({ AuthenticationFailures: 1 });
      if (next.openUntil !== state.openUntil) {
        const isOpen = next.openUntil !== undefined;
        telemetry.warn(isOpen ? 'breaker opened' : 'breaker closed', { contact, openUntil: next.openUntil });
      }
      return;
    }
  }

  async function write(seen: State, next: State): Promise<boolean> {
    return ledger.writeState(STATE, seen.version, next);
  }

  return { enter, view };
}

/** Pure: the state after one visit to IPD. */
function after(state: State, contact: Contact, now: number): State {
  const { version } = state;
  switch (contact) {
    case 'answered':
      return { ...CLOSED, version };
    case 'none':
      return { ...state, probeUntil: undefined };
    case 'locked_out':
      return opened({ ...state, outages: state.outages + 1 }, now + LOCK_OUT_MS);
    case 'outage': {
      const counted = { ...state, outages: state.outages + 1 };
      const isOpen = state.openUntil !== undefined && now < state.openUntil;
      if (isOpen || (state.openUntil === undefined && counted.outages < OUTAGES_TO_OPEN)) return counted;
      return opened(counted, now + Math.min(OPEN_MS.first * 2 ** state.openings, OPEN_MS.longest));
    }
  }
}

function opened({ version, outages, openings, openUntil }: State, until: number): State {
  return {
    version,
    outages,
    openings: Math.min(openings + 1, 10),
    openUntil: Math.max(openUntil ?? 0, until),
  };
}
