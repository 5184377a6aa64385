/**
 * The settings of every function, read from the environment in one place and checked all at once.
 * Pure: nothing is fetched here; secrets come as references, or inline where no Lambda runs.
 */
import * as z from 'zod';
import { findTooShort } from './expiry.ts';

const HOUR = 3_600_000;

/** Of all parts but the last: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LEAST_PART_BYTES = 5_242_880;

const count = (standard: number, { min, max }: { min: number; max: number }) => {
  const range = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number(range).int(range).min(min, range).max(max, range).default(standard);
};

/** Credentials must not be sent anywhere else: https://support.huaweicloud.com/api-projectman/projectman_03_0003.html */
const IPD_HOST = /^https:\/\/projectman-ext\.[a-z]+(-[a-z0-9]+)+\.myhuaweicloud\.(com|cn)$/;
const IAM_HOST = /^https:\/\/iam(\.[a-z]+(-[a-z0-9]+)+)?\.myhuaweicloud\.(com|cn)$/;
const LOOPBACK = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?$/;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
const tag = z
  .string()
  .regex(/^[^=]{1,128}=.{1,256}$/s, 'must look like GuardDutyMalwareScanStatus=NO_THREATS_FOUND')
  .transform((text) => ({ name: text.replace(/=.*/s, ''), value: text.replace(/^[^=]*=/, '') }));

const settings = z.object({
  STAGING_BUCKET: z.string(),
  UPLOADS_TABLE: z.string(),
  DELIVERY_QUEUE_URL: z.url(),
  MAX_FILE_BYTES: count(52_428_800, { min: 1, max: 5 * 1024 ** 3 }),
  STAGING_URL_TTL_SECONDS: count(3600, { min: 60, max: 604_800 }),
  MULTIPART_THRESHOLD_BYTES: count(10_485_760, { min: 1, max: 5 * 1024 ** 3 }),
  PART_SIZE_BYTES: count(5_242_880, { min: LEAST_PART_BYTES, max: 104_857_600 }),
  S3_PUBLIC_ENDPOINT: z.url('must be a URL').optional(),
  SIGNING_CREDENTIALS: z.string().optional(),
  AWS_REGION: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
  AWS_ENDPOINT_URL: z.string().optional(),
  AWS_ENDPOINT_URL_S3: z.string().optional(),
  MAX_OPEN_UPLOADS: count(100, { min: 1, max: 10_000 }),
  UPLOADS_PER_MINUTE: count(60, { min: 1, max: 1_000 }),
  UPPY_SESSION_TTL_SECONDS: count(43_200, { min: 60, max: 604_800 }),
  NOTICES_TOPIC_ARN: z.string().optional(),
  UPLOAD_DEADLINE_HOURS: count(72, { min: 1, max: 720 }),
  RETRY_WINDOW_HOURS: count(24, { min: 1, max: 720 }),
  FAILED_RETENTION_DAYS: count(7, { min: 1, max: 90 }),
  RECORD_RETENTION_DAYS: count(400, { min: 30, max: 3_650 }),
  PARTS_EXPIRE_DAYS: count(4, { min: 1, max: 60 }),
  STAGED_FILES_EXPIRE_DAYS: count(19, { min: 1, max: 400 }),
  IPD_COMMIT_WINDOW_SECONDS: count(600, { min: 1, max: 86_400 }),
  PREFLIGHT: z.enum(['on', 'off']).default('on'),
  REQUIRED_SCAN_TAG: tag.optional(),
  PROJECTS_CLAIM: z.string().optional(),
  UPLOADED_BY_CLAIM: z.string().default('name'),
  IPD_PROJECTS: z.string().optional(),
  IPD_RATE: count(60, { min: 1, max: 12_000 }),
  IPD_REGION: z
    .string()
    .regex(/^[a-z]+(-[a-z0-9]+)+$/, 'must look like cn-north-4')
    .default('cn-north-4'),
  IPD_ENDPOINT: z.string().optional(),
  IPD_IAM_ENDPOINT: z.string().optional(),
  IPD_AUTH: z.enum(['auto', 'aksk', 'token']).default('auto'),
  IPD_CREDENTIALS: z.string().optional(),
});

