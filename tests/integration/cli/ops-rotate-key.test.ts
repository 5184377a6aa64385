import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { startFakeIpd } from '../../../local/ipd/server.ts';
import { listen } from '../../../local/listen.ts';
import { useDirectory } from '../../support/use-directory.ts';
import { startAwsProgram } from '../../support/aws-program.ts';
import { ipdCredentials as IPD_CREDENTIALS } from '../../support/local-keys.ts';
import { operate } from '../../support/operator.ts';
import { issueId, projectId } from '../../support/world.ts';

const SECRET = 'ipd-attachment-bridge/a';
const request = z.object({ SecretId: z.string(), SecretString: z.string().optional() });

/** Secrets Manager as the SDK speaks to it, with one secret. */
async function startSecrets() {
  const kept: { value: string | undefined; since: number } = { value: undefined, since: 0 };
  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { SecretString } = request.parse(JSON.parse(await text(incoming)));
    const headers = { 'content-type': 'application/x-amz-json-1.1' };
    const isWrite = String(incoming.headers['x-amz-target']).endsWith('PutSecretValue');
    if (isWrite) kept.value = SecretString;
    const missing = { __type: 'ResourceNotFoundException' };
    const body = isWrite
      ? { VersionId: 'version-2' }
      : { SecretString: kept.value, CreatedDate: kept.since / 1000 };
    const isThere = kept.value !== undefined;
    response.writeHead(isThere ? 200 : 400, headers).end(JSON.stringify(isThere ? body : missing));
  }
  return {
    ...(await listen(
      createServer((...call) => void answer(...call)),
      0,
    )),
    kept,
  };
}

let aws: Awaited<ReturnType<typeof startAwsProgram>>;
let secrets: Awaited<ReturnType<typeof startSecrets>>;
let ipd: Awaited<ReturnType<typeof startFakeIpd>>;
const directory = await useDirectory();
const environment = { ...process.env };

beforeAll(async () => {
  [aws, secrets, ipd] = await Promise.all([
    startAwsProgram(),
    startSecrets(),
    startFakeIpd({ port: 0, credentials: IPD_CREDENTIALS }),
  ]);
  Object.assign(process.env, {
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local-secret',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secrets.url,
  });
});
beforeEach(() => {
  Object.assign(secrets.kept, { value: undefined, since: 0 });
});
afterAll(async () => {
  await Promise.all([aws.stop(), secrets.close(), ipd.close()]);
  process.env = environment;
});

const settings = () => ({
  STAGING_BUCKET: 'b',
  UPLOADS_TABLE: 't',
  DELIVERY_QUEUE_URL: 'https://sqs.example.com/q',
  IPD_ENDPOINT: ipd.url,
  IPD_IAM_ENDPOINT: ipd.url,
  IPD_CREDENTIALS: `secretsmanager:${SECRET}`,
  SIGNING_CREDENTIALS: `secretsmanager:${SECRET}`,
});
const service = 'ipd-attachment-bridge-prod';
const configuration = 'lambda get-function-configuration --function-name';
const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();

/** The functions were deployed so many minutes ago. */
const deployed = (minutes: number) =>
  ['uploads', 'uppy', 'deliver'].map((name): [string, unknown] => [
    `${configuration} ${service}-${name} --query LastModified`,
    minutesAgo(minutes).replace('Z', '+0000'),
  ]);

const rotate = (...args: string[]) => operate('rotate-key', ...args, '--stage', 'prod');

