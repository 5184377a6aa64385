import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import * as moves from '../../lib/upload.ts';
import type { Upload } from '../../lib/upload.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const start = Date.UTC(2026, 0, 2);
const policy = { uploadDeadlineMs: 72 * HOUR, retryWindowMs: 24 * HOUR, failedRetentionMs: 168 * HOUR };
const object = { etag: 'e', size: 10 };
const token = 'mine';
const until = start + 5 * MINUTE;

function fresh(): Upload {
  const input = {
    id: '00000000-0000-4000-8000-000000000000',
    owner: 'user-1',
    projectId: 'p',
    issueId: 'i',
    filename: 'f',
    sentName: 'f',
    contentType: 'a/b',
    size: 10,
  };
  return moves.createUpload(input, { now: start, policy });
}

function legal(upload: Upload | undefined): Upload {
  if (upload === undefined) throw new Error('this move is legal');
  return upload;
}

/** One move of each kind that is legal wherever the state allows it: the right token, attempt and time. */
const every: Record<string, (upload: Upload) => Upload | undefined> = {
  stage: (upload) => moves.stage(upload, object, { now: start, policy }),
  claim: (upload) => moves.claim(upload, { token, until, attempt: upload.attempts + 1 }),
  claimArrival: (upload) => moves.claimArrival(upload, object, { token, until, now: start, policy }),
  startSending: (upload) => moves.startSending(upload, { token, now: start, marginMs: 1000 }),
  takeBack: (upload) => moves.takeBack(upload, { token, sentName: 'plain' }),
  noteProgress: (upload) => moves.noteProgress(upload, { token, bytesSent: 5 }),
  delivered: (upload) => moves.delivered(upload, { attachmentId: '1', now: start }),
  setBack: (upload) =>
    moves.setBack(upload, { token, code: 'ipd_unavailable', counts: true, now: start, random: 0.5, policy }),
  doubt: (upload) => moves.doubt(upload, { token, now: start }),
  fail: (upload) => moves.fail(upload, { token, code: 'ipd_refused', now: start, policy }),
  lapse: (upload) => moves.lapse(upload, { now: until, random: 0.5, policy }),
  lookAgain: (upload) => moves.lookAgain(upload, { now: start }),
  queueAgain: (upload) => moves.queueAgain(upload, { now: start }),
  cancel: (upload) => moves.cancel(upload, { now: start }),
  cleaned: (upload) => moves.cleaned(upload),
};

function after(...names: string[]): Upload {
  return names.reduce((upload, name) => legal(every[name]?.(upload)), fresh());
}

const samples: Record<string, Upload> = {
  awaiting_upload: fresh(),
  staged: after('stage'),
  delivering: after('stage', 'claim'),
  sending: after('stage', 'claim', 'startSending'),
  waiting: after('stage', 'claim', 'setBack'),
  unconfirmed: after('stage', 'claim', 'startSending', 'doubt'),
  delivered: after('stage', 'claim', 'startSending', 'delivered'),
  failed: after('stage', 'claim', 'fail'),
  expired: legal(moves.lookAgain(fresh(), { now: start + 72 * HOUR })),
  cancelled: after('cancel'),
};

/** From each state (`sending` is `delivering` behind the fence) by each move to a status; what is absent is not legal. */
const table: Record<string, Record<string, string>> = {
  awaiting_upload: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    lookAgain: 'awaiting_upload',
    cancel: 'cancelled',
  },
  staged: {
    claim: 'delivering',
    claimArrival: 'delivering',
    delivered: 'delivered',
    queueAgain: 'staged',
    cancel: 'cancelled',
  },
  delivering: {
    startSending: 'delivering',
    takeBack: 'delivering',
    noteProgress: 'delivering',
    delivered: 'delivered',
    setBack: 'waiting',
    doubt: 'unconfirmed',
    fail: 'failed',
    lapse: 'waiting',
    cancel: 'cancelled',
  },
  sending: {
    startSending: 'delivering',
    takeBack: 'delivering',
    noteProgress: 'delivering',
    delivered: 'delivered',
    setBack: 'waiting',
    doubt: 'unconfirmed',
    fail: 'failed',
    lapse: 'unconfirmed',
  },
  waiting: { claim: 'delivering', delivered: 'delivered', queueAgain: 'waiting', cancel: 'cancelled' },
  unconfirmed: { delivered: 'delivered' },
  delivered: { cleaned: 'delivered' },
  failed: { delivered: 'delivered', cancel: 'cancelled', cleaned: 'failed' },
  expired: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    cancel: 'cancelled',
    cleaned: 'expired',
  },
  cancelled: { delivered: 'delivered', cancel: 'cancelled', cleaned: 'cancelled' },
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

  it.each(['startSending', 'takeBack', 'noteProgress', 'setBack', 'doubt', 'fail'])(
    '%s needs the token of the lease',
    (name) => {
      const { delivering } = samples;
      if (delivering?.status !== 'delivering') throw new Error('not delivering');
      const foreign = { ...delivering, lease: { ...delivering.lease, token: 'of another' } };

      expect(every[name]?.(foreign)).toBeUndefined();
    },
  );
});

