/**
 * A bucket in memory: the S3 commands of the adapters, with ranges, If-Match and If-None-Match; multipart uploads are in
 * `parts.ts`, listings in `listing.ts`. A body is cut into chunks and may be made to break; the bucket injects no faults
 * itself.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  PutObjectTaggingCommand,
} from '@aws-sdk/client-s3';
import { listPage } from './listing.ts';
import { createParts } from './parts.ts';
import type { Sizes } from './parts.ts';
import { refusal } from './refusal.ts';

/** `putAt`: in milliseconds since 1970. */
export type StoredObject = {
  bytes: Buffer;
  etag: string;
  putAt: number;
  contentType?: string | undefined;
  metadata: Record<string, string>;
  /** In base64, where its sender had storage keep it. */
  sha256?: string;
};
type Tag = { Key: string; Value: string };

/** A bucket as another one reaches it. */
type Bucket = {
  execute: (command: object, reading?: Reading) => object;
  read: (key: string) => { object: StoredObject; tag: Tag | undefined };
};

export type Objects = ReturnType<typeof createObjects>;

/** How a body is read: in chunks of this length; after `breakAfter` bytes it ends as `breakBy` says. */
export type Reading = {
  chunkBytes?: number;
  breakAfter?: number | undefined;
  breakBy?: 'reset' | 'stall' | 'end' | undefined;
};

/** How an object was created, as the bucket's events name it. */
export type Creation = 'ObjectCreated:Put' | 'ObjectCreated:Copy' | 'ObjectCreated:CompleteMultipartUpload';

/**
 * A bucket; `onCreated` is called with each new object, `onRemoved` with each key that had one. `others`: buckets beside
 * it, by name; of those that are not among them, storage says nothing.
 */
