/**
 * The settings that the embedded stack reads from its environment, and those that it passes to the functions. Pure. A
 * value that the user sets comes first, as on a deploy.
 */
import { z } from 'zod';
import type { AwsKey, IpdCredentials } from './keys.ts';
import type { Reach } from './listen.ts';

export type Environment = Record<string, string | undefined>;

/** The parts by name: the port each listens on and the variable that changes it. */
export const PARTS = {
  gateway: { variable: 'PORT', port: 3000 },
  s3: { variable: 'S3_PORT', port: 4570 },
  sqs: { variable: 'SQS_PORT', port: 4571 },
  dynamodb: { variable: 'DYNAMODB_PORT', port: 4572 },
  ipd: { variable: 'IPD_PORT', port: 4573 },
  issuer: { variable: 'ISSUER_PORT', port: 4574 },
} as const;

export interface Endpoints {
  apiUrl: string;
  issuerUrl: string;
  s3Url: string;
  sqsUrl: string;
  snsUrl: string;
  dynamodbUrl: string;
  ipdUrl: string;
}

export type AwsCredentials = AwsKey & { sessionToken?: string };

/** The keys that were made for the parts of this start. */
export type MadeKeys = { aws: AwsKey; ipd: IpdCredentials };

const AWS_ENDPOINTS = [
  'AWS_ENDPOINT_URL_S3',
  'AWS_ENDPOINT_URL_SQS',
  'AWS_ENDPOINT_URL_SNS',
  'AWS_ENDPOINT_URL_DYNAMODB',
];
const bindSchema = z.enum(['127.0.0.1', '0.0.0.0', '::']);
const portSchema = z.coerce.number().int().min(0).max(65_535);

/** The port for a part to listen on; throws when the variable holds no port number. */
export function portOf(part: keyof typeof PARTS, env: Environment): number {
  const { variable, port } = PARTS[part];
  const result = portSchema.safeParse(given(env, variable) ?? port);
  if (!result.success) throw new Error(`${variable} must be a port number, not "${env[variable]}"`);
  return result.data;
}

/**
 * Which networks reach the parts, and by which name (`HOST`, `PUBLIC_HOST`). Throws an Error that says what is wrong.
 */
export function reachOf(env: Environment): Reach {
  const bind = bindSchema.safeParse(given(env, 'HOST') ?? '127.0.0.1');
  if (!bind.success) {
    throw new Error('HOST must be 127.0.0.1 for this machine alone, or 0.0.0.0 or :: for all its networks');
  }
  const publicHost = given(env, 'PUBLIC_HOST')?.toLowerCase();
  if (publicHost === undefined) {
    if (bind.data === '127.0.0.1') return { bind: bind.data };
    throw new Error(
      `HOST=${bind.data} needs PUBLIC_HOST, the name or address by which devices reach this machine, for example 192.168.1.20`,
    );
  }
  // A port, a scheme or a path would make it another URL, and capitals another origin.
  if (URL.parse(`http://${publicHost}`)?.hostname !== publicHost) {
    throw new Error(
      'PUBLIC_HOST must be a name or an address alone, for example 192.168.1.20, [fe80::1] or desk.local',
    );
  }
  return { bind: bind.data, publicHost };
}