describe('stage', () => {
  it('ends an upload whose file has another size', () => {
    const upload = moves.stage(fresh(), { etag: 'e', size: 11 }, { now: start, policy });

    expect(upload).toMatchObject({
      status: 'failed',
      error: { code: 'size_mismatch', detail: '11 bytes stored, 10 declared' },
    });
  });
});

describe('claim', () => {
  it.each([-1, 0, 2])('takes no attempt but the next: %i', (attempt) => {
    expect(moves.claim(after('stage'), { token, until, attempt })).toBeUndefined();
  });

  it('gives a lease, and is due a moment after it has ended', () => {
    const upload = after('stage', 'claim');

    expect(upload).toMatchObject({ attempts: 1, lease: { token, until: new Date(until).toISOString() } });
    expect(upload.dueAt).toBe(new Date(until + 5000).toISOString());
  });
});

describe('startSending', () => {
  it.each([
    [until - 1001, true],
    [until - 1000, false],
    [until, false],
  ])('at %i is legal: %s', (now, isLegal) => {
    expect(moves.startSending(after('stage', 'claim'), { token, now, marginMs: 1000 }) !== undefined).toBe(
      isLegal,
    );
  });
});

describe('lapse', () => {
  it('waits for the end of the lease', () => {
    const event = { random: 0.5, policy };

    expect(moves.lapse(after('stage', 'claim'), { ...event, now: until - 1 })).toBeUndefined();
    expect(moves.lapse(after('stage', 'claim'), { ...event, now: until })).toBeDefined();
  });
});

describe('setBack', () => {
  const event = { token, code: 'ipd_unavailable', counts: true, now: start, random: 1, policy } as const;
  /** Minutes until the next attempt after so many failed ones. */
  const pauseAfter = (failedAttempts: number, other: Partial<Parameters<typeof moves.setBack>[1]> = {}) => {
    const upload = moves.setBack({ ...after('stage', 'claim'), failedAttempts }, { ...event, ...other });
    return (Date.parse(upload?.dueAt ?? '') - start) / MINUTE;
  };

  it('waits longer after each failed attempt, up to 4 hours, with full jitter', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7, 50].map((failed) => pauseAfter(failed))).toEqual([
      0.5, 2, 10, 30, 60, 120, 240, 240, 240,
    ]);
    expect(pauseAfter(6, { random: 0 })).toBe(0);
    expect(pauseAfter(6, { random: 0.25 })).toBe(60);
  });

  it('waits at least as long as it was asked to', () => {
    expect(pauseAfter(0, { afterMs: 10 * MINUTE, random: 0 })).toBe(10);
  });

  it('counts an attempt or not', () => {
    const upload = after('stage', 'claim');

    expect(moves.setBack(upload, event)).toMatchObject({ failedAttempts: 1, attempts: 1 });
    expect(moves.setBack(upload, { ...event, counts: false })).toMatchObject({
      failedAttempts: 0,
      attempts: 1,
    });
  });

  it('gives up when the next attempt would come after the retry window', () => {
    const late = { ...event, now: start + 24 * HOUR, detail: 'HTTP 502' };

    expect(moves.setBack(after('stage', 'claim'), { ...late, random: 0 })).toMatchObject({
      status: 'waiting',
    });
    expect(moves.setBack(after('stage', 'claim'), late)).toMatchObject({
      status: 'failed',
      error: { code: 'retries_exhausted', detail: expect.stringContaining('HTTP 502') },
      keepUntil: new Date(start + 192 * HOUR).toISOString(),
    });
  });
});

