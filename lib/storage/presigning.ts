/**
 * Presigned requests: signed URLs and forms with which clients reach storage in our name. Storage takes them
 * unchanged or refuses them. Signs only, never asks storage anything.
 */
import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Part } from '../domain/parts.ts';
import { percentEncode } from '../domain/percent-encoding.ts';
import { addressOf } from './bucket-address.ts';
import { Sha256 } from './sha256.ts';

export type Keys = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };

/** Who signs, and where storage is: S3 of the region, where nothing else is said. */
export type Signer = { keys: Keys; region: string; endpoint?: string | undefined };

/** A request that a client makes unchanged: these headers, nothing else. */
export type SignedRequest = { method: 'PUT'; url: string; headers: Record<string, string> };

/** One part of a file, and the request that brings it. */
export type SignedPart = Part & SignedRequest;

/** A form that a page posts: these fields, then the file in the field `file`. */
export type SignedForm = { url: string; fields: Record<string, string> };

/** What a signed URL is for. Each of the headers must be sent. */
type Signed = {
  method: 'PUT' | 'GET';
  key: string;
  query: Record<string, string>;
  headers: Record<string, string>;
};

/** The object, and S3's multipart upload of it. */
type Target = { key: string; uploadId: string; expiresInSeconds: number };

/** It stays a header, which must be sent; the presigner would put it into the query, as any other `x-amz-` header. */
const CHECKSUM = 'x-amz-checksum-sha256';

export type Signing = ReturnType<typeof createSigning>;

/** `signer` is called once; `now` is the time by storage's clock. */
export function createSigning(options: { signer: () => Promise<Signer>; bucket: string; now: () => number }) {
  const { signer, bucket, now } = options;
  let signers: ReturnType<typeof createSigners> | undefined;

  async function useSigners() {
    signers ??= createSigners(await signer(), bucket);
    return signers;
  }

  async function presign({ method, key, query, headers }: Signed, expiresIn: number): Promise<string> {
    const { presigner, address } = await useSigners();
    const { protocol, host, folder } = address;
    const path = `${folder}/${key.split('/').map(percentEncode).join('/')}`;
    const presigned = await presigner.presign(
      { method, protocol, hostname: host, path, query, headers: { ...headers, host } },
      {
        signingDate: new Date(now()),
        expiresIn,
        // The presigner leaves the type unsigned, unless a list asks for it.
        signableHeaders: new Set(['content-type']),
        unhoistableHeaders: new Set([CHECKSUM]),
      },
    );
    return `${protocol}//${host}${path}?${queryOf(presigned.query)}`;
  }

  /**
   * A PUT that storage accepts once, for exactly this length, type and (when declared) SHA-256 (hex).
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
   */
  async function putFile(file: {
    key: string;
    size: number;
    contentType: string;
    sha256?: string | undefined;
    expiresInSeconds: number;
  }): Promise<SignedRequest> {
    const checksum = file.sha256 === undefined ? undefined : hexToBase64(file.sha256);
    // All of them are signed: storage takes a signed header only unchanged.
    const headers = {
      'content-length': String(file.size),
      'content-type': file.contentType,
      'if-none-match': '*',
      ...(checksum && { [CHECKSUM]: checksum }),
    };
    const put = { method: 'PUT' as const, key: file.key, query: { 'x-id': 'PutObject' }, headers };
    const url = await presign(put, file.expiresInSeconds);
    return { method: put.method, url, headers };
  }

  /**
   * A PUT for each part, of exactly its length; a part may be put again.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
   */
  async function putParts(target: Target, parts: Part[]): Promise<SignedPart[]> {
    return Promise.all(
      parts.map(async (part) => ({
        ...part,
        method: 'PUT' as const,
        url: await partUrl({ ...target, number: part.number, length: part.length }),
        headers: { 'content-length': String(part.length) },
      })),
    );
  }

  /** The URL of one part; without `length`, the client chooses the length. */
  async function partUrl(part: Target & { number: number; length?: number }): Promise<string> {
    const query = { partNumber: String(part.number), uploadId: part.uploadId, 'x-id': 'UploadPart' };
    const headers = part.length === undefined ? {} : { 'content-length': String(part.length) };
    return presign({ method: 'PUT', key: part.key, query, headers }, part.expiresInSeconds);
  }

  /**
   * A form that storage accepts for this key and type and up to so many bytes, again and again while it lives.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
   */
  async function postForm(file: {
    key: string;
    maxBytes: number;
    contentType: string;
    expiresInSeconds: number;
  }): Promise<SignedForm> {
    const { policySigner, address, credentials, region } = await useSigners();
    const from = now();
    const date = dateTime(from).replaceAll(/[-:]/g, '');
    const { accessKeyId, sessionToken } = credentials;
    const fields = {
      'content-type': file.contentType,
      success_action_status: '201',
      bucket,
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `${accessKeyId}/${date.slice(0, 8)}/${region}/s3/aws4_request`,
      'X-Amz-Date': date,
      ...(sessionToken !== undefined && { 'X-Amz-Security-Token': sessionToken }),
      key: file.key,
    };
    const policy = {
      expiration: dateTime(from + file.expiresInSeconds * 1000),
      conditions: [
        ['content-length-range', 1, file.maxBytes],
        ...Object.entries(fields).map(([name, value]) => ({ [name]: value })),
      ],
    };
    const encoded = Buffer.from(JSON.stringify(policy)).toString('base64');
    return {
      url: `${address.protocol}//${address.host}${address.folder || '/'}`,
      fields: {
        ...fields,
        Policy: encoded,
        'X-Amz-Signature': await policySigner.sign(encoded, { signingDate: new Date(from) }),
      },
    };
  }

  /**
   * A GET of one object, with the headers that its answer is to have.
   * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
   */
  async function getFile(file: {
    key: string;
    contentType: string;
    contentDisposition: string;
    expiresInSeconds: number;
  }): Promise<string> {
    const query = {
      'response-content-type': file.contentType,
      'response-content-disposition': file.contentDisposition,
      'x-id': 'GetObject',
    };
    return presign({ method: 'GET', key: file.key, query, headers: {} }, file.expiresInSeconds);
  }

  return { putFile, putParts, partUrl, postForm, getFile };
}

/** The SDK's signer of URLs, and its signer of text, for the policy of a form. */
function createSigners({ keys, region, endpoint }: Signer, bucket: string) {
  const { sessionToken, ...pair } = keys;
  const credentials = { ...pair, ...(sessionToken !== undefined && { sessionToken }) };
  const options = { credentials, region, sha256: Sha256 };
  return {
    presigner: new S3RequestPresigner(options),
    policySigner: new SignatureV4({ ...options, service: 's3' }),
    address: addressOf(bucket, { region, endpoint }),
    credentials,
    region,
  };
}

function queryOf(query: Record<string, string | string[] | null> = {}): string {
  return Object.entries(query)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(String(value))}`)
    .join('&');
}

/** 2026-01-02T03:04:05Z */
function dateTime(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}

function hexToBase64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64');
}
