/**
 * The staging bucket in memory with what ingestion asks of it: drops with their metadata, copies, conditional removal,
 * a listing. The rest is the bucket of the simulation. Announces each new object; injects no faults.
 */
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { createObjects } from '../tests/chaos/ends/objects.ts';
import type { Objects } from '../tests/chaos/ends/objects.ts';
import { refusal } from '../tests/chaos/ends/refusal.ts';
import { INGEST_PREFIX } from '../lib/domain/ingestion.ts';

/** What S3 says of a new object. */
export type Announced = { key: string; etag: string; size: number; isCopy: boolean };

type Kept = { bytes: Buffer; etag: string; putAt: Date; metadata: Record<string, string> | undefined };

/** `onCreated` is called with each new object, drops and copies included. */
export function createStorage({
  now,
  onCreated,
}: {
  now: () => number;
  onCreated: (object: Announced) => void;
}) {
  const kept = new Map<string, Kept>();
  let metadata: Record<string, string> | undefined;
  let isAnnounced = true;
  const objects = createObjects({
    onRemoved: (key) => kept.delete(key),
    onCreated: (key, { bytes, etag }) => {
      kept.set(key, { bytes, etag, putAt: new Date(now()), metadata });
      const isCopy = metadata !== undefined;
      if (isAnnounced) onCreated({ key, etag: etag.replaceAll('"', ''), size: bytes.length, isCopy });
    },
  });

  function execute(...[command, reading]: Parameters<Objects['execute']>): object {
    if (command instanceof CopyObjectCommand) return copy(command.input);
    if (command instanceof ListObjectsV2Command) return list(command.input);
    if (command instanceof HeadObjectCommand) {
      const { putAt, metadata: Metadata } = kept.get(String(command.input.Key)) ?? {};
      return { ...objects.execute(command), LastModified: putAt, Metadata };
    }
    if (command instanceof DeleteObjectCommand) {
      const { IfMatch, Key } = command.input;
      const present = kept.get(String(Key));
      if (IfMatch !== undefined && present === undefined) throw refusal(404, 'NoSuchKey');
      if (IfMatch !== undefined && present?.etag !== IfMatch) throw refusal(412, 'PreconditionFailed');
    }
    return objects.execute(command, reading);
  }

  function copy({ CopySource = '', CopySourceIfMatch, Metadata, ...to }: CopyObjectCommand['input']): object {
    const [, ...path] = CopySource.split('/').map(decodeURIComponent);
    const from = kept.get(path.join('/'));
    if (from === undefined) throw refusal(404, 'NoSuchKey');
    if (from.etag !== CopySourceIfMatch) throw refusal(412, 'PreconditionFailed');
    metadata = Metadata;
    const CopyObjectResult = objects.execute(new PutObjectCommand({ ...to, Body: from.bytes }));
    metadata = undefined;
    return { CopyObjectResult };
  }

  function list({ Prefix = '', StartAfter = '', MaxKeys = 1000 }: ListObjectsV2Command['input']): object {
    const after = [...kept]
      .filter(([key]) => key.startsWith(Prefix) && key > StartAfter)
      .toSorted(([a], [b]) => (a < b ? -1 : 1));
    const Contents = after
      .slice(0, MaxKeys)
      .map(([Key, { etag: ETag, putAt: LastModified }]) => ({ Key, ETag, LastModified }));
    return { Contents, IsTruncated: after.length > MaxKeys };
  }

  return {
    ends: { ...objects, execute },
    /** Not announced, its event is lost. */
    put(Key: string, Body: Buffer, announced = { isAnnounced: true }): void {
      ({ isAnnounced } = announced);
      objects.execute(new PutObjectCommand({ Key, Bucket: '', Body }));
      isAnnounced = true;
    },
    /** The drops that have not been copied and removed yet. */
    drops: (): string[] => objects.keys().filter((key) => key.startsWith(INGEST_PREFIX)),
  };
}
