/**
 * Signature Version 4: authenticates a request. It checks a signature by signing the same request again with the AWS
 * signer, so this file needs no canonical form.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
import { timingSafeEqual } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { S3Error, type S3ErrorCode } from './errors.ts';
import type { Headers } from './http.ts';
import {
  ALGORITHM,
  hoistedHeaders,
  parseDate,
  readAuthorization,
  readPresigned,
  toShortDate,
  toSignable,
  type Signature,
  type SignedRequest,
} from './signature.ts';
import { MINUTE_MS } from '../../lib/domain/units.ts';

const MAX_SKEW_MS = 15 * MINUTE_MS;

export type Credentials = { accessKeyId: string; secretAccessKey: string };

type Authenticated = { accessKeyId: string; headers: Headers; payloadHash: string };

/** Verifies signatures for these keys in one region. */
export function createAuth({ credentials, region }: { credentials: readonly Credentials[]; region: string }) {
  const secrets = new Map(credentials.map((pair) => [pair.accessKeyId, pair]));

  /** Returns the verified headers and the payload's hash; throws S3's error for a bad signature. */
  async function authenticate(request: SignedRequest, now: Date): Promise<Authenticated> {
    const authorization = request.headers['authorization'];
    const isPresigned = request.query.has('X-Amz-Algorithm') || request.query.has('X-Amz-Signature');
    if (authorization !== undefined && isPresigned) {
      throw new S3Error(
        'InvalidArgument',
        'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified',
      );
    }
    if (request.headers['x-amz-security-token'] !== undefined || request.query.has('X-Amz-Security-Token')) {
      throw new S3Error('InvalidToken', 'The provided token is malformed or otherwise invalid.');
    }
    if (isPresigned) return verifyPresigned(request, now);
    if (authorization !== undefined) return verifyHeader(request, authorization, now);
    throw new S3Error('AccessDenied', 'Access Denied');
  }

  async function verifyHeader(
    request: SignedRequest,
    authorization: string,
    now: Date,
  ): Promise<Authenticated> {
    const signature = readAuthorization(request.headers, authorization);
    const payloadHash = request.headers['x-amz-content-sha256'];
    if (payloadHash === undefined) {
      throw new S3Error('InvalidRequest', 'Missing required header for this request: x-amz-content-sha256');
    }
    if (Math.abs(now.getTime() - signature.signedAt.getTime()) > MAX_SKEW_MS) {
      throw new S3Error(
        'RequestTimeTooSkewed',
        'The difference between the request time and the current time is too large.',
      );
    }
    const signer = findSigner(signature, 'AuthorizationHeaderMalformed');
    requireSignedHeaders(request.headers, signature.signedHeaders);
    const signed = await signer.sign(toSignable(request, signature.signedHeaders), {
      signingDate: signature.signedAt,
      signableHeaders: signature.signedHeaders,
    });
    const expected = readAuthorization(signed.headers, signed.headers['authorization'] ?? '');
    requireSame(expected.signature, signature.signature);
    return { accessKeyId: keyOf(signature), headers: request.headers, payloadHash };
  }

  async function verifyPresigned(request: SignedRequest, now: Date): Promise<Authenticated> {
    const { signature, expiresIn } = readPresigned(request.query);
    const age = now.getTime() - signature.signedAt.getTime();
    if (age > expiresIn * 1000) throw new S3Error('AccessDenied', 'Request has expired');
    if (age < -MAX_SKEW_MS) throw new S3Error('AccessDenied', 'Request is not yet valid');
    const signer = findSigner(signature, 'AuthorizationQueryParametersError');
    requireSignedHeaders(request.headers, signature.signedHeaders);

    const signable = toSignable(request, signature.signedHeaders);
    // As a header, this parameter is the payload hash for the signer, which moves it back into the query.
    const hashName = Object.keys(signable.query).find(
      (name) => name.toLowerCase() === 'x-amz-content-sha256',
    );
    const hoistedHash = hashName === undefined ? null : request.query.get(hashName);
    if (hashName !== undefined && hoistedHash !== null) {
      delete signable.query[hashName];
      signable.headers[hashName] = hoistedHash;
    }
    const signed = await signer.presign(signable, {
      signingDate: signature.signedAt,
      expiresIn,
      signableHeaders: signature.signedHeaders,
      unhoistableHeaders: signature.signedHeaders,
    });
    requireSame(signed.query?.['X-Amz-Signature'], signature.signature);
    const payloadHash = request.headers['x-amz-content-sha256'] ?? hoistedHash ?? 'UNSIGNED-PAYLOAD';
    const headers = { ...hoistedHeaders(request.query), ...request.headers };
    return { accessKeyId: keyOf(signature), headers, payloadHash };
  }

  /** Checks the signature of a form's policy; returns the access key id. */
  async function verifyPolicy(fields: Headers): Promise<string> {
    if (fields['x-amz-algorithm'] !== ALGORITHM) {
      throw new S3Error('InvalidArgument', `Bucket POST must contain x-amz-algorithm ${ALGORITHM}`);
    }
    const signature = {
      credential: fields['x-amz-credential'] ?? '',
      signature: fields['x-amz-signature'] ?? '',
      signedAt: parseDate(fields['x-amz-date'], 'InvalidArgument'),
      signedHeaders: new Set<string>(),
    };
    const signer = findSigner(signature, 'InvalidArgument');
    const expected = await signer.sign(fields['policy'] ?? '', { signingDate: signature.signedAt });
    requireSame(expected, signature.signature);
    return keyOf(signature);
  }

  function findSigner({ credential, signedAt }: Signature, malformed: S3ErrorCode): SignatureV4 {
    const [accessKeyId = '', date, scopeRegion, service, terminator, ...rest] = credential.split('/');
    if (
      service !== 's3' ||
      terminator !== 'aws4_request' ||
      rest.length > 0 ||
      date !== toShortDate(signedAt)
    ) {
      throw new S3Error(
        malformed,
        'The Credential must be accessKeyId/date/region/s3/aws4_request of the signing date.',
      );
    }
    if (scopeRegion !== region) {
      throw new S3Error(malformed, `The region '${scopeRegion}' is wrong; expecting '${region}'`);
    }
    const pair = secrets.get(accessKeyId);
    if (pair === undefined) {
      throw new S3Error(
        'InvalidAccessKeyId',
        'The AWS Access Key Id you provided does not exist in our records.',
      );
    }
    return new SignatureV4({
      service: 's3',
      region,
      credentials: pair,
      sha256: Sha256,
      uriEscapePath: false,
      applyChecksum: false,
    });
  }

  return { authenticate, verifyPolicy };
}

function keyOf({ credential }: Signature): string {
  return credential.split('/')[0] ?? '';
}

/** The holder of a URL may not add `x-amz-*` headers that its signer did not sign. */
function requireSignedHeaders(headers: Headers, signedHeaders: ReadonlySet<string>): void {
  const isUnsigned = (name: string) => name.startsWith('x-amz-') && !signedHeaders.has(name);
  if (!signedHeaders.has('host') || Object.keys(headers).some(isUnsigned)) {
    throw new S3Error('AccessDenied', 'There were headers present in the request which were not signed');
  }
}

function requireSame(expected: unknown, given: string): void {
  const left = Buffer.from(String(expected));
  const other = Buffer.from(given);
  if (left.length === other.length && timingSafeEqual(left, other)) return;
  throw new S3Error(
    'SignatureDoesNotMatch',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  );
}
