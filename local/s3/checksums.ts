/**
 * The checksums that a request may declare for its body. CRC32C and CRC64NVME have no fast implementation in Node, so
 * they are refused: they could not be checked.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { S3Error } from './errors.ts';
import type { Headers } from './http.ts';
import type { Checksum } from './store.ts';

export type ChecksumAlgorithm = Checksum['algorithm'];

/** The length of each checksum in bytes. */
const ALGORITHMS = { crc32: 4, sha1: 20, sha256: 32 } as const satisfies Record<ChecksumAlgorithm, number>;
const HEADER = /^x-amz-checksum-(crc32|crc32c|crc64nvme|sha1|sha256)$/;

/** The checksum that a request declares for its body; `value` is absent when it follows in the trailer. */
export type ChecksumClaim = { algorithm: ChecksumAlgorithm; header: string; value: string | undefined };

export type RunningHash = { update(chunk: Uint8Array): unknown; digest(): Buffer };

/** Starts a checksum over bytes that come in pieces. */
export function startHash(algorithm: ChecksumAlgorithm | 'md5'): RunningHash {
  if (algorithm !== 'crc32') return createHash(algorithm);
  let sum = 0;
  return {
    update(chunk) {
      sum = crc32(chunk, sum);
    },
    digest() {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(sum);
      return bytes;
    },
  };
}

/** Reads the one checksum that a request may declare; throws InvalidRequest when it cannot be verified. */
export function readChecksumClaim(headers: Headers): ChecksumClaim | undefined {
  const trailer = headers['x-amz-trailer']?.trim().toLowerCase();
  const names = Object.keys(headers).filter((name) => HEADER.test(name));
  if (trailer !== undefined) names.push(trailer);
  const [header, second] = names;
  if (second !== undefined) {
    throw new S3Error(
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  if (header === undefined) {
    if (headers['x-amz-sdk-checksum-algorithm'] === undefined) return undefined;
    throw new S3Error(
      'InvalidRequest',
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  const algorithm = toAlgorithm(HEADER.exec(header)?.[1] ?? header);
  if (header === trailer) return { algorithm, header, value: undefined };
  const value = headers[header] ?? '';
  requireSum(algorithm, value, `Value for ${header} header is invalid.`);
  return { algorithm, header, value };
}

/** Throws InvalidRequest for a value that cannot be a checksum, as S3 does before it reads the body. */
export function requireSum(algorithm: ChecksumAlgorithm, value: string, message: string): void {
  const sum = Buffer.from(value, 'base64');
  if (sum.length === ALGORITHMS[algorithm] && sum.toString('base64') === value) return;
  throw new S3Error('InvalidRequest', message);
}

/** The algorithm of that name in any case; throws InvalidRequest when it is not supported here. */
export function toAlgorithm(name: string): ChecksumAlgorithm {
  const algorithm = name.toLowerCase();
  if (algorithm === 'crc32' || algorithm === 'sha1' || algorithm === 'sha256') return algorithm;
  throw new S3Error('InvalidRequest', `Checksum algorithm ${name} is not supported by this server.`);
}

/** A multipart object's checksum: the checksum of its parts' checksums, and their number. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, values: readonly string[]): Checksum {
  const hash = startHash(algorithm);
  for (const value of values) hash.update(Buffer.from(value, 'base64'));
  return { algorithm, type: 'COMPOSITE', value: `${hash.digest().toString('base64')}-${values.length}` };
}

/** The answer headers that carry a checksum. */
export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`x-amz-checksum-${checksum.algorithm}`]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** The checksum as an element of an XML answer. */
export function checksumElement(checksum: Checksum | undefined): Record<string, string> {
  return checksum === undefined ? {} : { [`Checksum${checksum.algorithm.toUpperCase()}`]: checksum.value };
}
