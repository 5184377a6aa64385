/**
 * Finds the signer and the region of a request to an AWS service. It signs the same request again with the AWS signer,
 * so this file needs no canonical form. It does not check the request's age: no attacker can record loopback traffic.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { AwsKey } from '../keys.ts';

export type Signer = { accessKeyId: string; region: string };

type Request = { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer };

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 +Credential=([^,\s/]+)\/(\d{8})\/([^,\s/]+)\/([^,\s/]+)\/aws4_request, *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})$/;
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Finds the signer of a request to one of these services; undefined without a valid signature by one of the keys. */
export function createSignatureCheck({
  keys,
  services,
}: {
  keys: readonly AwsKey[];
  services: readonly string[];
}): (request: Request) => Promise<Signer | undefined> {
  const signers = new Map(keys.map((key) => [key.accessKeyId, services.map((name) => signerFor(key, name))]));

  return async ({ method, url, headers, body }) => {
    const [, accessKeyId = '', day, region = '', service = '', names = '', signature = ''] =
      AUTHORIZATION.exec(headers.authorization ?? '') ?? [];
    const signer = signers.get(accessKeyId)?.[services.indexOf(service)];
    const signingDate = parseDate(String(headers['x-amz-date']));
    const signedHeaders = new Set(names.split(';'));
    if (signer === undefined || signingDate === undefined || !signedHeaders.has('host')) return undefined;
    if (day !== String(headers['x-amz-date']).slice(0, 8)) return undefined;
    // The signer uses this header without comparing it with the body.
    const declared = headers['x-amz-content-sha256'];
    if (declared !== undefined && declared !== createHash('sha256').update(body).digest('hex'))
      return undefined;

    const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
    const signed = await signer.sign(
      {
        method,
        protocol: 'http:',
        hostname: '',
        path: pathname,
        query: Object.fromEntries(searchParams),
        headers: pick(headers, signedHeaders),
        body,
      },
      { signingDate, signingRegion: region, signableHeaders: signedHeaders },
    );
    const [, , , , , , expected = ''] = AUTHORIZATION.exec(signed.headers['authorization'] ?? '') ?? [];
    return isSame(expected, signature) ? { accessKeyId, region } : undefined;
  };
}

function signerFor(credentials: AwsKey, service: string): SignatureV4 {
  // The region comes with each request.
  return new SignatureV4({ service, region: '', credentials, sha256: Sha256, applyChecksum: false });
}

function pick(headers: IncomingHttpHeaders, names: ReadonlySet<string>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name, value]) => names.has(name) && value !== undefined);
  return Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
}

function parseDate(value: string): Date | undefined {
  const [, year, month, day, hour, minute, second] = DATE.exec(value) ?? [];
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function isSame(expected: string, given: string): boolean {
  const [left, other] = [Buffer.from(expected), Buffer.from(given)];
  return left.length === other.length && timingSafeEqual(left, other);
}
