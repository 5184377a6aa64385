/**
 * The embedded stack: every part that the service needs, on loopback unless the user says otherwise, in one process plus one child for each running
 * function. Owns starting, connecting and stopping; each part has its own file. When the user gives the endpoint of a
 * part, the stack does not start that part: it uses the endpoint and makes the missing resources there.
 */
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { findProblems } from '../deploy/settings.ts';
import { startApplication } from './application.ts';
import { startDynamoDb } from './dynamodb.ts';
import { createBench } from './gateway/bench.ts';
import { createPage } from './gateway/page.ts';
import type { LogLine, RunnerOptions } from './gateway/runner.ts';
import { startGateway } from './gateway/server.ts';
import type { Api } from './gateway/server.ts';
import { createIam } from './iam/iam.ts';
import type { Iam } from './iam/iam.ts';
import { startIssuer } from './issuer.ts';
import { startFakeIpd } from './ipd/server.ts';
import type { References } from './intrinsics.ts';
import { keepLinkKey, makeAwsKey, makeIpdCredentials } from './keys.ts';
import type { IpdCredentials } from './keys.ts';
import { claimPort } from './listen.ts';
import type { Reach } from './listen.ts';
import { makePrivateDirectory } from './private.ts';
import { provision } from './provision.ts';
import type { AwsClients } from './provision.ts';
import { startS3 } from './s3/server.ts';
import {
  PARTS,
  awsCredentials,
  deployEnvironment,
  given,
  isOnOthers,
  lambdaEnvironment,
  operatorEnvironment,
  portOf,
  reachOf,
} from './settings.ts';
import type { AwsCredentials, Endpoints, Environment } from './settings.ts';
import { startSqs } from './sqs.ts';
import { functionsOf, parametersOf, readService, resourcesOf } from './template.ts';
import type { Service } from './template.ts';

export interface StackOptions {
  ports: 'default' | 'free';
  dataDirectory: string;
  /** Where the functions keep their compiled code; by default within the data. */
  cacheDirectory?: string | undefined;
  /** Settings for the parts and the functions, beside those in the environment of the process. */
  environment?: Environment;
  onLog?: (line: LogLine) => void;
  /** Where serverless.yml lies. */
  serviceDirectory?: string;
  handlers?: RunnerOptions['handlers'];
}

type Stops = (() => Promise<void>)[];

/** The page's name at the issuer. */
const PAGE_CLIENT = 'attach-files';

