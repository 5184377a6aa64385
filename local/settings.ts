/**
 * What the embedded stack is told by its environment, and what it tells the functions in turn. Pure. Whatever the
 * user sets wins, as on a deploy.
 */
import { z } from 'zod';
import type { AwsKey, IpdCredentials } from './keys.ts';

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
const portSchema = z.coerce.number().int().min(0).max(65_535);

/** The port a part is to listen on; throws in one line when the variable holds none. */
export function portOf(part: keyof typeof PARTS, env: Environment): number {
  const { variable, port } = PARTS[part];
  const result = portSchema.safeParse(given(env, variable) ?? port);
  if (!result.success) throw new Error(`${variable} must be a port number, not "${env[variable]}"`);
  return result.data;
}

/** The value of a variable; an empty one counts as missing. */
export function given(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

/** The user's own credentials matter only where an endpoint of theirs is used; they never reach a local part alone. */
export function awsCredentials(env: Environment, made: AwsKey): AwsCredentials {
  const accessKeyId = given(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = given(env, 'AWS_SECRET_ACCESS_KEY');
  if (!isOnOthers(env) || accessKeyId === undefined || secretAccessKey === undefined) return made;
  const sessionToken = given(env, 'AWS_SESSION_TOKEN');
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** True when a service of AWS's is not one of the stack's own parts. */
export function isOnOthers(env: Environment): boolean {
  return AWS_ENDPOINTS.some((name) => given(env, name) !== undefined);
}

/** The environment that the variables of serverless.yml are resolved against. */
export function deployEnvironment(env: Environment, urls: Endpoints, ipd: IpdCredentials): Environment {
  const fakeIpd = given(env, 'IPD_ENDPOINT') === undefined;
  const openToAll = given(env, 'PROJECTS_CLAIM') === undefined && given(env, 'IPD_PROJECTS') === undefined;
  return {
    ...env,
    // The demo page comes from the gateway itself.
    ALLOWED_ORIGIN: given(env, 'ALLOWED_ORIGIN') ?? urls.apiUrl,
    // As given, to the slash: it has to equal the `iss` of the tokens.
    ISSUER_URL: given(env, 'ISSUER_URL') ?? urls.issuerUrl,
    IPD_ENDPOINT: urls.ipdUrl,
    ...(openToAll ? { IPD_PROJECTS: '*' } : {}),
    ...(fakeIpd ? { IPD_IAM_ENDPOINT: urls.ipdUrl, IPD_CREDENTIALS: JSON.stringify(ipd) } : {}),
  };
}

/**
 * What Lambda itself would put into a function's environment, plus the endpoints. Not AWS_LAMBDA_FUNCTION_NAME: by
 * its absence the product knows that inline credentials and loopback hosts are all right.
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
 * What a program of this machine needs to work on the stack as its operator does, in the names that the AWS tools know.
 * The user's own keys are not among it: they have them.
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
    // A session of the user's would be added to keys that it does not belong to.
    ...(isMade ? { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN: '' } : {}),
    ...(given(env, 'IPD_ENDPOINT') === undefined ? { IPD_CREDENTIALS: JSON.stringify(made.ipd) } : {}),
  };
}

/** Lines that a shell and Node read alike; none of the values has a single quote or a line break. */
export function toEnvFile(variables: Record<string, string>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('');
}
