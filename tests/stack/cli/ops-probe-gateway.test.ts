import { afterAll, describe, expect, it } from '@jest/globals';
import { startFakeIpd } from '../../../local/ipd/server.ts';
import { createAuthority } from '../../support/certificates.ts';
import { ipdCredentials } from '../../support/local-keys.ts';
import { runCommandLine } from '../../support/run-command.ts';
import { startTlsFront } from '../../support/tls-front.ts';
import { issueId, projectId } from '../../support/world.ts';

const PUBLIC = 'projectman-ext.cn-north-4.myhuaweicloud.com';

const authority = createAuthority('Root of the company');
const gateway = await startTlsFront(authority.issue(['localhost']));
const ipd = await startFakeIpd({ port: 0, credentials: ipdCredentials, hosts: [PUBLIC] });
gateway.leadTo(ipd.port);
afterAll(async () => {
  await gateway.close();
  await ipd.close();
});

/** An operator's command before anything is deployed: the settings are in the environment, and nothing else is. */
function probe(settings: Record<string, string>) {
  const item = ['--project', projectId, '--issue', issueId, '--yes'];
  const fast = ['--sizes', '1000', '--rate-seconds', '0', '--slow-seconds', '0', '--quiet-seconds', '0'];
  return runCommandLine('cli/ops.ts', ['probe', ...item, ...fast], {
    IPD_CREDENTIALS: JSON.stringify(ipdCredentials),
    IPD_GATEWAY: `localhost:${gateway.port}`,
    IPD_ALLOWED_HOSTS: `localhost:${gateway.port}`,
    IPD_CA: authority.pem,
    IPD_AUTH: 'aksk',
    ...settings,
  }).ended;
}

describe('npm run ops -- probe behind a gateway', () => {
  it('tests IPD through it, and says so', async () => {
    const { code, stdout } = await probe({});

    expect(stdout[0]).toBe(
      `https://${PUBLIC} through localhost:${gateway.port}, work item ${issueId}, credentials: aksk`,
    );
    expect(code).toBe(0);
    expect(ipd.requests.length).toBeGreaterThan(10);
    expect(gateway.names).toHaveLength(ipd.requests.length);
  });

  it.each([
    [
      { IPD_CA: createAuthority('Root of another company').pem },
      /: the certificate of IPD_GATEWAY is not from an authority in IPD_CA$/,
    ],
    [
      // Node's own switch for the whole process has no effect.
      { IPD_CA: createAuthority('Root of another company').pem, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      /: the certificate of IPD_GATEWAY is not from an authority in IPD_CA$/m,
    ],
    [{ IPD_CA: 'ca.pem' }, /IPD_CA: must be certificates of authorities in PEM/],
    [{ IPD_GATEWAY: 'evil.example:8443' }, /IPD_GATEWAY: must be a host of IPD_ALLOWED_HOSTS/],
    [{ IPD_ENDPOINT: `https://${PUBLIC}.evil.example` }, /IPD_ENDPOINT: must be https:/],
  ])('sends nothing with a wrong setting, and names it: %#', async (settings, words) => {
    const before = ipd.requests.length;

    const { code, stderr } = await probe(settings);

    expect(code).toBe(1);
    expect(stderr.join('\n')).toMatch(words);
    expect(stderr.join('\n')).not.toMatch(/evil|BEGIN|local-/);
    expect(ipd.requests).toHaveLength(before);
  });
});
