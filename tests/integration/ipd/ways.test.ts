import { afterAll, describe, expect, it } from '@jest/globals';
import { createServer } from 'node:http';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { startFakeIpd } from '../../../local/ipd/server.ts';
import { listen } from '../../../local/listen.ts';
import { createIpdClient } from '../../../lib/ipd/client.ts';
import { createSend } from '../../../lib/ipd/ways.ts';
import { systemClock } from '../../../lib/runtime/clock.ts';
import { readConfig, readCredentials } from '../../../lib/runtime/config.ts';
import type { Source } from '../../../lib/runtime/stream.ts';
import { openWays } from '../../../lib/services.ts';
import { createAuthority, selfSign } from '../../support/certificates.ts';
import { ipdCredentials } from '../../support/local-keys.ts';
import { sourceOf } from '../../support/sources.ts';
import { startTlsFront } from '../../support/tls-front.ts';
import { useNames } from '../../support/use-names.ts';
import { issueId, projectId } from '../../support/world.ts';

const REQ = 'codeartsreq.region-1.cloud.example.com';
const IAM = 'iam-apigateway-proxy.region-1.cloud.example.com';
const GATEWAY = 'gateway.corp.example.com';
const PUBLIC = 'projectman-ext.cn-north-4.myhuaweicloud.com';

const names = useNames([REQ, IAM, GATEWAY]);
const authority = createAuthority('Root of the private cloud');
const stranger = createAuthority('Root of another cloud');
const own = selfSign(REQ);
const outdated = createAuthority('Root of last year', { from: -400, to: -30 });

const credentials = readCredentials(JSON.stringify(ipdCredentials));
const closings: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closings.map((close) => close())));

async function front(certificate: { cert: string; key: string }) {
  const started = await startTlsFront(certificate);
  closings.push(() => started.close());
  return started;
}

const fronts = {
  req: await front(authority.issue([REQ])),
  iam: await front(authority.issue([IAM])),
  gateway: await front(authority.issue([GATEWAY])),
  expired: await front(authority.issue([REQ, GATEWAY, IAM], { from: -10, to: -1 })),
  early: await front(authority.issue([REQ, GATEWAY, IAM], { from: 1, to: 10 })),
  ofOutdated: await front(outdated.issue([REQ, GATEWAY, IAM])),
  own: await front(own),
  public: await front(stranger.issue([REQ])),
  publicExpired: await front(stranger.issue([REQ], { from: -10, to: -1 })),
  /** Its certificate is for the host behind it, as one that was copied there would be. */
  copied: await front(authority.issue([PUBLIC])),
};
const ipd = await startFakeIpd({
  port: 0,
  credentials: ipdCredentials,
  hosts: [
    `${REQ}:${fronts.req.port}`,
    `${REQ}:${fronts.public.port}`,
    `${REQ}:${fronts.own.port}`,
    `${IAM}:${fronts.iam.port}`,
    PUBLIC,
  ],
});
closings.push(() => ipd.close());
for (const one of Object.values(fronts)) one.leadTo(ipd.port);

const onLambda = {
  AWS_LAMBDA_FUNCTION_NAME: 'bridge',
  STAGING_BUCKET: 'staging',
  UPLOADS_TABLE: 'uploads',
  DELIVERY_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/delivery',
  IPD_PROJECTS: '*',
};

/** The settings of an operator of Huawei Cloud Stack, where its two hosts have these ports. */
const privateCloud = ({ req = fronts.req.port, iam = fronts.iam.port } = {}) => ({
  IPD_REGION: 'region-1',
  IPD_ENDPOINT: `https://${REQ}:${req}`,
  IPD_IAM_ENDPOINT: `https://${IAM}:${iam}`,
  IPD_ALLOWED_HOSTS: `${REQ}:${req},${IAM}:${iam}`,
  IPD_CA: authority.pem,
});

