/**
 * The faults of IPD, as rows of data for its fake. Each happens once in a plan that contains it; the rows that store
 * the file are marked, since no upload request follows them that could meet another fault.
 */
import type { Operation } from '../../../local/ipd/types.ts';

export type Rule = {
  operation: Operation;
  skip?: number;
  /** Applies to every request that no other rule matches, not only once. */
  isEndless?: true;
  fault: { kind: string; [option: string]: unknown };
};

/** `rules`: the first is the fault, the others make sure that a request meets it. */
type Row = { rules: [Rule, ...Rule[]]; stores?: true };

const upload = (kind: string, options: object = {}): Rule => ({
  operation: 'upload',
  fault: { kind, ...options },
});
const list = (kind: string, options: object = {}): Rule => ({
  operation: 'list',
  fault: { kind, ...options },
});

/** Seconds of the fake's own pauses are real ones. */
const PAUSE = { seconds: 0.1 };
/** Longer than a connection may stand still. */
const STANDSTILL = { afterBytes: 600, seconds: 1.5 };

/** Faults that pass. */
export const TRANSIENT = {
  resetInBody: { rules: [upload('reset', { afterBytes: 500 })] },
  resetAfterBody: { rules: [upload('reset')] },
  lostAnswer: { rules: [upload('lostAnswer')], stores: true },
  cutAnswer: { rules: [upload('cutAnswer', { afterBytes: 10 })], stores: true },
  truncatedAnswer: { rules: [upload('truncatedJson')], stores: true },
  unreadableSuccess: { rules: [upload('htmlSuccess')], stores: true },
  nullResult: { rules: [upload('nullResult')], stores: true },
  resultWithoutId: { rules: [upload('resultWithoutId')], stores: true },
  gatewayTimeout: { rules: [upload('gatewayTimeout')] },
  gatewayTimeoutStored: { rules: [upload('gatewayTimeout', { stored: true })], stores: true },
  storedLater: { rules: [upload('storedLater', { afterSeconds: 400 })], stores: true },
  storedLaterAfterReset: {
    rules: [upload('storedLater', { afterSeconds: 100, answer: 'reset' })],
    stores: true,
  },
  internalErrorStored: { rules: [upload('internalError', { stored: true })], stores: true },
  badGatewayEarly: { rules: [upload('badGateway', { early: true })] },
  undefinedError: { rules: [upload('undefinedError')] },
  throttled: { rules: [upload('throttled', { retryAfterSeconds: 3 })] },
  serviceThrottled: { rules: [upload('serviceThrottled')] },
  iamUnavailable: { rules: [upload('iamUnavailable')] },
  tokenDeath: { rules: [upload('tokenDeath')] },
  tokenRefused: {
    rules: [{ operation: 'token', fault: { kind: 'internalError' } }, upload('tokenDeath')],
  },
  keyLocked: { rules: [upload('keyLocked')] },
  slowAnswer: { rules: [upload('slowAnswer', PAUSE)], stores: true },
  stall: { rules: [upload('stall', { ...PAUSE, afterBytes: 600 })], stores: true },
  standstill: { rules: [upload('stall', STANDSTILL)], stores: true },
  listReset: { rules: [list('lostAnswer')] },
  listThrottled: { rules: [list('throttled')] },
  listTimeout: { rules: [list('gatewayTimeout')] },
  listCut: { rules: [list('cutAnswer', { afterBytes: 10 })] },
  downloadCut: {
    rules: [
      { operation: 'download', fault: { kind: 'cutAnswer', afterBytes: 10 } },
      { ...upload('gatewayTimeout', { stored: true }), isEndless: true },
    ],
    stores: true,
  },
} as const satisfies Record<string, Row>;

/** Faults that last: a retry meets them again, and an upload may end with one of `codes`. */
export const LASTING = {
  noPermission: { rules: [upload('noPermission')], codes: ['ipd_forbidden'] },
  projectMissing: { rules: [upload('projectMissing')], codes: ['work_item_missing'] },
  bodyTooLarge: { rules: [upload('bodyTooLarge')], codes: ['too_large_for_ipd'] },
  nameRefused: { rules: [upload('emojiRefused')], codes: ['name_refused'] },
  refused: { rules: [upload('error200')], codes: ['ipd_refused'] },
  /** An answer is lost, and then the list shows a hundred attachments of others: the delivery cannot reconcile. */
  lostAndFull: {
    rules: [upload('lostAnswer'), { ...list('listOf', { count: 100 }), skip: 1 }],
    codes: ['outcome_unknown', 'work_item_full'],
  },
} as const satisfies Record<string, { rules: [Rule, ...Rule[]]; codes: string[] }>;
