/**
 * Every fault of the fake IPD that the simulation injects: which requests can meet it, and options drawn at random.
 * Each fault keeps the product's assumption: a file that IPD stores is in the list within the commit window.
 */
import type { Operation } from '../../local/ipd/types.ts';
import type { Random } from './random.ts';

type Options = Record<string, unknown>;

/** A fault as the fake IPD takes it. */
export type IpdFault = { kind: IpdFaultKind; [option: string]: unknown };

/** `size`: the length of the request's body. */
export type IpdRequest = {
  operation: Operation;
  hasToken: boolean;
  size: number;
  mayBeNull?: boolean;
  /** All attachments of other people were there when the list was read. */
  hasSeenAll?: boolean;
};

type Row = {
  operations: readonly Operation[];
  /** The options of the fault, at random. */
  draw?: (random: Random, size: number) => Options;
  /** The options that a tape tries; by default one fault without options. */
  all?: (size: number) => Options[];
  /** Needs a token to be dead. */
  isForTokens?: boolean;
  /** After this fault IPD may have the file, or store it later. */
  isDoubtful?: boolean;
  /** The fault lasts: a repeated request meets it again. */
  isLasting?: boolean;
  /** It breaks an assumption of the delivery, which withstands it once, and with no other fault beside it. */
  isAlone?: boolean;
};

/** Just within the commit window. */
const WINDOW_SECONDS = 590;
const DAY_SECONDS = 86_400;

const ofLinks = ['linkList', 'linkCreate', 'linkDelete'] as const;
const all = ['upload', 'list', 'download', 'token', ...ofLinks, 'commentCreate'] as const;
const withAccess = ['upload', 'list', 'download', ...ofLinks, 'commentCreate'] as const;
/** Requests after which IPD may have, or may lack, what it had not before. */
const changes = ['upload', 'linkCreate', 'linkDelete'] as const;
const makes = ['upload', 'linkCreate'] as const;

/** IPD may or may not have done what was asked; its answer does not say. */
const perhapsStored = {
  draw: (random: Random): Options => (random.chance(0.2) ? { early: true } : { stored: random.chance(0.5) }),
  all: (): Options[] => [{ early: true }, { stored: true }, { stored: false }],
};
const lasting: Row = { operations: ['upload'], isLasting: true };
const lastingChange: Row = { operations: changes, isLasting: true };

