/**
 * Describes what a probe of IPD has found, and derives settings from it. Pure.
 */
import { ACCESS_KEY_BODY_LIMIT } from '../../lib/ipd/auth.ts';
import type {
  measureAnswer,
  measureBodies,
  measureFullness,
  measureNames,
  measureParallel,
  measureRate,
  measureSizes,
} from './probing.ts';

type Found<Measure extends (...given: never[]) => Promise<unknown>> = Awaited<ReturnType<Measure>>;

export type Findings = {
  answer: Found<typeof measureAnswer>;
  names: Found<typeof measureNames>;
  bodies: Found<typeof measureBodies>;
  parallel: Found<typeof measureParallel>;
  rate: Found<typeof measureRate>;
  sizes: Found<typeof measureSizes>[];
  fullness: Found<typeof measureFullness> | undefined;
};

/** The settings' own defaults and bounds. */
const HIGHEST_RATE = 12_000;
const STANDARD_WINDOW_SECONDS = 600;
const LONGEST_WINDOW_SECONDS = 86_400;
/** The least of a Lambda event source: https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html */
const LEAST_CONCURRENCY = 2;
/** The bridge's share of the measured rate: others use the tenant, too. */
const SHARE = 0.8;
/** The window is this many times the measured delay of the list, which may be longer on another day. */
const WINDOW_PER_DELAY = 20;

/** Describes the given findings in lines for people. */
export function describeFindings(found: Partial<Findings>): string[] {
  const { answer, names, bodies, parallel, rate, sizes, fullness } = found;
  return [
    ...(answer ? sayAnswer(answer) : []),
    ...(names ?? []).map(
      ({ label, taken, answer: words, shown, isKept }) =>
        `name: ${label}: ${taken ? `taken${isKept ? '' : `, shown as ${shown ?? 'nothing yet'}`}` : `refused: ${words}`}`,
    ),
    ...(bodies
      ? [
          `body without a length (chunked): ${bodies.chunked.taken ? 'taken' : `refused: ${bodies.chunked.answer}`}`,
          `slow body: ${bodies.slow.taken ? 'taken' : `cut: ${bodies.slow.answer},`} after ${bodies.slow.seconds.toFixed(1)} s`,
        ]
      : []),
    ...(parallel
      ? [
          `at once: ${parallel.taken} of ${parallel.sent} taken${parallel.refusal ? `; the others: ${parallel.refusal}` : ''}`,
        ]
      : []),
    ...(rate ? sayRate(rate) : []),
    ...(sizes ?? []).map(saySize),
    ...(fullness
      ? [
          `full: ${fullness.files} files, ${fullness.bytes} bytes${fullness.refusal ? `, then: ${fullness.refusal}` : ', no limit met'}`,
        ]
      : []),
  ];
}

/** The settings that follow from the findings, by name; those that `describeGaps` names are left out. */
export function adviseOf(findings: Findings): Record<string, string> {
  const { answer, rate, sizes, parallel } = findings;
  const unknown = describeGaps(findings);
  const taking = sizes.filter(({ taken }) => taken > 0);
  const [only] = taking;
  const measured = Math.max(Math.floor(rate.perMinute * SHARE), 1);
  const settings = {
    MAX_FILE_BYTES: largestOf(findings),
    IPD_AUTH: taking.length === 1 ? only?.auth : 'auto',
    IPD_RATE: Math.min(measured, HIGHEST_RATE),
    IPD_COMMIT_WINDOW_SECONDS: windowOf(answer.listDelayMs ?? 0),
    DELIVERY_CONCURRENCY: Math.max(parallel.taken, LEAST_CONCURRENCY),
  };
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (name in unknown ? [] : [[name, String(value)]])),
  );
}

/** The settings that do not follow from the findings, by name: what was reached, and how to measure further. */
export function describeGaps(findings: Findings): Record<string, string> {
  const { answer, rate, sizes, parallel } = findings;
  const largest = largestOf(findings);
  const isLimited = sizes.some(
    ({ taken, refused, isLimit }) => isLimit && refused !== undefined && taken > 0,
  );
  const speed = `${Math.floor(rate.perMinute)} a minute for ${rate.seconds.toFixed(1)} s`;
  return {
    ...(!isLimited && {
      MAX_FILE_BYTES:
        largest === 0
          ? 'no file of any size was taken'
          : `${largest} bytes were taken and no limit was met: --sizes tries larger ones`,
    }),
    ...(sizes.every(({ taken }) => taken === 0) && { IPD_AUTH: 'no file was taken by any' }),
    ...(!rate.isSustained && {
      IPD_RATE:
        rate.throttled === undefined
          ? `no throttle was met at ${speed}: a longer --rate-seconds goes on longer`
          : `a throttle was met, and measured too briefly after it: a longer --rate-seconds goes on longer`,
    }),
    ...(answer.listDelayMs === undefined && {
      IPD_COMMIT_WINDOW_SECONDS:
        'the list did not show the file within the patience: a longer --patience waits longer',
    }),
    ...(parallel.taken === parallel.sent && {
      DELIVERY_CONCURRENCY: `${parallel.sent} files at once were taken, and more were not tried`,
    }),
  };
}

/** In bytes. The bridge signs no body above the documented limit, even if the tenant takes larger ones. */
function largestOf({ sizes }: Findings): number {
  const taken = sizes.map((size) =>
    size.auth === 'aksk' ? Math.min(size.taken, ACCESS_KEY_BODY_LIMIT) : size.taken,
  );
  return Math.max(0, ...taken);
}

function windowOf(listDelayMs: number): number {
  const seconds = Math.ceil((listDelayMs / 1000) * WINDOW_PER_DELAY);
  return Math.min(Math.max(STANDARD_WINDOW_SECONDS, seconds), LONGEST_WINDOW_SECONDS);
}

function sayAnswer({ idIsNamed, fields, listDelayMs }: Findings['answer']): string[] {
  return [
    // No request of the bridge carries this header.
    'X-Project-Id: not needed',
    `id in the answer: ${idIsNamed ? 'yes' : 'no, so each delivery looks it up'}; fields: ${fields.join(', ') || 'none'}`,
    `list: shows a new file ${listDelayMs === undefined ? 'not within the time that was waited' : `after ${(listDelayMs / 1000).toFixed(1)} s`}`,
  ];
}

function sayRate({ taken, seconds, perMinute, throttled, refusal, rateHeaders }: Findings['rate']): string[] {
  const stated = Object.entries(rateHeaders).map(([name, value]) => `${name}: ${value}`);
  return [
    `rate: ${taken} uploads in ${seconds.toFixed(1)} s, ${Math.floor(perMinute)} a minute`,
    throttled === undefined
      ? 'throttle: none met, so the sustained rate is not measured'
      : `throttle: after ${throttled.afterUploads} uploads: ${throttled.answer}; Retry-After: ${throttled.retryAfter ?? 'not sent'}`,
    ...(refusal === undefined ? [] : [`rate: ended by a refusal: ${refusal}`]),
    ...(stated.length > 0 ? [`the gateway tells: ${stated.join('; ')}`] : []),
  ];
}

function saySize({ auth, taken, refused, answer, isLimit }: Findings['sizes'][number]): string {
  const most = taken === 0 ? 'none taken' : `${taken} bytes taken`;
  if (refused === undefined) return `size with ${auth}: ${most}, no limit met`;
  const why = isLimit ? 'refused' : 'not taken, but not for its size';
  return `size with ${auth}: ${most}, ${refused} ${why}: ${answer}`;
}
