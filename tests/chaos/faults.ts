/**
 * What can go wrong on our side of the wire, with its details, and how often it really happened. The faults of IPD are
 * in `ipd-faults.ts`. A fault is chosen at random, or by a tape that tries one after another (`tape.ts`); this module
 * decides whether it happens, and the caller makes it happen.
 */
import type { Random } from './random.ts';
import {
  doubtfulKinds,
  drawFault,
  everyFault,
  fits,
  ipdFaultKinds,
  isAlone,
  passingKinds,
  refusals,
} from './ipd-faults.ts';
import type { IpdFault, IpdFaultKind, IpdRequest } from './ipd-faults.ts';
import type { Tape } from './tape.ts';
import { MINUTE_MS, SECOND_MS } from '../../lib/domain/units.ts';

type Kind<Details> = {
  /** The highest probability at one opportunity. */
  highest: number;
  draw: (random: Random) => Details;
  /** The details that a tape tries. */
  all: readonly Details[];
};

const plain = (highest: number): Kind<object> => ({ highest, draw: () => ({}), all: [{}] });

/** By how much a clock may be wrong in the end, either way. */
const MAX_SKEW_MS = 30 * SECOND_MS;
/** A request that was under way when its sender died arrives within this time. */
const IN_FLIGHT_MS = 4 * SECOND_MS;
const PAUSES_MS = [10, 45, 120, 310, 1200, 2000, 7200].map((seconds) => seconds * SECOND_MS);
/** After this time the SDK repeats a request whose answer was lost. */
const REPEATED_AFTER_MS = [100, 1000, 5000] as const;

type Pause = { ms: number };
type Break = { afterBytes: number };

const pauses = (highest: number): Kind<Pause> => ({
  highest,
  draw: (random) => ({ ms: random.pick(PAUSES_MS) * (0.5 + random.random()) }),
  // Others go on a step; a whole run; or the pause outlasts the connection, almost the function, the function, its message,
  // its doubt.
  all: [0.1, 3, 45, 250, 310, 2000, 7200].map((seconds) => ({ ms: seconds * SECOND_MS })),
});

const breaks = (highest: number): Kind<Break> => ({
  highest,
  draw: (random) => ({ afterBytes: random.int(0, 1000) }),
  all: [{ afterBytes: 0 }, { afterBytes: 100 }],
});

