import { describe, expect, it } from '@jest/globals';
import * as breaker from '../../../lib/domain/breaker.ts';
import type { BreakerState, CallResult, Contact } from '../../../lib/domain/breaker.ts';
import { MINUTE_MS } from '../../../lib/domain/units.ts';

const { CLOSED } = breaker;
const now = 1_800_000_000_000;
const seconds = (count: number): number => count * 1000;

/** A call that went like this; each has another work item. */
function call(contact: Contact, about: Partial<CallResult> = {}): CallResult {
  return {
    contact,
    owner: 'user-1',
    issueId: String((items += 1)),
    trialUntil: undefined,
    beginsCounting: false,
    ...about,
  };
}
let items = 0;

const after = (state: BreakerState, ...calls: CallResult[]): BreakerState =>
  calls.reduce((before, result) => breaker.afterCall(before, result, now), state);
const many = (count: number, contact: Contact, about: Partial<CallResult> = {}): CallResult[] =>
  Array.from({ length: count }, () => call(contact, about));
/** Uploads of so many owners have failed, each at a work item of its own. */
const failures = (...owners: string[]): CallResult[] =>
  owners.map((owner) => call('upload_failed', { owner }));
const OUTAGE = failures('a', 'a', 'a', 'b', 'b');

const open = (about: Partial<BreakerState> = {}): BreakerState => ({
  ...after(CLOSED, ...OUTAGE),
  openUntil: now + seconds(30),
  ...about,
});

describe('a call', () => {
  const trialUntil = now + seconds(200);

  it.each<[string, Partial<BreakerState>, Partial<Parameters<typeof breaker.decide>[1]>, object]>([
    ['may go to IPD', {}, {}, { kind: 'granted' }],
    ['may go at a reduced rate, with a slot', { rate: 5 }, {}, { kind: 'granted' }],
    ['waits for a slot', { rate: 5 }, { isRateLimited: false }, { kind: 'rate_limited' }],
    ['needs no slot at the full rate', {}, { isRateLimited: false }, { kind: 'granted' }],
    [
      'is refused while it is open',
      { openUntil: now + 1 },
      {},
      { kind: 'refused', until: now + 1, reason: 'outage' },
    ],
    [
      'without a slot is refused as well while it is open',
      { openUntil: now + 1, rate: 5 },
      { isRateLimited: false },
      { kind: 'refused', until: now + 1, reason: 'outage' },
    ],
    [
      'is refused for the credentials while they are locked out',
      { openUntil: now + 1, lockedUntil: now + 1 },
      {},
      { kind: 'refused', until: now + 1, reason: 'credentials' },
    ],
    [
      'is refused for the outage that came after a lock-out',
      { openUntil: now + 2, lockedUntil: now + 1 },
      {},
      { kind: 'refused', until: now + 2, reason: 'outage' },
    ],
    ['is the trial when the time is over', { openUntil: now }, {}, { kind: 'granted', trialUntil }],
    [
      'without a lease is not the trial',
      { openUntil: now },
      { until: undefined },
      { kind: 'refused', until: now, reason: 'outage' },
    ],
    [
      'waits for the trial of another',
      { openUntil: now, trialUntil: now + 1 },
      {},
      { kind: 'refused', until: now + 1, reason: 'outage' },
    ],
    [
      'asks again after a minute of a long trial',
      { openUntil: now, trialUntil },
      {},
      { kind: 'refused', until: now + MINUTE_MS, reason: 'outage' },
    ],
    [
      'is the trial where another has not ended in time',
      { openUntil: now, trialUntil: now },
      {},
      { kind: 'granted', trialUntil },
    ],
  ])('%s', (_name, state, about, decision) => {
    const asked = { until: trialUntil, isRateLimited: true, now, ...about };

    expect(breaker.decide({ ...CLOSED, ...state }, asked)).toEqual(decision);
  });

  it.each<[Contact, boolean]>([
    ['answered', true],
    ['listed', true],
    ['none', true],
    ['list_failed', false],
    ['unreachable', false],
    ['upload_failed', false],
    ['locked_out', false],
  ])('that ended as "%s" says nothing new of a quiet IPD: %s', (contact, isNoNews) => {
    expect(breaker.isNoNews(CLOSED, { contact, beginsCounting: false })).toBe(isNoNews);
    expect(breaker.isNoNews(CLOSED, { contact, beginsCounting: true })).toBe(false);
    expect(breaker.isNoNews({ ...CLOSED, openUntil: now }, { contact, beginsCounting: false })).toBe(false);
    const failed = after(CLOSED, call('upload_failed'));
    expect(breaker.isNoNews(failed, { contact, beginsCounting: false })).toBe(false);
  });
});

