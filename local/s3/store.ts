/**
 * The data of the server: rows (buckets, objects, multipart uploads, parts) and blobs (bytes).
 * A blob is invisible until a row names it. Rows change synchronously: a function that checks a row and sets it without
 * an `await` between them is atomic. One process owns a directory. Knows nothing of S3's rules.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  createReadStream,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const blobSchema = z.object({ id: z.string(), size: z.number() });

const checksumSchema = z.object({
  algorithm: z.enum(['crc32', 'sha1', 'sha256']),
  value: z.string(),
  type: z.enum(['FULL_OBJECT', 'COMPOSITE']),
});

const corsRuleSchema = z.object({
  id: z.string().optional(),
  allowedOrigins: z.array(z.string()),
  allowedMethods: z.array(z.string()),
  allowedHeaders: z.array(z.string()),
  exposeHeaders: z.array(z.string()),
  maxAgeSeconds: z.number().optional(),
});

const notificationSchema = z.object({
  id: z.string(),
  queueArn: z.string(),
  events: z.array(z.string()),
  prefix: z.string(),
  suffix: z.string(),
});

const bucketSchema = z.object({
  name: z.string(),
  cors: z.array(corsRuleSchema),
  notifications: z.array(notificationSchema),
});

const descriptionSchema = z.object({
  bucket: z.string(),
  key: z.string(),
  /** Returned unchanged to readers: content-type, cache-control, x-amz-meta-* … */
  headers: z.record(z.string(), z.string()),
  tags: z.record(z.string(), z.string()),
});

const objectSchema = descriptionSchema.extend({
  /** After a multipart upload one for each part, in order. */
  blobs: z.array(blobSchema),
  size: z.number(),
  /** Includes its quotes. */
  etag: z.string(),
  lastModified: z.string(),
  checksum: checksumSchema.optional(),
});

const uploadSchema = descriptionSchema.extend({
  uploadId: z.string(),
  initiated: z.string(),
  checksumAlgorithm: checksumSchema.shape.algorithm.optional(),
});

const partSchema = z.object({
  uploadId: z.string(),
  number: z.number(),
  blob: blobSchema,
  etag: z.string(),
  lastModified: z.string(),
  checksum: checksumSchema.optional(),
});

export type StoredBlob = z.infer<typeof blobSchema>;
export type Checksum = z.infer<typeof checksumSchema>;
export type CorsRule = z.infer<typeof corsRuleSchema>;
export type Notification = z.infer<typeof notificationSchema>;
export type Bucket = z.infer<typeof bucketSchema>;
export type Description = z.infer<typeof descriptionSchema>;
export type StoredObject = z.infer<typeof objectSchema>;
export type Upload = z.infer<typeof uploadSchema>;
export type Part = z.infer<typeof partSchema>;

/** A `Map` is a table, too: enough for a store in memory. */
type Table<Row> = {
  get(id: string): Row | undefined;
  set(id: string, row: Row): unknown;
  delete(id: string): unknown;
  values(): Iterable<Row>;
};

export type Store = {
  /** By name. */
  buckets: Table<Bucket>;
  /** By `bucket/key`. */
  objects: Table<StoredObject>;
  /** By upload id. */
  uploads: Table<Upload>;
  /** By `uploadId/number`. */
  parts: Table<Part>;
  blobs: {
    /** Keeps the bytes and returns their id; keeps nothing when `chunks` throws. */
    write(chunks: AsyncIterable<Uint8Array>): Promise<string>;
    /** The bytes from `start` up to and including `end`. */
    read(id: string, range: { start: number; end: number }): AsyncIterable<Uint8Array>;
    /** Keeps the same bytes once more without copying them; they stay when the others are removed. */
    link(blobs: readonly StoredBlob[]): StoredBlob[];
    remove(blobs: readonly StoredBlob[]): Promise<void>;
  };
};

/** Opens (or makes) a store in a directory; keeps the data committed before a crash and removes the rest. */
export function openDiskStore(directory: string): Store {
  const blobDirectory = join(directory, 'blobs');
  mkdirSync(blobDirectory, { recursive: true });
  const objects = openTable(join(directory, 'objects'), objectSchema);
  const parts = openTable(join(directory, 'parts'), partSchema);
  removeOrphans(blobDirectory, [
    ...[...objects.values()].flatMap((object) => object.blobs),
    ...[...parts.values()].map((part) => part.blob),
  ]);
  return {
    buckets: openTable(join(directory, 'buckets'), bucketSchema),
    objects,
    uploads: openTable(join(directory, 'uploads'), uploadSchema),
    parts,
    blobs: {
      async write(chunks) {
        const id = randomUUID();
        const path = join(blobDirectory, id);
        try {
          await writeFile(path, chunks, { flag: 'wx' });
        } catch (error) {
          await rm(path, { force: true });
          throw error;
        }
        return id;
      },
      read: (id, range) => createReadStream(join(blobDirectory, id), range),
      link: (blobs) =>
        blobs.map(({ id, size }) => {
          const copy = { id: randomUUID(), size };
          linkSync(join(blobDirectory, id), join(blobDirectory, copy.id));
          return copy;
        }),
      async remove(blobs) {
        await Promise.all(blobs.map((blob) => rm(join(blobDirectory, blob.id), { force: true })));
      },
    },
  };
}

/** Each row is a JSON file; renaming it commits it. Its name is a hash, as a key may be too long for a file name. */
function openTable<Row>(directory: string, schema: z.ZodType<Row>): Table<Row> {
  mkdirSync(directory, { recursive: true });
  const fileSchema = z.object({ id: z.string(), row: schema });
  const rows = new Map<string, Row>();
  for (const name of readdirSync(directory)) {
    if (!name.endsWith('.json')) continue;
    const file = fileSchema.parse(JSON.parse(readFileSync(join(directory, name), 'utf8')));
    rows.set(file.id, file.row);
  }
  return {
    get: (id) => rows.get(id),
    values: () => rows.values(),
    set(id, row) {
      const path = rowPath(directory, id);
      writeFileSync(`${path}.new`, JSON.stringify({ id, row }));
      renameSync(`${path}.new`, path);
      rows.set(id, row);
    },
    delete(id) {
      rmSync(rowPath(directory, id), { force: true });
      rows.delete(id);
    },
  };
}

function rowPath(directory: string, id: string): string {
  return join(directory, `${createHash('sha256').update(id).digest('hex')}.json`);
}

/** Removes the blobs that no row names: a crash between a blob and its row leaves them. */
function removeOrphans(blobDirectory: string, named: readonly StoredBlob[]): void {
  const kept = new Set(named.map((blob) => blob.id));
  for (const id of readdirSync(blobDirectory)) {
    if (!kept.has(id)) rmSync(join(blobDirectory, id));
  }
}
