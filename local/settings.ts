/**
 * What the embedded stack is told by its environment, and what it tells the functions in turn. Pure. Whatever the
 * user sets wins, as on a deploy.
 */
import { z } from 'zod';

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

/** Only the fake IPD accepts these. */
export const IPD_CREDENTIALS = {
  accessKey: 'LOCALACCESSKEY',
  secretKey: 'local-secret-key',
  domain: 'local-domain',
  username: 'local-user',
  password: 'local-password',
} as const;

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
export function awsCredentials(env: Environment): {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
} {
  const accessKeyId = given(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = given(env, 'AWS_SECRET_ACCESS_KEY');
  if (!isOnOthers(env) || accessKeyId === undefined || secretAccessKey === undefined) {
    return { accessKeyId: 'local', secretAccessKey: 'local-secret' };
  }
  const sessionToken = given(env, 'AWS_SESSION_TOKEN');
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}

/** True when a service of AWS's is not one of the stack's own parts. */
export function isOnOthers(env: Environment): boolean {
  return AWS_ENDPOINTS.some((name) => given(env, name) !== undefined);
}

/** The environment that the variables of serverless.yml are resolved against. */
export function deployEnvironment(env: Environment, urls: Endpoints): Environment {
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
    ...(fakeIpd ? { IPD_IAM_ENDPOINT: urls.ipdUrl, IPD_CREDENTIALS: JSON.stringify(IPD_CREDENTIALS) } : {}),
  };
}

/**
 * What Lambda itself would put into a function's environment, plus the endpoints. Not AWS_LAMBDA_FUNCTION_NAME: by
 * its absence the product knows that inline credentials and loopback hosts are all right.
 */
export function lambdaEnvironment(env: Environment, region: string, urls: Endpoints): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = awsCredentials(env);
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
