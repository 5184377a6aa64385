/** Puts uploads directly into an end state, or in doubt; and the callers and requests of the tests. */
import { expect } from '@jest/globals';
import type { Caller, UploadRequest } from '../../lib/uploads/create.ts';
import { markDelivered } from '../../lib/domain/endings.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { caller, issueId, projectId } from './world.ts';
import type { World } from './world.ts';
import { HOUR_MS } from '../../lib/domain/units.ts';

export const stranger: Caller = { owner: 'user-2', projects: '*' };
export const request: UploadRequest = {
  projectId,
  issueId,
  filename: 'report.pdf',
  contentType: 'application/pdf',
  size: 10,
};

/** Puts an upload into the named state, and checks that it is there. */
export async function end(world: World, upload: Upload, how: string): Promise<void> {
  await endings(world)[how]?.(upload);
  expect(await world.find(upload.id)).toMatchObject({ status: statusOf(how) });
}

function endings(world: World): Record<string, (upload: Upload) => Promise<unknown>> {
  const now = world.clock.now();
  const staged = { etag: 'e', stagedAt: iso(now), retryUntil: iso(now + HOUR_MS) };
  const doubt = { since: iso(now), absences: 0, accepted: false };
  const delivering = { ...staged, status: 'delivering', lease: { token: 't', until: iso(now + HOUR_MS) } };
  const lastError = { code: 'ipd_refused', message: 'm', at: iso(now) };
  const failed = { ...staged, status: 'failed', lastError, keepUntil: iso(now) };
  const change = (fields: object) => (upload: Upload) =>
    world.ledger.change(upload.id, (before) => ({ ...before, ...fields }));
  return {
    cancelled: (upload) => world.uploads.cancel(caller, upload.id),
    expired: change({ status: 'expired' }),
    failed: change(failed),
    delivered: (upload) =>
      world.ledger.change(upload.id, (before) =>
        markDelivered(before, { attachmentId: '1', now, policy: world.policy }),
      ),
    unconfirmed: change({ ...staged, status: 'unconfirmed', doubt }),
    'failed in doubt': change({ ...failed, doubt }),
    staged: change({ ...staged, status: 'staged' }),
    waiting: change({ ...staged, status: 'waiting' }),
    delivering: change({ ...delivering, sendingAt: undefined }),
    'behind the fence': change({ ...delivering, sendingAt: iso(now) }),
  };
}

function statusOf(how: string): string {
  if (how === 'behind the fence') return 'delivering';
  return how.split(' ')[0] ?? how;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
