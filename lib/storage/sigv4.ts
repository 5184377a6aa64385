/**
 * AWS's signature version 4 of requests to S3 that clients make: in the query of a URL, or in the fields of a form.
 * Pure: keys and time are arguments, nothing is asked or sent.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
import { createHmac, createSecretKey, hash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

export type Keys = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };

/** The keys that sign, and the address of storage: S3 of the region, unless `endpoint` is given. */
export type Signer = { keys: Keys; region: string; endpoint?: string | undefined };

/** What a signature covers. `headers`: those that must be sent, in lower case. */
type Signable = {
  method: 'PUT';
  bucket: string;
  key: string;
  query: Record<string, string>;
  headers: Record<string, string>;
};

/** A name and its value. */
type Parameter = [string, string];

/** When it begins, in milliseconds since the epoch, and for how long it is good. */
type Life = { from: number; seconds: number };

const ALGORITHM = 'AWS4-HMAC-SHA256';
/** The body is not known yet. */
const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';
const AWS_HOST = /\.amazonaws\.com(\.cn)?$/;
/** TLS certificates of S3 cover one label before its host, so a bucket name with dots cannot be one. */
const HOST_LABEL = /^[a-z\d][a-z\d-]{1,61}[a-z\d]$/;

/** A signer's signatures. Its key of the day is derived once a day. */
export function createSignatures({ keys, region, endpoint }: Signer) {
  let today: { day: string; key: KeyObject } | undefined;

  /** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key */
  function keyOf(day: string): KeyObject {
    if (today?.day === day) return today.key;
    let bytes: Buffer = Buffer.from(`AWS4${keys.secretAccessKey}`);
    for (const word of [day, region, 's3', 'aws4_request']) bytes = hmac(createSecretKey(bytes), word);
    today = { day, key: createSecretKey(bytes) };
    return today.key;
  }

  /** The fields of every signature: who signs, when, and the scope of the key. */
  function stampOf(from: number) {
    const date = dateTime(from).replaceAll(/[-:]/g, '');
    const day = date.slice(0, 8);
    const scope = `${day}/${region}/s3/aws4_request`;
    const fields = {
      'X-Amz-Algorithm': ALGORITHM,
      'X-Amz-Credential': `${keys.accessKeyId}/${scope}`,
      'X-Amz-Date': date,
      ...(keys.sessionToken !== undefined && { 'X-Amz-Security-Token': keys.sessionToken }),
    };
    return { date, scope, fields, key: keyOf(day) };
  }

  /** The URL that lets a client make this request, and no other. */
  function url({ method, bucket, key, query, headers }: Signable, { from, seconds }: Life): string {
    const { origin, host, folder } = placeOf(bucket, { region, endpoint });
    const path = `${folder}/${key.split('/').map(encode).join('/')}`;
    const stamp = stampOf(from);
    const signed = Object.entries({ ...headers, host }).toSorted(byName);
    const signedHeaders = signed.map(([name]) => name).join(';');
    const parameters = pairsOf({
      ...query,
      ...stamp.fields,
      'X-Amz-Content-Sha256': UNSIGNED_PAYLOAD,
      'X-Amz-Expires': String(seconds),
      'X-Amz-SignedHeaders': signedHeaders,
    });
    const canonical = [
      method,
      path,
      queryOf(parameters),
      ...signed.map(([name, value]) => `${name}:${value.trim().replaceAll(/\s+/g, ' ')}`),
      '',
      signedHeaders,
      UNSIGNED_PAYLOAD,
    ].join('\n');
    const text = [ALGORITHM, stamp.date, stamp.scope, hash('sha256', canonical)].join('\n');
    const signature = hmac(stamp.key, text).toString('hex');
    return `${origin}${path}?${queryOf([...parameters, ['X-Amz-Signature', signature]])}`;
  }

  /**
   * The form that lets a client post an object under this key, with these fields and under these conditions.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
   */
  function form(
    file: { bucket: string; key: string; fields: Record<string, string>; conditions: unknown[] },
    { from, seconds }: Life,
  ): { url: string; fields: Record<string, string> } {
    const { origin, folder } = placeOf(file.bucket, { region, endpoint });
    const stamp = stampOf(from);
    const fields = { ...file.fields, bucket: file.bucket, ...stamp.fields, key: file.key };
    const policy = {
      expiration: dateTime(from + seconds * 1000),
      conditions: [...file.conditions, ...Object.entries(fields).map(([name, value]) => ({ [name]: value }))],
    };
    const encoded = Buffer.from(JSON.stringify(policy)).toString('base64');
    const signature = hmac(stamp.key, encoded).toString('hex');
    return {
      url: `${origin}${folder || '/'}`,
      fields: { ...fields, Policy: encoded, 'X-Amz-Signature': signature },
    };
  }

  return { url, form };
}

/**
 * The address of a bucket: a host of its own on AWS; a folder elsewhere, and for a name that cannot be a host label.
 */
function placeOf(bucket: string, { region, endpoint }: Pick<Signer, 'region' | 'endpoint'>) {
  const china = region.startsWith('cn-') ? '.cn' : '';
  const { protocol, host, hostname, pathname } = new URL(
    endpoint ?? `https://s3.${region}.amazonaws.com${china}`,
  );
  const base = pathname.replace(/\/$/, '');
  const isHost = AWS_HOST.test(hostname) && HOST_LABEL.test(bucket);
  return isHost
    ? { origin: `${protocol}//${bucket}.${host}`, host: `${bucket}.${host}`, folder: base }
    : { origin: `${protocol}//${host}`, host, folder: `${base}/${encode(bucket)}` };
}

/** 2026-01-02T03:04:05Z */
function dateTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

function pairsOf(parameters: Record<string, string>): Parameter[] {
  return Object.entries(parameters).map(([name, value]) => [encode(name), encode(value)]);
}

function queryOf(parameters: Parameter[]): string {
  return parameters
    .toSorted(byName)
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function byName([one]: Parameter, [other]: Parameter): number {
  return one < other ? -1 : Number(one > other);
}

/** RFC 3986: everything but unreserved characters. */
function encode(value: string): string {
  return encodeURIComponent(value).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Takes a key object: Node would convert bytes at every call, which takes ten times as long as the rest. */
function hmac(key: KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
