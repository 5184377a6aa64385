/**
 * What a file becomes as a drop: its key under `ingest/`, and the metadata that says what the key cannot. Pure.
 */
import { createHash } from 'node:crypto';
import { INGEST_PREFIX } from '../lib/domain/ingestion.ts';
import { percentEncode } from '../lib/domain/percent-encoding.ts';
import type { WorkItem } from '../lib/domain/upload.ts';
import { fill, texts } from './texts.ts';

/** Names and values together: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
const MOST_METADATA_BYTES = 2048;
/** What a list of keys cannot show, or an XML document cannot carry; a backslash is a slash to some programs. */
const UNSAFE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|[/\\]/gu;

/**
 * The key of a file. A name that is not safe in a key is changed there, and gets a folder of its own, so that no other
 * name has the same key: folders before the name do not count.
 */
export function keyOf({ projectId, issueId, filename }: WorkItem & { filename: string }): string {
  const safe = filename.replaceAll(UNSAFE, '_').replace(/^\.{1,2}$/, '_');
  const own = safe === filename ? [] : [createHash('sha256').update(filename).digest('hex').slice(0, 16)];
  return `${INGEST_PREFIX}${[projectId, issueId, ...own, safe].join('/')}`;
}

/**
 * The user metadata of a drop: percent-encoded UTF-8, since headers carry ASCII alone. A name that is too long for it
 * is left out where the key says the same. Throws when even that is too long.
 */
export function metadataOf({
  key,
  filename,
  uploadedBy,
}: {
  key: string;
  filename: string;
  uploadedBy: string | undefined;
}): Record<string, string> {
  const person = uploadedBy === undefined ? {} : { 'uploaded-by': percentEncode(uploadedBy) };
  const isSaid = key.endsWith(`/${filename}`);
  const whole = { filename: percentEncode(filename), ...person };
  const kept = isSaid && bytesOf(whole) > MOST_METADATA_BYTES ? person : whole;
  if (bytesOf(kept) > MOST_METADATA_BYTES) {
    throw new Error(fill(texts.trouble.noRoomForNames, { bytes: MOST_METADATA_BYTES }));
  }
  return kept;
}

function bytesOf(metadata: Record<string, string>): number {
  return Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