describe('npm run ops -- rotate-key ipd', () => {
  const old = { accessKey: 'OLD', secretKey: 'old-secret', securityToken: 'old-token', domain: 'd' };
  const user = { username: 'u', password: 'the-password' };

  beforeEach(async () => {
    await aws.answer([
      [`${configuration} ${service}-deliver --query Environment`, settings()],
      ...deployed(1),
    ]);
    secrets.kept.value = JSON.stringify({ ...old, ...user });
  });

  async function from(value: object | string): Promise<string[]> {
    const path = join(directory, 'new.json');
    await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
    return ['--from', path];
  }

  it('stores the new key, keeps the password, and says how functions come to have it', async () => {
    const { well, said } = await rotate(
      'ipd',
      ...(await from({ accessKey: 'NEW', secretKey: 'new-secret' })),
    );

    expect(well).toBe(true);
    expect(JSON.parse(secrets.kept.value ?? '')).toEqual({
      accessKey: 'NEW',
      secretKey: 'new-secret',
      domain: 'd',
      ...user,
    });
    expect(said).toEqual([
      `Stored: ${SECRET}, version version-2; the one before is labelled AWSPREVIOUS.`,
      expect.stringContaining('npm run serverless -- deploy --stage prod --force'),
      expect.stringContaining('--check'),
    ]);
    expect(JSON.stringify([said, await aws.asked()])).not.toMatch(/new-secret|old-secret|the-password/);
  });

  it('asks IPD with it first, where it is given a work item, and stores nothing that IPD refuses', async () => {
    const item = ['--project', projectId, '--issue', issueId];
    const { accessKey, secretKey } = IPD_CREDENTIALS;
    const before = secrets.kept.value;

    const wrong = await rotate('ipd', ...(await from({ accessKey, secretKey: 'wrong-secret' })), ...item);
    const unchanged = secrets.kept.value;
    const valid = await rotate('ipd', ...(await from({ accessKey, secretKey })), ...item);

    expect(wrong).toMatchObject({ well: false });
    expect(wrong.said[0]).toMatch(/^IPD does not list the work item's attachments: HTTP 401/);
    expect(unchanged).toBe(before);
    expect(valid.said[0]).toBe('IPD lists the work item with it.');
    expect(JSON.parse(secrets.kept.value ?? '')).toMatchObject({ accessKey, secretKey });
  });

  it.each([
    ['{"accessKey":"NEW"', /^The new secret is not JSON/],
    [{ accesKey: 'NEW', secretKey: 's' }, /^The new secret is not as IPD_CREDENTIALS has to be: .*accesKey/],
    [{ ...old, securityToken: 'old-token', ...user }, /^This is what is stored already/],
  ])('stores nothing of %j', async (value, words) => {
    const before = secrets.kept.value;

    const { well, said } = await rotate('ipd', ...(await from(value)));

    expect(well).toBe(false);
    expect(said[0]).toMatch(words);
    expect(secrets.kept.value).toBe(before);
  });

  it('says nothing of what is stored, even where that is no JSON', async () => {
    secrets.kept.value = 'the-password in plain words';

    const { well, said } = await rotate('ipd', ...(await from({ accessKey: 'NEW' })));

    expect({ well, said }).toEqual({
      well: false,
      said: ['IPD_CREDENTIALS: accessKey and secretKey go together'],
    });
  });

  it.each([
    ['not before the functions were deployed', 10, 30, false, /^Not yet\. .*serverless -- deploy/],
    ['not while a delivery from before may go on', 10, 2, false, /^Not before \d{4}-.*: a delivery may/],
    ['when no run can have the old one', 30, 10, true, /^Every function has the new one/],
  ])('tells whether every function has it: %s', async (_case, stored, deploy, isFree, words) => {
    secrets.kept.since = Date.parse(minutesAgo(stored));
    await aws.answer([
      [`${configuration} ${service}-deliver --query Environment`, settings()],
      ...deployed(deploy),
    ]);

    const { well, said, answer } = await rotate('ipd', '--check');

    expect(said).toEqual([expect.stringMatching(words)]);
    expect([well, answer.isFree]).toEqual([isFree, isFree]);
  });
});

describe('npm run ops -- rotate-key signing', () => {
  const key = (AccessKeyId: string, minutes: number) => ({ AccessKeyId, CreateDate: minutesAgo(minutes) });
  const made = { AccessKeyId: 'AKIANEW', SecretAccessKey: 'made-secret' };

  /** The user has these keys, of which this one is stored. */
  async function given(keys: object[], stored: string | undefined, deploy = 1): Promise<void> {
    await aws.answer([
      [`${configuration} ${service}-uploads --query Environment`, settings()],
      ['cloudformation describe-stack-resource', 'the-signer'],
      ['iam list-access-keys --user-name the-signer', keys],
      ['iam create-access-key --user-name the-signer', made],
      ['iam delete-access-key', null],
      ...deployed(deploy),
    ]);
    secrets.kept.value = JSON.stringify({ accessKeyId: stored, secretAccessKey: 'stored-secret' });
  }

  const changes = async (): Promise<string[]> =>
    (await aws.asked()).map((args) => args.join(' ')).filter((call) => /create-|delete-/.test(call));

  it('makes a second key, stores it, and says when the first can go', async () => {
    await given([key('AKIAOLD', 1000)], 'AKIAOLD');

    const { well, said } = await rotate('signing');

    expect(well).toBe(true);
    expect(JSON.parse(secrets.kept.value ?? '')).toEqual({
      accessKeyId: 'AKIANEW',
      secretAccessKey: 'made-secret',
    });
    expect(said).toEqual([
      `AKIANEW is made and stored: ${SECRET}, version version-2; the one before is labelled AWSPREVIOUS.`,
      expect.stringContaining('npm run serverless -- deploy --stage prod --force'),
      '60 minutes after that, the same command deletes the one before.',
    ]);
    expect(JSON.stringify([said, await aws.asked()])).not.toContain('made-secret');
  });

  it.each([
    ['the functions have been deployed since', 100, 200, /^AKIAOLD stays: .*serverless -- deploy/],
    ['URLs that it has signed are over', 100, 50, /^AKIAOLD stays: .* Not before \d{4}-/],
  ])('does not delete the first before %s', async (_case, minutes, deploy, words) => {
    await given([key('AKIAOLD', 1000), key('AKIANEW', minutes)], 'AKIANEW', deploy);

    const { well, said } = await rotate('signing');

    expect(well).toBe(false);
    expect(said).toEqual([expect.stringMatching(words)]);
    expect(await changes()).toEqual([]);
  });

  it('deletes the first when nothing uses it any more', async () => {
    await given([key('AKIAOLD', 1000), key('AKIANEW', 100)], 'AKIANEW', 80);

    const { well, said } = await rotate('signing');

    expect({ well, said }).toEqual({ well: true, said: ['AKIAOLD is deleted: AKIANEW signs alone.'] });
    expect(await changes()).toEqual([
      expect.stringMatching(/^iam delete-access-key --user-name the-signer --access-key-id AKIAOLD/),
    ]);
  });

  it('makes another in the place of one that was made and never stored', async () => {
    await given([key('AKIAOLD', 1000), key('AKIALOST', 10)], 'AKIAOLD');

    await rotate('signing');

    expect(await changes()).toEqual([
      expect.stringContaining('--access-key-id AKIALOST'),
      expect.stringContaining('create-access-key'),
    ]);
    expect(secrets.kept.value).toContain('AKIANEW');
  });

  it('deletes none of two that it does not know', async () => {
    await given([key('AKIAONE', 10), key('AKIATWO', 20)], 'AKIAOLD');

    const { well, said } = await rotate('signing');

    expect(well).toBe(false);
    expect(said).toEqual(['the-signer has two keys, and AKIAOLD is stored: delete one that is not used']);
    expect(await changes()).toEqual([]);
  });
});