describe('failed calls', () => {
  it.each<[string, CallResult[], boolean]>([
    ['uploads of two owners, three of one at most', OUTAGE, true],
    ['four of one owner and one of another', failures('a', 'a', 'a', 'a', 'b'), false],
    ['five owners', failures('a', 'b', 'c', 'd', 'e'), true],
    ['four owners', failures('a', 'b', 'c', 'd'), false],
    ['one owner', failures('a', 'a', 'a', 'a', 'a', 'a'), false],
    ['many owners at one work item', OUTAGE.map((failed) => ({ ...failed, issueId: '1' })), false],
    ['lists of two work items', [...many(4, 'list_failed', { issueId: '1' }), call('list_failed')], true],
    ['the list of one work item', many(9, 'list_failed', { issueId: '1' }), false],
    ['four lists and an upload', [...many(4, 'list_failed'), call('upload_failed')], false],
    ['lists of pre-flights', many(5, 'list_failed', { owner: undefined }), true],
    [
      'uploads of one owner beside pre-flights',
      [...failures('a', 'a', 'a'), ...many(2, 'list_failed', { owner: undefined })],
      false,
    ],
    ['connections, of any owner', many(5, 'unreachable', { owner: undefined, issueId: '1' }), true],
    ['four connections', many(4, 'unreachable', { issueId: '1' }), false],
    [
      'connections beside lists of one work item',
      [...many(3, 'unreachable', { issueId: '1' }), ...many(3, 'list_failed', { issueId: '1' })],
      false,
    ],
  ])('open it or not: %s', (_name, calls, isOpen) => {
    const { openUntil, openings } = after(CLOSED, ...calls);

    expect({ openUntil, openings }).toEqual(
      isOpen ? { openUntil: now + seconds(30), openings: 1 } : { openUntil: undefined, openings: 0 },
    );
  });

  it('are forgotten after an answer to the same call', () => {
    const failed = after(CLOSED, ...failures('a', 'b'), call('list_failed'), call('unreachable'));

    expect(after(failed, call('answered')).recentOutages).toEqual([]);
    expect(after(failed, call('listed')).recentOutages.map((outage) => outage.call)).toEqual([
      'upload',
      'upload',
    ]);
    expect(after(failed, call('none')).recentOutages).toEqual(failed.recentOutages);
  });

  it('are kept with what tells them apart', () => {
    const calls: CallResult[] = [
      call('unreachable', { issueId: '1' }),
      call('list_failed', { issueId: '2', owner: undefined }),
      call('upload_failed', { issueId: '3' }),
    ];

    expect(after(CLOSED, ...calls).recentOutages).toEqual([
      { owner: 'user-1', issueId: '1', call: 'connection' },
      { owner: undefined, issueId: '2', call: 'list' },
      { owner: 'user-1', issueId: '3', call: 'upload' },
    ]);
  });

  it('are kept up to twenty: the owner with the most loses the oldest', () => {
    const full = after(CLOSED, ...failures('b'), ...failures(...Array<string>(19).fill('a')));
    const more = after(full, ...failures('a'));

    expect(full.recentOutages).toHaveLength(20);
    expect(more.recentOutages).toEqual([
      full.recentOutages[0],
      ...full.recentOutages.slice(2),
      expect.objectContaining({ owner: 'a' }),
    ]);
  });
});

