/**
 * Operations on objects: put, get, head, delete, tags; and the one way an object becomes visible.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
 */
import { z } from 'zod';
import { openBody, readDocument, saveBody, type CheckedBody, type SavedBody } from './body.ts';
import { requireBucket } from './buckets.ts';
import { checksumHeaders } from './checksums.ts';
import { checkWrite, isWanted, readRange, type Range } from './conditions.ts';
import { S3Error } from './errors.ts';
import type { Announce, CreationEvent } from './events.ts';
import { xmlAnswer, type Call, type Headers, type S3Response } from './http.ts';
import type { Description, Store, StoredBlob, StoredObject } from './store.ts';
import { buildXml, elementOf, parseXml } from './xml.ts';

const MAX_KEY_BYTES = 1024;
const MAX_METADATA_BYTES = 2048;
const MAX_TAGS = 10;
const KEPT_HEADER =
  /^(content-type|cache-control|content-disposition|content-encoding|content-language|expires|x-amz-meta-.+)$/;
const OVERRIDABLE = [
  'content-type',
  'content-language',
  'expires',
  'cache-control',
  'content-disposition',
  'content-encoding',
];
/** Headers that change the meaning of a write and that this server does not support. */
const UNSUPPORTED_HEADER =
  /^x-amz-(acl|copy-source.*|grant-.+|object-lock-.+|website-redirect-location|server-side-encryption-customer-.+|write-offset-bytes)$/;

const taggingDocument = z.object({
  Tagging: z.object({
    TagSet: elementOf(
      z.object({
        Tag: z.array(z.object({ Key: z.string().min(1).max(128), Value: z.string().max(256) })).default([]),
      }),
    ),
  }),
});

/** The operations on objects; each trusts that `api.ts` has authenticated the call and found the bucket. */
export function createObjectOperations({ store, announce }: { store: Store; announce: Announce }) {
  async function putObject(call: Call): Promise<S3Response> {
    const description = describeObject(call);
    checkWrite(call.headers, store.objects.get(objectId(call)));
    const { etag, checksum } = await storeObject({
      store,
      announce,
      call,
      description,
      body: openBody(call),
      eventName: 'ObjectCreated:Put',
    });
    return { status: 200, headers: { etag, ...checksumHeaders(checksum) } };
  }

  async function getObject(call: Call): Promise<S3Response> {
    const object = requireObject(store, call);
    const headers = answerHeaders(object, call);
    if (!isWanted(call.headers, object)) return { status: 304, headers };
    const ifRange = call.headers['if-range'];
    const isSame = ifRange === undefined || ifRange === object.etag;
    const range = isSame ? readRange(call.headers['range'], object.size) : undefined;
    if (range === undefined) {
      const checksum =
        call.headers['x-amz-checksum-mode'] === 'ENABLED' ? checksumHeaders(object.checksum) : {};
      return {
        status: 200,
        headers: { ...headers, ...checksum, 'content-length': String(object.size) },
        body: readObject(store, object),
      };
    }
    return {
      status: 206,
      headers: {
        ...headers,
        'content-length': String(range.end - range.start + 1),
        'content-range': `bytes ${range.start}-${range.end}/${object.size}`,
      },
      body: readObject(store, object, range),
    };
  }

  async function headObject(call: Call): Promise<S3Response> {
    const { status, headers } = await getObject(call);
    return { status, headers };
  }

  async function deleteObject(call: Call): Promise<S3Response> {
    const object = store.objects.get(objectId(call));
    const ifMatch = call.headers['if-match'];
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
    if (ifMatch !== undefined) call.requireAlso('GetObject', call);
    checkWrite({ 'if-match': ifMatch }, object);
    store.objects.delete(objectId(call));
    await store.blobs.remove(object?.blobs ?? []);
    return { status: 204, headers: {} };
  }

  async function putObjectTagging(call: Call): Promise<S3Response> {
    const { Tag } = parseXml(await readDocument(call), taggingDocument).Tagging.TagSet;
    const tags = readTags(Tag.map((tag) => [tag.Key, tag.Value]));
    store.objects.set(objectId(call), { ...requireObject(store, call), tags });
    return { status: 200, headers: {} };
  }

  async function getObjectTagging(call: Call): Promise<S3Response> {
    const tags = Object.entries(requireObject(store, call).tags);
    return xmlAnswer(buildXml('Tagging', { TagSet: { Tag: tags.map(([Key, Value]) => ({ Key, Value })) } }));
  }

  return { putObject, getObject, headObject, deleteObject, putObjectTagging, getObjectTagging };
}

