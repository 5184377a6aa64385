import { describe, expect, it } from '@jest/globals';
import { every, samples } from './transition-samples.ts';

/** From each state by each move to a status; what is absent is not legal. */
const table: Record<string, Record<string, string>> = {
  awaiting_upload: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'awaiting_upload',
    lookAgain: 'awaiting_upload',
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
    queueAgain: 'staged',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  delivering: {
    startSending: 'delivering',
    takeBack: 'delivering',
    noteProgress: 'delivering',
    delivered: 'delivered',
    accepted: 'unconfirmed',
    setBack: 'waiting',
    cast: 'unconfirmed',
    fail: 'failed',
    lapse: 'waiting',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  sending: {
    startSending: 'delivering',
    takeBack: 'delivering',
    noteProgress: 'delivering',
    delivered: 'delivered',
    accepted: 'unconfirmed',
    setBack: 'waiting',
    cast: 'unconfirmed',
    fail: 'failed',
    lapse: 'unconfirmed',
  },
  waiting: {
    claim: 'delivering',
    delivered: 'delivered',
    accepted: 'waiting',
    pause: 'waiting',
    queueAgain: 'waiting',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
  },
  unconfirmed: {
    claim: 'delivering',
    delivered: 'delivered',
    accepted: 'unconfirmed',
    pause: 'unconfirmed',
    queueAgain: 'unconfirmed',
  },
  looking: {
    settle: 'delivering',
    takeBack: 'delivering',
    noteProgress: 'delivering',
    delivered: 'delivered',
    accepted: 'unconfirmed',
    setBack: 'unconfirmed',
    cast: 'unconfirmed',
    missed: 'unconfirmed',
    fail: 'failed',
    lapse: 'unconfirmed',
  },
  'without an id': {
    claim: 'delivering',
    delivered: 'delivered',
    pause: 'unconfirmed',
    queueAgain: 'unconfirmed',
  },
  'looking for its id': {
    takeBack: 'delivering',
    noteProgress: 'delivering',
    delivered: 'delivered',
    setBack: 'unconfirmed',
    cast: 'unconfirmed',
    missed: 'unconfirmed',
    fail: 'delivered',
    lapse: 'unconfirmed',
  },
  delivered: { cleaned: 'delivered', noticed: 'delivered', erase: 'delivered' },
  'delivered after a doubt': {
    cleaned: 'delivered',
    queueAgain: 'delivered',
    beginRecheck: 'delivered',
    rechecked: 'delivered',
    noticed: 'delivered',
  },
  'looking for a second copy': {
    cleaned: 'delivered',
    queueAgain: 'delivered',
    putOffRecheck: 'delivered',
    rechecked: 'delivered',
    noticed: 'delivered',
  },
  failed: {
    delivered: 'delivered',
    accepted: 'failed',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'failed',
    retry: 'staged',
    cleaned: 'failed',
    noticed: 'failed',
  },
  'failed in doubt': {
    delivered: 'delivered',
    accepted: 'failed',
    retry: 'unconfirmed',
    cleaned: 'failed',
    noticed: 'failed',
  },
  expired: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'expired',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    cleaned: 'expired',
    noticed: 'expired',
  },
  cancelled: {
    delivered: 'delivered',
    accepted: 'cancelled',
    cancel: 'cancelled',
    withdraw: 'cancelled',
    erase: 'cancelled',
    cleaned: 'cancelled',
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
      const foreign = { ...delivering, lease: { ...delivering.lease, token: 'of another' } };

      expect(every[name]?.(foreign)).toBeUndefined();
    },
  );
});
