import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { S3Client, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { createSigning } from '../../../lib/storage/presigning.ts';
import type { Signer } from '../../../lib/storage/presigning.ts';

/** The AWS SDK is the oracle: its signature of the same request at the same time is the expected text. */
const NOW = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const keys = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'a+secret/key' };
const temporary = { ...keys, sessionToken: 'FwoGZXIvYXdzE//token+with=signs' };
const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

type Place = { bucket: string; signer: Signer; isFolder?: boolean };

const places: [string, Place][] = [
  ['on AWS', { bucket: 'staging', signer: { keys, region: 'eu-central-1' } }],
  ['on AWS, with a session token', { bucket: 'staging', signer: { keys: temporary, region: 'us-east-1' } }],
  ['on AWS in China', { bucket: 'staging', signer: { keys, region: 'cn-north-1' } }],
  ['in a bucket with dots', { bucket: 'staging.example.com', signer: { keys, region: 'eu-central-1' } }],
  [
    'at an endpoint of AWS',
    {
      bucket: 'staging',
      signer: { keys, region: 'eu-west-1', endpoint: 'https://s3.dualstack.eu-west-1.amazonaws.com' },
    },
  ],
  [
    'at an IP address',
    { bucket: 'staging', signer: { keys, region: 'eu-west-1', endpoint: 'http://127.0.0.1:4570' } },
  ],
  [
    'at a host that is not of AWS',
    {
      bucket: 'staging',
      signer: { keys: temporary, region: 'eu-west-1', endpoint: 'https://files.example.com' },
      isFolder: true,
    },
  ],
  [
    'at an endpoint with a path',
    {
      bucket: 'staging',
      signer: { keys, region: 'eu-west-1', endpoint: 'https://files.example.com/s3/' },
      isFolder: true,
    },
  ],
];
const files = [
  { key: 'staging/0197a1b2-0000-7000-8000-000000000000', contentType: 'application/pdf' },
  { key: "staging/it's (a) *name*!", contentType: 'text/plain; charset="utf-8"' },
  { key: 'staging/文件 1+1=2', contentType: 'image/svg+xml' },
];

describe('a signature', () => {
  beforeAll(() => {
    jest.useFakeTimers({ now: NOW, doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
  });
  afterAll(() => {
    jest.useRealTimers();
  });

  function reference({ signer, isFolder = false }: Place): S3Client {
    const { region, endpoint } = signer;
    const { sessionToken, ...pair } = signer.keys;
    return new S3Client({
      credentials: { ...pair, ...(sessionToken !== undefined && { sessionToken }) },
      region,
      ...(endpoint !== undefined && { endpoint, forcePathStyle: isFolder }),
      requestChecksumCalculation: 'WHEN_REQUIRED',
    });
  }

  const signingOf = ({ bucket, signer }: Place) =>
    createSigning({ signer: async () => signer, bucket, now: () => Date.now() });

  it.each(places)('of a whole file is the one that the SDK makes: %s', async (_name, place) => {
    for (const { key, contentType } of files) {
      for (const hash of [undefined, sha256]) {
        const { url } = await signingOf(place).putFile({
          key,
          contentType,
          size: 1234,
          sha256: hash,
          expiresInSeconds: 900,
        });

        const command = new PutObjectCommand({
          Bucket: place.bucket,
          Key: key,
          ContentLength: 1234,
          ContentType: contentType,
          ChecksumSHA256: hash && Buffer.from(hash, 'hex').toString('base64'),
          IfNoneMatch: '*',
        });
        const expected = await getSignedUrl(reference(place), command, {
          expiresIn: 900,
          signableHeaders: new Set(['content-type']),
          unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
        });
        expect(url).toBe(expected);
      }
    }
  });

  it.each(places)('of a part is the one that the SDK makes: %s', async (_name, place) => {
    for (const { key } of files) {
      for (const length of [undefined, 5_242_880]) {
        const target = { key, uploadId: 'a.b_c-d/e+f=', expiresInSeconds: 604_800 };
        const part = { number: 17, ...(length !== undefined && { length }) };

        const url = await signingOf(place).partUrl({ ...target, ...part });

        const command = new UploadPartCommand({
          Bucket: place.bucket,
          Key: key,
          UploadId: target.uploadId,
          PartNumber: part.number,
          ContentLength: length,
        });
        expect(url).toBe(await getSignedUrl(reference(place), command, { expiresIn: 604_800 }));
      }
    }
  });

  it.each(places)('of a form is one that the SDK makes of the same policy: %s', async (_name, place) => {
    for (const { key, contentType } of files) {
      const form = await signingOf(place).postForm({
        key,
        contentType,
        maxBytes: 1000,
        expiresInSeconds: 600,
      });

      const expected = await createPresignedPost(reference(place), {
        Bucket: place.bucket,
        Key: key,
        Fields: { 'content-type': contentType, success_action_status: '201' },
        Conditions: [['content-length-range', 1, 1000]],
        Expires: 600,
      });
      expect(form).toEqual(expected);
    }
  });

  it('is made with the key of its own day', async () => {
    const place: Place = { bucket: 'staging', signer: { keys, region: 'eu-central-1' } };
    const signing = signingOf(place);
    const target = { key: 'staging/x', uploadId: 'u', number: 1, expiresInSeconds: 60 };
    const command = new UploadPartCommand({
      Bucket: 'staging',
      Key: 'staging/x',
      UploadId: 'u',
      PartNumber: 1,
    });
    try {
      for (const days of [0, 1, 1, 0]) {
        jest.setSystemTime(NOW + days * 86_400_000);

        const expected = await getSignedUrl(reference(place), command, { expiresIn: 60 });
        expect(await signing.partUrl(target)).toBe(expected);
      }
    } finally {
      jest.setSystemTime(NOW);
    }
  });
});
