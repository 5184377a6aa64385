import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import { erase } from '../../../lib/domain/erasure.ts';
import { generationOf } from '../../../lib/domain/link.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import { isFinal, mayBeInIpd, uploadSchema } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import {
  deed,
  HOUR,
  MINUTE,
  policy,
  sending,
  start,
  transitions,
  uploadsByState,
} from './transition-samples.ts';

describe('any sequence of transitions', () => {
  const step = fc.record({
    name: fc.constantFrom(...Object.keys(transitions), 'setCandidate', 'rejectCandidate'),
    token: fc.constantFrom('mine', 'of another'),
    attempt: fc.constantFrom(0, 1, 2),
    size: fc.constantFrom(10, 10, 10, 11),
    passed: fc.constantFrom(0, 1000, MINUTE, HOUR, 30 * HOUR, 80 * HOUR),
    random: fc.constantFrom(0, 0.5, 0.999),
    counts: fc.boolean(),
  });
  type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

  function apply(upload: Upload, given: Step, now: number): Upload | undefined {
    const { size, random, counts } = given;
    const lease = { token: given.token, until: now + 5 * MINUTE };
    const holder = { token: given.token, now, policy };
    const free: typeof transitions = {
      stage: (one) => lifecycle.stage(one, { etag: 'e', size }, { now, policy }),
      claim: (one) => attempts.claim(one, { ...lease, now, attempt: one.attempts + given.attempt }),
      claimArrival: (one) => attempts.claimArrival(one, { etag: 'e', size }, { ...lease, now, policy }),
      startSending: (one) => attempts.startSending(one, { ...sending, token: given.token, now }),
      resolveDoubt: (one) => attempts.resolveDoubt(one, holder),
      withdrawFence: (one) => attempts.withdrawFence(one, { token: given.token, sentName: 'plain' }),
      recordProgress: (one) => attempts.recordProgress(one, { token: given.token, bytesSent: 5 }),
      setCandidate: (one) =>
        endings.setCandidate(one, {
          attachmentId: counts ? '1' : '2',
          isNamed: size === 11,
          token: given.token,
          now,
        }),
      rejectCandidate: (one) =>
        attempts.rejectCandidate(one, { attachmentId: counts ? '1' : '2', now, policy }),
      beginRecheck: (one) => endings.beginRecheck(one, { ...lease, now }),
      postponeRecheck: (one) => endings.postponeRecheck(one, lease),
      markDelivered: (one) => endings.markDelivered(one, { attachmentId: counts ? '1' : null, now, policy }),
      markAccepted: (one) => attempts.markAccepted(one, holder),
      postpone: (one) => attempts.postpone(one, { ...holder, code: 'ipd_throttled', counts, random }),
      // Only an upload that was sent can be in doubt.
      markUnconfirmed: (one) =>
        isSending(one) ? attempts.markUnconfirmed(one, { ...holder, detail: 'd' }) : undefined,
      recordAbsence: (one) => attempts.recordAbsence(one, holder),
      fail: (one) => attempts.fail(one, { ...holder, code: 'ipd_refused' }),
      pause: (one) => attempts.pause(one, { until: now + 5 * MINUTE, code: 'ipd_paused', now, policy }),
      expireLease: (one) => attempts.expireLease(one, { now, random, policy }),
      expireOrWait: (one) => lifecycle.expireOrWait(one, { now }),
      requeue: (one) => lifecycle.requeue(one, { now }),
      cancel: (one) => lifecycle.cancel(one, { now }),
      retry: (one) => lifecycle.retry(one, { now, policy }),
      markCleaned: (one) => endings.markCleaned(one),
      finishRecheck: (one) => endings.finishRecheck(one),
      withdraw: (one) => lifecycle.withdraw(one, { ...deed, now }),
      erase: (one) => erase(one, { ...deed, now }),
      changeToLink: (one) =>
        attempts.changeToLink(one, { token: given.token, why: counts ? 'too_large' : 'work_item_full' }),
      markLinked: (one) =>
        endings.markLinked(one, { linkId: counts ? '1' : '2', hasLeftover: size === 11, now, policy }),
      replaceLink: (one) => endings.replaceLink(one, { linkId: counts ? '1' : '2' }),
      expireLink: (one) => endings.expireLink(one, { now: now + (counts ? policy.linkedFileMs : 0) }),
      remove: (one) => endings.remove(one, { by: 'owner', now }),
      markLinkedFileRemoved: (one) => endings.markLinkedFileRemoved(one),
      markLinksDeleted: (one) => endings.markLinksDeleted(one, { now, policy }),
      beginComment: (one) => attempts.beginComment(one, { now }),
      markNotified: (one) => one.notification && endings.markNotified(one, one.notification),
    };
    const transition = free[given.name];
    // A name that is not in the list would leave its transition out of every sequence.
    if (transition === undefined) throw new Error(`no transition ${given.name}`);
    return transition(upload);
  }

  /** The invariants, in words, that a transition has broken. `next` is the result as it is written. */
  function brokenBy({ before, next, name }: { before: Upload; next: Upload; name: string }): string[] {
    const { status } = next;
    const rules = {
      'a transition leaves the version to the ledger': next.version === before.version,
      'a transition never lowers the number of attempts': next.attempts >= before.attempts,
      'what is delivered stays so, unless it is a link that is taken back':
        before.status !== 'delivered' ||
        status === 'delivered' ||
        (status === 'removed' && before.link !== undefined),
      'what is removed stays so': before.status !== 'removed' || status === 'removed',
      'what ends in a link has no attachment': next.asLink === undefined || hasNoAttachment(next),
      'another secret comes with each removal':
        (status === 'removed' && before.status !== 'removed') ===
        (generationOf(next) === generationOf(before) + 1),
      'a link that is removed is looked for, until that is over':
        status !== 'removed' || next.recheckAt === undefined || next.dueAt !== undefined,
      'a linked file has an end':
        next.status !== 'delivered' || next.link === undefined || next.dueAt !== undefined,
      'nothing is cancelled that IPD may have, but for a link':
        !['cancel', 'withdraw'].includes(name) || !mayBeInIpd(before) || status === 'removed',
      'nothing is erased that is under way in IPD':
        name !== 'erase' || isFinal(before) || !mayBeInIpd(before) || status === 'removed',
      'an erased upload is final': next.erasure === undefined || isFinal(next),
      'only an end has a notification': next.notification === undefined || isFinal(next),
      'an end whose notification is not sent is due':
        next.notification === undefined || next.dueAt !== undefined,
      'every end but a cancellation has a notification':
        status === before.status ||
        !isFinal(next) ||
        (next.notification === undefined) === (status === 'cancelled'),
      'only a delivery has a lease': 'lease' in next === (status === 'delivering'),
      'an upload that is not final is due': isFinal(next) || next.dueAt !== undefined,
      'nothing is sent in doubt, or when there is a candidate':
        name !== 'startSending' || (before.doubt === undefined && before.candidate === undefined),
      'a doubt goes only by resolving it or by delivery':
        before.doubt === undefined ||
        next.doubt !== undefined ||
        name === 'resolveDoubt' ||
        status === 'delivered' ||
        status === 'removed',
      'what IPD has accepted is never sent again':
        before.doubt?.accepted !== true || next.doubt?.accepted === true || status === 'delivered',
      'a candidate that is rejected is not sent again without a check':
        name !== 'rejectCandidate' ||
        next.status !== 'delivering' ||
        next.candidate !== undefined ||
        before.candidate === undefined,
      'an id that is set stays':
        before.status !== 'delivered' || before.attachmentId === null || before.attachmentId === idOf(next),
    };
    return Object.entries(rules).flatMap(([rule, isKept]) => (isKept ? [] : [`${name}: ${rule}`]));
  }

  it('keeps the invariants and comes to every state but the first', () => {
    const seen = new Set<string>();
    // A sequence that begins where few come by chance goes further from there.
    const begin = fc.constantFrom(...Object.values(uploadsByState));
    fc.assert(
      fc.property(begin, fc.array(step, { maxLength: 60, size: 'max' }), (first, steps) => {
        let upload = first;
        let now = start;
        for (const given of steps) {
          now += given.passed;
          const changed = apply(upload, given, now);
          if (changed === undefined) continue;
          const next = uploadSchema.parse(changed);
          expect(brokenBy({ before: upload, next, name: given.name })).toEqual([]);
          if (next.status !== upload.status) seen.add(next.status);
          upload = next;
        }
      }),
      { numRuns: 2000 },
    );

    const statuses = new Set(Object.values(uploadsByState).map(({ status }) => status));
    statuses.delete('awaiting_upload');
    expect(seen).toEqual(statuses);
  });
});

function isSending(upload: Upload): boolean {
  return upload.status === 'delivering' && upload.sendingAt !== undefined;
}

function hasNoAttachment(upload: Upload): boolean {
  return upload.candidate === undefined && (upload.status !== 'delivered' || upload.attachmentId === null);
}

function idOf(upload: Upload): string | null | undefined {
  return upload.status === 'delivered' ? upload.attachmentId : undefined;
}
