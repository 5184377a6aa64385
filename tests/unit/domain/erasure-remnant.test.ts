import { describe, expect, it } from '@jest/globals';
import * as endings from '../../../lib/domain/endings.ts';
import { erase, remnantOf, whyNotErased } from '../../../lib/domain/erasure.ts';
import { after, inDoubt, legal, moment, sent, start, token, uploadsByState } from './transition-samples.ts';

describe('what a person has to remove in IPD', () => {
  it('is the candidate of an upload that is not delivered yet', () => {
    const found = legal(endings.setCandidate(after(...sent), { attachmentId: '1', token, now: start }));

    expect(remnantOf(found)).toMatchObject({ attachmentIds: ['1'], isCertain: true });
  });

  it('has no id where IPD named none', () => {
    const nameless = legal(endings.markDelivered(after(...sent), { attachmentId: null, ...moment }));

    expect(remnantOf(nameless)).toMatchObject({ attachmentIds: [], isCertain: true });
  });

  it('is nothing of a link that was removed: the bridge deletes it', () => {
    expect(remnantOf(legal(uploadsByState['removed']))).toBeUndefined();
    expect(remnantOf(legal(uploadsByState['linked']))).toMatchObject({ attachmentIds: [], isCertain: true });
  });
});

describe('an erasure', () => {
  it('waits for the outcome of what is under way in IPD, and needs a redrive where that has failed', () => {
    expect(whyNotErased(after(...inDoubt))).toEqual({ kind: 'awaited' });
    expect(whyNotErased(legal(uploadsByState['failed in doubt']))).toMatchObject({ kind: 'in_doubt' });
  });

  it('does not wait for the check of a link: it is removed at once', () => {
    const linked = { ...legal(uploadsByState['linked']), recheckAt: new Date(start).toISOString() };

    expect(whyNotErased(linked)).toBeUndefined();
  });

  it('makes nothing due of a failed upload whose file is gone', () => {
    const { dueAt: _dueAt, ...gone } = after('stage', 'claim', 'fail');

    expect(erase(legal(gone), { by: 'ann', reason: 'why', now: start })?.dueAt).toBeUndefined();
  });
});
