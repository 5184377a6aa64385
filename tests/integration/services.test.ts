import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen } from '../../local/listen.ts';
import { collectErrors } from '../support/surroundings.ts';
import { useWorld } from '../support/use-world.ts';
import { signingKeys } from '../support/local-keys.ts';

const accessKeyOnly = JSON.stringify({ accessKey: 'AK', secretKey: 'a-secret-key' });

/** Secrets Manager and Parameter Store as the SDK speaks to them, each with the answers that a test sets. */
async function startSecrets() {
  const answers: { status: number; body: unknown }[] = [];
  const asked: { target: string | undefined; body: string }[] = [];
  const server: Server = createServer((request, response) => void answer(request, response));
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    asked.push({ target: String(request.headers['x-amz-target']), body: await text(request) });
    const unknown = { status: 400, body: { __type: 'ResourceNotFoundException' } };
    const { status, body } = answers.shift() ?? unknown;
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  }
  return { ...(await listen(server, 0)), answers, asked };
}

const world = await useWorld({ ends: 'sockets' });
const secrets = await startSecrets();
process.env['AWS_ENDPOINT_URL_SECRETS_MANAGER'] = secrets.url;
process.env['AWS_ENDPOINT_URL_SSM'] = secrets.url;
afterEach(() => {
  secrets.asked.splice(0);
});
afterAll(() => secrets.close());

describe('the IPD secret', () => {
  function build(kind: 'secretsmanager' | 'ssm') {
    const { telemetry, errors } = collectErrors();
    const ipd = { ...world.config.ipd, credentials: { kind, name: 'bridge/ipd' } };
    return { ...world.build({ config: { ipd }, telemetry }), errors };
  }

  it('comes from Secrets Manager, once a container', async () => {
    secrets.answers.push({ status: 200, body: { SecretString: accessKeyOnly } });
    const { intake } = build('secretsmanager');

    const first = await intake.limits();
    await intake.limits();

    // An access key alone sends at most 12 MB, its form included.
    expect(first.maxFileBytes).toBeLessThan(12_000_000);
    expect(secrets.asked.splice(0)).toEqual([
      { target: 'secretsmanager.GetSecretValue', body: JSON.stringify({ SecretId: 'bridge/ipd' }) },
    ]);
  });

  it('comes decrypted from the Parameter Store', async () => {
    secrets.answers.push({ status: 200, body: { Parameter: { Value: accessKeyOnly } } });
    const { intake } = build('ssm');

    expect((await intake.limits()).maxFileBytes).toBeLessThan(12_000_000);
    expect(secrets.asked.splice(0)).toEqual([
      {
        target: 'AmazonSSM.GetParameter',
        body: JSON.stringify({ Name: 'bridge/ipd', WithDecryption: true }),
      },
    ]);
  });

  it('is requested again after a failure, and nothing of it is logged', async () => {
    const { intake, errors } = build('secretsmanager');
    secrets.answers.push({ status: 400, body: { __type: 'AccessDeniedException', message: 'no' } });
    secrets.answers.push({ status: 200, body: { SecretString: '{"accessKey":"AK"}' } });
    secrets.answers.push({ status: 200, body: { SecretString: accessKeyOnly } });

    const sizes = [await intake.limits(), await intake.limits(), await intake.limits()].map(
      ({ maxFileBytes }) => maxFileBytes,
    );

    expect(sizes).toEqual([world.config.maxFileBytes, world.config.maxFileBytes, sizes[2]]);
    expect(sizes[2]).toBeLessThan(12_000_000);
    expect(errors).toHaveLength(2);
    expect(JSON.stringify(errors)).not.toContain('a-secret-key');
  });
});

describe('the key that signs URLs', () => {
  const json = JSON.stringify(signingKeys);
  const file = { key: 'staging/x', size: 1, contentType: 'a/b', expiresInSeconds: 60 };

  function build(kind: 'secretsmanager' | 'ssm') {
    const signer = { endpoint: undefined, credentials: { kind, name: 'bridge/signing' } };
    return world.build({ config: { signer } });
  }

  it.each([
    ['secretsmanager', { SecretString: json }, { SecretId: 'bridge/signing' }],
    ['ssm', { Parameter: { Value: json } }, { Name: 'bridge/signing', WithDecryption: true }],
  ] as const)('comes from %s, once a container', async (kind, body, asked) => {
    secrets.answers.push({ status: 200, body });
    const { signing } = build(kind);

    const signed = [await signing.putFile(file), await signing.putFile(file)];

    for (const { url } of signed) expect(url).toContain(`X-Amz-Credential=${signingKeys.accessKeyId}%2F`);
    expect(secrets.asked.splice(0).map((request) => JSON.parse(request.body))).toEqual([asked]);
  });

  it('is requested again after a failure', async () => {
    secrets.answers.push({ status: 400, body: { __type: 'AccessDeniedException', message: 'no' } });
    secrets.answers.push({ status: 200, body: { SecretString: json } });
    const { signing } = build('secretsmanager');

    await expect(signing.putFile(file)).rejects.toMatchObject({
      message: 'reading the secret bridge/signing failed',
      cause: { name: 'AccessDeniedException' },
    });

    expect((await signing.putFile(file)).url).toContain('X-Amz-Signature=');
  });
});
