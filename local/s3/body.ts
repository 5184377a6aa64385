/**
 * Request bodies: how long they may be, and whether they are what the request claims.
 * Checks of the headers come before the first byte is read. A body that ends early or does not match throws at its
 * end, so that it never gets a row in the store.
 */
import { createHash } from 'node:crypto';
import { decodeAwsChunked } from './aws-chunked.ts';
import {
  readChecksumClaim,
  requireSum,
  startHash,
  type ChecksumClaim,
  type RunningHash,
} from './checksums.ts';
import { S3Error } from './errors.ts';
import type { Call, Headers } from './http.ts';
import type { StoredBlob, Checksum, Store } from './store.ts';
import { GIB, MIB } from '../../lib/domain/units.ts';

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const MAX_PUT_BYTES = 5 * GIB;
/** Room for a CompleteMultipartUpload of 10,000 parts with checksums. */
const MAX_DOCUMENT_BYTES = 4 * MIB;

const UNSIGNED = 'UNSIGNED-PAYLOAD';
const STREAMING_UNSIGNED = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

export type CheckedBody = {
  chunks: AsyncIterable<Uint8Array>;
  /** The verified checksum; there once `chunks` has ended. */
  checksum(): Checksum | undefined;
};

export type SavedBody = { blob: StoredBlob; etag: string; checksum: Checksum | undefined };

type Check = { hash: RunningHash; verify(digest: Buffer): void };

/** Opens the body of a signed request. */
export function openBody(
  call: Pick<Call, 'headers' | 'body' | 'payloadHash'>,
  limit = MAX_PUT_BYTES,
): CheckedBody {
  const { headers, payloadHash } = call;
  const isChunked = payloadHash === STREAMING_UNSIGNED;
  const length = requireLength(headers[isChunked ? 'x-amz-decoded-content-length' : 'content-length']);
  if (length > limit) throw tooLarge();
  const trailers = new Map<string, string>();
  const source = isChunked ? decodeAwsChunked(call.body, trailers) : call.body;
  return checkBody(source, {
    headers,
    trailers,
    payloadHash,
    minimum: length,
    maximum: length,
    wrongLength: () => incomplete(),
  });
}

/** Opens the file of a form, whose size is bounded by its policy only. */
export function openFormFile(
  source: AsyncIterable<Uint8Array>,
  { headers, minimum, maximum }: { headers: Headers; minimum: number; maximum: number },
): CheckedBody {
  const wrongLength = (size: number) => (size > maximum ? tooLarge() : tooSmall());
  return checkBody(source, {
    headers,
    trailers: new Map(),
    payloadHash: UNSIGNED,
    minimum,
    maximum,
    wrongLength,
  });
}

/** Stores a body's bytes; they stay invisible until a row names the blob. */
export async function saveBody(blobs: Store['blobs'], body: CheckedBody): Promise<SavedBody> {
  const md5 = createHash('md5');
  let size = 0;
  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const chunk of body.chunks) {
      md5.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  }
  const id = await blobs.write(measured());
  return { blob: { id, size }, etag: `"${md5.digest('hex')}"`, checksum: body.checksum() };
}

/** Reads a small XML document from the body. */
export async function readDocument(call: Call): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of openBody(call, MAX_DOCUMENT_BYTES).chunks) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function checkBody(
  source: AsyncIterable<Uint8Array>,
  expected: {
    headers: Headers;
    trailers: ReadonlyMap<string, string>;
    payloadHash: string;
    minimum: number;
    maximum: number;
    wrongLength: (size: number) => S3Error;
  },
): CheckedBody {
  const { minimum, maximum, wrongLength } = expected;
  const claim = readChecksumClaim(expected.headers);
  const sum = claim === undefined ? undefined : { claim, hash: startHash(claim.algorithm) };
  const checks = [md5Check(expected.headers['content-md5']), payloadCheck(expected.payloadHash)].filter(
    (check) => check !== undefined,
  );
  let checksum: Checksum | undefined;

  async function* chunks(): AsyncGenerator<Uint8Array> {
    let size = 0;
    for await (const chunk of withoutHangUps(source)) {
      size += chunk.length;
      if (size > maximum) throw wrongLength(size);
      sum?.hash.update(chunk);
      for (const check of checks) check.hash.update(chunk);
      yield chunk;
    }
    if (size < minimum) throw wrongLength(size);
    for (const check of checks) check.verify(check.hash.digest());
    if (sum !== undefined) checksum = verifyClaim(sum.claim, sum.hash, expected.trailers);
  }

  return { chunks: chunks(), checksum: () => checksum };
}

/** Turns the error of a client that disconnects into that of a body that ends too early. */
async function* withoutHangUps(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (cause) {
    throw cause instanceof S3Error ? cause : incomplete(cause);
  }
}

/** The declared length; throws MissingContentLength. */
export function requireLength(value: string | undefined): number {
  if (value === undefined || !/^\d+$/.test(value)) {
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.');
  }
  return Number(value);
}

function md5Check(value: string | undefined): Check | undefined {
  if (value === undefined) return undefined;
  const expected = Buffer.from(value, 'base64');
  if (expected.length !== 16)
    throw new S3Error('InvalidDigest', 'The Content-MD5 you specified was invalid.');
  return {
    hash: startHash('md5'),
    verify(digest) {
      if (!digest.equals(expected)) throw badDigest('Content-MD5');
    },
  };
}

function payloadCheck(payloadHash: string): Check | undefined {
  if (payloadHash === UNSIGNED || payloadHash === STREAMING_UNSIGNED) return undefined;
  if (payloadHash.startsWith('STREAMING-')) {
    throw new S3Error(
      'NotImplemented',
      `x-amz-content-sha256 ${payloadHash} is not supported by this server.`,
    );
  }
  if (!/^[0-9a-f]{64}$/.test(payloadHash)) {
    throw new S3Error(
      'InvalidArgument',
      'x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid sha256 value.',
    );
  }
  return {
    hash: startHash('sha256'),
    verify(digest) {
      if (digest.toString('hex') === payloadHash) return;
      throw new S3Error(
        'XAmzContentSHA256Mismatch',
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
      );
    },
  };
}

function verifyClaim(
  claim: ChecksumClaim,
  hash: RunningHash,
  trailers: ReadonlyMap<string, string>,
): Checksum {
  const expected = claim.value ?? trailers.get(claim.header);
  if (claim.value === undefined && expected !== undefined) {
    requireSum(claim.algorithm, expected, `Value for ${claim.header} trailing header is invalid.`);
  }
  const value = hash.digest().toString('base64');
  if (value !== expected) throw badDigest(claim.algorithm.toUpperCase());
  return { algorithm: claim.algorithm, value, type: 'FULL_OBJECT' };
}

function badDigest(name: string): S3Error {
  return new S3Error('BadDigest', `The ${name} you specified did not match the calculated checksum.`);
}

function incomplete(cause?: unknown): S3Error {
  const message = 'You did not provide the number of bytes specified by the Content-Length HTTP header';
  return new S3Error('IncompleteBody', message, { cause });
}

function tooLarge(): S3Error {
  return new S3Error('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size');
}

function tooSmall(): S3Error {
  return new S3Error('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size');
}
