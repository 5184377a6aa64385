import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProblems } from '../../deploy/settings.ts';
import { readConfig } from '../../lib/runtime/config.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/private-clouds.md'), 'utf8');
const rows = [...page.matchAll(/^\| `(IPD_\w+)` +\| `([^`]+)` +\| ([^|]+)\|$/gm)].map(
  ([, name = '', value = '', why = '']) => ({ name, value, why: why.trim() }),
);
const [, allowed = ''] = /`IPD_ALLOWED_HOSTS=(\S+)`/.exec(page) ?? [];

const needed = {
  STAGING_BUCKET: 'staging',
  UPLOADS_TABLE: 'uploads',
  DELIVERY_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/delivery',
  IPD_PROJECTS: '*',
};
const settings = { IPD_ALLOWED_HOSTS: allowed, IPD_REGION: 'region-1', IPD_AUTH: 'aksk' };
const onLambda = { AWS_LAMBDA_FUNCTION_NAME: 'bridge' };

const read = (given: Record<string, string>) => () => readConfig({ ...needed, ...settings, ...given });

describe('the table of refused hosts', () => {
  it('has rows for each of the four settings', () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(4);
  });

  it.each(rows)('$name=$value is refused by deploy and function: $why', ({ name, value }) => {
    const given = { [name]: value };
    const place = { kind: 'deploy', stage: 'prod', region: 'eu-central-1' } as const;
    const sentences = findProblems({ ...settings, ...given }, place);

    expect(read({ ...onLambda, ...given })).toThrow(`settings: ${name}: `);
    expect(sentences).toContainEqual(expect.stringMatching(`^${name}: `));
    expect(sentences.join()).not.toMatch(/password|evil/);
  });

  const everywhere = rows.filter(({ why }) => !why.includes('on Lambda'));

  it.each(everywhere)('$name=$value is refused on every other machine, too: $why', ({ name, value }) => {
    expect(read({ [name]: value })).toThrow(`settings: ${name}: `);
  });

  it('leaves out what its settings name', () => {
    const named = {
      IPD_ENDPOINT: 'https://codeartsreq.region-1.cloud.example.com',
      IPD_IAM_ENDPOINT: 'https://iam-apigateway-proxy.region-1.cloud.example.com',
      IPD_GATEWAY: 'gateway.example.com:8443',
    };

    expect(read({ ...onLambda, ...named })().ipd).toMatchObject({
      endpoint: named.IPD_ENDPOINT,
      iamEndpoint: named.IPD_IAM_ENDPOINT,
      gateway: named.IPD_GATEWAY,
    });
  });
});
