/**
 * What can go wrong on our side of the wire, how likely it is in one schedule, and how often it really happened.
 * The faults of IPD are in `ipd-faults.ts`. This module decides whether a fault happens; the caller makes it happen.
 */
import type { Random } from './random.ts';
import { doubtfulKinds, ipdFaultKinds, passingKinds } from './ipd-faults.ts';
import type { IpdFaultKind } from './ipd-faults.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';

/** The highest probability of each, at one opportunity. */
const highest = {
  /** A function dies at a call: before or after it, or while it is on its way. */
  death: 0.03,
  deathInFlight: 0.03,
  /** A function stands still, perhaps past its lease; or the platform fails to kill it in time. */
  pause: 0.03,
  overstay: 0.5,
  clockJump: 0.02,

  ledgerThrottled: 0.05,
  ledgerAnswerLost: 0.1,
  ledgerTimeout: 0.05,
  indexStale: 0.3,

  storageError: 0.15,
  storageAnswerLost: 0.1,
  storageReset: 0.3,
  storageStall: 0.1,
  storageShort: 0.2,

  eventLost: 0.5,
  eventDuplicated: 0.5,
  eventDelayed: 0.4,
  queueError: 0.1,
  queueAnswerLost: 0.2,
  messageDuplicated: 0.3,
  messageReordered: 0.5,
  sweepSkipped: 0.3,

  notificationError: 0.4,
  notificationAnswerLost: 0.3,

  ipdUnreachable: 0.3,
} as const;

type OwnFaultKind = keyof typeof highest;

/** What users do that a well-behaved client does not. */
const userKinds = [
  'fileLate',
  'fileTwice',
  'noFile',
  'equalSize',
  'equalBytes',
  'cancel',
  'retry',
  /** By parts: one is put again, some are never put, the rest is put later, S3's upload is gone. */
  'partTwice',
  'partsMissing',
  'partsResumed',
  'partsDropped',
  /** The client does not complete the upload, or completes it twice. */
  'notCompleted',
  'completedTwice',
  /** A page with Uppy: the file's size is unknown in advance, and the file may be too long. */
  'sizeUnknown',
  'fileTooLong',
  /** More uploads than a user may begin in a minute. */
  'rateLimited',
  /** A file that comes by IPD's own route; an operator who has it tried again. */
  'ownRoute',
  'redrive',
] as const;

export type FaultKind = OwnFaultKind | IpdFaultKind | (typeof userKinds)[number];

const ownKinds = Object.keys(highest).filter((kind): kind is OwnFaultKind => kind in highest);
export const faultKinds: readonly FaultKind[] = [...ownKinds, ...ipdFaultKinds, ...userKinds];
export type Profile = {
  rates: ReadonlyMap<FaultKind, number>;
  /** The probability of a fault at a request to IPD, and the possible faults. */
  ipdRate: number;
  ipdKinds: readonly IpdFaultKind[];
  /** The probability that IPD refuses a request for good. */
  lastingRate: number;
  /** From some moment on, the list of a work item shows a hundred attachments of others. */
  isListFull: boolean;
  /** Faults stop after this time. */
  durationMs: number;
};

/** Draws a profile, from no faults at all to all of them. */
export function drawProfile(random: Random): Profile {
  const temper = random.pick(['quiet', 'single', 'frozen', 'doubtful', 'mixed', 'hell']);
  const share = { quiet: 0, single: 0, frozen: 0.1, doubtful: 0.2, mixed: 0.3, hell: 0.8 }[temper];
  const draw = (kind: OwnFaultKind): [FaultKind, number] => [kind, highest[kind] * random.random()];
  const chosen = ownKinds.filter(() => random.chance(share)).map(draw);
  const isSingle = temper === 'single';
  const isIpdAlone = isSingle && random.chance(0.6);
  const alone: OwnFaultKind = random.pick(ownKinds);
  if (isSingle && !isIpdAlone) chosen.push([alone, highest[alone]]);
  if (temper === 'frozen') chosen.push(['pause', highest.pause]);
  // A container that stands still past its timeout may survive it.
  chosen.push(['overstay', highest.overstay]);
  return {
    rates: new Map(chosen),
    ipdRate: random.random() * 0.6,
    ipdKinds: drawIpdKinds(),
    lastingRate: random.chance(0.2) ? random.random() * 0.4 : 0,
    isListFull: random.chance(0.06),
    durationMs: random.pick([10, 30, 90, 240, 400]) * MINUTE_MS,
  };

  function drawIpdKinds(): readonly IpdFaultKind[] {
    if (temper === 'doubtful') return doubtfulKinds;
    return isIpdAlone ? [random.pick(passingKinds)] : passingKinds.filter(() => random.chance(share));
  }
}

export type Faults = ReturnType<typeof createFaults>;

/**
 * Decides at random for each opportunity until it is stopped. `without` leaves out a whole kind (`death`) or one
 * occurrence of it (`death#2`), to find out which ones a failure needs.
 */
export function createFaults(options: {
  profile: Profile;
  without: ReadonlySet<string>;
  note: (kind: FaultKind) => void;
}) {
  const { profile, without, note } = options;
  const drawn = new Map<FaultKind, number>();
  const counts = new Map<FaultKind, number>();
  let isStopped = false;

  /** False for an occurrence that is left out. */
  function allows(kind: FaultKind): boolean {
    const occurrence = (drawn.get(kind) ?? 0) + 1;
    drawn.set(kind, occurrence);
    return !without.has(kind) && !without.has(`${kind}#${occurrence}`);
  }

  function count(kind: FaultKind): void {
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    note(kind);
  }

  /** True when the fault must happen; it is then counted. */
  function happens(kind: FaultKind): boolean {
    const isAllowed = allows(kind);
    if (isAllowed) count(kind);
    return isAllowed;
  }

  return {
    profile,
    counts,
    drawn,
    allows,
    count,
    happens,
    strikes: (kind: OwnFaultKind, random: Random) =>
      !isStopped && random.chance(profile.rates.get(kind) ?? 0) && happens(kind),
    isStopped: () => isStopped,
    stop: () => {
      isStopped = true;
    },
  };
}
