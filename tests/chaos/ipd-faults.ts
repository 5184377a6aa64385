/**
 * Every fault of the fake IPD that the simulation injects: which requests can meet it, and options drawn at random.
 * Each fault keeps the product's assumption: a file that IPD stores is in the list within the commit window.
 */
import type { Operation } from '../../local/ipd/types.ts';
import type { Random } from './random.ts';

type Row = {
  operations: readonly Operation[];
  /** The options of the fault; `size` is the length of the request's body. */
  options?: (random: Random, size: number) => Record<string, unknown>;
  /** Needs a token to be dead. */
  isForTokens?: boolean;
  /** After this fault IPD may have the file, or store it later. */
  isDoubtful?: boolean;
  /** The fault lasts: a repeated request meets it again. */
  isLasting?: boolean;
};

/** Just within the commit window. */
const WINDOW_SECONDS = 590;

const all = ['upload', 'list', 'download', 'token'] as const;
const withAccess = ['upload', 'list', 'download'] as const;

/** IPD may or may not have stored the file; its answer does not say. */
const perhapsStored = (random: Random): Record<string, unknown> =>
  random.chance(0.2) ? { early: true } : { stored: random.chance(0.5) };
const lasting: Row = { operations: ['upload'], isLasting: true };

const rows = {
  lostAnswer: { operations: all, isDoubtful: true },
  reset: {
    operations: ['upload'],
    isDoubtful: true,
    options: (random, size) =>
      random.chance(0.5) ? { afterBytes: random.int(0, size) } : { stored: random.chance(0.5) },
  },
  stall: {
    operations: ['upload'],
    isDoubtful: true,
    options: (random, size) => ({
      afterBytes: random.int(0, size),
      seconds: random.pick([5, 50, 100, 280, 590]),
    }),
  },
  slowAnswer: {
    operations: all,
    isDoubtful: true,
    options: (random) => ({ seconds: random.pick([1, 30, 100, 280]), stored: random.chance(0.7) }),
  },
  storedLater: {
    operations: ['upload'],
    isDoubtful: true,
    options: (random) => ({
      afterSeconds: random.int(1, WINDOW_SECONDS),
      answer: random.pick(['gatewayTimeout', 'reset']),
    }),
  },
  listDelay: {
    operations: ['upload'],
    isDoubtful: true,
    options: (random) => ({ seconds: random.int(1, WINDOW_SECONDS) }),
  },
  /** Of an upload, a success without an id; of a list, none at all. */
  nullResult: { operations: ['upload', 'list'], isDoubtful: true },
  emptyResult: { operations: ['upload'] },
  resultWithoutId: { operations: ['upload'] },
  earlierResult: { operations: ['upload'] },
  wholeResult: { operations: ['upload'] },
  otherSize: { operations: ['upload'] },
  sizelessList: { operations: ['list'], isDoubtful: true },
  tryLater200: { operations: ['upload'], isDoubtful: true, options: perhapsStored },
  truncatedJson: { operations: all },
  htmlSuccess: { operations: all },
  cutAnswer: { operations: all, options: (random) => ({ afterBytes: random.int(0, 200) }) },
  throttled: {
    operations: all,
    options: (random) => (random.chance(0.5) ? { retryAfterSeconds: random.int(0, 90) } : {}),
  },
  serviceThrottled: { operations: withAccess },
  invalidToken: { operations: withAccess, isForTokens: true },
  tokenExpired: { operations: withAccess, isForTokens: true },
  tokenDeath: { operations: withAccess, isForTokens: true },
  undefinedError: { operations: withAccess, options: perhapsStored },
  internalError: { operations: all, options: perhapsStored },
  badGateway: { operations: all, options: perhapsStored },
  gatewayTimeout: { operations: all, isDoubtful: true, options: perhapsStored },
  htmlError: { operations: all, options: perhapsStored },
  emptyError: { operations: all, options: perhapsStored },
  iamUnavailable: { operations: withAccess },
  notPublished: { operations: withAccess },
  signatureFailed: { operations: withAccess },
  keyLocked: { operations: all },

  error200: lasting,
  failed200: lasting,
  emojiRefused: lasting,
  bodyTooLarge: lasting,
  noPermission: { ...lasting, operations: withAccess },
  projectMissing: { ...lasting, operations: ['upload', 'list'] },
  notAllowed: { ...lasting, operations: ['upload', 'list'] },
  /** A list with as many rows as it can show, none of them this upload's. */
  listOf: { operations: ['list'], isLasting: true, options: () => ({ count: 100 }) },
} as const satisfies Record<string, Row>;

export type IpdFaultKind = keyof typeof rows;

const table: Record<IpdFaultKind, Row> = rows;

export const ipdFaultKinds = Object.keys(rows).filter((kind): kind is IpdFaultKind => kind in rows);
/** Faults that pass when the request is repeated. */
export const passingKinds = ipdFaultKinds.filter((kind) => table[kind].isLasting !== true);
/** Faults after which the caller does not know whether IPD has the file. */
export const doubtfulKinds = ipdFaultKinds.filter((kind) => table[kind].isDoubtful);
/** Faults by which IPD refuses for good in a single answer. */
export const refusals = ipdFaultKinds.filter((kind) => table[kind].isLasting && kind !== 'listOf');

/** Whether a request can meet this fault. */
export function fits(kind: IpdFaultKind, request: { operation: Operation; hasToken: boolean }): boolean {
  const { operations, isForTokens } = table[kind];
  return operations.includes(request.operation) && (request.hasToken || isForTokens !== true);
}

/** The fault as the fake IPD takes it. */
export function faultOf(kind: IpdFaultKind, random: Random, size: number): Record<string, unknown> {
  return { kind, ...table[kind].options?.(random, size) };
}
