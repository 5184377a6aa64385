import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import {
  canonicalRequestOf,
  parseAuthorization,
  parseSdkDate,
  signatureOf,
} from '../../../local/ipd/signature.ts';
import { credentials, listPath, uploadPath } from './ipd-fixture.ts';

const host = 'projectman-ext.cn-north-4.myhuaweicloud.com';
const date = '20260102T030405Z';
const emptyHash = createHash('sha256').digest('hex');
const unsigned = { 'x-sdk-content-sha256': 'UNSIGNED-PAYLOAD' };

describe('the signature of a request', () => {
  it.each([
    {
      name: 'a list call with a hashed empty body',
      request: { method: 'GET', url: listPath, headers: {}, payloadHash: emptyHash },
      hash: '5dba5c64d2be8e20886f4c466ff854cda2027b4ae04952957b687c812d6ea377',
      signature: '5df037132d5c1d69a7f1f504b51d874a64e543453faa426d1df42756d69d5fcf',
    },
    {
      name: 'an upload with an unsigned payload',
      request: { method: 'POST', url: uploadPath, headers: unsigned, payloadHash: 'UNSIGNED-PAYLOAD' },
      hash: 'fb4be8e9d11d59b274518be66e3f497fca8f4ec6ef548ccac576e666f3fdfc50',
      signature: '000a491dcff8f69e8a9c00a6e80647878acea47881241da82343ea7c36ff3284',
    },
    {
      name: 'an upload with a security token',
      request: {
        method: 'POST',
        url: uploadPath,
        headers: { ...unsigned, 'x-security-token': 'exampleToken' },
        payloadHash: 'UNSIGNED-PAYLOAD',
      },
      hash: 'f6058a06f746f0f8d06359c5640ac12670a01a8a26cc8c81836c8fb8078fdad0',
      signature: '0ddac5f2ac5e76ed330e03382175c7c9a8502c352429750d0ba76dbe6d924594',
    },
  ])('equals the vendor SDK for $name', ({ request, hash, signature }) => {
    const headers = { ...request.headers, host, 'x-sdk-date': date };

    const canonicalRequest = canonicalRequestOf({ ...request, headers, signedHeaders: Object.keys(headers) });

    expect(createHash('sha256').update(canonicalRequest).digest('hex')).toBe(hash);
    expect(signatureOf({ secretKey: credentials.secretKey, date, canonicalRequest })).toBe(signature);
  });

  it('encodes path and query strictly, sorts the query and trims header values', () => {
    const canonical = canonicalRequestOf({
      method: 'get',
      url: "/a%20b/it's?z=1&a=%2F*&empty",
      headers: { host: ' example.com ' },
      signedHeaders: ['Host'],
      payloadHash: 'UNSIGNED-PAYLOAD',
    });

    expect(canonical.split('\n')).toEqual([
      'GET',
      '/a%20b/it%27s/',
      'a=%2F%2A&empty=&z=1',
      'host:example.com',
      '',
      'host',
      'UNSIGNED-PAYLOAD',
    ]);
  });
});

describe('parseAuthorization', () => {
  it('takes the header apart', () => {
    const signature = 'a'.repeat(64);

    const parsed = parseAuthorization(
      `SDK-HMAC-SHA256 Access=AK, SignedHeaders=host;x-sdk-date, Signature=${signature}`,
    );

    expect(parsed).toEqual({ accessKey: 'AK', signedHeaders: ['host', 'x-sdk-date'], signature });
  });

  it('knows no other algorithm', () => {
    expect(
      parseAuthorization(`AWS4-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature=${'a'.repeat(64)}`),
    ).toBeUndefined();
  });
});

describe('parseSdkDate', () => {
  it('reads the compact form only', () => {
    expect(parseSdkDate(date)).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
    expect(parseSdkDate('2026-01-02T03:04:05Z')).toBeNaN();
  });
});
