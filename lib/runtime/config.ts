/**
 * The configuration of every function, read from the environment in one place and checked all at once. Pure: nothing
 * is fetched here; secrets come as references, or inline outside Lambda.
 */
import * as z from 'zod';
import { parseAuthorities } from './authorities.ts';
import { findTooShort } from './retention.ts';
import {
  findMisplaced,
  findTooSmall,
  functionSettings,
  givenOf,
  LEAST_LINK_KEY_CHARACTERS,
  LEAST_PART_BYTES,
  problemsOf,
  sourceOf,
} from './settings.ts';
import type { Environment } from './settings.ts';
import { DAY_MS, HOUR_MS } from '../domain/units.ts';

/** The settings that the template and Lambda itself set, beside those that an operator chooses. */
const settings = z.object({
  STAGING_BUCKET: z.string(),
  UPLOADS_TABLE: z.string(),
  DELIVERY_QUEUE_URL: z.url(),
  INGEST_QUEUE_URL: z.url().optional(),
  INGEST_DELIVERY_QUEUE_URL: z.url().optional(),
  NOTIFICATIONS_TOPIC_ARN: z.string().optional(),
  AWS_REGION: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
  AWS_ENDPOINT_URL: z.string().optional(),
  AWS_ENDPOINT_URL_S3: z.string().optional(),
  ...functionSettings,
});

/** The share of the rate for pre-flight checks. Deliveries check the work item again, so they come first. */
const PREFLIGHT_SHARE = 0.25;
/** The share for ingested files that are delivered at once. All others wait for the sweep, which lets people go first. */
const PROMPT_SHARE = 0.1;

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

/** Checks the environment. Throws one Error that names every setting at fault. An empty value counts as missing. */
export function readConfig(env: Environment = process.env) {
  const given = givenOf(env);
  const parsed = settings.safeParse(given);
  const problems = [
    ...problemsOf(parsed.error),
    ...findMisplaced(given, { onLambda: env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined }),
    ...(parsed.success ? [...findTooShort(parsed.data, given), ...findTooSmall(parsed.data)] : []),
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
    ingest: {
      queueUrl: values.INGEST_QUEUE_URL,
      deliveryQueueUrl: values.INGEST_DELIVERY_QUEUE_URL ?? values.DELIVERY_QUEUE_URL,
      admission: values.INGEST_PROJECTS && {
        projects: values.INGEST_PROJECTS,
        mostAttached: values.MAX_FILE_BYTES,
        maxFileBytes: values.OVERSIZE === 'link' ? values.MAX_LINKED_FILE_BYTES : values.MAX_FILE_BYTES,
      },
      maxOpen: values.INGEST_MAX_OPEN,
      promptPerMinute: Math.max(Math.floor(values.IPD_RATE * PROMPT_SHARE), 1),
    },
    maxFileBytes: values.MAX_FILE_BYTES,
    // Only functions that make, show or answer links are given the address and the key.
    links:
      values.OVERSIZE === 'link'
        ? {
            maxFileBytes: values.MAX_LINKED_FILE_BYTES,
            days: values.LINKED_FILES_DAYS,
            publicUrl: values.PUBLIC_URL,
            key: sourceOf(values.LINK_KEY),
          }
        : undefined,
    comment: values.COMMENT_ON_DELIVERY === 'on' ? { language: values.COMMENT_LANGUAGE } : undefined,
    stagingUrlTtlSeconds: values.STAGING_URL_TTL_SECONDS,
    sessionTtlSeconds: values.UPPY_SESSION_TTL_SECONDS,
    limits: {
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
    topicArn: values.NOTIFICATIONS_TOPIC_ARN,
    policy: {
      uploadDeadlineMs: values.UPLOAD_DEADLINE_HOURS * HOUR_MS,
      retryWindowMs: values.RETRY_WINDOW_HOURS * HOUR_MS,
      failedRetentionMs: values.FAILED_RETENTION_DAYS * DAY_MS,
      commitWindowMs: values.IPD_COMMIT_WINDOW_SECONDS * 1000,
      linkedFileMs: values.LINKED_FILES_DAYS * DAY_MS,
    },
    recordRetentionMs: values.RECORD_RETENTION_DAYS * DAY_MS,
    preflight: values.PREFLIGHT === 'on',
    requiredScanTag: values.REQUIRED_SCAN_TAG,
    projectsClaim: values.PROJECTS_CLAIM,
    uploadedByClaim: values.UPLOADED_BY_CLAIM,
    projects: values.IPD_PROJECTS,
    deliveriesPerMinute: values.IPD_RATE,
    preflightsPerMinute: Math.max(Math.floor(values.IPD_RATE * PREFLIGHT_SHARE), 1),
    ipd: {
      ...hosts,
      region: values.IPD_REGION,
      gateway: values.IPD_GATEWAY,
      allowedHosts: values.IPD_ALLOWED_HOSTS ?? [],
      authorities: sourceOf(values.IPD_CA),
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

/**
 * Reads the key that the secrets of links are made with: a text, without what surrounds it. Throws an Error that says
 * what is wrong with it, never any of it.
 */
export function readLinkKey(text: string): string {
  const key = text.trim();
  if (key.length >= LEAST_LINK_KEY_CHARACTERS) return key;
  throw new Error(`LINK_KEY: must have at least ${LEAST_LINK_KEY_CHARACTERS} characters`);
}

/** Reads the certificates of IPD_CA, each in PEM. Throws an Error that names what is wrong, never any of the text. */
export function readAuthorities(text: string): string[] {
  const parsed = parseAuthorities(text);
  if (parsed.kind === 'refused') throw new Error(`IPD_CA: ${parsed.reason}`);
  return parsed.certificates;
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

/**
 * The role's own keys, as Lambda gives them: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
function keysOf({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
}: z.output<typeof settings>) {
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { accessKeyId, secretAccessKey, sessionToken };
}
