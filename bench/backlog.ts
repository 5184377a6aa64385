/**
 * What an outage leaves behind: files in storage and their records, all of them due. Put there directly, as if it had
 * happened long ago, so that no event tells of them and only the schedule brings them on.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Upload } from '../lib/domain/upload.ts';
import { stagingKey } from '../lib/domain/upload.ts';
import { openDiskStore } from '../local/s3/store.ts';
import { stagedUpload } from './records.ts';

/** As the embedded stack names it. */
export const STAGING_BUCKET = 'ipd-attachment-bridge-dev-stagingbucket';

const SMALLEST_BYTES = 1000;
const FIRST_ISSUE = 956_239_067_176_000_000n;

/**
 * Files for so many work items in turn. Those of one work item differ in size, as files do: of two that do not, the
 * second waits for the first by design. `storage`: the folder of a storage that is not running.
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
  const dueAt = Date.now() - 60_000;
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
