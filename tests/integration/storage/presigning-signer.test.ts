import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { putFile } from '../../support/answer.ts';
import { useWorld } from '../../support/use-world.ts';
import { signingKeys } from '../../support/local-keys.ts';
import { caller, oneRequest } from '../../support/world.ts';
import { partsOf, putParts } from '../../support/parts-fixture.ts';

const WEEK_SECONDS = 604_800;

const world = await useWorld({
  ends: 'sockets',
  environment: {
    SIGNING_CREDENTIALS: JSON.stringify(signingKeys),
    STAGING_URL_TTL_SECONDS: String(WEEK_SECONDS),
    UPLOAD_DEADLINE_HOURS: '200',
    PARTS_EXPIRE_DAYS: '10',
    STAGED_FILES_EXPIRE_DAYS: '25',
  },
});

describe('URLs that are signed with a key of their own', () => {
  /** The key that signed a URL, and its lifetime. */
  function signatureOf(url: string) {
    const query = new URL(url).searchParams;
    const [accessKeyId] = (query.get('X-Amz-Credential') ?? '').split('/');
    return { accessKeyId, seconds: Number(query.get('X-Amz-Expires')) };
  }

  const byItsOwnKey = { accessKeyId: signingKeys.accessKeyId, seconds: WEEK_SECONDS };

  it('store a whole file, and live for 7 days', async () => {
    const bytes = randomBytes(10);
    const upload = await world.create(bytes);

    const { presigned } = await world.uploads.presign(upload);
    const { url } = oneRequest(presigned);
    const stored = await putFile(oneRequest(presigned), bytes);

    expect(signatureOf(url)).toEqual(byItsOwnKey);
    expect(presigned?.expiresInSeconds).toBe(WEEK_SECONDS);
    expect(stored.status).toBe(200);
  });

  it('store parts of a multipart upload that the function began', async () => {
    const bytes = randomBytes(10);
    const upload = await world.create(bytes, { mode: 'multipart' });

    const parts = partsOf((await world.uploads.presign(upload)).presigned);
    await putParts(parts, bytes);
    const { upload: completed } = await world.uploads.complete(caller, upload.id);

    expect(parts.map(({ url }) => signatureOf(url))).toEqual([byItsOwnKey]);
    expect(completed.status).toBe('staged');
  });

  it('never outlive the deadline', async () => {
    const upload = await world.create(randomBytes(10));
    world.clock.advance(199 * 3_600_000);

    const { presigned } = await world.uploads.presign(upload);

    expect(presigned?.expiresInSeconds).toBe(3600);
    expect(signatureOf(oneRequest(presigned).url).seconds).toBe(3600);
  });

  it('name the host that others reach storage by', async () => {
    const endpoint = world.s3.url.replace('127.0.0.1', 'localhost');
    const { uploads } = world.build({ config: { signer: { ...world.config.signer, endpoint } } });
    const bytes = randomBytes(10);
    const upload = await world.create(bytes);

    const { presigned } = await uploads.presign(upload);
    const stored = await putFile(oneRequest(presigned), bytes);

    const { host, pathname } = new URL(oneRequest(presigned).url);
    expect(host).toBe(new URL(endpoint).host);
    expect(pathname).toBe(`/${world.config.bucket}/staging/${upload.id}`);
    expect(stored.status).toBe(200);
  });

  it.each([
    ['https://s3.eu-central-1.amazonaws.com', 'bucket.s3.eu-central-1.amazonaws.com', ''],
    ['https://s3.cn-north-1.amazonaws.com.cn', 'bucket.s3.cn-north-1.amazonaws.com.cn', ''],
    ['https://files.example.com', 'files.example.com', '/bucket'],
    ['https://amazonaws.com.example.com', 'amazonaws.com.example.com', '/bucket'],
  ])('have the bucket where %s has it', async (endpoint, host, folder) => {
    const config = { bucket: 'bucket', signer: { ...world.config.signer, endpoint } };
    const { signing } = world.build({ config });

    const { url } = await signing.putFile({
      key: 'staging/x',
      size: 1,
      contentType: 'a/b',
      expiresInSeconds: 60,
    });

    expect(new URL(url)).toMatchObject({ host, pathname: `${folder}/staging/x` });
  });

  it('can be signed for another host by the function itself', async () => {
    const endpoint = world.s3.url.replace('127.0.0.1', 'localhost');
    const { uploads } = world.build({ config: { signer: { endpoint, credentials: undefined } } });
    const bytes = randomBytes(10);
    const upload = await world.create(bytes);

    const { presigned } = await uploads.presign(upload);

    expect(signatureOf(oneRequest(presigned).url).accessKeyId).toBe(process.env['AWS_ACCESS_KEY_ID']);
    expect((await putFile(oneRequest(presigned), bytes)).status).toBe(200);
  });

  it.each(['region', 'keys'] as const)('cannot be made without the %s of the signer', async (missing) => {
    const { signing } = world.build({
      config: {
        signer: { endpoint: undefined, credentials: undefined },
        aws: { ...world.config.aws, [missing]: undefined },
      },
    });
    const target = { key: 'staging/x', uploadId: 'u', number: 1, expiresInSeconds: 60 };

    await expect(signing.partUrl(target)).rejects.toThrow(
      'settings: to sign URLs, AWS_REGION is needed, and AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY, or SIGNING_CREDENTIALS',
    );
  });

  it('cannot be made with unreadable credentials, and the error reveals nothing of them', async () => {
    const credentials = { kind: 'inline', text: '{"accessKeyId":"secret-word"}' } as const;
    const { uploads } = world.build({ config: { signer: { endpoint: undefined, credentials } } });
    const upload = await world.create(randomBytes(10));

    const asked = () => uploads.presign(upload);

    await expect(asked()).rejects.toThrow('SIGNING_CREDENTIALS: secretAccessKey');
    await expect(asked()).rejects.not.toThrow('secret-word');
  });
});
