import { describe, expect, it } from '@jest/globals';
import { every, samples } from './transition-samples.ts';

/** From each state by each move to a status; what is absent is not legal. */
const table: Record<string, Record<string, string>> = {
  awaiting_upload: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'awaiting_upload',
    expireOrWait: 'awaiting_upload',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  staged: {
    claim: 'delivering',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'staged',
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
    delivered: 'delivered',
    accepted: 'unconfirmed',
    postpone: 'waiting',
    markUnconfirmed: 'unconfirmed',
    fail: 'failed',
    expireLease: 'waiting',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  sending: {
    startSending: 'delivering',
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    delivered: 'delivered',
    accepted: 'unconfirmed',
    postpone: 'waiting',
    markUnconfirmed: 'unconfirmed',
    fail: 'failed',
    expireLease: 'unconfirmed',
  },
  waiting: {
    claim: 'delivering',
    delivered: 'delivered',
    accepted: 'waiting',
    pause: 'waiting',
    requeue: 'waiting',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  unconfirmed: {
    claim: 'delivering',
    delivered: 'delivered',
    accepted: 'unconfirmed',
    pause: 'unconfirmed',
    requeue: 'unconfirmed',
  },
  looking: {
    resolveDoubt: 'delivering',
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    delivered: 'delivered',
    accepted: 'unconfirmed',
    postpone: 'unconfirmed',
    markUnconfirmed: 'unconfirmed',
    recordAbsence: 'unconfirmed',
    fail: 'failed',
    expireLease: 'unconfirmed',
  },
  'without an id': {
    claim: 'delivering',
    delivered: 'delivered',
    pause: 'unconfirmed',
    requeue: 'unconfirmed',
  },
  'looking for its id': {
    withdrawFence: 'delivering',
    recordProgress: 'delivering',
    delivered: 'delivered',
    postpone: 'unconfirmed',
    markUnconfirmed: 'unconfirmed',
    recordAbsence: 'unconfirmed',
    fail: 'delivered',
    expireLease: 'unconfirmed',
  },
  delivered: { markCleaned: 'delivered', markNotified: 'delivered', erase: 'delivered' },
  'delivered after a doubt': {
    markCleaned: 'delivered',
    requeue: 'delivered',
    beginRecheck: 'delivered',
    finishRecheck: 'delivered',
    markNotified: 'delivered',
  },
  'looking for a second copy': {
    markCleaned: 'delivered',
    requeue: 'delivered',
    postponeRecheck: 'delivered',
    finishRecheck: 'delivered',
    markNotified: 'delivered',
  },
  failed: {
    delivered: 'delivered',
    accepted: 'failed',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'failed',
    retry: 'staged',
    markCleaned: 'failed',
    markNotified: 'failed',
  },
  'failed in doubt': {
    delivered: 'delivered',
    accepted: 'failed',
    retry: 'unconfirmed',
    markCleaned: 'failed',
    markNotified: 'failed',
  },
  expired: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'expired',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    markCleaned: 'expired',
    markNotified: 'expired',
  },
  cancelled: {
    delivered: 'delivered',
    accepted: 'cancelled',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    markCleaned: 'cancelled',
  },
};

const rows = Object.entries(samples).flatMap(([state, upload]) =>
  Object.entries(every).map(([name, move]) => ({ state, name, upload, move, to: table[state]?.[name] })),
);

describe('a move', () => {
  it.each(rows)('$name of one that is $state leads to $to', ({ upload, move, to }) => {
    expect(move(upload)?.status).toBe(to);
  });

  it('leaves the upload that it was given as it was', () => {
    for (const { upload, move } of rows) {
      const before = structuredClone(upload);

      move(upload);

      expect(upload).toEqual(before);
    }
  });

  it.each(['startSending', 'takeBack', 'noteProgress', 'setBack', 'cast', 'fail'])(
    '%s needs the token of the lease',
    (name) => {
      const { delivering } = samples;
      if (delivering?.status !== 'delivering') throw new Error('not delivering');
      const mismatches = { ...delivering, lease: { ...delivering.lease, token: 'of another' } };

      expect(every[name]?.(mismatches)).toBeUndefined();
    },
  );
});
