/** Records of uploads in the states that a ledger would have. Pure, except for random ids. */
import { randomUUID } from 'node:crypto';
import type { Upload } from '../lib/domain/upload.ts';
import { DAY_MS, HOUR_MS } from '../lib/domain/units.ts';

export const PROJECT_ID = '0123456789abcdef0123456789abcdef';

type Staged = { issueId: string; size: number; etag: string; dueAt: number };

/** An upload whose file arrived and whose event was lost, so that its delivery is due. */
export function stagedUpload({ issueId, size, etag, dueAt }: Staged): Upload {
  return {
    ...base({ issueId, size, createdAt: dueAt - HOUR_MS }),
    status: 'staged',
    dueAt: iso(dueAt),
    etag,
    stagedAt: iso(dueAt - HOUR_MS / 2),
    retryUntil: iso(dueAt + DAY_MS),
  };
}

/** An upload that is delivered and needs no further work, like most records. */
export function deliveredUpload({ deliveredAt }: { deliveredAt: number }): Upload {
  return {
    ...base({ issueId: '956239067176935400', size: 1_000_000, createdAt: deliveredAt - HOUR_MS }),
    status: 'delivered',
    attachmentId: '956239067176935401',
    deliveredAt: iso(deliveredAt),
    bytesSent: 1_000_000,
    attempts: 1,
  };
}

/** An upload that waits for its file and is due at `dueAt`. */
export function awaitingUpload({ dueAt }: { dueAt: number }): Upload {
  return {
    ...base({ issueId: '956239067176935400', size: 1_000_000, createdAt: dueAt - DAY_MS }),
    status: 'awaiting_upload',
    dueAt: iso(dueAt),
    stagingChecks: 4,
  };
}

function base({ issueId, size, createdAt }: { issueId: string; size: number; createdAt: number }) {
  const id = randomUUID();
  return {
    id,
    version: 1,
    owner: `user-${id.slice(0, 2)}`,
    projectId: PROJECT_ID,
    issueId,
    filename: 'photo of the damage.jpg',
    sentName: 'photo of the damage.jpg',
    contentType: 'image/jpeg',
    size,
    createdAt: iso(createdAt),
    updatedAt: iso(createdAt),
    uploadDeadline: iso(createdAt + 3 * DAY_MS),
    stagingChecks: 0,
    attempts: 0,
    failedAttempts: 0,
    bytesSent: 0,
  };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
