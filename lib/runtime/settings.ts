/**
 * The settings that an operator chooses and the functions read: bounds, defaults, and the rules between them. Pure. One
 * schema for all: a deploy and `npm start` read it too, with what only they need (deploy/settings.ts), so a wrong value
 * is refused with the same sentence everywhere.
 */
import * as z from 'zod';
import { parseAuthorities } from './authorities.ts';
import { entriesOf, findWrongHosts, isHost, isOtherService } from './hosts.ts';
import { GIB, MIB } from '../domain/units.ts';
import { PROJECT_ID } from '../domain/upload.ts';

export type Environment = Record<string, string | undefined>;

/** Digits only: CloudFormation takes some of these as they are written. */
export const count = (standard: number, { min, max }: { min: number; max: number }) => {
  const range = `must be a whole number from ${min} to ${max}, for example ${standard}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, range)
    .transform(Number)
    .pipe(z.number().min(min, range).max(max, range))
    .default(standard);
};

/** Of all parts but the last: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
export const LEAST_PART_BYTES = 5 * MIB;

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html */
const tag = z
  .string()
  .regex(/^[^=]{1,128}=.{1,256}$/s, 'must have a form like GuardDutyMalwareScanStatus=NO_THREATS_FOUND')
  .transform((text) => ({ name: text.replace(/=.*/s, ''), value: text.replace(/^[^=]*=/, '') }));

/** https://www.rfc-editor.org/rfc/rfc7519#section-4: any text, but a list or a wildcard is a mistake. */
const claim = (example: string) =>
  z.string().regex(/^[^\s,*]+$/, `must be the name of one claim, for example ${example}`);

/** A project that IPD cannot have would open nothing: every upload would be refused. */
const projects = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter(Boolean))
  .refine(
    (ids) => ids.length > 0 && (String(ids) === '*' || ids.every((id) => PROJECT_ID.test(id))),
    'must be ids of projects, of 32 letters and digits each, with commas between them; or * for all',
  );

const allowedHosts = z
  .string()
  .transform(entriesOf)
  .refine(
    (hosts) => hosts.length > 0 && hosts.every(isHost),
    'must be names of hosts in small letters, with commas between them and a port only where it is not 443, for example gateway.example.com:8443',
  )
  .refine(
    (hosts) => !hosts.some(isOtherService),
    'in myhuaweicloud.com and myhuaweicloud.cn, only projectman-ext.<region> and iam.<region> get credentials',
  );

/** https://developer.mozilla.org/en-US/docs/Glossary/Origin */
const origin = (example: string) =>
  z
    .url({ protocol: /^https?$/, error: `must be a URL, for example ${example}`, abort: true })
    .refine(isOrigin, `must be an origin, without a path or a query, for example ${example}`);

const authorities = z.string().superRefine((text, context) => {
  if (sourceOf(text)?.kind !== 'inline') return;
  const parsed = parseAuthorities(text);
  if (parsed.kind === 'refused') context.addIssue(parsed.reason);
});

export const functionSettings = {
  MAX_FILE_BYTES: count(50 * MIB, { min: 1, max: 5 * GIB }),
  STAGING_URL_TTL_SECONDS: count(3600, { min: 60, max: 604_800 }),
  MULTIPART_THRESHOLD_BYTES: count(10 * MIB, { min: 1, max: 5 * GIB }),
  PART_SIZE_BYTES: count(5 * MIB, { min: LEAST_PART_BYTES, max: 100 * MIB }),
  S3_PUBLIC_ENDPOINT: origin('https://files.example.com').optional(),
  SIGNING_CREDENTIALS: z.string().optional(),
  MAX_OPEN_UPLOADS: count(100, { min: 1, max: 10_000 }),
  UPLOADS_PER_MINUTE: count(60, { min: 1, max: 1_000 }),
  UPPY_SESSION_TTL_SECONDS: count(43_200, { min: 60, max: 604_800 }),
  UPLOAD_DEADLINE_HOURS: count(72, { min: 1, max: 720 }),
  RETRY_WINDOW_HOURS: count(24, { min: 1, max: 720 }),
  FAILED_RETENTION_DAYS: count(7, { min: 1, max: 90 }),
  RECORD_RETENTION_DAYS: count(400, { min: 30, max: 3_650 }),
  PARTS_EXPIRE_DAYS: count(4, { min: 1, max: 60 }),
  STAGED_FILES_EXPIRE_DAYS: count(19, { min: 1, max: 400 }),
  OVERSIZE: z.enum(['refuse', 'link'], 'must be refuse or link').default('refuse'),
  PUBLIC_URL: origin('https://uploads.example.com').optional(),
  LINK_KEY: z.string().optional(),
  MAX_LINKED_FILE_BYTES: count(5 * GIB, { min: 1, max: 5 * GIB }),
  LINKED_FILES_DAYS: count(365, { min: 1, max: 3_650 }),
  LINKED_FILES_EXPIRE_DAYS: count(400, { min: 1, max: 4_000 }),
  COMMENT_ON_DELIVERY: z.enum(['on', 'off'], 'must be on or off').default('off'),
  COMMENT_LANGUAGE: z.enum(['en', 'zh-CN'], 'must be en or zh-CN').default('en'),
  IPD_COMMIT_WINDOW_SECONDS: count(600, { min: 1, max: 86_400 }),
  PREFLIGHT: z.enum(['on', 'off'], 'must be on or off').default('on'),
  REQUIRED_SCAN_TAG: tag.optional(),
  PROJECTS_CLAIM: claim('projects').optional(),
  UPLOADED_BY_CLAIM: claim('name').default('name'),
  IPD_PROJECTS: projects.optional(),
  INGEST_PROJECTS: projects.optional(),
  INGEST_MAX_OPEN: count(10_000, { min: 1, max: 1_000_000 }),
  IPD_RATE: count(60, { min: 1, max: 12_000 }),
  IPD_REGION: z
    .string()
    .regex(/^[a-z]+(-[a-z0-9]+)+$/, 'must have a form like cn-north-4')
    .default('cn-north-4'),
  IPD_ENDPOINT: z.string().optional(),
  IPD_IAM_ENDPOINT: z.string().optional(),
  IPD_ALLOWED_HOSTS: allowedHosts.optional(),
  IPD_CA: authorities.optional(),
  IPD_GATEWAY: z.string().optional(),
  IPD_AUTH: z.enum(['auto', 'aksk', 'token'], 'must be auto, aksk or token').default('auto'),
  IPD_CREDENTIALS: z.string().optional(),
};

/** The credentials of a function's role may expire within the hour. */
const ROLE_URL_SECONDS = 3_600;

/** Of the key that the secrets of links are made with: no one guesses it, even without a limit of tries. */
export const LEAST_LINK_KEY_CHARACTERS = 32;

/** Where a text is: in a secret, in a parameter, or (credentials never on Lambda) in the setting itself. */
export type TextSource =
  { kind: 'secretsmanager'; name: string } | { kind: 'ssm'; name: string } | { kind: 'inline'; text: string };

/** What is set: an empty value counts as missing. */
export function givenOf(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || value === '' ? [] : [[name, value]],
    ),
  );
}

/** What a schema finds wrong, a sentence for each setting: never with its value, which may be a secret. */
export function problemsOf(error: z.ZodError | undefined): string[] {
  return (error?.issues ?? []).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
}

/**
 * Problems between settings: credentials for a wrong host or inside a setting, URLs that outlive their key, links that
 * are not encrypted on their way, and no choice of projects, which has no default.
 */
export function findMisplaced(given: Environment, { onLambda }: { onLambda: boolean }): string[] {
  const { PROJECTS_CLAIM, IPD_PROJECTS } = given;
  const problems = findWrongHosts({
    endpoint: given['IPD_ENDPOINT'],
    iamEndpoint: given['IPD_IAM_ENDPOINT'],
    gateway: given['IPD_GATEWAY'],
    allowed: entriesOf(given['IPD_ALLOWED_HOSTS'] ?? '').filter(isHost),
    onLambda,
    usesTokens: given['IPD_AUTH'] !== 'aksk',
    namesRegion: given['IPD_REGION'] !== undefined,
  });
  if (given['IPD_CA'] !== undefined && given['IPD_ALLOWED_HOSTS'] === undefined) {
    problems.push('IPD_CA: has no effect without IPD_ALLOWED_HOSTS: it counts for those hosts alone');
  }
  for (const name of ['IPD_CREDENTIALS', 'SIGNING_CREDENTIALS', 'LINK_KEY']) {
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
  const linkKey = sourceOf(given['LINK_KEY']);
  if (!onLambda && linkKey?.kind === 'inline' && linkKey.text.length < LEAST_LINK_KEY_CHARACTERS) {
    problems.push(`LINK_KEY: must have at least ${LEAST_LINK_KEY_CHARACTERS} characters`);
  }
  if (onLambda && given['PUBLIC_URL']?.startsWith('http:') === true) {
    problems.push('PUBLIC_URL: must begin with https: who reads a link on its way can read the file');
  }
  if (PROJECTS_CLAIM === undefined && IPD_PROJECTS === undefined) {
    problems.push(
      'PROJECTS_CLAIM or IPD_PROJECTS: one is needed, for example PROJECTS_CLAIM=projects; IPD_PROJECTS=* lets every user into every project',
    );
  }
  return problems;
}

/** A problem where links are for files that become attachments anyway: the largest linked file is the largest of all. */
export function findTooSmall({
  OVERSIZE,
  MAX_FILE_BYTES,
  MAX_LINKED_FILE_BYTES,
}: {
  OVERSIZE: 'refuse' | 'link';
  MAX_FILE_BYTES: number;
  MAX_LINKED_FILE_BYTES: number;
}): string[] {
  if (OVERSIZE === 'refuse' || MAX_LINKED_FILE_BYTES >= MAX_FILE_BYTES) return [];
  return ['MAX_LINKED_FILE_BYTES: must be at least MAX_FILE_BYTES: files up to that one become attachments'];
}

export function sourceOf(value: string | undefined): TextSource | undefined {
  if (value === undefined) return undefined;
  const [, kind, name] = /^(secretsmanager|ssm):(.+)$/.exec(value) ?? [];
  if (kind === 'secretsmanager' && name !== undefined) return { kind, name };
  if (kind === 'ssm' && name !== undefined) return { kind, name };
  return { kind: 'inline', text: value };
}

/** Exactly what a browser sends: in small letters, without the default port. */
export function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.parse(text)?.origin === text;
}
