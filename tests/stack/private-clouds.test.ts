import { afterAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { startFakeIpd } from '../../local/ipd/server.ts';
import { putFile } from '../support/answer.ts';
import { createAuthority } from '../support/certificates.ts';
import { ipdCredentials } from '../support/local-keys.ts';
import { startProduct } from '../support/product-stack.ts';
import { startTlsFront } from '../support/tls-front.ts';
import { issueId, projectId } from '../support/world.ts';

const PUBLIC = 'projectman-ext.cn-north-4.myhuaweicloud.com';

const authority = createAuthority('Root of the private cloud');
const closings: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closings.toReversed()) await close();
});

/** A server before the fake IPD, by the one name that every machine has for itself. */
async function front() {
  const started = await startTlsFront(authority.issue(['localhost']));
  closings.push(() => started.close());
  return started;
}
const [req, iam, gateway] = [await front(), await front(), await front()];
const ipd = await startFakeIpd({ port: 0, credentials: ipdCredentials, hosts: [PUBLIC] });
closings.push(() => ipd.close());
for (const one of [req, iam, gateway]) one.leadTo(ipd.port);

const common = { IPD_CREDENTIALS: JSON.stringify(ipdCredentials), IPD_CA: authority.pem };
const privateCloud = {
  ...common,
  IPD_REGION: 'region-1',
  IPD_ENDPOINT: `https://localhost:${req.port}`,
  IPD_IAM_ENDPOINT: `https://localhost:${iam.port}`,
  IPD_ALLOWED_HOSTS: `localhost:${req.port},localhost:${iam.port}`,
  IPD_AUTH: 'token',
};
const company = {
  ...common,
  // As it is without this setting, too; but without it the stack would start a fake IPD of its own.
  IPD_ENDPOINT: `https://${PUBLIC}`,
  IPD_GATEWAY: `localhost:${gateway.port}`,
  IPD_ALLOWED_HOSTS: `localhost:${gateway.port}`,
  IPD_AUTH: 'aksk',
};

/** Uploads a file through the whole product with these settings, until its state is as wanted. */
async function upload(environment: Record<string, string>, until?: (status: string) => boolean) {
  const product = await startProduct({ environment });
  closings.push(() => product.stop());
  const bytes = randomBytes(10_000);
  const file = { projectId, issueId, filename: 'a.bin', contentType: 'a/b', size: bytes.length };
  const created = await product.call('POST /v1/uploads', { body: file });
  await putFile(created.signed(), bytes);
  const { body } = await product.follow(created.id, until);
  return { product, body, sha256: createHash('sha256').update(bytes).digest('hex') };
}

async function received(): Promise<unknown> {
  return (await fetch(`${ipd.url}/__admin/attachments`)).json();
}

describe('the whole product, by settings alone', () => {
  it('delivers to a private cloud with hosts and an authority of its own', async () => {
    const { body, sha256 } = await upload(privateCloud);

    expect(body).toMatchObject({ status: 'delivered' });
    expect(await received()).toContainEqual(expect.objectContaining({ sha256 }));
    expect(iam.names.length).toBeGreaterThan(0);
    const operations = new Set(ipd.requests.map(({ operation, auth }) => `${operation} ${auth}`));
    expect(operations).toEqual(new Set(['token none', 'list token', 'upload token']));
  });

  it('delivers through a gateway', async () => {
    const before = ipd.requests.length;

    const { body, sha256 } = await upload(company);

    expect(body).toMatchObject({ status: 'delivered' });
    expect(await received()).toContainEqual(expect.objectContaining({ sha256 }));
    expect(gateway.names.length).toBe(ipd.requests.length - before);
    expect(new Set(ipd.requests.slice(before).map(({ auth }) => auth))).toEqual(new Set(['aksk']));
  });

  it('waits where the authority is another one, and tells the operator which setting it concerns', async () => {
    const before = ipd.requests.length;
    const IPD_CA = createAuthority('Root of another cloud').pem;

    const { product, body } = await upload({ ...company, IPD_CA }, (status) => status === 'waiting');

    const words = expect.stringMatching(
      /^[A-Z_]+: the certificate of IPD_GATEWAY is not from an authority in IPD_CA$/,
    );
    expect(body).toMatchObject({ error: { code: 'ipd_unavailable' } });
    const { lastError } = (await product.ledger.find(String(body['id']))) ?? {};
    expect(lastError).toMatchObject({ code: 'ipd_unavailable', detail: words });
    const ended = await product.logs.waitFor(({ line }) => line.includes('"delivery ended"'));
    expect(JSON.parse(ended.line)).toMatchObject({ status: 'waiting', detail: words });
    expect(product.logs.lines.map(({ line }) => line).join('\n')).not.toMatch(
      /BEGIN CERT|Root of|localhost:\d+.*IPD/,
    );
    expect(ipd.requests).toHaveLength(before);
  });
});
