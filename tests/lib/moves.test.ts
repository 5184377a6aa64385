import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import * as moves from '../../lib/moves.ts';
import {
  isFinal,
  mayBeInIpd,
  occupiesWorkItem,
  stagingKey,
  uploadIdOf,
  uploadSchema,
} from '../../lib/upload.ts';
import type { Upload } from '../../lib/upload.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const start = Date.UTC(2026, 0, 2);
const policy = {
  uploadDeadlineMs: 72 * HOUR,
  retryWindowMs: 24 * HOUR,
  failedRetentionMs: 168 * HOUR,
  commitWindowMs: 10 * MINUTE,
};
/** When IPD has surely kept or dropped what was sent at the start, by anybody's clock. */
const committed = start + 11 * MINUTE;
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

/** The result of a legal move as the ledger writes it down. */
function legal(upload: Upload | undefined): Upload {
  if (upload === undefined) throw new Error('this move is legal');
  return uploadSchema.parse(upload);
}

const moment = { now: start, policy };
const sending = { token, marginMs: 1000, known: ['7'] };

/** One move of each kind that is legal wherever the state allows it: the right token, attempt and time. */
const every: Record<string, (upload: Upload) => Upload | undefined> = {
  stage: (upload) => moves.stage(upload, object, moment),
  claim: (upload) => moves.claim(upload, { token, until, attempt: upload.attempts + 1 }),
  claimArrival: (upload) => moves.claimArrival(upload, object, { token, until, ...moment }),
  startSending: (upload) => moves.startSending(upload, { ...sending, now: start }),
  settle: (upload) => moves.settle(upload, { token }),
  takeBack: (upload) => moves.takeBack(upload, { token, sentName: 'plain' }),
  noteProgress: (upload) => moves.noteProgress(upload, { token, bytesSent: 5 }),
  delivered: (upload) => moves.delivered(upload, { attachmentId: '1', ...moment }),
  accepted: (upload) => moves.accepted(upload, moment),
  setBack: (upload) =>
    moves.setBack(upload, { token, code: 'ipd_unavailable', counts: true, random: 0.5, ...moment }),
  cast: (upload) => moves.cast(upload, { token, ...moment }),
  missed: (upload) => moves.missed(upload, { token, ...moment }),
  fail: (upload) => moves.fail(upload, { token, code: 'ipd_refused', ...moment }),
  pause: (upload) => moves.pause(upload, { until, code: 'ipd_paused', ...moment }),
  lapse: (upload) => moves.lapse(upload, { now: until, random: 0.5, policy }),
  lookAgain: (upload) => moves.lookAgain(upload, { now: start }),
  queueAgain: (upload) => moves.queueAgain(upload, { now: start }),
  cancel: (upload) => moves.cancel(upload, { now: start }),
  retry: (upload) => moves.retry(upload, moment),
  cleaned: (upload) => moves.cleaned(upload),
  rechecked: (upload) => moves.rechecked(upload, { duplicates: ['2'] }),
};

function after(...names: string[]): Upload {
  return names.reduce((upload, name) => legal(every[name]?.(upload)), fresh());
}

const sent = ['stage', 'claim', 'startSending'];
const inDoubt = [...sent, 'cast'];

const samples: Record<string, Upload> = {
  awaiting_upload: fresh(),
  staged: after('stage'),
  delivering: after('stage', 'claim'),
  sending: after(...sent),
  waiting: after('stage', 'claim', 'setBack'),
  unconfirmed: after(...inDoubt),
  looking: after(...inDoubt, 'claim'),
  'without an id': after(...sent, 'accepted'),
  'looking for its id': after(...sent, 'accepted', 'claim'),
  delivered: after(...sent, 'delivered'),
  'delivered after a doubt': after(...inDoubt, 'claim', 'settle', 'startSending', 'delivered'),
  failed: after('stage', 'claim', 'fail'),
  'failed in doubt': after(...inDoubt, 'claim', 'fail'),
  expired: legal(moves.lookAgain(fresh(), { now: start + 72 * HOUR })),
  cancelled: after('cancel'),
};

