import { describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { NEEDED_SETTINGS } from '../../../bench/packaged.ts';
import BridgePlugin from '../../../deploy/plugin.ts';
import { findProblems } from '../../../deploy/settings.ts';
import { readConfig } from '../../../lib/runtime/config.ts';
import { startStack } from '../../../local/stack.ts';
import { functionsOf, readService } from '../../../local/template.ts';
import { createAuthority } from '../../support/certificates.ts';
import { runCommandLine } from '../../support/run-command.ts';
import { useDirectory } from '../../support/use-directory.ts';

const ROOT = join(import.meta.dirname, '../../..');
const REGION = 'eu-central-1';

type Environment = Record<string, string>;

const directory = await useDirectory();

/** What a command of serverless says as it loads the plugin. */
function packaging(settings: Environment, command = 'package', region = REGION): string[] {
  const before = { ...process.env };
  Object.assign(process.env, NEEDED_SETTINGS, settings);
  try {
    BridgePlugin(serverless(command, region), {}, silent);
    return [];
  } catch (error) {
    return linesOf(error).slice(1);
  } finally {
    process.env = before;
  }
}

const silent = { log: { warning: () => undefined } };

/** serverless, as far as the plugin uses it. */
function serverless(command: string, region = REGION) {
  return {
    service: serviceWith([]),
    processedInput: { commands: [command] },
    getProvider: () => ({
      getStage: () => 'prod',
      getRegion: () => region,
      naming: { getStackName: () => 'ipd-attachment-bridge-prod' },
      getAwsSdkV3Config: async () => ({ region }),
    }),
    classes: { Error },
  };
}

/** What serverless has made of the service when the plugin's hooks run. */
function serviceWith(AllowOrigins: string[]) {
  const Resources = { HttpApi: { Properties: { CorsConfiguration: { AllowOrigins } } } };
  return { functions: {}, provider: { compiledCloudFormationTemplate: { Resources } } };
}

/** What the stack of `npm start` says instead of starting. */
async function starting(environment: Environment): Promise<string[]> {
  const options = { ports: 'free', dataDirectory: directory, environment } as const;
  return startStack(options).then(async (stack) => {
    await stack.stop();
    return [];
  }, linesOf);
}

/** What the functions say that refuse what the template makes of the settings, on Lambda. */
function calling(settings: Environment): string[] {
  const service = readService({ directory: ROOT, env: { ...NEEDED_SETTINGS, ...settings } });
  const names = [
    'StagingBucket',
    'UploadsTable',
    'DeliveryQueue',
    'IngestQueue',
    'IngestDeliveryQueue',
    'NotificationsTopic',
  ];
  const references = Object.fromEntries(
    names.map((name) => [name, { ref: `https://example.com/${name}`, attributes: { Arn: `arn:${name}` } }]),
  );
  const refusals = functionsOf(service, references).flatMap(({ name, environment }) => {
    try {
      readConfig({ ...environment, AWS_LAMBDA_FUNCTION_NAME: name, AWS_REGION: REGION });
      return [];
    } catch (error) {
      return linesOf(error);
    }
  });
  return [...new Set(refusals)];
}

function linesOf(error: unknown): string[] {
  return (error instanceof Error ? error.message : String(error)).split('\n');
}

const ENDPOINT =
  'S3_PUBLIC_ENDPOINT: must be an origin, without a path or a query, for example https://files.example.com';
const IPD_HOST =
  'IPD_ENDPOINT: must be https://projectman-ext.<region>.myhuaweicloud.com or https:// and a host of IPD_ALLOWED_HOSTS, without a path';
const PROJECTS =
  'IPD_PROJECTS: must be ids of projects, of 32 letters and digits each, with commas between them; or * for all';

/** Links as a deploy takes them; the key is where the template says. */
const LINKS = { OVERSIZE: 'link', PUBLIC_URL: 'https://uploads.example.com' };

describe('a setting that the functions read', () => {
  it.each<[Environment, string]>([
    [
      { MAX_FILE_BYTES: '50MB' },
      'MAX_FILE_BYTES: must be a whole number from 1 to 5368709120, for example 52428800',
    ],
    [
      { PART_SIZE_BYTES: '1048576' },
      'PART_SIZE_BYTES: must be a whole number from 5242880 to 104857600, for example 5242880',
    ],
    [{ MAX_OPEN_UPLOADS: '0' }, 'MAX_OPEN_UPLOADS: must be a whole number from 1 to 10000, for example 100'],
    [{ IPD_RATE: '1.5' }, 'IPD_RATE: must be a whole number from 1 to 12000, for example 60'],
    [
      { RETRY_WINDOW_HOURS: '24h' },
      'RETRY_WINDOW_HOURS: must be a whole number from 1 to 720, for example 24',
    ],
    [
      { PARTS_EXPIRE_DAYS: '3' },
      'PARTS_EXPIRE_DAYS: must be at least 4 with this UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS and FAILED_RETENTION_DAYS',
    ],
    [
      { FAILED_RETENTION_DAYS: '30' },
      'STAGED_FILES_EXPIRE_DAYS: must be at least 65 with this UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS and FAILED_RETENTION_DAYS',
    ],
    [
      { STAGING_URL_TTL_SECONDS: '86400' },
      'STAGING_URL_TTL_SECONDS: over 3600 needs SIGNING_CREDENTIALS, since a URL ends with what it is signed with',
    ],
    [{ PREFLIGHT: 'yes' }, 'PREFLIGHT: must be on or off'],
    [{ IPD_AUTH: 'password' }, 'IPD_AUTH: must be auto, aksk or token'],
    [{ IPD_REGION: 'CN-NORTH-4' }, 'IPD_REGION: must have a form like cn-north-4'],
    [{ IPD_ENDPOINT: 'https://projectman-ext.cn-north-4.myhuaweicloud.com/v1' }, IPD_HOST],
    [
      { IPD_IAM_ENDPOINT: 'http://iam.cn-north-4.myhuaweicloud.com' },
      IPD_HOST.replace('IPD_', 'IPD_IAM_').replace('projectman-ext', 'iam'),
    ],
    [
      { IPD_ALLOWED_HOSTS: '*.example.com' },
      'IPD_ALLOWED_HOSTS: must be names of hosts in small letters, with commas between them and a port only where it is not 443, for example gateway.example.com:8443',
    ],
    [
      { IPD_ALLOWED_HOSTS: 'projectman.cn-north-4.myhuaweicloud.com' },
      'IPD_ALLOWED_HOSTS: in myhuaweicloud.com and myhuaweicloud.cn, only projectman-ext.<region> and iam.<region> get credentials',
    ],
    [
      { IPD_GATEWAY: 'gateway.example.com' },
      'IPD_GATEWAY: must be a host of IPD_ALLOWED_HOSTS, with its port where that has one',
    ],
    [
      { IPD_CA: 'ca.pem', IPD_ALLOWED_HOSTS: 'gateway.example.com' },
      'IPD_CA: must be certificates of authorities in PEM, as "$(cat ca.pem)" gives them, or secretsmanager:<name or ARN> or ssm:<parameter name>',
    ],
    [
      { IPD_CA: createAuthority('Root').pem },
      'IPD_CA: has no effect without IPD_ALLOWED_HOSTS: it counts for those hosts alone',
    ],
    [
      { IPD_ENDPOINT: 'https://req.example.com', IPD_ALLOWED_HOSTS: 'req.example.com' },
      'IPD_IAM_ENDPOINT: is missing: a private IPD_ENDPOINT needs its own, or IPD_AUTH=aksk, which uses none',
    ],
    [
      { REQUIRED_SCAN_TAG: 'NO_THREATS_FOUND' },
      'REQUIRED_SCAN_TAG: must have a form like GuardDutyMalwareScanStatus=NO_THREATS_FOUND',
    ],
    [
      { S3_PUBLIC_ENDPOINT: 'files.example.com' },
      'S3_PUBLIC_ENDPOINT: must be a URL, for example https://files.example.com',
    ],
    [{ S3_PUBLIC_ENDPOINT: 'https://files.example.com/staging' }, ENDPOINT],
    [{ S3_PUBLIC_ENDPOINT: 'https://files.example.com?region=eu' }, ENDPOINT],
    [{ PROJECTS_CLAIM: '', IPD_PROJECTS: 'my-project' }, PROJECTS],
    [{ PROJECTS_CLAIM: '', IPD_PROJECTS: `${'a'.repeat(32)}, *` }, PROJECTS],
    [{ INGEST_PROJECTS: 'my-project' }, PROJECTS.replace('IPD_', 'INGEST_')],
    [
      { INGEST_MAX_OPEN: '0' },
      'INGEST_MAX_OPEN: must be a whole number from 1 to 1000000, for example 10000',
    ],
    [{ PROJECTS_CLAIM: '*' }, 'PROJECTS_CLAIM: must be the name of one claim, for example projects'],
    [
      { PROJECTS_CLAIM: 'projects, groups' },
      'PROJECTS_CLAIM: must be the name of one claim, for example projects',
    ],
    [
      { UPLOADED_BY_CLAIM: 'name email' },
      'UPLOADED_BY_CLAIM: must be the name of one claim, for example name',
    ],
    [{ OVERSIZE: 'links' }, 'OVERSIZE: must be refuse or link'],
    [
      { PUBLIC_URL: 'uploads.example.com' },
      'PUBLIC_URL: must be a URL, for example https://uploads.example.com',
    ],
    [
      { PUBLIC_URL: 'https://uploads.example.com/prod' },
      'PUBLIC_URL: must be an origin, without a path or a query, for example https://uploads.example.com',
    ],
    [
      { MAX_LINKED_FILE_BYTES: '5GB' },
      'MAX_LINKED_FILE_BYTES: must be a whole number from 1 to 5368709120, for example 5368709120',
    ],
    [
      { ...LINKS, MAX_LINKED_FILE_BYTES: '1000' },
      'MAX_LINKED_FILE_BYTES: must be at least MAX_FILE_BYTES: files up to that one become attachments',
    ],
    [{ LINKED_FILES_DAYS: '0' }, 'LINKED_FILES_DAYS: must be a whole number from 1 to 3650, for example 365'],
    [
      { ...LINKS, LINKED_FILES_DAYS: '400' },
      'LINKED_FILES_EXPIRE_DAYS: must be at least 419 with this LINKED_FILES_DAYS, UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS and FAILED_RETENTION_DAYS',
    ],
    [{ COMMENT_ON_DELIVERY: 'yes' }, 'COMMENT_ON_DELIVERY: must be on or off'],
    [{ COMMENT_LANGUAGE: 'de' }, 'COMMENT_LANGUAGE: must be en or zh-CN'],
  ])('is refused with one sentence by package, start and function: %j', async (settings, sentence) => {
    expect(packaging(settings)).toEqual([sentence]);
    expect(await starting(settings)).toEqual([sentence]);
    expect(calling(settings)).toEqual([`settings: ${sentence}`]);
  });

  it.each<[Environment, string]>([
    [
      { PROJECTS_CLAIM: '' },
      'PROJECTS_CLAIM or IPD_PROJECTS: one is needed, for example PROJECTS_CLAIM=projects; IPD_PROJECTS=* lets every user into every project',
    ],
    [
      { IPD_CREDENTIALS: '{"accessKey":"a","secretKey":"secret-word"}' },
      'IPD_CREDENTIALS: on Lambda, give secretsmanager:<name or ARN> or ssm:<parameter name>',
    ],
    [{ IPD_ENDPOINT: 'http://127.0.0.1:4573' }, IPD_HOST],
    [
      { ...LINKS, LINK_KEY: 'secret-word'.repeat(3) },
      'LINK_KEY: on Lambda, give secretsmanager:<name or ARN> or ssm:<parameter name>',
    ],
    [
      { ...LINKS, PUBLIC_URL: 'http://localhost:3000' },
      'PUBLIC_URL: must begin with https: who reads a link on its way can read the file',
    ],
  ])('is refused by package and function, while on one machine it may be: %j', (settings, sentence) => {
    expect(packaging(settings)).toEqual([sentence]);
    expect(calling(settings)).toEqual([`settings: ${sentence}`]);
    expect(findProblems({ ...settings }, { kind: 'local', others: ['S3_PORT'] })).toEqual([]);
  });
});

const ISSUER =
  'must be the `iss` of its tokens, to the letter and the last slash, for example https://login.example.com';
const ORIGIN =
  'ALLOWED_ORIGINS: must be origins as browsers send them, with their scheme and without a path, with commas and no spaces between them, for example https://app.example.com,https://admin.example.com';
const PAGE = 'https://wiki.example.com/bridge/operations.md';
const RUNBOOK = `must be a URL without a fragment, for example ${PAGE}`;
const TOPIC =
  'ALARM_TOPIC_ARN: must be the ARN of a standard topic, for example arn:aws:sns:eu-central-1:123456789012:alarms';

const PRINCIPALS =
  'INGEST_PRINCIPALS: must be accounts, or ARNs of roles or users, with commas and no spaces between them, for example arn:aws:iam::123456789012:role/ci';
const BUCKETS =
  'INGEST_SOURCE_BUCKETS: must be names of buckets, with commas and no spaces between them, for example ci-artifacts,crash-reports';

describe('a setting that only the template needs', () => {
  it.each<[Environment, string]>([
    [{ ISSUER_URL: 'login.example.com' }, `ISSUER_URL: ${ISSUER}`],
    [{ ISSUER_URL: 'https://login.example.com//' }, `ISSUER_URL: ${ISSUER}`],
    [{ ISSUER_URL: 'https://login.example.com/.well-known/openid-configuration' }, `ISSUER_URL: ${ISSUER}`],
    [{ JWT_AUDIENCE: 'web, phone' }, 'JWT_AUDIENCE: must be one audience, for example ipd-attachment-bridge'],
    [{ ALLOWED_ORIGINS: 'app.example.com' }, ORIGIN],
    [{ ALLOWED_ORIGINS: 'https://app.example.com/' }, ORIGIN],
    [{ ALLOWED_ORIGINS: 'https://app.example.com:443' }, ORIGIN],
    [{ ALLOWED_ORIGINS: '*' }, ORIGIN],
    [{ ALLOWED_ORIGINS: 'http://localhost:*' }, ORIGIN],
    [{ ALLOWED_ORIGINS: 'https://app.example.com, https://admin.example.com' }, ORIGIN],
    [{ ALLOWED_ORIGINS: 'https://app.example.com,' }, ORIGIN],
    [{ ALARM_TOPIC_ARN: 'alarms', RUNBOOK_URL: PAGE }, TOPIC],
    [{ INGEST_PRINCIPALS: '*' }, PRINCIPALS],
    [{ INGEST_PRINCIPALS: '111122223333, 444455556666' }, PRINCIPALS],
    [{ INGEST_SOURCE_BUCKETS: 'arn:aws:s3:::ci-artifacts' }, BUCKETS],
    [{ INGEST_SOURCE_BUCKETS: 'ci-artifacts,*' }, BUCKETS],
    [{ ALARM_TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:alarms.fifo', RUNBOOK_URL: PAGE }, TOPIC],
    [
      { DELIVERY_CONCURRENCY: '1' },
      'DELIVERY_CONCURRENCY: must be a whole number from 2 to 1000, for example 5',
    ],
    [
      { API_REQUESTS_PER_SECOND: 'many' },
      'API_REQUESTS_PER_SECOND: must be a whole number from 1 to 100000, for example 100',
    ],
    [
      { API_BURST_REQUESTS: '-1' },
      'API_BURST_REQUESTS: must be a whole number from 1 to 100000, for example 200',
    ],
    [
      { LOG_RETENTION_DAYS: '31' },
      'LOG_RETENTION_DAYS: must be one of the days that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653',
    ],
    [{ RUNBOOK_URL: 'docs/operations.md' }, `RUNBOOK_URL: ${RUNBOOK}`],
    [{ RUNBOOK_URL: `${PAGE}#alarms` }, `RUNBOOK_URL: ${RUNBOOK}`],
    [{ LAMBDA_TRACING: 'on' }, 'LAMBDA_TRACING: must be PassThrough or Active'],
    [{ LAMBDA_ARCHITECTURE: 'arm' }, 'LAMBDA_ARCHITECTURE: must be arm64 or x86_64'],
    [{ PUBLIC_ROUTES: 'no' }, 'PUBLIC_ROUTES: must be on or off'],
    [
      { ...LINKS, PUBLIC_ROUTES: 'off' },
      'OVERSIZE: must be refuse with PUBLIC_ROUTES=off: the route that a link leads to takes no token',
    ],
  ])('is refused by package and start: %j', async (settings, sentence) => {
    expect(packaging(settings)).toEqual([sentence]);
    expect(await starting(settings)).toEqual([sentence]);
  });

  it.each<[Environment, string]>([
    [{ ISSUER_URL: '' }, `ISSUER_URL: is missing: it ${ISSUER}`],
    [{ ISSUER_URL: 'http://login.example.com' }, `ISSUER_URL: API Gateway needs https: it ${ISSUER}`],
    [
      { ALARM_TOPIC_ARN: 'arn:aws:sns:us-east-1:123456789012:alarms', RUNBOOK_URL: PAGE },
      'ALARM_TOPIC_ARN: must be a topic in eu-central-1, where the alarms are',
    ],
    [
      { ALARM_TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:alarms' },
      `RUNBOOK_URL: is missing: people who get alarms need docs/operations.md: it ${RUNBOOK}`,
    ],
    [
      { OVERSIZE: 'link' },
      'PUBLIC_URL: is missing: OVERSIZE=link needs an address that outlives the stack, for example https://uploads.example.com',
    ],
  ])('is refused by package alone: %j', (settings, sentence) => {
    expect(packaging(settings)).toEqual([sentence]);
    expect(findProblems({ ...settings }, { kind: 'local', others: ['S3_PORT'] })).toEqual([]);
  });

  it.each<Environment>([
    { ISSUER_URL: 'https://tenant.eu.auth0.com/' },
    { ISSUER_URL: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab1' },
    { ALLOWED_ORIGINS: 'http://localhost:3000' },
    { ALLOWED_ORIGINS: 'https://app.example.com,http://localhost:3000' },
    { ALARM_TOPIC_ARN: 'arn:aws:sns:eu-central-1:123456789012:alarms', RUNBOOK_URL: PAGE },
    { S3_PUBLIC_ENDPOINT: 'https://files.example.com:8443' },
    { PROJECTS_CLAIM: '', IPD_PROJECTS: `${'a'.repeat(32)}, ${'B2'.repeat(16)},` },
    { PROJECTS_CLAIM: '', IPD_PROJECTS: '*' },
    { PROJECTS_CLAIM: 'https://example.com/projects', UPLOADED_BY_CLAIM: 'cognito:username' },
    LINKS,
    { ...LINKS, LINK_KEY: 'ssm:/ipd-attachment-bridge/prod/links-2', COMMENT_ON_DELIVERY: 'on' },
    { UPLOAD_DEADLINE_HOURS: '240', PARTS_EXPIRE_DAYS: '11', STAGED_FILES_EXPIRE_DAYS: '26' },
  ])('is taken: %j', (settings) => {
    expect(packaging(settings)).toEqual([]);
  });
});

describe('the allowed origins', () => {
  it('come to the API as one list, however many there are', () => {
    const before = { ...process.env };
    Object.assign(process.env, NEEDED_SETTINGS);
    const service = serviceWith(['https://app.example.com,https://admin.example.com']);
    const { hooks } = BridgePlugin({ ...serverless('package'), service }, {}, silent);
    process.env = before;

    hooks['after:package:compileEvents']();

    expect(service).toEqual(serviceWith(['https://app.example.com', 'https://admin.example.com']));
  });
});

describe('an empty value', () => {
  it('is refused by package and start where serverless would take it for one', async () => {
    const sentence = 'LOG_RETENTION_DAYS: is empty: give it a value, or unset it for the default';

    expect(packaging({ LOG_RETENTION_DAYS: '' })).toEqual([sentence]);
    expect(await starting({ LOG_RETENTION_DAYS: '' })).toEqual([sentence]);
  });

  it('is refused for the key of links, which has a place by default', async () => {
    const sentence = 'LINK_KEY: is empty: give it a value, or unset it for the default';

    expect(packaging({ ...LINKS, LINK_KEY: '' })).toEqual([sentence]);
    expect(await starting({ ...LINKS, LINK_KEY: '' })).toEqual([sentence]);
  });

  it('counts as missing where only functions read it', () => {
    const settings = { MAX_FILE_BYTES: '', SIGNING_CREDENTIALS: '', ALARM_TOPIC_ARN: '', IPD_PROJECTS: '' };

    expect(packaging(settings)).toEqual([]);
    expect(calling(settings)).toEqual([]);
  });
});

describe('the secrets of a stage', () => {
  it.each([
    'secretsmanager:ipd-attachment-bridge/prod/ipd',
    'secretsmanager:ipd-attachment-bridge/prod/ipd-2',
    'secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:ipd-attachment-bridge/prod/ipd-AbCdEf',
    'ssm:/ipd-attachment-bridge/prod/ipd',
  ])('have names that its roles may read: %s', (name) => {
    expect(packaging({ IPD_CREDENTIALS: name })).toEqual([]);
    expect(packaging({ SIGNING_CREDENTIALS: name.replace('/prod/ipd', '/prod/signing') })).toEqual([]);
    expect(packaging({ LINK_KEY: name.replace('/prod/ipd', '/prod/links') })).toEqual([]);
  });

  it.each([
    'secretsmanager:ipd-attachment-bridge/ipd',
    'secretsmanager:ipd-attachment-bridge/dev/ipd',
    'secretsmanager:ipd-attachment-bridge/prod/signing',
    'secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:other/ipd-AbCdEf',
    'ssm:/ipd-attachment-bridge/dev/ipd',
  ])("are not another stage's, nor for another use: %s", (name) => {
    expect(packaging({ IPD_CREDENTIALS: name })).toEqual([
      'IPD_CREDENTIALS: the name must begin with ipd-attachment-bridge/prod/ipd, for example secretsmanager:ipd-attachment-bridge/prod/ipd',
    ]);
    expect(packaging({ LINK_KEY: name })).toEqual([
      'LINK_KEY: the name must begin with ipd-attachment-bridge/prod/links, for example secretsmanager:ipd-attachment-bridge/prod/links',
    ]);
  });
});

describe('the authorities of a private cloud', () => {
  const IPD_ALLOWED_HOSTS = 'gateway.example.com';
  const { pem } = createAuthority('Root');

  it('are a text that Lambda has room for', () => {
    const long = pem.repeat(Math.ceil(2_301 / pem.length));

    expect(packaging({ IPD_CA: pem, IPD_ALLOWED_HOSTS })).toEqual([]);
    expect(packaging({ IPD_CA: long, IPD_ALLOWED_HOSTS })).toEqual([
      'IPD_CA: has more than 2300 characters, too many for Lambda: store it as secretsmanager:ipd-attachment-bridge/prod/ipd-ca',
    ]);
    expect(calling({ IPD_CA: long, IPD_ALLOWED_HOSTS })).toEqual([]);
  });

  it('are in a secret or parameter that the roles may read', () => {
    const secret = 'secretsmanager:ipd-attachment-bridge/prod/ipd-ca';

    expect(packaging({ IPD_CA: secret, IPD_ALLOWED_HOSTS })).toEqual([]);
    expect(packaging({ IPD_CA: secret.replace('prod', 'dev'), IPD_ALLOWED_HOSTS })).toEqual([
      'IPD_CA: the name must begin with ipd-attachment-bridge/prod/ipd, for example secretsmanager:ipd-attachment-bridge/prod/ipd',
    ]);
  });
});

describe('a name that looks like a setting', () => {
  it.each([
    ['MAX_FILE_BYTE', 'MAX_FILE_BYTES'],
    ['MAX_FILE_SIZE', 'MAX_FILE_BYTES'],
    ['FAILED_RETENTION_HOURS', 'FAILED_RETENTION_DAYS'],
    ['STAGING_URL_TTL', 'STAGING_URL_TTL_SECONDS'],
    ['IPD_RATES', 'IPD_RATE'],
    ['UPLOAD_DEADLINE_HOUR', 'UPLOAD_DEADLINE_HOURS'],
    ['ISSUER_URI', 'ISSUER_URL'],
    ['ALLOWED_ORIGIN', 'ALLOWED_ORIGINS'],
    ['PROJECT_CLAIM', 'PROJECTS_CLAIM'],
    ['Pre_Flight', 'PREFLIGHT'],
    ['IPD_RATE_LIMIT', 'IPD_RATE'],
  ])('%s: the nearest one is named by package and start', async (name, nearest) => {
    const sentence = `${name}: there is no such setting; is ${nearest} meant?`;

    expect(packaging({ [name]: '7' })).toEqual([sentence]);
    expect(await starting({ [name]: '7' })).toEqual([sentence]);
  });

  it('is named by start where it looks like a port of a part', async () => {
    const sentence = 'S3_PORTS: there is no such setting; is S3_PORT meant?';

    expect(await starting({ S3_PORTS: '7' })).toEqual([sentence]);
    expect(packaging({ S3_PORTS: '7' })).toEqual([]);
  });

  it('may be a variable of another program, or of the product', () => {
    const others = ['PATH', 'HOME', 'HOST', 'API', 'MAX', 'LOG', 'IPD', 'npm_config_cache', 'JWT', 'ISSUER'];
    const own = [
      'STAGING_BUCKET',
      'UPLOADS_TABLE',
      'DELIVERY_QUEUE_URL',
      'NOTIFICATIONS_TOPIC_ARN',
      'UPLOAD_TOKEN',
    ];
    const local = [
      'PORT',
      'S3_PORT',
      'SQS_PORT',
      'DYNAMODB_PORT',
      'IPD_PORT',
      'ISSUER_PORT',
      'LOCAL_DATA_DIRECTORY',
    ];
    const names = [...others, ...own, ...local, 'AWS_REGION', 'AWS_PROFILE', 'AWS_ENDPOINT_URL_S3'];

    expect(packaging(Object.fromEntries(names.map((name) => [name, '1'])))).toEqual([]);
  });
});

describe('PROJECTS_CLAIM and IPD_PROJECTS', () => {
  it('are refused together by a deploy: one of them would have no effect', () => {
    expect(packaging({ PROJECTS_CLAIM: 'projects', IPD_PROJECTS: '*' })).toEqual([
      'IPD_PROJECTS: has no effect beside PROJECTS_CLAIM: leave one of them out',
    ]);
  });
});

describe('a deploy to China', () => {
  const deploying = (settings: Environment, region = 'cn-north-1') =>
    packaging({ PUBLIC_ROUTES: 'off', ...settings }, 'package', region);

  it.each(['cn-north-1', 'cn-northwest-1'])('needs a decision about public routes in %s', (region) => {
    expect(packaging({}, 'package', region)).toEqual([
      'PUBLIC_ROUTES: is missing: API Gateway in China answers requests without a token only for an account with an ICP licence: give on with one, off without one',
    ]);
    expect(deploying({ PUBLIC_ROUTES: 'off' }, region)).toEqual([]);
    expect(deploying({ PUBLIC_ROUTES: 'on' }, region)).toEqual([]);
  });

  it('is refused with traces, which Lambda does not send there', () => {
    expect(deploying({ LAMBDA_TRACING: 'Active' })).toEqual([
      'LAMBDA_TRACING: must be PassThrough in cn-north-1, where Lambda sends no traces',
    ]);
    expect(packaging({ LAMBDA_TRACING: 'Active' })).toEqual([]);
  });

  it.each<[Environment, string]>([
    [{ INGEST_PRINCIPALS: '111122223333,arn:aws:iam::111122223333:role/ci' }, 'INGEST_PRINCIPALS'],
    [
      {
        IPD_CREDENTIALS:
          'secretsmanager:arn:aws:secretsmanager:cn-north-1:123456789012:secret:ipd-attachment-bridge/prod/ipd-AbCdEf',
      },
      'IPD_CREDENTIALS',
    ],
  ])('is refused with an ARN of another partition: %j', (settings, name) => {
    expect(deploying(settings)).toEqual([
      `${name}: an ARN in cn-north-1 begins with arn:aws-cn: nothing reaches another partition`,
    ]);
    const own = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [key, value.replaceAll('arn:aws:', 'arn:aws-cn:')]),
    );
    expect(deploying(own)).toEqual([]);
    expect(packaging(own)).toEqual([
      `${name}: an ARN in eu-central-1 begins with arn:aws: nothing reaches another partition`,
    ]);
  });
});

describe('a command of serverless', () => {
  it.each(['info', 'remove', 'logs'])('is asked nothing by %s, which needs no setting', (command) => {
    expect(packaging({ MAX_FILE_BYTES: '50MB' }, command)).toEqual([]);
    expect(packaging({ MAX_FILE_BYTES: '50MB' }, 'deploy')).toHaveLength(1);
  });
});

describe('npm start', () => {
  it('ends with 1 and a line for each wrong setting', async () => {
    const { code, stderr } = await runCommandLine(join(ROOT, 'local/start.ts'), [], {
      LOCAL_DATA_DIRECTORY: directory,
      MAX_FILE_BYTES: '50MB',
      ALLOWED_ORIGINS: 'app.example.com',
    }).ended;

    expect(code).toBe(1);
    expect(stderr.filter((line) => !line.includes('Warning'))).toEqual([
      'MAX_FILE_BYTES: must be a whole number from 1 to 5368709120, for example 52428800',
      ORIGIN,
    ]);
  });
});