const table = {
  /** A function dies at a call: before or after it, or while it is on its way. */
  death: plain(0.03),
  deathInFlight: {
    highest: 0.03,
    draw: (random) => ({ landsAfterMs: random.int(0, IN_FLIGHT_MS) }),
    all: [{ landsAfterMs: 0 }, { landsAfterMs: IN_FLIGHT_MS }],
  } satisfies Kind<{ landsAfterMs: number }>,
  /** A function stands still, perhaps past its lease; or the platform fails to kill it in time. */
  pause: pauses(0.03),
  overstay: plain(0.5),
  clockJump: {
    highest: 0.02,
    draw: (random) => ({ skewMs: random.int(-MAX_SKEW_MS, MAX_SKEW_MS) }),
    all: [{ skewMs: -MAX_SKEW_MS }, { skewMs: MAX_SKEW_MS }],
  } satisfies Kind<{ skewMs: number }>,
  /** What a connection holds when it breaks does not arrive. */
  bytesLost: plain(0.5),

  ledgerThrottled: plain(0.05),
  ledgerAnswerLost: {
    highest: 0.1,
    draw: (random) => ({ repeatedAfterMs: random.pick(REPEATED_AFTER_MS) }),
    all: [{ repeatedAfterMs: 100 }, { repeatedAfterMs: 5000 }],
  } satisfies Kind<{ repeatedAfterMs: number }>,
  /** A write without an answer: it is lost, it was made, or it is made minutes later. */
  ledgerTimeout: {
    highest: 0.05,
    draw: (random) => ({
      landsAfterMs: random.pick([undefined, undefined, 0, 0, 0, random.int(1, 300) * SECOND_MS]),
    }),
    all: [{ landsAfterMs: undefined }, { landsAfterMs: 0 }, { landsAfterMs: 4 * MINUTE_MS }],
  } satisfies Kind<{ landsAfterMs: number | undefined }>,
  indexStale: {
    highest: 0.3,
    draw: (random) => ({ lagMs: random.int(1, random.chance(0.1) ? 300_000 : 5000) }),
    all: [{ lagMs: 5000 }, { lagMs: 5 * MINUTE_MS }],
  } satisfies Kind<{ lagMs: number }>,

  storageError: plain(0.15),
  storageAnswerLost: {
    highest: 0.1,
    draw: (random) => ({
      repeatedAfterMs: random.chance(0.5) ? undefined : random.pick(REPEATED_AFTER_MS),
    }),
    all: [{ repeatedAfterMs: undefined }, { repeatedAfterMs: 5000 }],
  } satisfies Kind<{ repeatedAfterMs: number | undefined }>,
  /** A copy within storage without an answer in time: it is made all the same, a little later. */
  copyLate: {
    highest: 0.3,
    draw: (random) => ({ landsAfterMs: random.int(0, 120 * SECOND_MS) }),
    all: [{ landsAfterMs: 0 }, { landsAfterMs: 120 * SECOND_MS }],
  } satisfies Kind<{ landsAfterMs: number }>,
  /** An operator puts other bytes under the key of a file that is being delivered. */
  fileReplaced: plain(0.1),
  storageReset: breaks(0.3),
  storageStall: breaks(0.1),
  storageShort: breaks(0.2),

  eventLost: plain(0.5),
  eventDuplicated: plain(0.5),
  eventDelayed: {
    highest: 0.4,
    draw: (random) => ({ ms: random.int(1, 7200) * SECOND_MS }),
    all: [{ ms: 5 * SECOND_MS }, { ms: 120 * MINUTE_MS }],
  } satisfies Kind<Pause>,
  queueError: plain(0.1),
  queueAnswerLost: plain(0.2),
  messageDuplicated: plain(0.3),
  messageReordered: plain(0.5),
  sweepSkipped: plain(0.3),

  notificationError: plain(0.4),
  notificationAnswerLost: plain(0.3),

  ipdUnreachable: plain(0.3),
  secretUnreadable: plain(0.3),
  /** Other people use the work item: one attaches a file of equal size, one deletes an attachment of the product's. */
  personAttaches: plain(0.1),
  personDeletes: plain(0.05),
  /** They copy a link of the product's by hand, or delete one. */
  personCopiesLink: {
    highest: 0.2,
    draw: (random) => ({ as: random.pick(['same', 'otherHost']) }),
    all: [{ as: 'same' }, { as: 'otherHost' }],
  } satisfies Kind<{ as: 'same' | 'otherHost' }>,
  personDeletesLink: plain(0.1),
} as const;

type OwnFaultKind = keyof typeof table;
type DetailsOf<K extends OwnFaultKind> = (typeof table)[K]['all'][number];

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
  /** Links: their owner, or an operator, takes one back; it is read, also while it is taken back; its time ends. */
  'takenBack',
  'takenBackByOperator',
  'linkRead',
  'linkExpired',
  /** Producers: the same bytes again, other bytes, none any more; what is not taken, and what is no message. */
  'dropAgain',
  'dropReplaced',
  'dropRemoved',
  'requestReused',
  'offerRefused',
  'noMessage',
] as const;

export type FaultKind = OwnFaultKind | IpdFaultKind | (typeof userKinds)[number];

/** These come last, and are drawn from a stream of their own: a schedule without links is the same with and without them. */
const LINK_KINDS: ReadonlySet<string> = new Set(['personCopiesLink', 'personDeletesLink']);
const ownKinds = Object.keys(table).filter((kind): kind is OwnFaultKind => kind in table);
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

/** Without faults. */
export const quietProfile: Profile = {
  rates: new Map(),
  ipdRate: 0,
  ipdKinds: [],
  lastingRate: 0,
  isListFull: false,
  durationMs: 0,
};