const rows = {
  lostAnswer: { operations: all, isDoubtful: true },
  reset: {
    operations: changes,
    isDoubtful: true,
    draw: (random, size) =>
      random.chance(0.5) ? { afterBytes: random.int(0, size) } : { stored: random.chance(0.5) },
    all: (size) => [{ afterBytes: 0 }, { afterBytes: size - 1 }, { stored: true }, { stored: false }],
  },
  stall: {
    operations: changes,
    isDoubtful: true,
    draw: (random, size) => ({
      afterBytes: random.int(0, size),
      seconds: random.pick([5, 50, 100, 280, 590]),
    }),
    all: (size) => [
      { afterBytes: size - 1, seconds: 5 },
      { afterBytes: size, seconds: 280 },
      { afterBytes: size, seconds: 590 },
    ],
  },
  slowAnswer: {
    operations: all,
    isDoubtful: true,
    draw: (random) => ({ seconds: random.pick([1, 30, 100, 280]), stored: random.chance(0.7) }),
    all: () => [
      { seconds: 1, stored: true },
      { seconds: 280, stored: true },
      { seconds: 280, stored: false },
    ],
  },
  storedLater: {
    operations: changes,
    isDoubtful: true,
    draw: (random) => ({
      afterSeconds: random.int(1, WINDOW_SECONDS),
      answer: random.pick(['gatewayTimeout', 'reset']),
    }),
    all: () => [
      { afterSeconds: 1, answer: 'reset' },
      { afterSeconds: WINDOW_SECONDS, answer: 'gatewayTimeout' },
      { afterSeconds: WINDOW_SECONDS, answer: 'reset' },
    ],
  },
  listDelay: {
    operations: changes,
    isDoubtful: true,
    draw: (random) => ({ seconds: random.int(1, WINDOW_SECONDS) }),
    all: () => [{ seconds: WINDOW_SECONDS }],
  },
  /** Of an upload or a new link, a success without an id; of a list, none at all. */
  nullResult: { operations: ['upload', 'list', 'linkList', 'linkCreate'], isDoubtful: true },
  emptyResult: { operations: changes },
  resultWithoutId: { operations: makes },
  earlierResult: { operations: makes },
  wholeResult: { operations: makes },
  otherSize: { operations: ['upload'] },
  sizelessList: { operations: ['list'], isDoubtful: true },
  /** The list hides the newest attachment or link, which it may have shown before. */
  hiddenRow: { operations: ['list', 'linkList'], isAlone: true },
  /** One request, two attachments or links. */
  storedTwice: {
    operations: makes,
    isDoubtful: true,
    draw: (random) => ({ answer: random.pick(['real', 'reset']) }),
    all: () => [{ answer: 'real' }, { answer: 'reset' }],
  },
  tryLater200: { operations: changes, isDoubtful: true, ...perhapsStored },
  truncatedJson: { operations: all },
  htmlSuccess: { operations: all },
  cutAnswer: {
    operations: all,
    draw: (random) => ({ afterBytes: random.int(0, 200) }),
    all: () => [{ afterBytes: 0 }, { afterBytes: 20 }],
  },
  throttled: {
    operations: all,
    draw: (random) => (random.chance(0.5) ? { retryAfterSeconds: drawRetryAfter(random) } : {}),
    all: () => [{}, { retryAfterSeconds: 1 }, { retryAfterSeconds: 90 }, { retryAfterSeconds: DAY_SECONDS }],
  },
  serviceThrottled: { operations: withAccess },
  invalidToken: { operations: withAccess, isForTokens: true },
  tokenExpired: { operations: withAccess, isForTokens: true },
  tokenDeath: { operations: withAccess, isForTokens: true },
  undefinedError: { operations: withAccess, ...perhapsStored },
  internalError: { operations: all, ...perhapsStored },
  badGateway: { operations: all, ...perhapsStored },
  gatewayTimeout: { operations: all, isDoubtful: true, ...perhapsStored },
  htmlError: { operations: all, ...perhapsStored },
  emptyError: { operations: all, ...perhapsStored },
  iamUnavailable: { operations: withAccess },
  notPublished: { operations: withAccess },
  signatureFailed: { operations: withAccess },
  keyLocked: { operations: all },

  error200: lastingChange,
  failed200: lastingChange,
  emojiRefused: lasting,
  bodyTooLarge: lasting,
  noPermission: { ...lasting, operations: withAccess },
  projectMissing: { ...lasting, operations: ['upload', 'list', ...ofLinks] },
  notAllowed: { ...lasting, operations: ['upload', 'list', ...ofLinks] },
  /** A success that has what was asked for under what failed. */
  namedAsFailed: { ...lasting, operations: ['linkCreate', 'linkDelete'] },
  /** A list with as many rows as it can show, none of them this upload's. */
  listOf: {
    operations: ['list'],
    isLasting: true,
    draw: () => ({ count: 100 }),
    all: () => [{ count: 100 }],
  },
} as const satisfies Record<string, Row>;

export type IpdFaultKind = keyof typeof rows;

const table: Record<IpdFaultKind, Row> = rows;

export const ipdFaultKinds = Object.keys(rows).filter((kind): kind is IpdFaultKind => kind in rows);
/** Faults that pass when the request is repeated. */
export const passingKinds = ipdFaultKinds.filter((kind) => table[kind].isLasting !== true && !isAlone(kind));
/** Faults after which the caller does not know whether IPD has the file. */
export const doubtfulKinds = ipdFaultKinds.filter((kind) => table[kind].isDoubtful);
/** Faults by which IPD refuses for good in a single answer. */
export const refusals = ipdFaultKinds.filter((kind) => table[kind].isLasting && kind !== 'listOf');

/** Whether the delivery withstands this fault only once, and with no other fault beside it. */
export function isAlone(kind: IpdFaultKind): boolean {
  return table[kind].isAlone === true;
}

/** Whether a request can meet this fault. */
export function fits(kind: IpdFaultKind, request: IpdRequest): boolean {
  const { operations, isForTokens } = table[kind];
  if (kind === 'nullResult' && request.mayBeNull === false) return false;
  // An id that is new, and not that of this file, breaks an assumption of the delivery.
  if (kind === 'earlierResult' && request.hasSeenAll === false) return false;
  return operations.includes(request.operation) && (request.hasToken || isForTokens !== true);
}

/** The fault with options at random. */
export function drawFault(kind: IpdFaultKind, random: Random, { size }: IpdRequest): IpdFault {
  return { kind, ...table[kind].draw?.(random, size) };
}

/** The fault with each of the options that a tape tries. */
export function everyFault(kind: IpdFaultKind, { size }: IpdRequest): IpdFault[] {
  return (table[kind].all?.(size) ?? [{}]).map((options) => ({ kind, ...options }));
}

/** Seldom hours: a quota of a day that is used up. */
function drawRetryAfter(random: Random): number {
  return random.chance(0.1) ? random.int(3600, DAY_SECONDS) : random.int(0, 90);
}