/** Starts the stack; when a part cannot start, stops the parts that have started and throws the reason. */
export async function startStack(options: StackOptions) {
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (let next = stops.pop(); next !== undefined; next = stops.pop()) await next();
  };
  try {
    return { ...(await assemble(options, stops)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function assemble(options: StackOptions, stops: Stops) {
  const env = { ...process.env, ...options.environment };
  const variables = Object.values(PARTS).map(({ variable }) => variable);
  // PORT alone resembles too many variables of other programs.
  const others = [...variables.filter((name) => name.includes('_')), 'PUBLIC_HOST'];
  const problems = findProblems(env, { kind: 'local', others });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const reach = reachOf(env);
  const directory = options.serviceDirectory ?? join(import.meta.dirname, '..');
  const { provider, functions } = readService({ directory, env });
  const iam = createIam(Object.keys(functions));
  const made = { aws: makeAwsKey(), ipd: makeIpdCredentials() };
  const credentials = awsCredentials(env, made.aws);
  const [authorizer] = Object.values(provider.httpApi.authorizers);
  const endpoints = await startParts({
    options,
    env,
    audience: authorizer?.audience[0] ?? 'local',
    region: provider.region,
    iam,
    credentials,
    ipdCredentials: made.ipd,
    reach,
    stops,
  });

  const linkKey =
    given(env, 'OVERSIZE') === 'link'
      ? (given(env, 'LINK_KEY') ?? (await keepLinkKey(join(options.dataDirectory, 'links'))))
      : undefined;
  const service = readService({
    directory,
    env: deployEnvironment(env, { ...endpoints, publicHost: reach.publicHost, linkKey }, made.ipd),
  });
  const clients = createClients(credentials, provider.region, endpoints.urls);
  stops.push(async () => Object.values(clients).forEach((client) => client.destroy()));
  const provisioned = await provision({
    resources: resourcesOf(service),
    clients,
    sqsUrl: endpoints.urls.sqsUrl,
    region: provider.region,
    prefix: `${service.service}-${provider.stage}`,
  });
  const references = { ...parametersOf(service), ...provisioned };
  iam.enforce({ functions: functionsOf(service, references), resources: resourcesOf(service), references });
  const settings = openSettings(service, references);
  const { issuerUrl, ...urls } = endpoints.publicUrls;
  const addresses = { ...urls, tokenUrl: `${issuerUrl}/token`, ipdAdminUrl: `${urls.ipdUrl}/__admin` };
  const { apiUrl, tokenUrl, ipdAdminUrl } = addresses;
  const page = createPage({
    apiUrl,
    // As in deployEnvironment: to the letter.
    issuer: given(env, 'ISSUER_URL') ?? issuerUrl,
    clientId: PAGE_CLIENT,
    // What the fake IPD received, in place of a work item's page. Another IPD's pages have addresses of their own.
    ...(given(env, 'IPD_ENDPOINT') === undefined && {
      ipdUrl: `${ipdAdminUrl}/attachments?project={project}&issue={issue}`,
    }),
    storage: given(env, 'S3_PUBLIC_ENDPOINT') ?? urls.s3Url,
  });
  const bench = createBench({ apiUrl, tokenUrl, ipdAdminUrl });
  const application = startApplication({
    service,
    references,
    gateway: {
      serve: (api) =>
        endpoints.gateway.serve({ ...api, page: async (asked) => (await bench(asked)) ?? page(asked) }),
    },
    sqs: clients.sqs,
    handlers: options.handlers ?? { directory, extension: '.ts' },
    environment: lambdaEnvironment(credentials, provider.region, endpoints.urls),
    // An endpoint outside the stack does not know the functions' own keys.
    ownEnvironment: (functionKey) => (isOnOthers(env) ? {} : iam.environmentOf(functionKey)),
    cacheDirectory:
      options.cacheDirectory ?? (await makePrivateDirectory(join(options.dataDirectory, 'compile-cache'))),
    log: options.onLog ?? (() => undefined),
  });
  stops.push(() => application.stop());

  return {
    urls: addresses,
    settings,
    /** Where producers put objects and send requests; nothing where the service takes neither. */
    ingestion: settings['INGEST_QUEUE_URL'] !== undefined && {
      bucket: settings['STAGING_BUCKET'],
      ingestQueueUrl: settings['INGEST_QUEUE_URL'],
    },
    /** The account's own key, which may do everything, and the credentials that the fake IPD accepts. */
    credentials,
    ipdCredentials: made.ipd,
    /** The same, with the addresses, for the operator's programs. */
    operatorEnvironment: operatorEnvironment(env, { region: provider.region, urls: endpoints.urls, made }),
    /** The requests of the functions to AWS's services so far, and the statements of their roles. */
    iam: { uses: iam.uses, statementsOf: iam.statementsOf, keyOf: iam.keyOf },
    /** Runs every scheduled function now and settles when all have ended. */
    fireSchedules: () => application.fireSchedules(),
    /** Replaces the code of the functions, as a deploy does while they run. */
    deploy: (handlers: RunnerOptions['handlers']) => application.deploy(handlers),
    /** Starts one child of each function ahead of its first event. */
    warm: () => application.warm(),
  };
}

/** The settings of the functions for the operator's programs, without secrets. */
function openSettings(service: Service, references: References): Record<string, string> {
  const all = functionsOf(service, references).flatMap(({ environment }) => Object.entries(environment));
  const open = all.filter(([name]) => !name.endsWith('CREDENTIALS') && name !== 'LINK_KEY');
  return Object.fromEntries([...open, ['AWS_REGION', service.provider.region]]);
}

interface PartsOrder {
  options: StackOptions;
  env: Environment;
  audience: string;
  region: string;
  iam: Iam;
  credentials: AwsCredentials;
  ipdCredentials: IpdCredentials;
  reach: Reach;
  stops: Stops;
}

async function startParts(order: PartsOrder) {
  const { options, env, audience, region, ipdCredentials, reach, stops } = order;
  const { allows } = order.iam;
  const credentials = [order.credentials, ...order.iam.credentials] as const;
  const data = (name: string): Promise<string> => makePrivateDirectory(join(options.dataDirectory, name));
  const origins = given(env, 'ALLOWED_ORIGINS')?.split(',') ?? [];
  const publicS3 = given(env, 'S3_PUBLIC_ENDPOINT');
  const start = async <T extends { url: string; close: () => Promise<void> }>(
    part: keyof typeof PARTS,
    open: (port: number) => Promise<T>,
  ): Promise<T> => {
    const port = options.ports === 'free' ? 0 : portOf(part, env);
    const running = await claimPort({ part, port, variable: PARTS[part].variable }, open);
    stops.push(() => running.close());
    return running;
  };
  const startUnlessGiven = async (
    variable: string,
    part: keyof typeof PARTS,
    open: (port: number) => Promise<{ url: string; publicUrl?: string; close: () => Promise<void> }>,
  ): Promise<{ url: string; publicUrl: string }> => {
    const elsewhere = given(env, variable)?.replace(/\/$/, '');
    if (elsewhere !== undefined) return { url: elsewhere, publicUrl: elsewhere };
    const { url, publicUrl = url } = await start(part, open);
    return { url, publicUrl };
  };

  const startingSqs = startUnlessGiven('AWS_ENDPOINT_URL_SQS', 'sqs', (port) =>
    startSqs({ port, region, credentials, allows }),
  );
  const [gateway, sqs, s3, dynamodb, ipd, issuer] = await allOrFirstError([
    start('gateway', (port) => startGateway({ port, reach })),
    startingSqs,
    startUnlessGiven('AWS_ENDPOINT_URL_S3', 's3', async (port) =>
      startS3({
        port,
        dataDirectory: await data('s3'),
        credentials,
        allows,
        region,
        sqsEndpoint: (await startingSqs).url,
        hosts: publicS3 === undefined ? [] : [new URL(publicS3).host],
        reach,
      }),
    ),
    startUnlessGiven('AWS_ENDPOINT_URL_DYNAMODB', 'dynamodb', async (port) =>
      startDynamoDb({ port, dataDirectory: await data('dynamodb'), credentials, allows }),
    ),
    startUnlessGiven('IPD_ENDPOINT', 'ipd', async (port) =>
      startFakeIpd({
        port,
        dataDirectory: await data('ipd'),
        credentials: ipdCredentials,
        origins,
        reach,
        linkProtocols: ['https', 'http'],
      }),
    ),
    startUnlessGiven('ISSUER_URL', 'issuer', async (port) =>
      startIssuer({ port, dataDirectory: await data('issuer'), audience, origins, reach }),
    ),
  ]);
  const urls: Endpoints = {
    apiUrl: gateway.url,
    issuerUrl: issuer.url,
    s3Url: s3.url,
    sqsUrl: sqs.url,
    snsUrl: given(env, 'AWS_ENDPOINT_URL_SNS') ?? sqs.url,
    dynamodbUrl: dynamodb.url,
    ipdUrl: ipd.url,
  };
  const publicUrls: Endpoints = {
    ...urls,
    apiUrl: gateway.publicUrl,
    issuerUrl: issuer.publicUrl,
    s3Url: s3.publicUrl,
    ipdUrl: ipd.publicUrl,
  };
  return {
    gateway: { serve: (api: Api) => gateway.serve({ ...api, issuerAddress: issuer }) },
    urls,
    /** With the name by which clients on other devices reach the parts that they need. */
    publicUrls,
  };
}

/** Waits for all parts even when one fails, so that a part that starts late is stopped, too. */
async function allOrFirstError<T extends readonly unknown[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function createClients(credentials: AwsCredentials, region: string, urls: Endpoints): AwsClients {
  const shared = { region, credentials };
  return {
    s3: new S3Client({ ...shared, endpoint: urls.s3Url, forcePathStyle: true }),
    sqs: new SQSClient({ ...shared, endpoint: urls.sqsUrl }),
    sns: new SNSClient({ ...shared, endpoint: urls.snsUrl }),
    dynamodb: new DynamoDBClient({ ...shared, endpoint: urls.dynamodbUrl }),
  };
}
