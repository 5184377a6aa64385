import { describe, expect, it } from '@jest/globals';
import { readConfig, readSigningCredentials } from '../../../lib/runtime/config.ts';

const key = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-word' };
const inline = JSON.stringify(key);
const needed = {
  STAGING_BUCKET: 'staging',
  UPLOADS_TABLE: 'uploads',
  DELIVERY_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/delivery',
  IPD_PROJECTS: '*',
};
const onLambda = { AWS_LAMBDA_FUNCTION_NAME: 'bridge' };

const read = (given: Record<string, string>) => () => readConfig({ ...needed, ...given });

describe('the signer of URLs', () => {
  it.each([
    ['secretsmanager:bridge/signing', { kind: 'secretsmanager', name: 'bridge/signing' }],
    ['ssm:/bridge/signing', { kind: 'ssm', name: '/bridge/signing' }],
  ])('can be named by %s', (SIGNING_CREDENTIALS, credentials) => {
    expect(read({ ...onLambda, SIGNING_CREDENTIALS })().signer).toEqual({ endpoint: undefined, credentials });
  });

  it('can be given in the setting itself only where no Lambda runs', () => {
    const given = { SIGNING_CREDENTIALS: inline };

    expect(read(given)().signer.credentials).toEqual({ kind: 'inline', text: inline });
    expect(read({ ...given, ...onLambda })).toThrow(
      'SIGNING_CREDENTIALS: on Lambda, give secretsmanager:<name or ARN> or ssm:<parameter name>',
    );
    expect(read({ ...given, ...onLambda })).not.toThrow('secret-word');
  });

  it('can sign for another host', () => {
    const S3_PUBLIC_ENDPOINT = 'https://files.example.com';

    expect(read({ S3_PUBLIC_ENDPOINT })().signer.endpoint).toBe(S3_PUBLIC_ENDPOINT);
    expect(read({ S3_PUBLIC_ENDPOINT: 'files.example.com' })).toThrow('S3_PUBLIC_ENDPOINT: must be a URL');
  });
});

describe('the AWS settings that Lambda gives a function', () => {
  const role = {
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'ASIAEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'secret-word',
    AWS_SESSION_TOKEN: 'token-word',
  };

  it('is where it runs, and the keys of its role', () => {
    expect(read(role)().aws).toEqual({
      region: 'eu-central-1',
      s3Endpoint: undefined,
      keys: { accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 'secret-word', sessionToken: 'token-word' },
    });
  });

  it.each(['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'])('is no key without %s', (name) => {
    expect(read({ ...role, [name]: '' })().aws.keys).toBeUndefined();
  });

  it('may be another S3', () => {
    const [every, s3] = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];

    expect(read({ AWS_ENDPOINT_URL: every })().aws.s3Endpoint).toBe(every);
    expect(read({ AWS_ENDPOINT_URL: every, AWS_ENDPOINT_URL_S3: s3 })().aws.s3Endpoint).toBe(s3);
  });
});

describe('the life of URLs', () => {
  it.each(['3601', '604800'])('may be %s s only with credentials that last', (STAGING_URL_TTL_SECONDS) => {
    const given = { STAGING_URL_TTL_SECONDS };

    expect(read(given)).toThrow('STAGING_URL_TTL_SECONDS: over 3600 needs SIGNING_CREDENTIALS');
    expect(read({ ...given, SIGNING_CREDENTIALS: '' })).toThrow('needs SIGNING_CREDENTIALS');
    expect(read({ ...given, SIGNING_CREDENTIALS: inline })().stagingUrlTtlSeconds).toBe(
      Number(STAGING_URL_TTL_SECONDS),
    );
  });

  it('may be an hour without', () => {
    expect(read({ STAGING_URL_TTL_SECONDS: '3600' })().stagingUrlTtlSeconds).toBe(3600);
  });

  it('is never longer than S3 takes', () => {
    expect(read({ STAGING_URL_TTL_SECONDS: '604801', SIGNING_CREDENTIALS: inline })).toThrow(
      'STAGING_URL_TTL_SECONDS: must be a whole number from 60 to 604800',
    );
  });
});

describe('readSigningCredentials', () => {
  it('takes an access key as IAM gives it', () => {
    expect(readSigningCredentials(JSON.stringify({ ...key, more: 1 }))).toEqual(key);
  });

  it.each([
    ['secret-word', 'SIGNING_CREDENTIALS: not JSON'],
    ['', 'SIGNING_CREDENTIALS: not JSON'],
    ['"secret-word"', 'SIGNING_CREDENTIALS: '],
    ['{}', 'accessKeyId: '],
    [JSON.stringify({ secretAccessKey: 'secret-word' }), 'accessKeyId: '],
    [JSON.stringify({ ...key, accessKeyId: '' }), 'accessKeyId: '],
    [JSON.stringify({ ...key, secretAccessKey: ['secret-word'] }), 'secretAccessKey: '],
  ])('refuses %s with a message that does not show its content', (json, words) => {
    const refuse = (): unknown => readSigningCredentials(json);

    expect(refuse).toThrow(words);
    expect(refuse).not.toThrow('secret-word');
  });
});
