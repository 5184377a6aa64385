/**
 * All settings of an operator, checked before a deploy and at `npm start`: the schema of the functions, the settings
 * that only the template needs, and names that are probably misspelt. Pure.
 */
import * as z from 'zod';
import { findTooShort } from '../lib/runtime/retention.ts';
import {
  count,
  findMisplaced,
  findTooSmall,
  functionSettings,
  givenOf,
  isOrigin,
  problemsOf,
  sourceOf,
} from '../lib/runtime/settings.ts';
import type { Environment } from '../lib/runtime/settings.ts';
import { isInChina, partitionOf } from './regions.ts';

/** A deploy of a stage to a region; or the embedded stack, which fills in missing settings and adds `others`. */
export type Place =
  { kind: 'deploy'; stage: string; region: string } | { kind: 'local'; others: readonly string[] };

/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html */
const LOG_RETENTION = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
].map(String);

const ISSUER =
  'must be the `iss` of its tokens, to the letter and the last slash, for example https://login.example.com';
const RUNBOOK = 'must be a URL without a fragment, for example https://wiki.example.com/bridge/operations.md';
const SECRETS = {
  IPD_CREDENTIALS: 'ipd',
  IPD_CA: 'ipd',
  SIGNING_CREDENTIALS: 'signing',
  LINK_KEY: 'links',
} as const;

/**
 * Lambda takes 4 KB of variables for a function, and the others with long values come to 1,700 bytes:
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
const LONGEST_AUTHORITIES = 2_300;

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html, without everyone (`*`). */
const PRINCIPAL = /^(\d{12}|arn:aws[a-z-]*:iam::\d{12}:(root|(role|user)\/[\w+=,.@/-]+))$/;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html: of a parameter's value. */
const LONGEST_PARAMETER = 4_096;

/** The template divides the text at its commas. */
const listOf = (item: RegExp, needed: string) =>
  z
    .string()
    .max(LONGEST_PARAMETER, `must have at most ${LONGEST_PARAMETER} characters`)
    .refine((text) => text.split(',').every((one) => item.test(one)), needed)
    .optional();

const templateSettings = {
  ISSUER_URL: z.string().refine(isIssuer, ISSUER).optional(),
  JWT_AUDIENCE: z
    .string()
    .regex(/^[^\s,]+$/, 'must be one audience, for example ipd-attachment-bridge')
    .default('ipd-attachment-bridge'),
  ALLOWED_ORIGINS: z
    .string()
    .refine(
      (text) => text.split(',').every(isOrigin),
      'must be origins as browsers send them, with their scheme and without a path, with commas and no spaces between them, for example https://app.example.com,https://admin.example.com',
    )
    .default('http://localhost:3000'),
  PUBLIC_ROUTES: z.enum(['on', 'off'], 'must be on or off').default('on'),
  LAMBDA_ARCHITECTURE: z.enum(['arm64', 'x86_64'], 'must be arm64 or x86_64').default('arm64'),
  DELIVERY_CONCURRENCY: count(5, { min: 2, max: 1000 }),
  API_REQUESTS_PER_SECOND: count(100, { min: 1, max: 100_000 }),
  API_BURST_REQUESTS: count(200, { min: 1, max: 100_000 }),
  LOG_RETENTION_DAYS: z
    .enum(LOG_RETENTION, `must be one of the days that CloudWatch knows: ${LOG_RETENTION.join(', ')}`)
    .default('30'),
  LAMBDA_TRACING: z.enum(['PassThrough', 'Active'], 'must be PassThrough or Active').default('PassThrough'),
  ALARM_TOPIC_ARN: z
    .string()
    .regex(
      /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]{1,256}$/,
      'must be the ARN of a standard topic, for example arn:aws:sns:eu-central-1:123456789012:alarms',
    )
    .optional(),
  INGEST_PRINCIPALS: listOf(
    PRINCIPAL,
    'must be accounts, or ARNs of roles or users, with commas and no spaces between them, for example arn:aws:iam::123456789012:role/ci',
  ),
  INGEST_SOURCE_BUCKETS: listOf(
    BUCKET,
    'must be names of buckets, with commas and no spaces between them, for example ci-artifacts,crash-reports',
  ),
  /** Where the operators can open docs/operations.md. */
  RUNBOOK_URL: z
    .url({ protocol: /^https?$/, error: RUNBOOK, abort: true })
    .refine((url) => !url.includes('#'), RUNBOOK)
    .optional(),
};