export function createObjects({
  onCreated,
  onRemoved,
  now = () => 0,
  name = '',
  others = {},
  keysPerPage = 1000,
  ...sizes
}: Sizes & {
  onCreated?: (key: string, object: StoredObject, event: Creation) => void;
  onRemoved?: (key: string) => void;
  now?: () => number;
  name?: string;
  others?: Record<string, Bucket>;
  /** A page of a listing may be shorter than the caller asks for. */
  keysPerPage?: number;
} = {}) {
  const objects = new Map<string, StoredObject>();
  const tags = new Map<string, Tag>();
  const replaced = new Set<string>();
  const parts = createParts({
    ...sizes,
    store: (input, object) =>
      keep(input, { ...object, putAt: now(), metadata: {} }, 'ObjectCreated:CompleteMultipartUpload'),
  });

  /** Carries out one command, in the bucket that it names. */
  function execute(command: object, reading: Reading = {}): object {
    const bucket = bucketOf(command);
    const isOwn = bucket === '' || name === '' || bucket === name;
    return isOwn ? executeHere(command, reading) : bucketNamed(bucket).execute(command, reading);
  }

  /** Storage does not say whether there is a bucket that the caller may not read. */
  function bucketNamed(bucket: string): Bucket {
    const other = bucket === name || name === '' ? { execute: executeHere, read } : others[bucket];
    if (other === undefined) throw refusal(403, 'AccessDenied');
    return other;
  }

  function executeHere(command: object, reading: Reading = {}): object {
    if (command instanceof HeadObjectCommand) {
      const { bytes, etag, putAt, contentType, metadata, sha256 } = required(command.input, 'NotFound');
      const { IfMatch, ChecksumMode } = command.input;
      if (IfMatch !== undefined && IfMatch !== etag) throw refusal(412, 'PreconditionFailed');
      return {
        ContentLength: bytes.length,
        ETag: etag,
        LastModified: wholeSecond(putAt),
        ContentType: contentType ?? 'application/octet-stream',
        Metadata: metadata,
        ...(ChecksumMode === 'ENABLED' && { ChecksumSHA256: sha256 }),
      };
    }
    if (command instanceof CopyObjectCommand) return copy(command.input);
    if (command instanceof ListObjectsV2Command) return listPage(command.input, objects, keysPerPage);
    if (command instanceof GetObjectTaggingCommand) {
      required(command.input, 'NoSuchKey');
      const tag = tags.get(String(command.input.Key));
      return { TagSet: tag === undefined ? [] : [tag] };
    }
    if (command instanceof PutObjectTaggingCommand) {
      required(command.input, 'NoSuchKey');
      const [tag] = command.input.Tagging?.TagSet ?? [];
      if (tag?.Key !== undefined && tag.Value !== undefined) {
        tags.set(String(command.input.Key), { Key: tag.Key, Value: tag.Value });
      }
      return {};
    }
    if (command instanceof GetObjectCommand) return get(command.input, reading);
    if (command instanceof PutObjectCommand) return put(command.input);
    if (command instanceof DeleteObjectCommand) {
      const key = String(command.input.Key);
      const { IfMatch } = command.input;
      if (IfMatch !== undefined && required(command.input, 'NoSuchKey').etag !== IfMatch) {
        throw refusal(412, 'PreconditionFailed');
      }
      tags.delete(key);
      if (objects.delete(key)) onRemoved?.(key);
      return {};
    }
    const answer = parts.execute(command);
    if (answer === undefined) throw new TypeError(`the bucket does not know ${command.constructor.name}`);
    return answer;
  }

  function get(input: GetObjectCommand['input'], reading: Reading): object {
    const { bytes, etag, contentType } = required(input, 'NoSuchKey');
    if (input.IfMatch !== undefined && input.IfMatch !== etag) throw refusal(412, 'PreconditionFailed');
    const [, from = '0'] = /^bytes=(\d+)-$/.exec(input.Range ?? 'bytes=0-') ?? [];
    if (Number(from) >= bytes.length) throw refusal(416, 'InvalidRange');
    const rest = bytes.subarray(Number(from));
    return { Body: bodyOf(rest, reading), ContentLength: rest.length, ETag: etag, ContentType: contentType };
  }

  function put(input: PutObjectCommand['input']): object {
    const { ContentType: contentType, Metadata: metadata = {} } = input;
    const bytes = bytesOf(input.Body);
    const object = {
      bytes,
      etag: etagOf(bytes),
      putAt: now(),
      contentType,
      metadata,
      ...(input.ChecksumAlgorithm === 'SHA256' && { sha256: sha256Of(bytes) }),
    };
    keep(input, object, 'ObjectCreated:Put');
    const [Key, Value] = input.Tagging?.split('=') ?? [];
    if (Key !== undefined && Value !== undefined) tags.set(input.Key ?? '', { Key, Value });
    return { ETag: object.etag };
  }

  /** What the request does not replace goes along with the bytes: metadata, content type, tags. */
  function copy(input: CopyObjectCommand['input']): object {
    const { CopySource = '', CopySourceIfMatch: wanted, Key = '' } = input;
    const [bucket = '', ...path] = CopySource.split('?', 1).join('').split('/');
    const source = bucketNamed(bucket).read(decodeURIComponent(path.join('/')));
    if (wanted !== undefined && wanted !== source.object.etag) throw refusal(412, 'PreconditionFailed');
    const { bytes } = source.object;
    const described = input.MetadataDirective === 'REPLACE' ? input : undefined;
    const object = {
      bytes,
      etag: etagOf(bytes),
      putAt: now(),
      contentType: described === undefined ? source.object.contentType : described.ContentType,
      metadata: described === undefined ? source.object.metadata : (described.Metadata ?? {}),
    };
    keep(input, object, 'ObjectCreated:Copy');
    if (input.TaggingDirective !== 'REPLACE' && source.tag !== undefined) tags.set(Key, source.tag);
    return { CopyObjectResult: { ETag: object.etag, LastModified: wholeSecond(object.putAt) } };
  }

  /** An object with its tag, for a copy to another bucket. */
  function read(Key: string): { object: StoredObject; tag: Tag | undefined } {
    return { object: required({ Key }, 'NoSuchKey'), tag: tags.get(Key) };
  }

  function keep(
    { Key: key = '', IfNoneMatch }: { Key?: string | undefined; IfNoneMatch?: string | undefined },
    object: StoredObject,
    event: Creation,
  ): void {
    if (IfNoneMatch === '*' && objects.has(key)) throw refusal(412, 'PreconditionFailed');
    tags.delete(key);
    objects.set(key, object);
    onCreated?.(key, object, event);
  }

  function required({ Key: key = '' }: { Key?: string | undefined }, code: string): StoredObject {
    const object = objects.get(key);
    if (object === undefined) throw refusal(404, code);
    return object;
  }

  return {
    execute,
    read,
    /** Sets the one tag of an object, if it is there. */
    tag(key: string, Key: string, Value: string): void {
      if (objects.has(key)) tags.set(key, { Key, Value });
    },
    /** Puts other bytes of the same length under a key that has some, without an event. */
    replace(key: string): void {
      const bytes = objects.get(key)?.bytes.map((byte) => 255 - byte);
      if (bytes === undefined) return;
      objects.set(key, { bytes: Buffer.from(bytes), etag: etagOf(bytes), putAt: now(), metadata: {} });
      replaced.add(key);
    },
    /** The keys whose bytes were replaced. */
    replaced: (): ReadonlySet<string> => replaced,
    has: (key: string) => objects.has(key),
    keys: () => [...objects.keys()],
    /** What is under a prefix. */
    under: (prefix: string) =>
      [...objects]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, { etag, putAt }]) => ({ key, etag: etag.replaceAll('"', ''), putAt })),
    etags: () => [...objects].map(([key, { etag }]) => [key, etag]),
    begun: parts.open,
  };
}

/** The bytes of a text or of an array of bytes; a stream is more than the bucket takes. */
export function bytesOf(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body);
  throw new TypeError('the bucket takes texts and bytes only');
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function etagOf(bytes: Uint8Array): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`;
}

/** As HTTP carries it. */
function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

function bucketOf(command: object): string {
  const input: unknown = 'input' in command ? command.input : undefined;
  return input instanceof Object && 'Bucket' in input ? String(input.Bucket) : '';
}

function bodyOf(bytes: Buffer, { chunkBytes = bytes.length, breakAfter, breakBy }: Reading): Readable {
  const end = breakBy === undefined ? bytes.length : Math.min(breakAfter ?? 0, bytes.length);
  let offset = 0;
  return new Readable({
    read() {
      if (offset < end) {
        const chunk = bytes.subarray(offset, Math.min(offset + chunkBytes, end));
        offset += chunk.length;
        this.push(chunk);
        return;
      }
      if (breakBy === 'reset') this.destroy(new Error('ECONNRESET'));
      else if (breakBy !== 'stall') this.push(null);
    },
  });
}
