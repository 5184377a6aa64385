/**
 * Uploads that an outage has left behind: records and staged files that are there from the start, without the calls
 * that made them. It writes to the ends of a world and runs nothing.
 */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { createHash } from 'node:crypto';
import { iso, stagingKey } from '../../lib/domain/upload.ts';
import type { Upload } from '../../lib/domain/upload.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../lib/domain/units.ts';
import type { World } from './world.ts';

const PROJECT_ID = '0123456789abcdef0123456789abcdef';
const FIRST_ISSUE = 956_239_067_176_935_400n;
/** As lib/ledger/uploads.ts spreads them. */
const SHARDS = 8;
const OWNERS = 1000;
const SMALLEST_BYTES = 16;
/** Beyond those of any backlog. */
const PEOPLES_WORK_ITEMS = 1_000_000;

export type Backlog = {
  /** How many uploads wait. */
  uploads: number;
  /** How many of them have the same work item. */
  perWorkItem: number;
  /** `later`: of different sizes, and due since a minute. `equal`: equal files that arrive now. `arriving`: the same, of different sizes. */
  kind: 'waiting' | 'equal' | 'arriving';
};

/** One upload as it was left, since when it could be delivered, and the hash of its file. */
export type Left = { id: string; shard: string; dueAt: number; sha256: string };

/** Leaves so many uploads in the world, and among so many records in all. */
export function leaveBacklog(
  world: World,
  { uploads, perWorkItem, kind }: Backlog,
  { records = uploads, now }: { records?: number | undefined; now: number },
): Left[] {
  leaveOthers(world, { count: records - uploads, now });
  const left: Left[] = [];
  for (let index = 0; index < uploads; index += 1) {
    const id = world.random.uuid();
    const size = SMALLEST_BYTES + (kind === 'equal' ? 0 : index % perWorkItem);
    const bytes = Buffer.from((kind === 'equal' ? 'equal' : `${index} `).padEnd(size, 'x'));
    // A retry after the outage comes within a minute of its end.
    const dueAt = kind === 'waiting' ? now - world.random.int(0, MINUTE_MS) : now + MINUTE_MS;
    const base = baseOf({
      id,
      index,
      size,
      createdAt: now - HOUR_MS,
      workItem: Math.floor(index / perWorkItem),
    });
    const put = (): void => {
      world.objects.execute(new PutObjectCommand({ Bucket: 'staging', Key: stagingKey(id), Body: bytes }));
    };
    if (kind === 'waiting') {
      // The event comes before the record, so that nothing follows from it.
      put();
      const etag = createHash('md5').update(bytes).digest('hex');
      write(world, {
        ...base,
        status: 'waiting',
        etag,
        stagedAt: iso(now - HOUR_MS),
        storedAt: iso(now - HOUR_MS),
        retryUntil: iso(now + DAY_MS),
        readyAt: iso(dueAt),
        dueAt: iso(dueAt),
        attempts: 1,
        lastError: { code: 'ipd_paused', message: 'IPD is out', at: iso(now - HOUR_MS) },
      });
    } else {
      write(world, { ...base, status: 'awaiting_upload', dueAt: iso(dueAt) });
      put();
    }
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    left.push({ id, shard: shardOf(id), dueAt: Math.min(dueAt, now), sha256 });
  }
  return left;
}

/** A person sends a file now, to a work item of its own; its event starts the delivery. */
export function sendFile(world: World, { index, now }: { index: number; now: number }): Left {
  const id = world.random.uuid();
  const bytes = Buffer.from(`a person's file ${index}`);
  const base = baseOf({
    id,
    index,
    size: bytes.length,
    createdAt: now,
    workItem: PEOPLES_WORK_ITEMS + index,
  });
  write(world, { ...base, status: 'awaiting_upload', dueAt: iso(now + MINUTE_MS) });
  world.objects.execute(new PutObjectCommand({ Bucket: 'staging', Key: stagingKey(id), Body: bytes }));
  return { id, shard: shardOf(id), dueAt: now, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Half of them are delivered, half wait for a file that comes long after. */
function leaveOthers(world: World, { count, now }: { count: number; now: number }): void {
  for (let index = 0; index < count; index += 1) {
    const id = world.random.uuid();
    const base = baseOf({ id, index, size: 1_000_000, createdAt: now - DAY_MS, workItem: -1 });
    if (index % 2 === 0) {
      write(world, {
        ...base,
        status: 'delivered',
        attachmentId: '956239067176935401',
        deliveredAt: iso(now),
      });
    } else write(world, { ...base, status: 'awaiting_upload', dueAt: iso(now + 20 * DAY_MS) });
  }
}

function baseOf(upload: { id: string; index: number; size: number; createdAt: number; workItem: number }) {
  const { id, index, size, createdAt, workItem } = upload;
  return {
    id,
    schema: 1,
    version: 1,
    owner: `user ${index % OWNERS}`,
    projectId: PROJECT_ID,
    issueId: String(FIRST_ISSUE + BigInt(workItem)),
    filename: `photo ${index}.jpg`,
    sentName: `photo ${index}.jpg`,
    contentType: 'image/jpeg',
    size,
    createdAt: iso(createdAt),
    updatedAt: iso(createdAt),
    uploadDeadline: iso(createdAt + 30 * DAY_MS),
    stagingChecks: 0,
    attempts: 0,
    failedAttempts: 0,
    bytesSent: 0,
  };
}

/** As the ledger writes a record. */
function write(world: World, upload: Upload): void {
  const Item = {
    ...upload,
    pk: `upload#${upload.id}`,
    ...(upload.dueAt !== undefined && { dueShard: shardOf(upload.id) }),
    ...(upload.status !== 'delivered' && { openOwner: upload.owner }),
  };
  world.documents.execute(new PutCommand({ TableName: 'uploads', Item }));
}

function shardOf(id: string): string {
  return String(createHash('sha256').update(id).digest().readUInt8(0) % SHARDS);
}