/** Those of a company whose gateway stands before the public cloud. */
const company = (port: number = fronts.gateway.port) => ({
  IPD_GATEWAY: `${GATEWAY}:${port}`,
  IPD_ALLOWED_HOSTS: `${GATEWAY}:${port}`,
  IPD_CA: authority.pem,
  IPD_AUTH: 'aksk',
});

/** The client of a function that has these settings. */
async function clientWith(settings: Record<string, string | undefined>) {
  const config = readConfig({ ...onLambda, ...settings }).ipd;
  const send = await openWays(config);
  return createIpdClient({ ...config, credentials, clock: systemClock, send });
}

const item = { projectId, issueId };
const soon = () => AbortSignal.timeout(300_000);

async function list(settings: Record<string, string | undefined>) {
  return (await clientWith(settings)).list(item, soon());
}

async function upload(settings: Record<string, string | undefined>, file?: Source) {
  const bytes = Buffer.from('a file');
  return (await clientWith(settings)).upload({
    ...item,
    filename: 'a.txt',
    contentType: 'text/plain',
    size: bytes.length,
    file: file ?? sourceOf([bytes]),
    fence: async () => undefined,
    signal: soon(),
  });
}

describe('a private cloud', () => {
  it.each(['aksk', 'token'])('is reached by settings alone, with its own authority: %s', async (IPD_AUTH) => {
    const settings = { ...privateCloud(), IPD_AUTH };

    const sent = await upload(settings);
    const listed = await list(settings);

    expect(sent).toMatchObject({ kind: 'stored', attachmentId: expect.any(String) });
    expect(listed).toMatchObject({ kind: 'listed', isGiven: true });
    expect(ipd.requests.at(-1)).toMatchObject({ operation: 'list', auth: IPD_AUTH, status: 200 });
    expect(new Set(names.asked)).toEqual(new Set(IPD_AUTH === 'token' ? [IAM, REQ] : [REQ]));
    expect(fronts.req.names.at(-1)).toBe(REQ);
  });

  it('may have a host that has signed its own certificate', async () => {
    const settings = { ...privateCloud({ req: fronts.own.port }), IPD_CA: own.cert };

    expect(await list(settings)).toMatchObject({ kind: 'listed' });
  });

  it('needs the port that the settings name', async () => {
    const elsewhere = { ...privateCloud(), IPD_ENDPOINT: `https://${REQ}` };

    await expect(list(elsewhere)).rejects.toThrow('IPD_ENDPOINT: must be');
    expect(names.asked).toEqual([]);
  });

  it('has its authority in a secret, when that is too long for a setting', async () => {
    const settings = { ...privateCloud(), IPD_CA: 'secretsmanager:bridge/ipd-ca' };
    const config = readConfig({ ...onLambda, ...settings }).ipd;
    const bundle = `Our roots\n${stranger.pem}\n${authority.pem}`;

    const send = await openWays(config, async () => bundle);
    const refused = await openWays(config, async () => '-----BEGIN CERTIFICATE-----secret-word').catch(
      String,
    );

    const client = createIpdClient({ ...config, credentials, clock: systemClock, send });
    expect(await client.list(item, soon())).toMatchObject({ kind: 'listed' });
    expect(refused).toMatch(
      /^Error: IPD_CA: must be certificates of authorities in PEM, .*<parameter name>$/,
    );
  });
});

