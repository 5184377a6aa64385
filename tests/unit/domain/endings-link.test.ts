import { describe, expect, it } from '@jest/globals';
import { beginComment, changeToLink } from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import { whyNotErased } from '../../../lib/domain/erasure.ts';
import { requeue } from '../../../lib/domain/lifecycle.ts';
import { generationOf } from '../../../lib/domain/link.ts';
import { mayBeRemoved, schemaOf } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';
import {
  fresh,
  iso,
  legal,
  MINUTE,
  moment,
  policy,
  start,
  token,
  transitions,
  uploadsByState,
} from './transition-samples.ts';

const sample = (name: string): Upload => legal(uploadsByState[name]);
const year = policy.linkedFileMs;
/** When a request that is sent at the start is surely kept or dropped. */
const settled = iso(start + 11 * MINUTE);

describe('an upload that ends in a link', () => {
  it('has a year from then, and is due at its end', () => {
    const linked = sample('linked');

    expect(linked).toMatchObject({ attachmentId: null, link: { id: '9', expiresAt: iso(start + year) } });
    expect('recheckAt' in linked && linked.recheckAt).toBeFalsy();
    expect(closed(linked).dueAt).toBe(iso(start + year));
  });

  it.each([
    ['with another link that is to be deleted', {}, true],
    ['that was made again after a doubt', { resent: true }, false],
  ])('%s is checked once more', (_what, members, hasLeftover) => {
    const upload = legal({ ...sample('linking'), ...members });

    const linked = legal(endings.markLinked(upload, { linkId: '9', hasLeftover, ...moment }));

    expect(linked).toMatchObject({ recheckAt: settled });
    expect(closed(linked).dueAt).toBe(settled);
    expect(legal(endings.finishRecheck(closed(linked))).dueAt).toBe(iso(start + year));
  });

  it('stays as it is when the same link is found again', () => {
    const linked = sample('linked');

    expect(endings.markLinked(linked, { linkId: '9', hasLeftover: false, ...moment })).toBe(linked);
  });

  it.each([
    ['another function has made another link', '10', false],
    ['a link could not be deleted', '9', true],
  ])('keeps its link and is checked once more when %s', (_what, linkId, hasLeftover) => {
    const announced = closed(sample('linked'));

    const again = legal(endings.markLinked(announced, { linkId, hasLeftover, ...moment }));

    expect(again).toMatchObject({ link: { id: '9' }, recheckAt: settled, dueAt: settled });
  });

  it('is announced before it is checked', () => {
    const linked = sample('linked');

    expect(legal(endings.markLinked(linked, { linkId: '10', hasLeftover: false, ...moment }))).toMatchObject({
      recheckAt: settled,
      dueAt: linked.dueAt,
    });
  });

  it('takes the id of the link that is left', () => {
    const linked = sample('linked');

    expect(endings.replaceLink(linked, { linkId: '9' })).toBe(linked);
    expect(endings.replaceLink(linked, { linkId: '8' })).toMatchObject({ link: { id: '8' } });
  });

  it('is kept from versions that do not know links', () => {
    expect(schemaOf(sample('linked'))).toBe(2);
    expect(schemaOf({ ...fresh(), mostAttached: 5 })).toBe(2);
    expect(schemaOf(fresh())).toBe(1);
  });

  it('has one comment', () => {
    const begun = legal(beginComment(sample('linked'), { now: start }));

    expect(begun).toMatchObject({ commentedAt: iso(start) });
    expect(beginComment(begun, { now: start })).toBeUndefined();
  });
});

describe('an attempt that may become a link', () => {
  const delivering = sample('delivering');
  const changeTo = (members: Partial<Upload>, why: 'too_large' | 'work_item_full' = 'too_large') =>
    changeToLink(legal(Object.assign({}, delivering, members)), { token, why });

  it('is one of which IPD has nothing', () => {
    const doubt = { since: iso(start), absences: 0, accepted: false };

    expect(changeTo({})).toMatchObject({ asLink: 'too_large', bytesSent: 0 });
    expect(changeTo({ doubt })).toBeUndefined();
    expect(changeTo({ resent: true })).toBeUndefined();
    expect(changeTo({ candidate: '1' })).toBeUndefined();
    expect(changeTo(sample('sending'))).toBeUndefined();
    expect(changeTo({ asLink: 'too_large' })).toBeUndefined();
    expect(changeToLink(delivering, { token: 'of another', why: 'too_large' })).toBeUndefined();
  });

  it('was never sent, where the list of the work item is full', () => {
    expect(changeTo({}, 'work_item_full')).toMatchObject({ asLink: 'work_item_full' });
    expect(changeTo({ baseline: [] }, 'work_item_full')).toBeUndefined();
    expect(changeTo({ baseline: ['1'] })).not.toHaveProperty('baseline', ['1']);
  });
});