/** From each state by each move to a status; what is absent is not legal. */
const table: Record<string, Record<string, string>> = {
  awaiting_upload: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'awaiting_upload',
    lookAgain: 'awaiting_upload',
    cancel: 'cancelled',
  },
  staged: {
    claim: 'delivering',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'staged',
    pause: 'staged',
    queueAgain: 'staged',
    cancel: 'cancelled',
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
  delivered: { cleaned: 'delivered' },
  'delivered after a doubt': { cleaned: 'delivered', queueAgain: 'delivered', rechecked: 'delivered' },
  failed: {
    delivered: 'delivered',
    accepted: 'failed',
    cancel: 'cancelled',
    retry: 'staged',
    cleaned: 'failed',
  },
  'failed in doubt': {
    delivered: 'delivered',
    accepted: 'failed',
    retry: 'unconfirmed',
    cleaned: 'failed',
  },
  expired: {
    stage: 'staged',
    claimArrival: 'delivering',
    delivered: 'delivered',
    accepted: 'expired',
    cancel: 'cancelled',
    cleaned: 'expired',
  },
  cancelled: {
    delivered: 'delivered',
    accepted: 'cancelled',
    cancel: 'cancelled',
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
    expect(moves.startSending(after('stage', 'claim'), { ...sending, now }) !== undefined).toBe(isLegal);
  });

  it('notes what the work item held before, once and for all', () => {
    const first = after(...sent);
    const second = legal(
      moves.startSending(after(...inDoubt, 'claim', 'settle'), { ...sending, now: start, known: ['8'] }),
    );

    expect(first).toMatchObject({ known: ['7'], bytesSent: 10 });
    expect(second.known).toEqual(['7']);
  });

  it('is not legal once an attachment is ours', () => {
    const found = legal(moves.nominate(after('stage', 'claim'), { attachmentId: '1', now: start }));

    expect(moves.startSending(found, { ...sending, now: start })).toBeUndefined();
  });
});