describe('a company gateway', () => {
  it('is connected to in place of IPD, whose Host and signature stay', async () => {
    const sent = await upload(company());
    const listed = await list(company());

    expect(sent).toMatchObject({ kind: 'stored', attachmentId: expect.any(String) });
    expect(listed).toMatchObject({ kind: 'listed' });
    // The fake IPD takes a signature only for the Host that has come.
    expect(ipd.requests.at(-1)).toMatchObject({ operation: 'list', auth: 'aksk', status: 200 });
    expect(new Set(names.asked)).toEqual(new Set([GATEWAY]));
    expect(new Set(fronts.gateway.names)).toEqual(new Set([GATEWAY]));
  });

  it('is not the way to IAM', async () => {
    const settings = { ...company(), IPD_AUTH: 'token' };

    const answer = await list(settings);

    expect(answer).toEqual({ kind: 'unavailable', detail: 'IAM: ENOTFOUND', isOutage: true });
    expect(names.asked).toEqual(['iam.cn-north-4.myhuaweicloud.com']);
  });

  it('gives tokens of a private IAM on, to the host of the settings', async () => {
    const { IPD_ENDPOINT, ...others } = privateCloud();
    const IPD_ALLOWED_HOSTS = `${others.IPD_ALLOWED_HOSTS},${company().IPD_ALLOWED_HOSTS}`;
    const settings = { ...company(), ...others, IPD_ENDPOINT, IPD_AUTH: 'token', IPD_ALLOWED_HOSTS };

    expect(await list(settings)).toMatchObject({ kind: 'listed' });
    expect(new Set(names.asked)).toEqual(new Set([IAM, GATEWAY]));
  });
});