/** Of the rate, for looks at a work item before its file is taken: deliveries look again, so they come first. */
const PREFLIGHT_SHARE = 0.25;

/** A function's role may end within the hour. */
const ROLE_URL_SECONDS = 3_600;

/** As IAM gives it for a user: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html */
const signingCredentials = z.object({
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
});

const inlineCredentials = z
  .object({
    accessKey: z.string().min(1),
    secretKey: z.string().min(1),
    securityToken: z.string().min(1),
    domain: z.string().min(1),
    username: z.string().min(1),
    password: z.string().min(1),
  })
  .partial()
  .refine((keys) => (keys.accessKey === undefined) === (keys.secretKey === undefined), {
    message: 'accessKey and secretKey go together',
  })
  .refine(
    (keys) =>
      [keys.domain, keys.username, keys.password].every(
        (part) => (part === undefined) === (keys.domain === undefined),
      ),
    { message: 'domain, username and password go together' },
  )
  .refine((keys) => keys.accessKey !== undefined || keys.domain !== undefined, {
    message: 'give accessKey and secretKey, or domain, username and password, or all of them',
  });

export type Config = ReturnType<typeof readConfig>;

/** Where credentials are: in a secret, in a parameter, or (never on Lambda) in the setting itself. */
export type CredentialsSource =
  { kind: 'secretsmanager'; name: string } | { kind: 'ssm'; name: string } | { kind: 'inline'; json: string };

