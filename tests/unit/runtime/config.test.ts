import { describe, expect, it } from '@jest/globals';
import { readConfig, readCredentials } from '../../../lib/runtime/config.ts';
import { createAuthority } from '../../support/certificates.ts';

const needed = {
  STAGING_BUCKET: 'staging',
  UPLOADS_TABLE: 'uploads',
  DELIVERY_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/1/delivery',
  IPD_PROJECTS: '*',
};
const onLambda = { AWS_LAMBDA_FUNCTION_NAME: 'bridge' };

type Environment = Record<string, string | undefined>;

/** The message that a wrong environment is refused with; '' when it is taken. */
function refusalOf(given: Environment): string {
  try {
    readConfig({ ...needed, ...given });
    return '';
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}

describe('readConfig', () => {
  it('takes what is needed and has a default for the rest', () => {
    expect(readConfig(needed)).toEqual({
      bucket: 'staging',
      table: 'uploads',
      queueUrl: needed.DELIVERY_QUEUE_URL,
      ingest: {
        queueUrl: undefined,
        deliveryQueueUrl: needed.DELIVERY_QUEUE_URL,
        admission: undefined,
        maxOpen: 10_000,
        promptPerMinute: 6,
      },
      maxFileBytes: 52_428_800,
      links: undefined,
      comment: undefined,
      stagingUrlTtlSeconds: 3600,
      sessionTtlSeconds: 43_200,
      limits: {
        multipartThresholdBytes: 10_485_760,
        partSizeBytes: 5_242_880,
        maxOpenUploads: 100,
        uploadsPerMinute: 60,
      },
      leastPartBytes: 5_242_880,
      signer: { endpoint: undefined, credentials: undefined },
      aws: { region: undefined, s3Endpoint: undefined, keys: undefined },
      topicArn: undefined,
      policy: {
        uploadDeadlineMs: 72 * 3_600_000,
        retryWindowMs: 24 * 3_600_000,
        failedRetentionMs: 7 * 24 * 3_600_000,
        commitWindowMs: 600_000,
        linkedFileMs: 365 * 24 * 3_600_000,
      },
      recordRetentionMs: 400 * 24 * 3_600_000,
      preflight: true,
      requiredScanTag: undefined,
      projectsClaim: undefined,
      uploadedByClaim: 'name',
      projects: ['*'],
      deliveriesPerMinute: 60,
      preflightsPerMinute: 15,
      ipd: {
        endpoint: 'https://projectman-ext.cn-north-4.myhuaweicloud.com',
        iamEndpoint: 'https://iam.cn-north-4.myhuaweicloud.com',
        region: 'cn-north-4',
        gateway: undefined,
        allowedHosts: [],
        authorities: undefined,
        auth: 'auto',
        credentials: undefined,
      },
    });
  });

  it('opens ingestion for the projects that it names, with files as large as those of users', () => {
    const given = {
      INGEST_PROJECTS: '0123456789abcdef0123456789abcdef',
      INGEST_MAX_OPEN: '7',
      INGEST_DELIVERY_QUEUE_URL: `${needed.DELIVERY_QUEUE_URL}-of-producers`,
      IPD_RATE: '5',
    };

    expect(readConfig({ ...needed, ...given, MAX_FILE_BYTES: '100' }).ingest).toEqual({
      queueUrl: undefined,
      deliveryQueueUrl: given.INGEST_DELIVERY_QUEUE_URL,
      admission: { projects: [given.INGEST_PROJECTS], maxFileBytes: 100, mostAttached: 100 },
      maxOpen: 7,
      promptPerMinute: 1,
    });
    expect(readConfig({ ...needed, INGEST_PROJECTS: '*' }).ingest.admission).toMatchObject({
      projects: ['*'],
    });
  });

  it.each([
    ['a=b', { name: 'a', value: 'b' }],
    ['a:b/c=d=e f', { name: 'a:b/c', value: 'd=e f' }],
    ['', undefined],
  ])('reads the tag of a scan: %j', (text, requiredScanTag) => {
    expect(readConfig({ ...needed, REQUIRED_SCAN_TAG: text })).toMatchObject({ requiredScanTag });
  });

  it.each(['=b', 'a=', 'a', 'a'.repeat(129) + '=b', `a=${'b'.repeat(257)}`])(
    'refuses what is no tag with a value: %j',
    (text) => {
      expect(refusalOf({ REQUIRED_SCAN_TAG: text })).toContain(
        'REQUIRED_SCAN_TAG: must have a form like GuardDutyMalwareScanStatus=NO_THREATS_FOUND',
      );
    },
  );

  it('names every problem at once', () => {
    const environment = {
      ...onLambda,
      DELIVERY_QUEUE_URL: 'no url',
      MAX_FILE_BYTES: 'many',
      PREFLIGHT: 'maybe',
      IPD_ENDPOINT: 'https://evil.example',
      IPD_IAM_ENDPOINT: 'http://iam.cn-north-4.myhuaweicloud.com',
      IPD_CREDENTIALS: '{}',
    };
    const refuse = (): unknown => readConfig(environment);

    for (const name of [
      'STAGING_BUCKET',
      'UPLOADS_TABLE',
      'DELIVERY_QUEUE_URL',
      'MAX_FILE_BYTES',
      'PREFLIGHT',
      'IPD_ENDPOINT',
      'IPD_IAM_ENDPOINT',
      'IPD_CREDENTIALS',
      'PROJECTS_CLAIM or IPD_PROJECTS',
    ]) {
      expect(refuse).toThrow(`${name}: `);
    }
  });

  it.each(['STAGING_BUCKET', 'UPLOADS_TABLE', 'DELIVERY_QUEUE_URL'])(
    'counts an empty %s as missing',
    (name) => {
      expect(refusalOf({ [name]: '' })).toBe(refusalOf({ [name]: undefined }));
      expect(refusalOf({ [name]: '' })).toContain(`${name}: `);
    },
  );

  it('counts an empty setting with a default as not given', () => {
    const empty = { MAX_FILE_BYTES: '', IPD_REGION: '', IPD_ENDPOINT: '', IPD_CREDENTIALS: '', IPD_AUTH: '' };

    expect(readConfig({ ...needed, ...empty })).toEqual(readConfig(needed));
  });

  it('requires the open projects, in either of two settings', () => {
    const words = 'PROJECTS_CLAIM or IPD_PROJECTS: one is needed';

    expect(refusalOf({ IPD_PROJECTS: undefined })).toContain(words);
    expect(refusalOf({ IPD_PROJECTS: '', PROJECTS_CLAIM: '' })).toContain(words);
    expect(readConfig({ ...needed, IPD_PROJECTS: '', PROJECTS_CLAIM: 'projects' })).toMatchObject({
      projectsClaim: 'projects',
      projects: undefined,
    });
    const ids = ['a', 'B', '3'].map((letter) => letter.repeat(32));
    expect(readConfig({ ...needed, IPD_PROJECTS: `${ids[0]}, ${ids[1]} ${ids[2]},` })).toMatchObject({
      projects: ids,
    });
  });

  it.each([
    ['MAX_FILE_BYTES', 1, 5 * 1024 ** 3],
    ['STAGING_URL_TTL_SECONDS', 60, 3600],
    ['UPLOAD_DEADLINE_HOURS', 1, 720],
    ['RETRY_WINDOW_HOURS', 1, 720],
    ['FAILED_RETENTION_DAYS', 1, 90],
    ['RECORD_RETENTION_DAYS', 30, 3650],
    ['STAGED_FILES_EXPIRE_DAYS', 19, 400],
    ['PARTS_EXPIRE_DAYS', 4, 60],
    ['MAX_LINKED_FILE_BYTES', 1, 5 * 1024 ** 3],
    ['LINKED_FILES_DAYS', 1, 3650],
    ['LINKED_FILES_EXPIRE_DAYS', 1, 4000],
    ['IPD_RATE', 1, 12_000],
    ['MULTIPART_THRESHOLD_BYTES', 1, 5 * 1024 ** 3],
    ['PART_SIZE_BYTES', 5 * 1024 ** 2, 100 * 1024 ** 2],
    ['MAX_OPEN_UPLOADS', 1, 10_000],
    ['UPLOADS_PER_MINUTE', 1, 1000],
    ['UPPY_SESSION_TTL_SECONDS', 60, 604_800],
  ])('takes a whole %s from %i to %i', (name, min, max) => {
    for (const value of [min, max]) expect(refusalOf({ [name]: String(value) })).toBe('');
    for (const value of [min - 1, max + 1, min + 0.5, -1, 'x', ' ', 'NaN', 'Infinity']) {
      expect(refusalOf({ [name]: String(value) })).toContain(`${name}: `);
    }
  });

  it('removes nothing by age that the schedule may still need', () => {
    const longest = {
      UPLOAD_DEADLINE_HOURS: '720',
      RETRY_WINDOW_HOURS: '720',
      FAILED_RETENTION_DAYS: '90',
    };

    expect(refusalOf(longest)).toBe('');
    for (const [name, days] of [
      ['PARTS_EXPIRE_DAYS', 31],
      ['STAGED_FILES_EXPIRE_DAYS', 241],
      ['RECORD_RETENTION_DAYS', 241],
    ] as const) {
      expect(refusalOf({ ...longest, [name]: String(days) })).toBe('');
      expect(refusalOf({ ...longest, [name]: String(days - 1) })).toContain(
        `${name}: must be at least ${days}`,
      );
    }
  });

  it.each([
    ['PREFLIGHT', 'yes'],
    ['IPD_AUTH', 'password'],
    ['OVERSIZE', 'links'],
    ['COMMENT_ON_DELIVERY', 'yes'],
    ['COMMENT_LANGUAGE', 'zh'],
    ['IPD_REGION', 'CN-NORTH-4'],
    ['IPD_REGION', 'evil.example/'],
    ['IPD_REGION', 'cn'],
  ])('refuses %s=%s', (name, value) => {
    expect(refusalOf({ [name]: value })).toContain(`${name}: `);
  });
});

describe('the hosts that get credentials', () => {
  it.each([
    'cn-north-1',
    'cn-north-4',
    'cn-east-2',
    'cn-south-1',
    'cn-southwest-2',
    'ap-southeast-3',
    'la-north-2',
    'sa-brazil-1',
  ])("are Huawei's in %s", (region) => {
    expect(readConfig({ ...needed, ...onLambda, IPD_REGION: region }).ipd).toMatchObject({
      endpoint: `https://projectman-ext.${region}.myhuaweicloud.com`,
      iamEndpoint: `https://iam.${region}.myhuaweicloud.com`,
    });
    for (const domain of ['com', 'cn']) {
      const IPD_ENDPOINT = `https://projectman-ext.${region}.myhuaweicloud.${domain}`;
      const IPD_IAM_ENDPOINT = `https://iam.${region}.myhuaweicloud.${domain}`;
      expect(refusalOf({ ...onLambda, IPD_ENDPOINT, IPD_IAM_ENDPOINT })).toBe('');
    }
  });

  it('include the IAM of all regions', () => {
    expect(refusalOf({ ...onLambda, IPD_IAM_ENDPOINT: 'https://iam.myhuaweicloud.com' })).toBe('');
  });

  it.each([
    'https://HOST.cn-north-4.myhuaweicloud.com.evil.com',
    'https://HOST.cn-north-4.myhuaweicloud.com@evil.com',
    'https://user:secret-word@HOST.cn-north-4.myhuaweicloud.com',
    'https://HOST.cn-north-4.myhuaweicloud.com/',
    'https://HOST.cn-north-4.myhuaweicloud.com/path',
    'https://HOST.cn-north-4.myhuaweicloud.com?x=secret-word',
    'https://HOST.cn-north-4.myhuaweicloud.com#x',
    'https://HOST.cn-north-4.myhuaweicloud.com:8443',
    'https://HOST.cn-north-4.myhuaweicloud.com\n',
    ' https://HOST.cn-north-4.myhuaweicloud.com',
    'http://HOST.cn-north-4.myhuaweicloud.com',
    'https://evil-HOST.cn-north-4.myhuaweicloud.com',
    'https://HOST.cn-north-4.myhuaweicloud.org',
    'https://HOST.cn-north-4.myhuaweicloudxcom',
    'https://HOST.cn-north-4.evil.myhuaweicloud.com',
    'https://HOSTxcn-north-4.myhuaweicloud.com',
    'https://HOST.cn-north-4\\.myhuaweicloud.com',
    '//HOST.cn-north-4.myhuaweicloud.com',
    'HOST.cn-north-4.myhuaweicloud.com',
    'https://127.0.0.1.evil.com',
    'http://localhost.evil.com',
    'http://127.0.0.1:1@evil.com',
    'http://127.0.0.1:4573/path',
    'http://10.0.0.1',
    'http://169.254.169.254',
    'nonsense',
  ])('do not include %j', (pattern) => {
    const IPD_ENDPOINT = pattern.replace('HOST', 'projectman-ext');
    const IPD_IAM_ENDPOINT = pattern.replace('HOST', 'iam');

    for (const place of [onLambda, {}]) {
      expect(refusalOf({ ...place, IPD_ENDPOINT })).toMatch(/^settings: IPD_ENDPOINT: [^;]*$/);
      expect(refusalOf({ ...place, IPD_IAM_ENDPOINT })).toMatch(/^settings: IPD_IAM_ENDPOINT: [^;]*$/);
      expect(refusalOf({ ...place, IPD_ENDPOINT, IPD_IAM_ENDPOINT })).not.toContain('secret-word');
    }
  });

  it("are not each other's", () => {
    expect(refusalOf({ IPD_ENDPOINT: 'https://iam.cn-north-4.myhuaweicloud.com' })).toContain('IPD_ENDPOINT');
    expect(refusalOf({ IPD_IAM_ENDPOINT: 'https://projectman-ext.cn-north-4.myhuaweicloud.com' })).toContain(
      'IPD_IAM_ENDPOINT',
    );
  });

  it.each(['http://127.0.0.1:4573', 'http://localhost:4573', 'http://[::1]:4573', 'https://localhost'])(
    'are %s only where no Lambda runs',
    (url) => {
      const endpoints = { IPD_ENDPOINT: url, IPD_IAM_ENDPOINT: url };

      expect(readConfig({ ...needed, ...endpoints }).ipd).toMatchObject({ endpoint: url, iamEndpoint: url });
      expect(refusalOf({ ...endpoints, ...onLambda })).toContain('IPD_ENDPOINT: ');
      expect(refusalOf({ ...endpoints, ...onLambda })).toContain('IPD_IAM_ENDPOINT: ');
    },
  );
});

describe('the hosts that an operator names', () => {
  const REQ = 'codeartsreq.region-1.cloud.example.com';
  const IAM = 'iam-apigateway-proxy.region-1.cloud.example.com';
  const cloud = {
    ...onLambda,
    IPD_REGION: 'region-1',
    IPD_ENDPOINT: `https://${REQ}`,
    IPD_IAM_ENDPOINT: `https://${IAM}`,
    IPD_ALLOWED_HOSTS: `${REQ}, ${IAM}`,
  };

  it('get credentials beside the public ones', () => {
    expect(readConfig({ ...needed, ...cloud }).ipd).toMatchObject({
      endpoint: `https://${REQ}`,
      iamEndpoint: `https://${IAM}`,
      allowedHosts: [REQ, IAM],
    });
    expect(refusalOf({ ...cloud, IPD_ALLOWED_HOSTS: REQ })).toMatch(/^settings: IPD_IAM_ENDPOINT: must be /);
    expect(refusalOf({ ...cloud, IPD_ALLOWED_HOSTS: IAM })).toMatch(/^settings: IPD_ENDPOINT: must be /);
    expect(refusalOf({ ...cloud, IPD_ALLOWED_HOSTS: '' })).toContain('IPD_ENDPOINT: must be ');
  });

  it.each([
    'gateway',
    'xn--d6q013i.example.com',
    '1.example.com',
    'gateway.example.com:8443',
    'a-b.c',
    `${'a'.repeat(63)}.example.com`,
    'projectman-ext.cn-north-4.myhuaweicloud.com',
    'codeartsreq.eu-west-101.myhuaweicloud.eu',
  ])('may be %s', (host) => {
    expect(refusalOf({ ...onLambda, IPD_ALLOWED_HOSTS: host })).toBe('');
  });

  it.each([
    ',',
    '-a.example.com',
    'a-.example.com',
    'a..example.com',
    'a_b.example.com',
    'a.example.1',
    `${'a'.repeat(64)}.example.com`,
    `${'a.'.repeat(126)}example`,
    'a.example.com:65536',
    'a.example.com:',
    'a.example.com:08443',
    'a.example.com\u0000',
    'a%2Eexample.com',
  ])('may not be %j', (host) => {
    expect(refusalOf({ ...onLambda, IPD_ALLOWED_HOSTS: host })).toMatch(
      /^settings: IPD_ALLOWED_HOSTS: must be names of hosts/,
    );
  });

  it("cannot be the public cloud's in another role", () => {
    const swapped = {
      IPD_ENDPOINT: 'https://iam.cn-north-4.myhuaweicloud.com',
      IPD_ALLOWED_HOSTS: 'iam.cn-north-4.myhuaweicloud.com',
    };

    expect(refusalOf(swapped)).toMatch(/^settings: IPD_ENDPOINT: must be /);
  });

  it('do not leave the other half of a private cloud to the public one', () => {
    const { IPD_ENDPOINT, IPD_IAM_ENDPOINT, IPD_REGION, ...others } = cloud;

    expect(refusalOf({ ...others, IPD_REGION, IPD_ENDPOINT })).toBe(
      'settings: IPD_IAM_ENDPOINT: is missing: a private IPD_ENDPOINT needs its own, or IPD_AUTH=aksk, which uses none',
    );
    expect(refusalOf({ ...others, IPD_REGION, IPD_IAM_ENDPOINT })).toBe(
      'settings: IPD_ENDPOINT: is missing: a private IPD_IAM_ENDPOINT needs its own',
    );
    expect(refusalOf({ ...others, IPD_ENDPOINT, IPD_IAM_ENDPOINT })).toBe(
      'settings: IPD_REGION: is missing: a private IPD_IAM_ENDPOINT gives tokens for its own region',
    );
    expect(refusalOf({ ...others, IPD_ENDPOINT, IPD_AUTH: 'aksk' })).toBe('');
  });

  it('include a gateway, which needs TLS', () => {
    const gateway = {
      IPD_ALLOWED_HOSTS: 'gateway.example.com:8443',
      IPD_GATEWAY: 'gateway.example.com:8443',
    };

    expect(readConfig({ ...needed, ...onLambda, ...gateway }).ipd).toMatchObject({
      endpoint: 'https://projectman-ext.cn-north-4.myhuaweicloud.com',
      gateway: 'gateway.example.com:8443',
    });
    expect(refusalOf({ ...gateway, IPD_ENDPOINT: 'http://127.0.0.1:4573' })).toContain(
      'IPD_GATEWAY: needs https in IPD_ENDPOINT',
    );
    expect(refusalOf({ IPD_GATEWAY: 'localhost:8443' })).toBe('');
    expect(refusalOf({ ...onLambda, IPD_GATEWAY: 'localhost:8443' })).toContain('IPD_GATEWAY: must be ');
  });
});

describe('the authorities of these hosts', () => {
  const { pem } = createAuthority('Root');
  const hosts = { ...onLambda, IPD_ALLOWED_HOSTS: 'a.example.com' };

  it.each([
    [pem, { kind: 'inline', text: pem }],
    ['secretsmanager:bridge/ipd-ca', { kind: 'secretsmanager', name: 'bridge/ipd-ca' }],
    ['ssm:/bridge/ipd-ca', { kind: 'ssm', name: '/bridge/ipd-ca' }],
  ])('are a text, or where it is: %#', (IPD_CA, authorities) => {
    expect(readConfig({ ...needed, ...hosts, IPD_CA }).ipd).toMatchObject({ authorities });
  });

  it.each(['ca.pem', 'secret-word', '-----BEGIN CERTIFICATE-----secret-word-----END CERTIFICATE-----'])(
    'are not %s, and the sentence shows none of it',
    (IPD_CA) => {
      expect(refusalOf({ ...hosts, IPD_CA })).toMatch(/^settings: IPD_CA: [^;]+$/);
      expect(refusalOf({ ...hosts, IPD_CA })).not.toContain('secret-word');
    },
  );

  it('have no effect without hosts', () => {
    expect(refusalOf({ ...onLambda, IPD_CA: pem })).toBe(
      'settings: IPD_CA: has no effect without IPD_ALLOWED_HOSTS: it counts for those hosts alone',
    );
  });
});

describe('where the credentials are', () => {
  it.each([
    ['secretsmanager:bridge/ipd', { kind: 'secretsmanager', name: 'bridge/ipd' }],
    [
      'secretsmanager:arn:aws:secretsmanager:eu-central-1:1:secret:x',
      { kind: 'secretsmanager', name: 'arn:aws:secretsmanager:eu-central-1:1:secret:x' },
    ],
    ['ssm:/bridge/ipd', { kind: 'ssm', name: '/bridge/ipd' }],
  ])('%s', (value, credentials) => {
    expect(readConfig({ ...needed, ...onLambda, IPD_CREDENTIALS: value }).ipd).toMatchObject({ credentials });
  });

  it.each(['{"accessKey":"a","secretKey":"secret-word"}', 'secretsmanager:', 'ssm:', 'secret-word'])(
    'in the setting itself only where no Lambda runs: %s',
    (IPD_CREDENTIALS) => {
      const refusal = refusalOf({ ...onLambda, IPD_CREDENTIALS });

      expect(refusal).toContain('IPD_CREDENTIALS: on Lambda, give secretsmanager:');
      expect(refusal).not.toContain('secret-word');
      expect(readConfig({ ...needed, IPD_CREDENTIALS }).ipd).toMatchObject({
        credentials: { kind: 'inline', text: IPD_CREDENTIALS },
      });
    },
  );
});

describe('readCredentials', () => {
  const key = { accessKey: 'ak', secretKey: 'secret-word' };
  const user = { domain: 'd', username: 'u', password: 'secret-word' };

  it.each([
    [key, { accessKey: { ...key, securityToken: undefined }, user: undefined }],
    [
      { ...key, securityToken: 't' },
      { accessKey: { ...key, securityToken: 't' }, user: undefined },
    ],
    [user, { accessKey: undefined, user }],
    [
      { ...key, ...user, more: 1 },
      { accessKey: { ...key, securityToken: undefined }, user },
    ],
  ])('takes %j', (json, credentials) => {
    expect(readCredentials(JSON.stringify(json))).toEqual(credentials);
  });

  it.each([
    ['secret-word', 'not JSON'],
    ['', 'not JSON'],
    ['null', 'expected object'],
    ['{}', 'give accessKey and secretKey, or domain'],
    [JSON.stringify({ secretKey: 'secret-word' }), 'accessKey and secretKey go together'],
    [JSON.stringify({ ...user, domain: undefined }), 'domain, username and password go together'],
    [JSON.stringify({ ...key, password: 'secret-word' }), 'domain, username and password go together'],
    [JSON.stringify({ ...key, accessKey: '' }), 'accessKey: '],
    [JSON.stringify({ ...key, secretKey: ['secret-word'] }), 'secretKey: '],
  ])('refuses %s with a message that does not show its content', (json, words) => {
    const refuse = (): unknown => readCredentials(json);

    expect(refuse).toThrow(words);
    expect(refuse).not.toThrow('secret-word');
  });
});
