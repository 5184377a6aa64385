/**
 * Finds the signature of a request and the headers that it covers, in the Authorization header or in a presigned URL.
 * Pure; auth.ts decides whether a signature is valid.
 */
import { S3Error, type S3ErrorCode } from './errors.ts';
import type { Headers } from './http.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';
const MAX_EXPIRES_SECONDS = 604_800;
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 +Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;
const AUTH_PARAMETERS = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
];

export type SignedRequest = { method: string; path: string; query: URLSearchParams; headers: Headers };

export type Signature = { credential: string; signature: string; signedAt: Date; signedHeaders: Set<string> };

/** S3 reads the `x-amz-*` parameters of a presigned URL as headers. */
export function hoistedHeaders(query: URLSearchParams): Record<string, string> {
  const parameters = [...query].map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(parameters.filter(([name]) => name.startsWith('x-amz-')));
}

/** The request as input of the signer, with the signed headers only. */
export function toSignable(
  { method, path, query, headers }: SignedRequest,
  signedHeaders: ReadonlySet<string>,
) {
  const unsigned = new Set(AUTH_PARAMETERS);
  const names = [...new Set(query.keys())].filter((name) => !unsigned.has(name));
  const kept = Object.entries(headers).filter((entry): entry is [string, string] => {
    return signedHeaders.has(entry[0]) && entry[1] !== undefined;
  });
  return {
    method,
    protocol: 'http:',
    hostname: '',
    path,
    query: Object.fromEntries(names.map((name) => [name, query.getAll(name)])),
    headers: Object.fromEntries(kept),
    // Neither text nor bytes: without a hash among the headers, the signer uses UNSIGNED-PAYLOAD.
    body: {},
  };
}

/** Reads the signature of an Authorization header; throws when it is malformed. */
export function readAuthorization(headers: Headers, authorization: string): Signature {
  if (!authorization.startsWith(ALGORITHM)) {
    throw new S3Error(
      'InvalidRequest',
      `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
    );
  }
  const [, credential, signedHeaders, signature] = AUTHORIZATION.exec(authorization) ?? [];
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw new S3Error(
      'AuthorizationHeaderMalformed',
      'The authorization header that you provided is not valid.',
    );
  }
  const signedAt = parseDate(headers['x-amz-date'], 'AccessDenied');
  return { credential, signature, signedAt, signedHeaders: new Set(signedHeaders.split(';')) };
}

/** Reads the signature of a presigned URL; throws when it is malformed. */
export function readPresigned(query: URLSearchParams): { signature: Signature; expiresIn: number } {
  const [algorithm, credential, date, expires, signedHeaders, signature] = AUTH_PARAMETERS.map((name) => {
    const [value, second] = query.getAll(name);
    return second === undefined ? value : undefined;
  });
  if (algorithm !== ALGORITHM || !credential || !signedHeaders || !signature || expires === undefined) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  const signedAt = parseDate(date, 'AuthorizationQueryParametersError');
  const expiresIn = /^\d+$/.test(expires) ? Number(expires) : Number.NaN;
  if (!(expiresIn >= 1 && expiresIn <= MAX_EXPIRES_SECONDS)) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      'X-Amz-Expires must be between 1 and a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  return {
    signature: { credential, signature, signedAt, signedHeaders: new Set(signedHeaders.split(';')) },
    expiresIn,
  };
}

/** Reads a date in the form of `x-amz-date`; throws `code`. */
export function parseDate(value: string | undefined, code: S3ErrorCode): Date {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value ?? '') ?? [];
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(date.getTime())) {
    throw new S3Error(code, "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  return date;
}

/** The day in the form of a credential scope. */
export function toShortDate(date: Date): string {
  return date.toISOString().slice(0, 10).replaceAll('-', '');
}
