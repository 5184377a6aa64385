import { describe, expect, it } from '@jest/globals';
import { transitions, uploadsByState } from './transition-samples.ts';

/** From each state by each transition to a status; what is absent is not legal. */
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

  it.each(['startSending', 'takeBack', 'noteProgress', 'setBack', 'cast', 'fail'])(
    '%s needs the token of the lease',
    (name) => {
      const { delivering } = uploadsByState;
      if (delivering?.status !== 'delivering') throw new Error('not delivering');
      const foreign = { ...delivering, lease: { ...delivering.lease, token: 'of another' } };

      expect(transitions[name]?.(foreign)).toBeUndefined();
    },
  );
});