describe('a certificate that is refused', () => {
  const by = stranger.pem;
  const OTHER = 'is not from an authority in IPD_CA';
  const PERIOD = 'or one in IPD_CA, is not valid at this time';

  it.each([
    ['of another authority', { ...privateCloud(), IPD_CA: by }, `the certificate of IPD_ENDPOINT ${OTHER}`],
    [
      'of no public authority, without IPD_CA',
      { ...privateCloud(), IPD_CA: '' },
      'the certificate of IPD_ENDPOINT is not from a public authority: IPD_CA and IPD_ALLOWED_HOSTS name a private one',
    ],
    [
      'expired',
      privateCloud({ req: fronts.expired.port }),
      `CERT_HAS_EXPIRED: the certificate of IPD_ENDPOINT, ${PERIOD}`,
    ],
    [
      'not valid yet',
      privateCloud({ req: fronts.early.port }),
      `CERT_NOT_YET_VALID: the certificate of IPD_ENDPOINT, ${PERIOD}`,
    ],
    [
      'of an authority that has expired',
      { ...privateCloud({ req: fronts.ofOutdated.port }), IPD_CA: outdated.pem },
      `CERT_HAS_EXPIRED: the certificate of IPD_ENDPOINT, ${PERIOD}`,
    ],
    [
      'for another host',
      privateCloud({ req: fronts.iam.port }),
      'ERR_TLS_CERT_ALTNAME_INVALID: the certificate is for another host than IPD_ENDPOINT names',
    ],
    [
      'of a gateway, of another authority',
      { ...company(), IPD_CA: by },
      `the certificate of IPD_GATEWAY ${OTHER}`,
    ],
    [
      'of a gateway, for the host behind it',
      company(fronts.copied.port),
      'ERR_TLS_CERT_ALTNAME_INVALID: the certificate is for another host than IPD_GATEWAY names',
    ],
    [
      'of a gateway, expired',
      company(fronts.expired.port),
      `CERT_HAS_EXPIRED: the certificate of IPD_GATEWAY, ${PERIOD}`,
    ],
    [
      'of IAM, of an authority that has expired',
      {
        ...privateCloud({ iam: fronts.ofOutdated.port }),
        IPD_CA: authority.pem + outdated.pem,
        IPD_AUTH: 'token',
      },
      `IAM: CERT_HAS_EXPIRED: the certificate of IPD_IAM_ENDPOINT, ${PERIOD}`,
    ],
  ])('%s: nothing is sent, and the setting is named', async (_what, settings, words) => {
    const before = ipd.requests.length;
    let isRead = false;

    const listed = await list(settings);
    const sent = await upload(settings, async () => {
      isRead = true;
    });

    for (const answer of [listed, sent]) {
      expect(answer).toMatchObject({ kind: 'unavailable', detail: expect.stringContaining(words) });
      expect(JSON.stringify(answer)).toMatch(
        /^\{"kind":"unavailable","detail":"(IAM: )?[A-Z_]+: [a-zA-Z_ ,:]+","isOutage":true\}$/,
      );
    }
    expect(ipd.requests).toHaveLength(before);
    expect(isRead).toBe(false);
  });

  it('stays so when a public authority has signed it, since IPD_CA takes the place of those', async () => {
    const trusted = getCACertificates();
    const settings = privateCloud({ req: fronts.public.port });
    setDefaultCACertificates([...trusted, stranger.pem]);
    try {
      expect(await list({ ...settings, IPD_CA: '' })).toMatchObject({ kind: 'listed' });
      expect(await list(settings)).toMatchObject({ detail: expect.stringContaining(OTHER) });
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it('names IPD_CA only where there is one', async () => {
    const trusted = getCACertificates();
    const settings = { ...privateCloud({ req: fronts.publicExpired.port }), IPD_CA: '' };
    setDefaultCACertificates([...trusted, stranger.pem]);
    try {
      expect(await list(settings)).toMatchObject({
        detail: 'CERT_HAS_EXPIRED: the certificate of IPD_ENDPOINT is not valid at this time',
      });
    } finally {
      setDefaultCACertificates(trusted);
    }
  });

  it('stays so after a connection that its own authority has allowed', async () => {
    expect(await list(privateCloud())).toMatchObject({ kind: 'listed' });
    expect(await list({ ...privateCloud(), IPD_CA: by })).toMatchObject({ kind: 'unavailable' });
  });
});

describe('the ways to IPD and IAM', () => {
  it('lead to no third host', async () => {
    const { endpoint, iamEndpoint, gateway, allowedHosts } = readConfig({
      ...onLambda,
      ...privateCloud(),
    }).ipd;
    const send = createSend({ endpoint, iamEndpoint, gateway, allowedHosts, authorities: undefined });

    for (const url of [
      'https://evil.example.com/',
      `https://${REQ}:1/`,
      `http://${REQ}:${fronts.req.port}/`,
    ]) {
      const request = { method: 'GET', url: new URL(url), headers: {}, signal: soon(), idleMs: 300_000 };
      await expect(send(request)).rejects.toThrow('a request to a host that no setting names');
    }
    expect(names.asked).toEqual([]);
  });

  it("leave the public authorities to hosts that are not named, such as Huawei's own", async () => {
    const config = readConfig({ ...onLambda, ...privateCloud() }).ipd;
    const send = createSend({ ...config, allowedHosts: [], authorities: [authority.pem] });
    const client = createIpdClient({ ...config, credentials, clock: systemClock, send });

    expect(await client.list(item, soon())).toEqual({
      kind: 'unavailable',
      detail: expect.stringContaining('is not from a public authority'),
      isOutage: true,
    });
  });

  it('do not follow a redirect', async () => {
    const asked: string[] = [];
    const elsewhere = await listen(
      createServer((request, response) => {
        asked.push(request.url ?? '');
        response.end('{"status":"success","result":[]}');
      }),
      0,
    );
    closings.push(() => elsewhere.close());
    const redirecting = await listen(
      createServer((request, response) => {
        request.resume();
        response.writeHead(307, { location: `${elsewhere.url}/stolen` }).end();
      }),
      0,
    );
    closings.push(() => redirecting.close());
    const place = { IPD_ENDPOINT: redirecting.url, IPD_IAM_ENDPOINT: redirecting.url };
    const offLambda = { ...place, AWS_LAMBDA_FUNCTION_NAME: undefined };

    const signed = await list({ ...offLambda, IPD_AUTH: 'aksk' }).catch(String);
    const withToken = await list({ ...offLambda, IPD_AUTH: 'token' }).catch(String);

    expect(signed).toEqual({ kind: 'unconfirmed', detail: 'HTTP 307' });
    expect(withToken).toEqual({
      kind: 'unavailable',
      detail: 'IAM gave no token: HTTP 307',
      isOutage: true,
    });
    expect(asked).toEqual([]);
  });
});
