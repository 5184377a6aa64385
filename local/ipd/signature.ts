/**
 * Huawei's SDK-HMAC-SHA256 as the receiver computes it. It shares no code with our signer, so that an error in one of
 * them shows. Pure: it holds no keys, no clock and no lock-outs.
 * https://support.huaweicloud.com/devg-apisign/api-sign-algorithm-001.md
 */
import { createHash, createHmac } from 'node:crypto';
import { headerOf, targetOf, type Headers } from './types.ts';

export const ALGORITHM = 'SDK-HMAC-SHA256';

export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

export type Authorization = { accessKey: string; signedHeaders: string[]; signature: string };

/** Parses an Authorization header; undefined when it is not one of this algorithm. */
export function parseAuthorization(value: string): Authorization | undefined {
  const match = /^SDK-HMAC-SHA256 Access=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    value,
  );
  const [, accessKey, names, signature] = match ?? [];
  if (accessKey === undefined || names === undefined || signature === undefined) return undefined;
  return { accessKey, signedHeaders: names.split(';'), signature };
}

/** The six parts that are signed, joined by LF. */
export function canonicalRequestOf(request: {
  method: string;
  url: string;
  headers: Headers;
  signedHeaders: readonly string[];
  payloadHash: string;
}): string {
  const { path, query } = targetOf(request.url);
  const names = request.signedHeaders.map((name) => name.toLowerCase()).toSorted();
  const headers = names.map((name) => `${name}:${(headerOf(request.headers, name) ?? '').trim()}\n`);
  return [
    request.method.toUpperCase(),
    canonicalPath(path),
    canonicalQuery(query),
    headers.join(''),
    names.join(';'),
    request.payloadHash,
  ].join('\n');
}

/** The signature that belongs to a canonical request: keyed with the raw secret, without a scope line. */
export function signatureOf(options: { secretKey: string; date: string; canonicalRequest: string }): string {
  const hashed = createHash('sha256').update(options.canonicalRequest).digest('hex');
  const stringToSign = `${ALGORITHM}\n${options.date}\n${hashed}`;
  return createHmac('sha256', options.secretKey).update(stringToSign).digest('hex');
}

/** `YYYYMMDDTHHMMSSZ` as milliseconds since 1970; NaN when it is not such a date. */
export function parseSdkDate(date: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** The signed path ends with a slash, even if the path in the request line does not. */
function canonicalPath(path: string): string {
  const encoded = path
    .split('/')
    .map((segment) => encodeStrictly(decode(segment)))
    .join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

function canonicalQuery(query: URLSearchParams): string {
  return Array.from(query, ([name, value]) => ({ name: encodeStrictly(name), value: encodeStrictly(value) }))
    .toSorted((a, b) => compare(a.name, b.name) || compare(a.value, b.value))
    .map(({ name, value }) => `${name}=${value}`)
    .join('&');
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** RFC 3986: encodeURIComponent leaves five characters unencoded that must be encoded here. */
function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
