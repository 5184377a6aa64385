/** Uploads in each state, made by transitions, and each transition with valid arguments. */
import * as attempts from '../../../lib/domain/attempts.ts';
import * as endings from '../../../lib/domain/endings.ts';
import { erase } from '../../../lib/domain/erasure.ts';
import * as lifecycle from '../../../lib/domain/lifecycle.ts';
import { uploadSchema } from '../../../lib/domain/upload.ts';
import type { Upload } from '../../../lib/domain/upload.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const start = Date.UTC(2026, 0, 2);
export const policy = {
  uploadDeadlineMs: 72 * HOUR,
  retryWindowMs: 24 * HOUR,
  failedRetentionMs: 168 * HOUR,
  commitWindowMs: 10 * MINUTE,
  linkedFileMs: 365 * 24 * 60 * MINUTE,
};
/** The time at which, by every clock, IPD has either kept or dropped what was sent at the start. */
export const committed = start + 11 * MINUTE;
const object = { etag: 'e', size: 10 };
export const token = 'mine';
export const until = start + 5 * MINUTE;

export function fresh(): Upload {
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
  return lifecycle.createUpload(input, { now: start, policy });
}

/** The result of a legal transition as the ledger writes it down. */
export function legal(upload: Upload | undefined): Upload {
  if (upload === undefined) throw new Error('this transition is legal');
  return uploadSchema.parse(upload);
}

export const moment = { now: start, policy };
export const deed = { by: 'ann', reason: 'why' };
export const sending = { token, marginMs: 1000, baseline: ['7'] };

/** One transition of each kind, with a valid token, attempt and time. */
export const transitions: Record<string, (upload: Upload) => Upload | undefined> = {
  stage: (upload) => lifecycle.stage(upload, object, moment),
  claim: (upload) => attempts.claim(upload, { token, until, now: start, attempt: upload.attempts + 1 }),
  claimArrival: (upload) => attempts.claimArrival(upload, object, { token, until, ...moment }),
  startSending: (upload) => attempts.startSending(upload, { ...sending, now: start }),
  resolveDoubt: (upload) => attempts.resolveDoubt(upload, { token }),
  withdrawFence: (upload) => attempts.withdrawFence(upload, { token, sentName: 'plain' }),
  recordProgress: (upload) => attempts.recordProgress(upload, { token, bytesSent: 5 }),
  markDelivered: (upload) => endings.markDelivered(upload, { attachmentId: '1', ...moment }),
  markAccepted: (upload) => attempts.markAccepted(upload, moment),
  postpone: (upload) =>
    attempts.postpone(upload, { token, code: 'ipd_unavailable', counts: true, random: 0.5, ...moment }),
  markUnconfirmed: (upload) => attempts.markUnconfirmed(upload, { token, ...moment }),
  recordAbsence: (upload) => attempts.recordAbsence(upload, { token, ...moment }),
  fail: (upload) => attempts.fail(upload, { token, code: 'ipd_refused', ...moment }),
  pause: (upload) => attempts.pause(upload, { until, code: 'ipd_paused', ...moment }),
  expireLease: (upload) => attempts.expireLease(upload, { now: until, random: 0.5, policy }),
  expireOrWait: (upload) => lifecycle.expireOrWait(upload, { now: start }),
  requeue: (upload) => lifecycle.requeue(upload, { now: start }),
  cancel: (upload) => lifecycle.cancel(upload, { now: start }),
  retry: (upload) => lifecycle.retry(upload, moment),
  markCleaned: (upload) => endings.markCleaned(upload),
  beginRecheck: (upload) =>
    endings.beginRecheck(upload, { token, until: start + 16 * MINUTE, now: start + 11 * MINUTE }),
  postponeRecheck: (upload) => endings.postponeRecheck(upload, { token }),
  finishRecheck: (upload) => endings.finishRecheck(upload),
  withdraw: (upload) => lifecycle.withdraw(upload, { ...deed, now: start }),
  erase: (upload) => erase(upload, { ...deed, now: start }),
  changeToLink: (upload) => attempts.changeToLink(upload, { token, why: 'too_large' }),
  markLinked: (upload) => endings.markLinked(upload, { linkId: '9', hasLeftover: false, ...moment }),
  replaceLink: (upload) => endings.replaceLink(upload, { linkId: '8' }),
  expireLink: (upload) => endings.expireLink(upload, { now: start + 366 * 24 * HOUR }),
  remove: (upload) => endings.remove(upload, { by: 'owner', now: start }),
  markLinkedFileRemoved: (upload) => endings.markLinkedFileRemoved(upload),
  markLinksDeleted: (upload) => endings.markLinksDeleted(upload, moment),
  beginComment: (upload) => attempts.beginComment(upload, { now: start }),
  markNotified: (upload) => upload.notification && endings.markNotified(upload, upload.notification),
};

export function after(...names: string[]): Upload {
  return names.reduce((upload, name) => legal(transitions[name]?.(upload)), fresh());
}

export const sent = ['stage', 'claim', 'startSending'];
const asLink = ['stage', 'claim', 'changeToLink'];
export const inDoubt = [...sent, 'markUnconfirmed'];

export const uploadsByState: Record<string, Upload> = {
  awaiting_upload: fresh(),
  staged: after('stage'),
  delivering: after('stage', 'claim'),
  sending: after(...sent),
  waiting: after('stage', 'claim', 'postpone'),
  unconfirmed: after(...inDoubt),
  checking: after(...inDoubt, 'claim'),
  'without an id': after(...sent, 'markAccepted'),
  'checking for its id': after(...sent, 'markAccepted', 'claim'),
  delivered: after(...sent, 'markDelivered'),
  'delivered after a doubt': after(...inDoubt, 'claim', 'resolveDoubt', 'startSending', 'markDelivered'),
  'checking for a second copy': after(
    ...inDoubt,
    'claim',
    'resolveDoubt',
    'startSending',
    'markDelivered',
    'beginRecheck',
  ),
  failed: after('stage', 'claim', 'fail'),
  'failed in doubt': after(...inDoubt, 'claim', 'fail'),
  expired: legal(lifecycle.expireOrWait(fresh(), { now: start + 72 * HOUR })),
  cancelled: after('cancel'),
  linking: after(...asLink),
  'link in doubt': after(...asLink, 'startSending', 'markUnconfirmed'),
  'failed with a link in doubt': after(...asLink, 'startSending', 'markUnconfirmed', 'claim', 'fail'),
  linked: after(...asLink, 'startSending', 'markLinked'),
  removed: after(...asLink, 'startSending', 'markLinked', 'remove'),
  'removed, and its links deleted': after(
    ...asLink,
    'startSending',
    'markLinked',
    'remove',
    'markLinkedFileRemoved',
    'markLinksDeleted',
  ),
};

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