/** Checks the environment. Throws one Error that names every setting at fault. An empty value counts as missing. */
export function readConfig(env: Record<string, string | undefined> = process.env) {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = settings.safeParse(given);
  const problems = [
    ...(parsed.error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`),
    ...misplaced(given, { onLambda: env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined }),
    ...(parsed.success ? findTooShort(parsed.data, given) : []),
  ];
  if (!parsed.success || problems.length > 0) throw new Error(`settings: ${problems.join('; ')}`);
  const values = parsed.data;
  const hosts = {
    endpoint: values.IPD_ENDPOINT ?? `https://projectman-ext.${values.IPD_REGION}.myhuaweicloud.com`,
    iamEndpoint: values.IPD_IAM_ENDPOINT ?? `https://iam.${values.IPD_REGION}.myhuaweicloud.com`,
  };

  return {
    bucket: values.STAGING_BUCKET,
    table: values.UPLOADS_TABLE,
    queueUrl: values.DELIVERY_QUEUE_URL,
    maxFileBytes: values.MAX_FILE_BYTES,
    stagingUrlTtlSeconds: values.STAGING_URL_TTL_SECONDS,
    sessionTtlSeconds: values.UPPY_SESSION_TTL_SECONDS,
    allowance: {
      multipartThresholdBytes: values.MULTIPART_THRESHOLD_BYTES,
      partSizeBytes: values.PART_SIZE_BYTES,
      maxOpenUploads: values.MAX_OPEN_UPLOADS,
      uploadsPerMinute: values.UPLOADS_PER_MINUTE,
    },
    leastPartBytes: LEAST_PART_BYTES,
    signer: {
      endpoint: values.S3_PUBLIC_ENDPOINT,
      credentials: sourceOf(values.SIGNING_CREDENTIALS),
    },
    aws: {
      region: values.AWS_REGION,
      s3Endpoint: values.AWS_ENDPOINT_URL_S3 ?? values.AWS_ENDPOINT_URL,
      keys: keysOf(values),
    },
    topicArn: values.NOTICES_TOPIC_ARN,
    policy: {
      uploadDeadlineMs: values.UPLOAD_DEADLINE_HOURS * HOUR,
      retryWindowMs: values.RETRY_WINDOW_HOURS * HOUR,
      failedRetentionMs: values.FAILED_RETENTION_DAYS * 24 * HOUR,
      commitWindowMs: values.IPD_COMMIT_WINDOW_SECONDS * 1000,
    },
    recordRetentionMs: values.RECORD_RETENTION_DAYS * 24 * HOUR,
    preflight: values.PREFLIGHT === 'on',
    requiredScanTag: values.REQUIRED_SCAN_TAG,
    projectsClaim: values.PROJECTS_CLAIM,
    uploadedByClaim: values.UPLOADED_BY_CLAIM,
    projects: values.IPD_PROJECTS?.split(/[\s,]+/).filter(Boolean),
    deliveriesPerMinute: values.IPD_RATE,
    preflightsPerMinute: Math.max(Math.floor(values.IPD_RATE * PREFLIGHT_SHARE), 1),
    ipd: {
      ...hosts,
      region: values.IPD_REGION,
      auth: values.IPD_AUTH,
      credentials: sourceOf(values.IPD_CREDENTIALS),
    },
  };
}

/** Reads the JSON of the key that signs URLs. Throws an Error that names what is wrong with it, never its value. */
export function readSigningCredentials(json: string) {
  return readSecret('SIGNING_CREDENTIALS', json, signingCredentials);
}

/** Reads the JSON of IPD's secret. Throws an Error that names what is wrong with its keys, never their values. */
export function readCredentials(json: string) {
  const secret = readSecret('IPD_CREDENTIALS', json, inlineCredentials);
  const { accessKey, secretKey, securityToken, domain, username, password } = secret;
  return {
    accessKey: accessKey && secretKey ? { accessKey, secretKey, securityToken } : undefined,
    user: domain && username && password ? { domain, username, password } : undefined,
  };
}

function readSecret<T>(setting: string, json: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new Error(`${setting}: not JSON`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const words = parsed.error.issues.map((issue) =>
    [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
  );
  throw new Error(`${setting}: ${words.join('; ')}`);
}

/** Where credentials would go, or be, that must not; and the questions that no default may answer. */
function misplaced(given: Record<string, string | undefined>, { onLambda }: { onLambda: boolean }): string[] {
  const { IPD_ENDPOINT, IPD_IAM_ENDPOINT, PROJECTS_CLAIM, IPD_PROJECTS } = given;
  const allowed = (url: string | undefined, host: RegExp): boolean =>
    url === undefined || host.test(url) || (!onLambda && LOOPBACK.test(url));
  const problems: string[] = [];
  if (!allowed(IPD_ENDPOINT, IPD_HOST)) {
    problems.push('IPD_ENDPOINT: must be https://projectman-ext.<region>.myhuaweicloud.com without a path');
  }
  if (!allowed(IPD_IAM_ENDPOINT, IAM_HOST)) {
    problems.push('IPD_IAM_ENDPOINT: must be https://iam.<region>.myhuaweicloud.com without a path');
  }
  for (const name of ['IPD_CREDENTIALS', 'SIGNING_CREDENTIALS']) {
    if (onLambda && sourceOf(given[name])?.kind === 'inline') {
      problems.push(`${name}: on Lambda, give secretsmanager:<name or ARN> or ssm:<parameter name>`);
    }
  }
  const urlLife = Number(given['STAGING_URL_TTL_SECONDS'] ?? 0);
  if (urlLife > ROLE_URL_SECONDS && given['SIGNING_CREDENTIALS'] === undefined) {
    problems.push(
      `STAGING_URL_TTL_SECONDS: over ${ROLE_URL_SECONDS} needs SIGNING_CREDENTIALS, since a URL ends with what it is signed with`,
    );
  }
  if (PROJECTS_CLAIM === undefined && IPD_PROJECTS === undefined) {
    problems.push(
      'PROJECTS_CLAIM or IPD_PROJECTS: one is needed; IPD_PROJECTS=* lets every user into every project',
    );
  }
  return problems;
}

/** The role's own, as Lambda gives them: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html */
function keysOf({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
}: z.output<typeof settings>) {
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken };
}

function sourceOf(value: string | undefined): CredentialsSource | undefined {
  if (value === undefined) return undefined;
  const [, kind, name] = /^(secretsmanager|ssm):(.+)$/.exec(value) ?? [];
  if (kind === 'secretsmanager' && name !== undefined) return { kind, name };
  if (kind === 'ssm' && name !== undefined) return { kind, name };
  return { kind: 'inline', json: value };
}
