/**
 * The backlog that an outage leaves: files in storage and their records, all of them due. They are written straight to
 * disk, so that no event announces them and only the sweep finds them.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Upload } from '../lib/domain/upload.ts';
import { stagingKey } from '../lib/domain/upload.ts';
import { openDiskStore } from '../local/s3/store.ts';
import { stagedUpload } from './records.ts';
import { MINUTE_MS } from '../lib/domain/units.ts';

/** The name that the embedded stack gives to the bucket. */
export const STAGING_BUCKET = 'ipd-attachment-bridge-dev-stagingbucket';

const SMALLEST_BYTES = 1000;
const FIRST_ISSUE = 956_239_067_176_000_000n;

/**
 * Writes `count` files, spread over `workItems` work items. The files of one work item differ in size: of two files of
 * equal size, the second would wait for the first, by design. `storage`: the folder of an S3 that is not running.
 */
export async function leaveBacklog({
  count,
  workItems,
  storage,
}: {
  count: number;
  workItems: number;
  storage: string;
}): Promise<{ upload: Upload; sha256: string }[]> {
  const store = openDiskStore(storage);
  const dueAt = Date.now() - MINUTE_MS;
  const backlog: { upload: Upload; sha256: string }[] = [];
  for (let index = 0; index < count; index += 1) {
    const bytes = randomBytes(SMALLEST_BYTES + Math.floor(index / workItems));
    const etag = createHash('md5').update(bytes).digest('hex');
    const upload = stagedUpload({
      issueId: String(FIRST_ISSUE + BigInt(index % workItems)),
      size: bytes.length,
      etag,
      dueAt: dueAt + (index * 30_000) / count,
    });
    const place = { bucket: STAGING_BUCKET, key: stagingKey(upload.id) };
    store.objects.set(`${place.bucket}/${place.key}`, {
      ...place,
      headers: { 'content-type': upload.contentType },
      tags: {},
      blobs: [{ id: await store.blobs.write(once(bytes)), size: bytes.length }],
      size: bytes.length,
      etag: `"${etag}"`,
      lastModified: new Date(dueAt).toISOString(),
    });
    backlog.push({ upload, sha256: createHash('sha256').update(bytes).digest('hex') });
  }
  return backlog;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