/** By the name of the variable. meanings.ts says what each is for; docs/settings.md is the page for operators. */
export const deploySettings = z.object({ ...functionSettings, ...templateSettings });

/** The template takes these empty. */
const MAY_BE_EMPTY = new Set(['ISSUER_URL', 'ALARM_TOPIC_ARN', 'INGEST_PRINCIPALS', 'INGEST_SOURCE_BUCKETS']);

/** serverless uses an empty value as it is; only the functions treat it as missing. */
const NEVER_EMPTY = [
  ...Object.keys(templateSettings).filter((name) => !MAY_BE_EMPTY.has(name)),
  'PARTS_EXPIRE_DAYS',
  'STAGED_FILES_EXPIRE_DAYS',
  'LINKED_FILES_EXPIRE_DAYS',
  'IPD_CREDENTIALS',
  'OVERSIZE',
  'LINK_KEY',
];

/** One sentence for each problem: the name, the fault, and a valid value. Never contains a given value. */
export function findProblems(env: Environment, place: Place): string[] {
  const given = { ...(place.kind === 'local' && { IPD_PROJECTS: '*' }), ...givenOf(env) };
  const parsed = deploySettings.safeParse(given);
  return [
    ...problemsOf(parsed.error),
    ...findMisplaced(given, { onLambda: place.kind === 'deploy' }),
    ...(parsed.success ? [...findTooShort(parsed.data, parsed.data), ...findTooSmall(parsed.data)] : []),
    ...findClosedLinks(given),
    ...NEVER_EMPTY.filter((name) => env[name] === '').map(
      (name) => `${name}: is empty: give it a value, or unset it for the default`,
    ),
    ...(place.kind === 'deploy' ? findUndeployable(given, place) : []),
    ...findMisspelt(Object.keys(given), [
      ...Object.keys(deploySettings.shape),
      ...(place.kind === 'local' ? place.others : []),
    ]),
  ];
}

/** A link is followed by a person's browser, which sends no token. */
function findClosedLinks(given: Environment): string[] {
  return given['OVERSIZE'] === 'link' && given['PUBLIC_ROUTES'] === 'off'
    ? ['OVERSIZE: must be refuse with PUBLIC_ROUTES=off: the route that a link leads to takes no token']
    : [];
}

/** Settings that are valid alone, but not for this stage in this region. */
function findUndeployable(
  given: Environment,
  { stage, region }: { stage: string; region: string },
): string[] {
  const { ISSUER_URL, ALARM_TOPIC_ARN } = given;
  const problems: string[] = [];
  if (given['PROJECTS_CLAIM'] !== undefined && given['IPD_PROJECTS'] !== undefined) {
    problems.push('IPD_PROJECTS: has no effect beside PROJECTS_CLAIM: leave one of them out');
  }
  if (ISSUER_URL === undefined) problems.push(`ISSUER_URL: is missing: it ${ISSUER}`);
  else if (ISSUER_URL.startsWith('http:')) problems.push(`ISSUER_URL: API Gateway needs https: it ${ISSUER}`);
  if (given['OVERSIZE'] === 'link' && given['PUBLIC_URL'] === undefined) {
    problems.push(
      'PUBLIC_URL: is missing: OVERSIZE=link needs an address that outlives the stack, for example https://uploads.example.com',
    );
  }
  const topicRegion = ALARM_TOPIC_ARN?.split(':')[3] ?? region;
  if (topicRegion !== region) {
    problems.push(`ALARM_TOPIC_ARN: must be a topic in ${region}, where the alarms are`);
  }
  if (ALARM_TOPIC_ARN !== undefined && given['RUNBOOK_URL'] === undefined) {
    problems.push(`RUNBOOK_URL: is missing: people who get alarms need docs/operations.md: it ${RUNBOOK}`);
  }
  if (sourceOf(given['IPD_CA'])?.kind === 'inline' && (given['IPD_CA'] ?? '').length > LONGEST_AUTHORITIES) {
    problems.push(
      `IPD_CA: has more than ${LONGEST_AUTHORITIES} characters, too many for Lambda: store it as secretsmanager:ipd-attachment-bridge/${stage}/ipd-ca`,
    );
  }
  for (const [name, word] of Object.entries(SECRETS)) {
    const [, secret] = /^(?:secretsmanager:(?:arn:.*:secret:)?|ssm:\/)(.*)$/s.exec(given[name] ?? '') ?? [];
    const folder = `ipd-attachment-bridge/${stage}/`;
    // The roles of a stage may only read secrets whose names begin like this.
    if (secret !== undefined && !secret.startsWith(folder + word)) {
      problems.push(
        `${name}: the name must begin with ${folder}${word}, for example secretsmanager:${folder}${word}`,
      );
    }
  }
  return [...problems, ...findOtherPartitions(given, region), ...findImpossibleInChina(given, region)];
}