describe('lapse', () => {
  it('waits for the end of the lease', () => {
    const event = { random: 0.5, policy };

    expect(moves.lapse(after('stage', 'claim'), { ...event, now: until - 1 })).toBeUndefined();
    expect(moves.lapse(after('stage', 'claim'), { ...event, now: until })).toBeDefined();
  });

  it('takes the end of the lease for the last moment at which a byte can have left', () => {
    const upload = legal(moves.lapse(after(...sent), { now: until + HOUR, random: 0.5, policy }));

    expect(upload).toMatchObject({ doubt: { since: iso(until), absences: 0, accepted: false } });
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

describe('a doubt', () => {
  const since = start;
  const doubtful = after(...inDoubt);
  const missedAt = (upload: Upload, now: number): Upload =>
    legal(
      moves.missed(
        legal(moves.claim(upload, { token, until: now + 5 * MINUTE, attempt: upload.attempts + 1 })),
        { token, now, policy },
      ),
    );

  it('is looked into after 15 s, 1 min, 4 min and after the commit window, then every 15 s', () => {
    let upload = doubtful;
    const looks: number[] = [];
    while (looks.length < 6) {
      const due = Date.parse(upload.dueAt ?? '');
      looks.push((due - since) / SECOND);
      upload = missedAt(upload, due);
    }

    expect(looks).toEqual([15, 60, 240, 660, 675, 690]);
    expect(upload).toMatchObject({
      status: 'unconfirmed',
      doubt: { absences: 6 },
      error: { code: 'answer_lost' },
    });
  });

  it.each([
    { absences: 0, now: committed, settles: false },
    { absences: 1, now: committed - 1, settles: false },
    { absences: 1, now: committed, settles: true },
    { absences: 9, now: start + MINUTE, settles: false },
  ])('after $absences absences at $now is settled by one more: $settles', ({ absences, now, settles }) => {
    const doubt = { since: iso(since), absences, accepted: false };

    expect(moves.settlesDoubt(doubt, { now, policy })).toBe(settles);
  });

  it('goes when it is settled, and is looked into once more a commit window after the delivery', () => {
    const settled = after(...inDoubt, 'claim', 'settle');
    const upload = legal(every['delivered']?.(settled));

    expect(settled).toMatchObject({ resent: true });
    expect(settled.doubt).toBeUndefined();
    expect(upload).toMatchObject({ recheckAt: iso(committed), dueAt: iso(start + MINUTE) });
    expect(legal(moves.cleaned(upload)).dueAt).toBe(iso(committed));
  });

  it('outlives every setback and the end', () => {
    const looking = after(...inDoubt, 'claim');

    expect(every['setBack']?.(looking)).toMatchObject({ status: 'unconfirmed', doubt: looking.doubt });
    expect(every['fail']?.(looking)).toMatchObject({
      status: 'failed',
      doubt: looking.doubt,
      error: { code: 'outcome_unknown', detail: 'IPD refused the file.' },
    });
  });

  it('begins its readings anew at a retry', () => {
    const failed = legal(
      moves.fail(legal(every['claim']?.(missedAt(doubtful, start))), {
        token,
        code: 'outcome_unknown',
        ...moment,
      }),
    );

    expect(failed).toMatchObject({ doubt: { absences: 1 } });
    expect(moves.retry(failed, moment)).toMatchObject({ doubt: { absences: 0 }, failedAttempts: 0 });
  });

  it('is none once IPD has said success: never settled, delivered without an id in the end', () => {
    const looking = after(...sent, 'accepted', 'claim');
    const late = {
      token,
      code: 'ipd_unavailable',
      counts: true,
      random: 1,
      now: start + 24 * HOUR,
      policy,
    } as const;

    expect(moves.settle(looking, { token })).toBeUndefined();
    for (const end of [
      moves.fail(looking, { token, code: 'outcome_unknown', ...moment }),
      moves.setBack(looking, late),
    ]) {
      expect(end).toMatchObject({
        status: 'delivered',
        attachmentId: null,
        reason: expect.any(String),
        doubt: undefined,
        error: undefined,
      });
    }
  });
});

describe('nominate', () => {
  it('makes an attachment the candidate, and a second one a copy too many', () => {
    const first = legal(moves.nominate(after(...sent), { attachmentId: '1', now: start }));
    const second = legal(moves.nominate(first, { attachmentId: '2', now: start }));

    expect(first.candidate).toBe('1');
    expect(moves.nominate(first, { attachmentId: '1', now: start })).toBe(first);
    expect(second).toMatchObject({ candidate: '1', duplicates: ['2'] });
  });

  it('gives a delivered upload the id that it had not, and no second one', () => {
    const nameless = legal(moves.delivered(after(...sent), { attachmentId: null, ...moment }));
    const named = legal(moves.nominate(nameless, { attachmentId: '1', now: start }));

    expect(named).toMatchObject({ status: 'delivered', attachmentId: '1' });
    expect(named).toHaveProperty('reason', undefined);
    expect(moves.nominate(named, { attachmentId: '2', now: start })).toMatchObject({
      attachmentId: '1',
      duplicates: ['2'],
    });
  });
});

describe('noteForeign', () => {
  it('keeps each id once', () => {
    const upload = legal(moves.noteForeign(legal(moves.noteForeign(fresh(), ['1', '2'])), ['2', '3']));

    expect(upload.foreign).toEqual(['1', '2', '3']);
  });
});

describe('pause', () => {
  it('gives the time back that it takes from the retry window', () => {
    const upload = legal(every['pause']?.(after('stage')));

    expect(upload).toMatchObject({ dueAt: iso(until), retryUntil: iso(start + 24 * HOUR + 5 * MINUTE) });
    expect(upload).toMatchObject({ attempts: 0, failedAttempts: 0, error: { code: 'ipd_paused' } });
  });

  it('does not hide a doubt behind its own reason', () => {
    expect(every['pause']?.(after(...inDoubt))).toMatchObject({ error: { code: 'answer_lost' } });
  });

  it('ends the upload when it would outlast the retry window and the time its file is kept', () => {
    const longest = start + 192 * HOUR;
    const paused = (end: number) =>
      moves.pause(after('stage'), { until: end, code: 'ipd_paused', ...moment });

    expect(paused(longest)).toMatchObject({ status: 'staged' });
    expect(paused(longest + 1)).toMatchObject({ status: 'failed', error: { code: 'retries_exhausted' } });
  });
});

describe('retry', () => {
  it('needs a file that was there once', () => {
    const failed = legal(moves.stage(fresh(), { etag: 'e', size: 11 }, moment));

    expect(moves.retry(failed, moment)).toBeUndefined();
  });
});

describe('rechecked', () => {
  it('ends the look for a second copy and keeps what it found', () => {
    const upload = legal(
      every['rechecked']?.(after(...inDoubt, 'claim', 'settle', 'startSending', 'delivered')),
    );

    expect(upload).toMatchObject({ duplicates: ['2'] });
    expect(upload.dueAt).toBeUndefined();
    expect(every['rechecked']?.(upload)).toBeUndefined();
  });
});

describe('occupiesWorkItem', () => {
  it('is true of whatever is in flight or in doubt, and of what may still show a second copy', () => {
    const occupying = Object.keys(samples).filter((state) => occupiesWorkItem(samples[state] ?? fresh()));

    expect(occupying).toEqual([
      'delivering',
      'sending',
      'unconfirmed',
      'looking',
      'without an id',
      'looking for its id',
      'delivered after a doubt',
    ]);
  });
});

describe('stagingKey', () => {
  it('is read back to the id, and nothing else is', () => {
    const { id } = fresh();

    expect(uploadIdOf(stagingKey(id))).toBe(id);
    for (const key of [
      '',
      id,
      `x/staging/${id}`,
      `staging/${id}x`,
      `staging/${id}/x`,
      'staging/../etc',
      'staging/',
    ]) {
      expect(uploadIdOf(key)).toBeUndefined();
    }
  });
});

describe('any sequence of moves', () => {
  const step = fc.record({
    name: fc.constantFrom(...Object.keys(every), 'nominate'),
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
    const holder = { token: given.token, now, policy };
    const free: typeof every = {
      stage: (one) => moves.stage(one, { etag: 'e', size }, { now, policy }),
      claim: (one) => moves.claim(one, { ...right, attempt: one.attempts + given.attempt }),
      claimArrival: (one) => moves.claimArrival(one, { etag: 'e', size }, { ...right, now, policy }),
      startSending: (one) => moves.startSending(one, { ...sending, token: given.token, now }),
      settle: (one) => moves.settle(one, holder),
      takeBack: (one) => moves.takeBack(one, { token: given.token, sentName: 'plain' }),
      noteProgress: (one) => moves.noteProgress(one, { token: given.token, bytesSent: 5 }),
      nominate: (one) => moves.nominate(one, { attachmentId: counts ? '1' : '2', now }),
      delivered: (one) => moves.delivered(one, { attachmentId: counts ? '1' : null, now, policy }),
      accepted: (one) => moves.accepted(one, holder),
      setBack: (one) => moves.setBack(one, { ...holder, code: 'ipd_throttled', counts, random }),
      // Only what was sent is a doubt.
      cast: (one) => (isSending(one) ? moves.cast(one, { ...holder, detail: 'd' }) : undefined),
      missed: (one) => moves.missed(one, holder),
      fail: (one) => moves.fail(one, { ...holder, code: 'ipd_refused' }),
      pause: (one) => moves.pause(one, { until: now + 5 * MINUTE, code: 'ipd_paused', now, policy }),
      lapse: (one) => moves.lapse(one, { now, random, policy }),
      lookAgain: (one) => moves.lookAgain(one, { now }),
      queueAgain: (one) => moves.queueAgain(one, { now }),
      cancel: (one) => moves.cancel(one, { now }),
      retry: (one) => moves.retry(one, { now, policy }),
      cleaned: (one) => moves.cleaned(one),
      rechecked: (one) => moves.rechecked(one, { duplicates: counts ? ['3'] : [] }),
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
      'nothing is cancelled that IPD may have': name !== 'cancel' || !mayBeInIpd(before),
      'only a delivery has a lease': 'lease' in next === (status === 'delivering'),
      'whatever is not over is due': isFinal(next) || next.dueAt !== undefined,
      'nothing is sent in doubt, or when an attachment is ours':
        name !== 'startSending' || (before.doubt === undefined && before.candidate === undefined),
      'a doubt goes only by settling it or by delivery':
        before.doubt === undefined || next.doubt !== undefined || name === 'settle' || status === 'delivered',
      'what IPD has accepted is never sent again':
        before.doubt?.accepted !== true || next.doubt?.accepted === true || status === 'delivered',
      'an id that is known stays':
        before.status !== 'delivered' || before.attachmentId === null || before.attachmentId === idOf(next),
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
          const next = uploadSchema.parse(moved);
          expect(brokenBy({ before: upload, next, name: given.name })).toEqual([]);
          upload = next;
          seen.add(upload.status);
        }
      }),
      { numRuns: 2000 },
    );

    const statuses = new Set(Object.values(samples).map(({ status }) => status));
    expect(seen).toEqual(statuses);
  });
});

function isSending(upload: Upload): boolean {
  return upload.status === 'delivering' && upload.sendingAt !== undefined;
}

function idOf(upload: Upload): string | null | undefined {
  return upload.status === 'delivered' ? upload.attachmentId : undefined;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