describe('while it is open', () => {
  it('further failures make it no longer', () => {
    const state = open({ openings: 1 });

    expect(after(state, ...failures('c'))).toMatchObject({ openUntil: state.openUntil, openings: 1 });
  });

  it.each([
    [1, 60],
    [2, 120],
    [3, 240],
    [4, 300],
    [10, 300],
  ])('a failure after its %s. time opens it for %s seconds', (openings, length) => {
    const next = after(open({ openUntil: now, openings }), ...failures('c'));

    expect(next).toMatchObject({
      openUntil: now + seconds(length),
      openings: Math.min(openings + 1, 10),
    });
  });

  it('an answered list proves nothing about uploads', () => {
    const state = open({ openUntil: now, openings: 1 });

    expect(after(state, call('listed'))).toMatchObject({ openUntil: now, openings: 1 });
  });

  it('an answer closes it', () => {
    const state = open({ openings: 3, trialUntil: now + 1 });

    expect(after(state, call('answered'))).toMatchObject({
      openUntil: undefined,
      openings: 0,
      trialUntil: undefined,
      recentOutages: [],
    });
  });
});

describe('the trial', () => {
  const trialUntil = now + seconds(200);
  const state = open({ openUntil: now, trialUntil });

  it('is ended by its own call alone', () => {
    expect(after(state, call('none', { trialUntil })).trialUntil).toBeUndefined();
    expect(after(state, call('none')).trialUntil).toBe(trialUntil);
    expect(after(state, call('none', { trialUntil: trialUntil + 1 })).trialUntil).toBe(trialUntil);
    expect(after(state, call('listed', { trialUntil })).trialUntil).toBeUndefined();
    expect(after(state, call('listed')).trialUntil).toBe(trialUntil);
  });

  it('ends where it fails, so that another one may try', () => {
    expect(after(state, ...failures('c')).trialUntil).toBeUndefined();
  });

  it('whose upload fails has seen that lists are answered; an older upload has not', () => {
    const lists = { ...state, recentOutages: after(CLOSED, ...many(5, 'list_failed')).recentOutages };

    const ofTrial = after(lists, call('upload_failed', { trialUntil }));
    const ofOlder = after(lists, call('upload_failed'));

    expect(ofTrial.recentOutages.map((outage) => outage.call)).toEqual(['upload']);
    expect(ofTrial.openUntil).toBeUndefined();
    expect(ofOlder.recentOutages).toHaveLength(6);
    expect(ofOlder.openUntil).toBe(now + seconds(60));
  });
});

describe('refused credentials', () => {
  const locked = after(CLOSED, call('locked_out'));

  it('open it at once, for longer than the key is locked', () => {
    const until = now + seconds(310);

    expect(locked).toMatchObject({ openUntil: until, lockedUntil: until, openings: 1, recentOutages: [] });
  });

  it('do not make it shorter', () => {
    const openUntil = now + seconds(400);

    expect(after(open({ openUntil }), call('locked_out'))).toMatchObject({
      openUntil,
      lockedUntil: now + seconds(310),
    });
  });

  it('are ended by time alone', () => {
    const { lockedUntil = 0 } = locked;

    expect(breaker.afterCall(locked, call('answered'), lockedUntil - 1)).toMatchObject({
      openUntil: lockedUntil,
      lockedUntil,
    });
    expect(breaker.afterCall(locked, call('answered'), lockedUntil)).toMatchObject({
      openUntil: undefined,
      lockedUntil: undefined,
    });
  });
});