/** ARNs that nothing in the region reaches: https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html */
function findOtherPartitions(given: Environment, region: string): string[] {
  const own = `arn:${partitionOf(region)}:`;
  return ['INGEST_PRINCIPALS', ...Object.keys(SECRETS)].flatMap((name) => {
    const arns = given[name]?.match(/\barn:[^:]*:/g) ?? [];
    return arns.every((arn) => arn === own)
      ? []
      : [`${name}: an ARN in ${region} begins with ${own} nothing reaches another partition`];
  });
}

/** What an operator must decide or leave out there; regions.ts has the sources. */
function findImpossibleInChina(given: Environment, region: string): string[] {
  if (!isInChina(region)) return [];
  return [
    ...(given['PUBLIC_ROUTES'] === undefined
      ? [
          'PUBLIC_ROUTES: is missing: API Gateway in China answers requests without a token only for an account with an ICP licence: give on with one, off without one',
        ]
      : []),
    ...(given['LAMBDA_TRACING'] === 'Active'
      ? [`LAMBDA_TRACING: must be PassThrough in ${region}, where Lambda sends no traces`]
      : []),
  ];
}

/** Names that are no setting, but are like one. */
function findMisspelt(names: string[], settings: string[]): string[] {
  return names.flatMap((name) => {
    if (settings.includes(name)) return [];
    const written = name.toUpperCase();
    const [nearest] = settings
      .filter((one) => isLike(written, one))
      .toSorted((one, other) => distance(written, one) - distance(written, other));
    return nearest === undefined ? [] : [`${name}: there is no such setting; is ${nearest} meant?`];
  });
}

/** True when the names differ in a few letters or in the last of three words, or when one is the other with words added. */
function isLike(name: string, setting: string): boolean {
  const [short, long] = name.length < setting.length ? [name, setting] : [setting, name];
  if (short.includes('_') && long.startsWith(`${short}_`)) return true;
  const [stem, otherStem] = [withoutLastWord(name), withoutLastWord(setting)];
  if (stem.includes('_') && stem === otherStem) return true;
  const few = Math.max(2, Math.floor(name.length / 4));
  return long.length - short.length <= few && distance(name, setting, few) <= few;
}

function withoutLastWord(name: string): string {
  return name.replace(/_[^_]*$/, '');
}

/**
 * How many letters to insert, delete or replace, or Infinity as soon as they are more than `most`:
 * https://en.wikipedia.org/wiki/Levenshtein_distance
 */
function distance(one: string, other: string, most = Infinity): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const letter of one.split('')) {
    const above = row;
    row = [(above[0] ?? 0) + 1];
    for (let column = 0; column < other.length; column += 1) {
      const changed = (above[column] ?? 0) + (letter === other[column] ? 0 : 1);
      row.push(Math.min(changed, (above[column + 1] ?? 0) + 1, (row[column] ?? 0) + 1));
    }
    if (Math.min(...row) > most) return Infinity;
  }
  return row.at(-1) ?? 0;
}

/** An issuer's URL has no query and no fragment (OpenID Connect Discovery 1.0, section 3). It is not the document's. */
function isIssuer(text: string): boolean {
  const url = URL.parse(text);
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    !/[?#\s]|\/\/$|\/\.well-known\//.test(text)
  );
}