/** Draws a profile, from no faults at all to all of them. */
export function drawProfile(random: Random): Profile {
  const temper = random.pick(['quiet', 'single', 'frozen', 'doubtful', 'mixed', 'hell']);
  const share = { quiet: 0, single: 0, frozen: 0.1, doubtful: 0.2, mixed: 0.3, hell: 0.8 }[temper];
  const draw = (kind: OwnFaultKind): [FaultKind, number] => [kind, table[kind].highest * random.random()];
  const general = ownKinds.filter((kind) => !LINK_KINDS.has(kind));
  const chosen = general.filter(() => random.chance(share)).map(draw);
  const isSingle = temper === 'single';
  const isIpdAlone = isSingle && random.chance(0.6);
  const alone: OwnFaultKind = random.pick(general);
  if (isSingle && !isIpdAlone) chosen.push([alone, table[alone].highest]);
  if (temper === 'frozen') chosen.push(['pause', table.pause.highest]);
  // A container that stands still past its timeout may survive it, and bytes may be under way when a connection breaks.
  for (const kind of ['overstay', 'bytesLost'] as const) chosen.push([kind, table[kind].highest]);
  const ofLinks = random.fork('links');
  for (const kind of ownKinds.filter((one) => LINK_KINDS.has(one)))
    chosen.push([kind, ofLinks.chance(Math.max(share, 0.2)) ? table[kind].highest * ofLinks.random() : 0]);
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
 * Decides for each opportunity until it is stopped. `without` leaves out a whole kind (`death`) or one occurrence of it
 * (`death#2`), to find out which ones a failure needs. With a tape, the tape decides, and nothing is random.
 */
export function createFaults(options: {
  profile: Profile;
  without: ReadonlySet<string>;
  tape?: Tape | undefined;
  note: (kind: FaultKind) => void;
}) {
  const { profile, without, tape, note } = options;
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

  /**
   * The details of the fault that must happen now, and is counted; undefined when none must. `site`: which function calls
   * what.
   */
  function strikes<K extends OwnFaultKind>(
    kind: K,
    random: Random,
    site: string = kind,
  ): DetailsOf<K> | undefined {
    if (isStopped) return undefined;
    const { draw, all }: Kind<DetailsOf<K>> = table[kind];
    if (tape !== undefined) {
      const details = tape.choose(site, kind, all);
      if (details !== undefined) count(kind);
      return details;
    }
    return random.chance(profile.rates.get(kind) ?? 0) && happens(kind) ? draw(random) : undefined;
  }

  /**
   * The fault that this request meets at IPD. It is not counted: IPD applies none to a request that it refuses for its
   * credentials. `isRefusable`: IPD may refuse it for good.
   */
  function strikesAtIpd(
    request: IpdRequest & { isRefusable: boolean },
    random: Random,
    site: string,
  ): IpdFault | undefined {
    if (isStopped) return undefined;
    if (tape !== undefined) {
      for (const kind of ipdFaultKinds) {
        const isExcluded = refusals.includes(kind) && !request.isRefusable;
        const all = fits(kind, request) && !isExcluded ? everyFault(kind, request) : [];
        const fault = all.length > 0 && tape.choose(site, kind, all, { isAlone: isAlone(kind) });
        if (fault) return fault;
      }
      return undefined;
    }
    const { lastingRate, ipdRate, ipdKinds } = profile;
    const kinds = request.isRefusable && random.chance(lastingRate) ? refusals : ipdKinds;
    if (kinds === ipdKinds && !random.chance(ipdRate)) return undefined;
    const fitting = kinds.filter((kind) => fits(kind, request));
    const kind = fitting[random.int(0, fitting.length - 1)];
    return kind !== undefined && allows(kind) ? drawFault(kind, random, request) : undefined;
  }

  return {
    profile,
    counts,
    drawn,
    allows,
    count,
    happens,
    strikes,
    strikesAtIpd,
    isStopped: () => isStopped,
    stop: () => {
      isStopped = true;
    },
  };
}
