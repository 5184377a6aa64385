/**
 * The staging bucket in memory: the S3 commands of the adapters, with ranges, If-Match and If-None-Match; multipart
 * uploads are in `parts.ts`. A body is cut into chunks and may be made to break; the bucket injects no faults itself.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { createParts } from './parts.ts';
import type { Sizes } from './parts.ts';
import { refusal } from './refusal.ts';

type StoredObject = { bytes: Buffer; etag: string };

export type Objects = ReturnType<typeof createObjects>;

/** How a body is read: in chunks of this length; after `breakAfter` bytes it ends as `breakBy` says. */
export type Reading = {
  chunkBytes?: number;
  breakAfter?: number | undefined;
  breakBy?: 'reset' | 'stall' | 'end' | undefined;
};

/** How an object was created, as the bucket's events name it. */
export type Creation = 'ObjectCreated:Put' | 'ObjectCreated:CompleteMultipartUpload';

/** A bucket; `onCreated` is called with each new object, `onRemoved` with each key that had one. */
export function createObjects({
  onCreated,
  onRemoved,
  ...sizes
}: Sizes & {
  onCreated?: (key: string, object: StoredObject, event: Creation) => void;
  onRemoved?: (key: string) => void;
} = {}) {
  const objects = new Map<string, StoredObject>();
  const tags = new Map<string, { Key: string; Value: string }>();
  const replaced = new Set<string>();
  const parts = createParts({
    ...sizes,
    store: (input, object) => keep(input, object, 'ObjectCreated:CompleteMultipartUpload'),
  });

  /** Carries out one command. */
  function execute(command: object, reading: Reading = {}): object {
    if (command instanceof HeadObjectCommand) {
      const { bytes, etag } = required(command.input, 'NotFound');
      const { IfMatch } = command.input;
      if (IfMatch !== undefined && IfMatch !== etag) throw refusal(412, 'PreconditionFailed');
      return { ContentLength: bytes.length, ETag: etag };
    }
    if (command instanceof GetObjectTaggingCommand) {
      required(command.input, 'NoSuchKey');
      const tag = tags.get(String(command.input.Key));
      return { TagSet: tag === undefined ? [] : [tag] };
    }
    if (command instanceof GetObjectCommand) return get(command.input, reading);
    if (command instanceof PutObjectCommand) return put(command.input);
    if (command instanceof DeleteObjectCommand) {
      const key = String(command.input.Key);
      tags.delete(key);
      if (objects.delete(key)) onRemoved?.(key);
      return {};
    }
    const answer = parts.execute(command);
    if (answer === undefined) throw new TypeError(`the bucket does not know ${command.constructor.name}`);
    return answer;
  }

  function get(input: GetObjectCommand['input'], reading: Reading): object {
    const { bytes, etag } = required(input, 'NoSuchKey');
    if (input.IfMatch !== undefined && input.IfMatch !== etag) throw refusal(412, 'PreconditionFailed');
    const [, from = '0'] = /^bytes=(\d+)-$/.exec(input.Range ?? 'bytes=0-') ?? [];
    if (Number(from) >= bytes.length) throw refusal(416, 'InvalidRange');
    const rest = bytes.subarray(Number(from));
    return { Body: bodyOf(rest, reading), ContentLength: rest.length, ETag: etag };
  }

  function put(input: PutObjectCommand['input']): object {
    const { Body: body } = input;
    if (!Buffer.isBuffer(body)) throw new TypeError('the bucket takes buffers only');
    const object = { bytes: body, etag: `"${createHash('md5').update(body).digest('hex')}"` };
    keep(input, object, 'ObjectCreated:Put');
    return { ETag: object.etag };
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
    /** Sets the one tag of an object, if it is there. */
    tag(key: string, Key: string, Value: string): void {
      if (objects.has(key)) tags.set(key, { Key, Value });
    },
    /** Puts other bytes of the same length under a key that has some, without an event. */
    replace(key: string): void {
      const bytes = objects.get(key)?.bytes.map((byte) => 255 - byte);
      if (bytes === undefined) return;
      objects.set(key, {
        bytes: Buffer.from(bytes),
        etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
      });
      replaced.add(key);
    },
    /** The keys whose bytes were replaced. */
    replaced: (): ReadonlySet<string> => replaced,
    has: (key: string) => objects.has(key),
    keys: () => [...objects.keys()],
    etags: () => [...objects].map(([key, { etag }]) => [key, etag]),
    begun: parts.open,
  };
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