/** The value of a variable; an empty one counts as missing. */
export function given(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

/** The user's own credentials, but only if the user has set an AWS endpoint; otherwise the key made for the parts. */
export function awsCredentials(env: Environment, made: AwsKey): AwsCredentials {
  const accessKeyId = given(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = given(env, 'AWS_SECRET_ACCESS_KEY');
  if (!isOnOthers(env) || accessKeyId === undefined || secretAccessKey === undefined) return made;
  const sessionToken = given(env, 'AWS_SESSION_TOKEN');
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** True when the user has set the endpoint of an AWS service, so that it is not a part of the stack. */
export function isOnOthers(env: Environment): boolean {
  return AWS_ENDPOINTS.some((name) => given(env, name) !== undefined);
}

/**
 * The environment from which the variables of serverless.yml take their values. `urls` are those by which the functions
 * reach the parts, `publicUrls` those for clients; links begin with the one of the API. `linkKey`: for links, where they
 * are on.
 */
export function deployEnvironment(
  env: Environment,
  {
    urls,
    publicUrls = urls,
    publicHost,
    linkKey,
  }: {
    urls: Endpoints;
    publicUrls?: Endpoints;
    publicHost?: string | undefined;
    linkKey?: string | undefined;
  },
  ipd: IpdCredentials,
): Environment {
  const fakeIpd = given(env, 'IPD_ENDPOINT') === undefined;
  const openToAll = given(env, 'PROJECTS_CLAIM') === undefined && given(env, 'IPD_PROJECTS') === undefined;
  return {
    ...env,
    ALLOWED_ORIGINS: given(env, 'ALLOWED_ORIGINS') ?? ownOrigins(publicHost).join(','),
    // Exactly as given, including a last slash: it must equal the `iss` of the tokens.
    ISSUER_URL: given(env, 'ISSUER_URL') ?? publicUrls.issuerUrl,
    ...(publicUrls.s3Url === urls.s3Url
      ? {}
      : { S3_PUBLIC_ENDPOINT: given(env, 'S3_PUBLIC_ENDPOINT') ?? publicUrls.s3Url }),
    IPD_ENDPOINT: urls.ipdUrl,
    ...(openToAll ? { IPD_PROJECTS: '*' } : {}),
    INGEST_PROJECTS: given(env, 'INGEST_PROJECTS') ?? '*',
    ...(linkKey === undefined
      ? {}
      : { PUBLIC_URL: given(env, 'PUBLIC_URL') ?? publicUrls.apiUrl, LINK_KEY: linkKey }),
    // The fake IPD stands on loopback, behind no gateway.
    ...(fakeIpd
      ? { IPD_IAM_ENDPOINT: urls.ipdUrl, IPD_CREDENTIALS: JSON.stringify(ipd), IPD_GATEWAY: '' }
      : {}),
  };
}

/** The origins of all pages of this machine: those of the stack, and of the server of an app that is being developed. */
function ownOrigins(publicHost: string | undefined): string[] {
  const hosts = ['localhost', '127.0.0.1', '[::1]', ...(publicHost === undefined ? [] : [publicHost])];
  return hosts.flatMap((host) =>
    ['http', 'https'].flatMap((scheme) => [`${scheme}://${host}`, `${scheme}://${host}:*`]),
  );
}

/**
 * The variables that Lambda itself would put into a function's environment, plus the endpoints. It leaves out
 * AWS_LAMBDA_FUNCTION_NAME: without it the functions accept inline credentials and loopback hosts.
 */
export function lambdaEnvironment(
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  region: string,
  urls: Endpoints,
): Record<string, string> {
  return {
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
    AWS_ENDPOINT_URL_S3: urls.s3Url,
    AWS_ENDPOINT_URL_SQS: urls.sqsUrl,
    AWS_ENDPOINT_URL_SNS: urls.snsUrl,
    AWS_ENDPOINT_URL_DYNAMODB: urls.dynamodbUrl,
  };
}

/**
 * The variables with which a program on this machine works on the stack as its operator, named as the AWS tools expect.
 * The user's own keys are left out: the user has set them already.
 */
export function operatorEnvironment(
  env: Environment,
  { region, urls, made }: { region: string; urls: Endpoints; made: MadeKeys },
): Record<string, string> {
  const isMade = awsCredentials(env, made.aws) === made.aws;
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...surroundings } = lambdaEnvironment(
    made.aws,
    region,
    urls,
  );
  return {
    ...surroundings,
    // Otherwise the AWS tools would use the user's session token with these keys.
    ...(isMade ? { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN: '' } : {}),
    ...(given(env, 'IPD_ENDPOINT') === undefined ? { IPD_CREDENTIALS: JSON.stringify(made.ipd) } : {}),
  };
}

/** Lines that a shell and Node read in the same way; no value has a single quote or a line break. */
export function toEnvFile(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
}