describe('doubt', () => {
  it('remembers since when, and clears it when IPD turns out to have the file', () => {
    const sent = moves.startSending(after('stage', 'claim'), { token, now: start + 1, marginMs: 0 });
    const doubtful = legal(moves.doubt(legal(sent), { token, now: start + 2 }));

    expect(doubtful).toMatchObject({ doubtSince: new Date(start + 1).toISOString() });
    expect(moves.delivered(doubtful, { attachmentId: null, now: start })).toMatchObject({
      doubtSince: undefined,
      error: undefined,
    });
  });
});

describe('stagingKey', () => {
  it('is read back to the id, and nothing else is', () => {
    const { id } = fresh();

    expect(moves.uploadIdOf(moves.stagingKey(id))).toBe(id);
    for (const key of [
      '',
      id,
      `x/staging/${id}`,
      `staging/${id}x`,
      `staging/${id}/x`,
      'staging/../etc',
      'staging/',
    ]) {
      expect(moves.uploadIdOf(key)).toBeUndefined();
    }
  });
});

describe('any sequence of moves', () => {
  const step = fc.record({
    name: fc.constantFrom(...Object.keys(every)),
    token: fc.constantFrom('mine', 'of another'),
    attempt: fc.constantFrom(0, 1, 2),
    size: fc.constantFrom(10, 10, 10, 11),
    passed: fc.constantFrom(0, 1000, MINUTE, HOUR, 30 * HOUR),
    random: fc.constantFrom(0, 0.5, 0.999),
    counts: fc.boolean(),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  function apply(upload: Upload, given: Step, now: number): Upload | undefined {
    const { size, random, counts } = given;
    const right = { token: given.token, until: now + 5 * MINUTE };
    const free: typeof every = {
      stage: (one) => moves.stage(one, { etag: 'e', size }, { now, policy }),
      claim: (one) => moves.claim(one, { ...right, attempt: one.attempts + given.attempt }),
      claimArrival: (one) => moves.claimArrival(one, { etag: 'e', size }, { ...right, now, policy }),
      startSending: (one) => moves.startSending(one, { token: given.token, now, marginMs: 1000 }),
      takeBack: (one) => moves.takeBack(one, { token: given.token, sentName: 'plain' }),
      noteProgress: (one) => moves.noteProgress(one, { token: given.token, bytesSent: 5 }),
      delivered: (one) => moves.delivered(one, { attachmentId: counts ? '1' : null, now }),
      setBack: (one) =>
        moves.setBack(one, { token: given.token, code: 'ipd_throttled', counts, now, random, policy }),
      doubt: (one) => moves.doubt(one, { token: given.token, detail: 'd', now }),
      fail: (one) => moves.fail(one, { token: given.token, code: 'ipd_refused', now, policy }),
      lapse: (one) => moves.lapse(one, { now, random, policy }),
      lookAgain: (one) => moves.lookAgain(one, { now }),
      queueAgain: (one) => moves.queueAgain(one, { now }),
      cancel: (one) => moves.cancel(one, { now }),
      cleaned: (one) => moves.cleaned(one),
    };
    return free[given.name]?.(upload);
  }

  /** What must hold after any move, in words, where it does not. `next` is the result as it is written down. */
  function brokenBy({ before, next, name }: { before: Upload; next: Upload; name: string }): string[] {
    const { status } = next;
    const rules = {
      'a move leaves the version to the ledger': next.version === before.version,
      'a move leaves attempts behind, never takes them back': next.attempts >= before.attempts,
      'what is delivered stays so': before.status !== 'delivered' || status === 'delivered',
      'nothing is cancelled that IPD may have': name !== 'cancel' || !moves.mayBeInIpd(before),
      'only a delivery has a lease': 'lease' in next === (status === 'delivering'),
      'whatever is not over is due, but for a doubt':
        moves.isFinal(next) || (next.dueAt !== undefined) === (status !== 'unconfirmed'),
      'a doubt has a beginning': status !== 'unconfirmed' || next.doubtSince !== undefined,
    };
    return Object.entries(rules).flatMap(([rule, holds]) => (holds ? [] : [`${name}: ${rule}`]));
  }

  it('keeps the invariants and reaches every state', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        let upload = fresh();
        let now = start;
        for (const given of steps) {
          now += given.passed;
          const moved = apply(upload, given, now);
          if (moved === undefined) continue;
          const next = moves.uploadSchema.parse(moved);
          expect(brokenBy({ before: upload, next, name: given.name })).toEqual([]);
          upload = next;
          seen.add(upload.status);
        }
      }),
      { numRuns: 2000 },
    );

    const states = Object.keys(samples).filter((state) => state !== 'sending');
    expect([...seen].toSorted()).toEqual(states.toSorted());
  });
});