/** The properties of the object that a write declares; throws when S3 or this server refuses one. */
export function describeObject({
  bucket,
  key,
  headers,
}: Pick<Call, 'bucket' | 'key' | 'headers'>): Description {
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error('KeyTooLongError', 'Your key is too long');
  const unsupported = Object.keys(headers).find((name) => UNSUPPORTED_HEADER.test(name));
  if (unsupported !== undefined)
    throw new S3Error('NotImplemented', `${unsupported} is not supported by this server.`);
  const kept = keptHeaders(headers);
  const metadata = Object.entries(kept).filter(([name]) => name.startsWith('x-amz-meta-'));
  const metadataBytes = metadata.reduce((sum, [name, value]) => sum + name.length - 11 + value.length, 0);
  if (metadataBytes > MAX_METADATA_BYTES) {
    throw new S3Error('MetadataTooLarge', 'Your metadata headers exceed the maximum allowed metadata size');
  }
  const tags = readTags([...new URLSearchParams(headers['x-amz-tagging'])]);
  return { bucket, key, headers: { 'content-type': 'binary/octet-stream', ...kept }, tags };
}

type Write = {
  store: Store;
  announce: Announce;
  call: Pick<Call, 'headers' | 'requestId' | 'now'>;
  eventName: CreationEvent;
};

/** Keeps a body and makes it an object; deletes the bytes again when a condition forbids the write. */
export async function storeObject(
  write: Write & { description: Description; body: CheckedBody },
): Promise<SavedBody> {
  const { store, call, description, body } = write;
  const saved = await saveBody(store.blobs, body);
  const { blob, etag, checksum } = saved;
  const object = {
    ...description,
    blobs: [blob],
    size: blob.size,
    etag,
    lastModified: call.now.toISOString(),
    ...(checksum && { checksum }),
  };
  let unneeded: readonly StoredBlob[] = [blob];
  try {
    unneeded = commitObject({ ...write, object });
  } finally {
    await store.blobs.remove(unneeded);
  }
  return saved;
}

/**
 * Makes an object visible and returns the blobs that it replaces. It awaits nothing between check and write, so of two
 * conditional writes one wins.
 */
export function commitObject({ store, announce, call, eventName, object }: Write & { object: StoredObject }) {
  const bucket = requireBucket(store, object.bucket);
  const previous = store.objects.get(objectId(object));
  checkWrite(call.headers, previous);
  store.objects.set(objectId(object), object);
  announce({ bucket, object, eventName, requestId: call.requestId });
  return previous?.blobs ?? [];
}

/** The id of an object's row. */
export function objectId({ bucket, key }: { bucket: string; key: string }): string {
  return `${bucket}/${key}`;
}

/** Without versioning, the only version of an object is called "null". */
export function requireOnlyVersion(versionId: string | undefined): void {
  if ((versionId ?? 'null') !== 'null') {
    throw new S3Error('NoSuchVersion', 'The specified version does not exist.');
  }
}

function requireObject(store: Store, call: Call): StoredObject {
  requireOnlyVersion(call.query.get('versionId') ?? undefined);
  const object = store.objects.get(objectId(call));
  if (object === undefined) throw new S3Error('NoSuchKey', 'The specified key does not exist.');
  return object;
}

function keptHeaders(headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !KEPT_HEADER.test(name)) continue;
    // `aws-chunked` describes only the framing of the request.
    const text =
      name === 'content-encoding' ? value.replace(/(^|,)\s*aws-chunked\s*(,|$)/, '').trim() : value;
    if (text !== '') kept[name] = text;
  }
  return kept;
}

function answerHeaders(object: StoredObject, { query }: Call): Record<string, string> {
  const headers: Record<string, string> = {
    ...object.headers,
    etag: object.etag,
    'last-modified': new Date(object.lastModified).toUTCString(),
    'accept-ranges': 'bytes',
  };
  const tagCount = Object.keys(object.tags).length;
  if (tagCount > 0) headers['x-amz-tagging-count'] = String(tagCount);
  for (const name of OVERRIDABLE) {
    const override = query.get(`response-${name}`);
    if (override !== null) headers[name] = override;
  }
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, toHeaderText(value)]));
}

/** A header can carry Latin-1 only; S3 encodes other text, which may come from forms and URLs, as in RFC 2047. */
function toHeaderText(value: string): string {
  if (/^[\x20-\x7e\xa0-\xff]*$/.test(value)) return value;
  return `=?UTF-8?B?${Buffer.from(value).toString('base64')}?=`;
}

/** The bytes of an object, or a range of them. */
export async function* readObject(
  store: Store,
  object: StoredObject,
  range: Range = { start: 0, end: object.size - 1 },
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const { id, size } of object.blobs) {
    const start = Math.max(0, range.start - offset);
    const end = Math.min(size - 1, range.end - offset);
    if (start <= end) yield* store.blobs.read(id, { start, end });
    offset += size;
  }
}

function readTags(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const tags = Object.fromEntries(pairs);
  if (Object.keys(tags).length < pairs.length) {
    throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key');
  }
  if (pairs.length > MAX_TAGS) throw new S3Error('BadRequest', 'Object tags cannot be greater than 10');
  return tags;
}