describe('the rate', () => {
  const minute = now / MINUTE_MS;
  const counting = { ...CLOSED, countingSince: now };

  it('is counted for from the first throttle on', () => {
    expect(after(CLOSED, call('answered')).countingSince).toBeUndefined();
    expect(after(CLOSED, call('answered', { beginsCounting: true })).countingSince).toBe(now);
    expect(after(CLOSED, call('none', { beginsCounting: true })).countingSince).toBe(now);
    const since = now - 1;
    const later = after({ ...CLOSED, countingSince: since }, call('answered', { beginsCounting: true }));
    expect(later.countingSince).toBe(since);
  });

  it.each<[string, BreakerState, boolean]>([
    ['a minute that was counted from its start', counting, true],
    ['a minute in which the counting began', { ...CLOSED, countingSince: now + 1 }, false],
    ['a minute without counts', CLOSED, false],
    ['a minute after the one that is in the rate', { ...counting, ratedMinute: minute - 1 }, true],
    ['a minute that is in the rate', { ...counting, ratedMinute: minute }, false],
  ])('is set by %s, or is not', (_name, state, isDue) => {
    expect(breaker.isRateDue(state, minute)).toBe(isDue);
  });

  it('falls while tries are throttled, and rises when none is', () => {
    const reduced = { ...counting, rate: 45 };
    const set = (state: BreakerState, tries: number, throttled: number): BreakerState =>
      breaker.afterMinute(state, { minute, full: 100, tries: { tries, throttled } });

    expect(set(counting, 100, 30)).toEqual({ ...counting, rate: 70, ratedMinute: minute });
    expect(set(reduced, 10, 0)).toEqual({ ...reduced, rate: 50, ratedMinute: minute });
    expect(set({ ...reduced, rate: 95 }, 10, 1)).toEqual({
      ...counting,
      rate: undefined,
      ratedMinute: minute,
    });
  });

  it('ends its counting in the first minute without a throttle at the full rate', () => {
    const tries = { tries: 10, throttled: 0 };
    const state = { ...counting, rate: 95, ratedMinute: minute - 1 };

    expect(breaker.afterMinute(state, { minute, full: 100, tries })).toEqual({
      ...CLOSED,
      rate: undefined,
      countingSince: undefined,
      ratedMinute: undefined,
    });
  });
});

describe('the view', () => {
  it.each<[Partial<BreakerState>, object]>([
    [{}, { state: 'closed' }],
    [{ rate: 5 }, { state: 'closed', rate: 5 }],
    [
      { openUntil: now + 1, rate: 5 },
      { state: 'open', until: now + 1, rate: 5 },
    ],
    [
      { openUntil: now + 1, trialUntil: now + 2 },
      { state: 'open', until: now + 1 },
    ],
    [{ openUntil: now }, { state: 'half_open', until: now }],
    [
      { openUntil: now, trialUntil: now + 2 },
      { state: 'half_open', until: now + 2 },
    ],
  ])('of %j', (state, view) => {
    expect(breaker.viewOf({ ...CLOSED, ...state }, now)).toEqual(view);
  });

  it('for people counts outages, owners and work items', () => {
    const state = after(
      CLOSED,
      ...failures('a', 'a', 'b'),
      ...many(2, 'list_failed', { owner: undefined, issueId: '1' }),
    );

    expect(breaker.summaryOf(state)).toEqual({ outages: 5, owners: 2, workItems: 4 });
  });
});

describe('the state', () => {
  it('begins closed, without outages, in no version', () => {
    expect(CLOSED).toEqual({ version: 0, recentOutages: [], openings: 0 });
  });

  it.each(['connection', 'list', 'upload'])('is read with an outage of a call: %s', (name) => {
    const state = { ...CLOSED, recentOutages: [{ owner: 'a', issueId: '1', call: name }] };

    expect(breaker.breakerSchema.parse(state)).toEqual(state);
  });
});

describe('two owners at two work items', () => {
  it('are enough for an outage', () => {
    const at = (owner: string, issueId: string): CallResult => call('upload_failed', { owner, issueId });
    const calls = [at('a', '1'), at('a', '1'), at('a', '1'), at('b', '2'), at('b', '2')];

    expect(after(CLOSED, ...calls).openUntil).toBe(now + seconds(30));
  });
});

describe('more outages than are kept', () => {
  const owners = (...counts: [string, number][]): CallResult[] =>
    counts.flatMap(([owner, count]) => failures(...Array.from({ length: count }, () => owner)));
  const lost = (calls: CallResult[]): (string | undefined)[] => {
    const { recentOutages } = after(CLOSED, ...calls);
    const kept = new Set(recentOutages.map(({ issueId }) => issueId));
    return calls.filter(({ issueId }) => !kept.has(issueId)).map(({ owner }) => owner);
  };

  it('cost the owner who has the most the oldest one', () => {
    expect(lost(owners(['a', 10], ['b', 10]))).toEqual([]);
    expect(lost(owners(['a', 10], ['b', 11]))).toEqual(['b']);
    expect(lost(owners(['a', 11], ['b', 10]))).toEqual(['a']);
  });

  it('cost the first of those who have as many', () => {
    expect(lost(owners(['a', 7], ['b', 7], ['c', 7]))).toEqual(['a']);
  });
});
