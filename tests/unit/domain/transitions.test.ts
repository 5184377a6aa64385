import { describe, expect, it } from '@jest/globals';
import { transitions, uploadsByState } from './transition-samples.ts';

/** From each state by each transition to a status; what is absent is not legal. */
const table: Record<string, Record<string, string>> = {
  awaiting_upload: {
    stage: 'staged',
    claimArrival: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'awaiting_upload',
    expireOrWait: 'awaiting_upload',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  staged: {
    claim: 'delivering',
    claimArrival: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'staged',
    pause: 'staged',
    requeue: 'staged',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  delivering: {
    startSending: 'delivering',
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'unconfirmed',
    postpone: 'waiting',
    markUnconfirmed: 'unconfirmed',
    fail: 'failed',
    expireLease: 'waiting',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    changeToLink: 'delivering',
  },
  sending: {
    startSending: 'delivering',
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'unconfirmed',
    postpone: 'waiting',
    markUnconfirmed: 'unconfirmed',
    fail: 'failed',
    expireLease: 'unconfirmed',
  },
  waiting: {
    claim: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'waiting',
    pause: 'waiting',
    requeue: 'waiting',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  unconfirmed: {
    claim: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'unconfirmed',
    pause: 'unconfirmed',
    requeue: 'unconfirmed',
  },
  checking: {
    resolveDoubt: 'delivering',
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'unconfirmed',
    postpone: 'unconfirmed',
    markUnconfirmed: 'unconfirmed',
    recordAbsence: 'unconfirmed',
    fail: 'failed',
    expireLease: 'unconfirmed',
  },
  'without an id': {
    claim: 'delivering',
    markDelivered: 'delivered',
    pause: 'unconfirmed',
    requeue: 'unconfirmed',
  },
  'checking for its id': {
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    markDelivered: 'delivered',
    postpone: 'unconfirmed',
    markUnconfirmed: 'unconfirmed',
    recordAbsence: 'unconfirmed',
    fail: 'delivered',
    expireLease: 'unconfirmed',
  },
  delivered: {
    markCleaned: 'delivered',
    markNotified: 'delivered',
    erase: 'delivered',
    beginComment: 'delivered',
  },
  'delivered after a doubt': {
    markCleaned: 'delivered',
    requeue: 'delivered',
    beginRecheck: 'delivered',
    finishRecheck: 'delivered',
    beginComment: 'delivered',
    markNotified: 'delivered',
  },
  'checking for a second copy': {
    markCleaned: 'delivered',
    requeue: 'delivered',
    postponeRecheck: 'delivered',
    finishRecheck: 'delivered',
    beginComment: 'delivered',
    markNotified: 'delivered',
  },
  failed: {
    markDelivered: 'delivered',
    markAccepted: 'failed',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'failed',
    retry: 'staged',
    markCleaned: 'failed',
    markNotified: 'failed',
  },
  'failed in doubt': {
    markDelivered: 'delivered',
    markAccepted: 'failed',
    retry: 'unconfirmed',
    markCleaned: 'failed',
    markNotified: 'failed',
  },
  expired: {
    stage: 'staged',
    claimArrival: 'delivering',
    markDelivered: 'delivered',
    markAccepted: 'expired',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    markCleaned: 'expired',
    markNotified: 'expired',
  },
  cancelled: {
    markDelivered: 'delivered',
    markAccepted: 'cancelled',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    markCleaned: 'cancelled',
  },
  linking: {
    startSending: 'delivering',
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    postpone: 'waiting',
    markUnconfirmed: 'unconfirmed',
    fail: 'failed',
    expireLease: 'waiting',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    markLinked: 'delivered',
  },
  'link in doubt': {
    claim: 'delivering',
    pause: 'unconfirmed',
    requeue: 'unconfirmed',
    cancel: 'removed',
    withdraw: 'removed',
    erase: 'removed',
    markLinked: 'delivered',
    remove: 'removed',
  },
  'failed with a link in doubt': {
    retry: 'unconfirmed',
    markCleaned: 'failed',
    cancel: 'removed',
    withdraw: 'removed',
    erase: 'removed',
    markLinked: 'delivered',
    remove: 'removed',
    markNotified: 'failed',
  },
  linked: {
    markCleaned: 'delivered',
    cancel: 'removed',
    withdraw: 'removed',
    erase: 'removed',
    markLinked: 'delivered',
    replaceLink: 'delivered',
    expireLink: 'removed',
    remove: 'removed',
    beginComment: 'delivered',
    markNotified: 'delivered',
  },
  removed: {
    requeue: 'removed',
    markCleaned: 'removed',
    beginRecheck: 'removed',
    finishRecheck: 'removed',
    cancel: 'removed',
    withdraw: 'removed',
    erase: 'removed',
    remove: 'removed',
    markLinkedFileRemoved: 'removed',
    markLinksDeleted: 'removed',
    markNotified: 'removed',
  },
  'removed, and its links deleted': {
    requeue: 'removed',
    markCleaned: 'removed',
    beginRecheck: 'removed',
    finishRecheck: 'removed',
    cancel: 'removed',
    withdraw: 'removed',
    erase: 'removed',
    remove: 'removed',
    markLinkedFileRemoved: 'removed',
    markLinksDeleted: 'removed',
    markNotified: 'removed',
  },
};

const legal = Object.entries(table).flatMap(([state, results]) =>
  Object.entries(results).map(([name, to]) => ({ state, name, to })),
);

/** What the transition makes of the upload in that state; it must leave the given upload as it was. */
function apply({ state, name }: { state: string; name: string }) {
  const upload = uploadsByState[state];
  const transition = transitions[name];
  if (upload === undefined || transition === undefined) throw new Error(`no ${state}, or no ${name}`);
  const before = JSON.stringify(upload);
  const status = transition(upload)?.status;
  return { state, name, status, isGivenChanged: JSON.stringify(upload) !== before };
}

describe('a transition', () => {
  it.each(legal)('$name turns an upload that is $state into one that is $to', ({ to, ...pair }) => {
    expect(apply(pair)).toEqual({ ...pair, status: to, isGivenChanged: false });
  });

  it('is undefined from every other state', () => {
    const results = Object.keys(uploadsByState).flatMap((state) =>
      Object.keys(transitions).map((name) => apply({ state, name })),
    );

    const others = results.filter(({ state, name }) => table[state]?.[name] === undefined);
    expect(others.filter(({ status, isGivenChanged }) => status !== undefined || isGivenChanged)).toEqual([]);
  });

  it.each(['startSending', 'withdrawFence', 'recordProgress', 'postpone', 'markUnconfirmed', 'fail'])(
    '%s needs the token of the lease',
    (name) => {
      const { delivering } = uploadsByState;
      if (delivering?.status !== 'delivering') throw new Error('not delivering');
      const mismatches = { ...delivering, lease: { ...delivering.lease, token: 'of another' } };

      expect(transitions[name]?.(mismatches)).toBeUndefined();
    },
  );
});