describe('a link', () => {
  it('is taken back where there is one, or may be one and nothing is under way', () => {
    const removable = Object.keys(uploadsByState).filter((name) => mayBeRemoved(sample(name)));

    expect(removable).toEqual(['link in doubt', 'failed with a link in doubt', 'linked']);
    expect(mayBeRemoved(transitions['claim']?.(sample('link in doubt')) ?? fresh())).toBe(false);
  });

  it('that is taken back has another secret, and is due at once', () => {
    const linked = sample('linked');

    const removed = legal(endings.remove(linked, { by: 'operator', now: start + MINUTE }));

    const at = iso(start + MINUTE);
    expect(generationOf(removed)).toBe(generationOf(linked) + 1);
    expect(removed).toMatchObject({
      removal: { at, by: 'operator' },
      recheckAt: at,
      dueAt: at,
      notification: { type: 'UploadRemoved', at },
    });
    expect(removed).not.toHaveProperty('link');
    expect(endings.remove(removed, { by: 'owner', now: start })).toBe(removed);
    expect(whyNotErased(removed)).toBeUndefined();
  });

  it('that is taken back during a check can be deleted at once', () => {
    const checking = legal(
      endings.beginRecheck(legal(Object.assign(sample('linked'), { recheckAt: iso(start) })), {
        token,
        until: start + MINUTE,
        now: start,
      }),
    );

    const removed = legal(endings.remove(checking, { by: 'owner', now: start }));

    expect(endings.isRecheckDue(removed, start)).toBe(true);
  });

  it('expires when its year is over', () => {
    const linked = sample('linked');

    expect(endings.expireLink(linked, { now: start + year - 1 })).toBeUndefined();
    expect(endings.expireLink(linked, { now: start + year })).toMatchObject({ removal: { by: 'expiry' } });
  });

  it('is looked for twice once it is removed, the second time when nothing can be under way', () => {
    const removed = closed(sample('removed'));
    expect(removed.dueAt).toBe('recheckAt' in removed && removed.recheckAt);

    const once = legal(endings.markLinksDeleted(removed, moment));
    const twice = legal(endings.markLinksDeleted(once, { now: start + 11 * MINUTE, policy }));

    expect(once).toMatchObject({
      recheckAt: settled,
      dueAt: settled,
      removal: { linksDeletedAt: iso(start) },
    });
    expect('recheckAt' in twice && twice.recheckAt).toBeFalsy();
    expect(twice.dueAt).toBeUndefined();
    expect(endings.markLinksDeleted(twice, moment)).toBeUndefined();
  });

  it('is not looked for any more once that was given up', () => {
    const over = legal(endings.finishRecheck(sample('removed')));

    expect(endings.markLinksDeleted(over, moment)).toBeUndefined();
  });

  it('whose removal is not announced yet is announced first', () => {
    const removed = sample('removed');

    expect(legal(endings.markLinksDeleted(removed, moment)).dueAt).toBe(removed.dueAt);
  });

  it('is due again soon when it is taken back, until that is announced', () => {
    const removed = legal(endings.remove(sample('linked'), { by: 'owner', now: start }));
    const announced = { ...removed, notification: undefined };

    const dueTimes = [removed, announced].map((one) => legal(requeue(one, { now: start })).dueAt);

    expect(dueTimes).toEqual([iso(start + 2 * MINUTE), iso(start + 15 * MINUTE)]);
  });

  it('loses its file once', () => {
    const gone = legal(endings.markLinkedFileRemoved(sample('removed')));

    expect(gone).toMatchObject({ isLinkedFileRemoved: true });
    expect(endings.markLinkedFileRemoved(gone)).toBe(gone);
  });
});

/** After its end was announced and its staged file removed. */
function closed(upload: Upload): Upload {
  const { notification } = upload;
  const announced = notification && endings.markNotified(upload, notification);
  return legal(endings.markCleaned(legal(announced)));
}
