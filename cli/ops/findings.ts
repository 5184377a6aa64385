/**
 * What a probe of IPD has found: in words, and as the settings that follow from it. Pure.
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
/** An event source of Lambda's takes no less: https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html */
const LEAST_CONCURRENCY = 2;
/** Of what was measured: others use the tenant, too. */
const SHARE = 0.8;
/** A list that is slow to show what there is may be slower on another day. */
const WINDOW_PER_DELAY = 20;

/** Lines for people, of whatever is given. */
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

/** The settings that follow from what was measured, by name. What was not reached is not among them. */
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

/** Why nothing follows for a setting, by name: what was reached instead, and how to measure further. */
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
          ? 'no file was taken, of whatever size'
          : `${largest} bytes were taken and no limit was met: --sizes tries larger ones`,
    }),
    ...(sizes.every(({ taken }) => taken === 0) && { IPD_AUTH: 'no file was taken by any' }),
    ...(!rate.isSustained && {
      IPD_RATE:
        rate.throttled === undefined
          ? `no throttle was met at ${speed}: --rate-seconds measures longer`
          : `a throttle was met, and not long enough measured after it: --rate-seconds measures longer`,
    }),
    ...(answer.listDelayMs === undefined && {
      IPD_COMMIT_WINDOW_SECONDS:
        'the list did not show the file within the patience: --patience measures longer',
    }),
    ...(parallel.taken === parallel.sent && {
      DELIVERY_CONCURRENCY: `${parallel.sent} files at once were taken, and more were not tried`,
    }),
  };
}

/** In bytes. The product signs no body beyond what is documented, whatever the tenant takes. */
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

function sayAnswer({ idIsTold, fields, listDelayMs }: Findings['answer']): string[] {
  return [
    // No request of ours carries one.
    'X-Project-Id: not needed',
    `id in the answer: ${idIsTold ? 'yes' : 'no, so each delivery looks it up'}; fields: ${fields.join(', ') || 'none'}`,
    `list: shows a new file ${listDelayMs === undefined ? 'not within the time that was waited' : `after ${(listDelayMs / 1000).toFixed(1)} s`}`,
  ];
}

function sayRate({ taken, seconds, perMinute, throttled, refusal, rateHeaders }: Findings['rate']): string[] {
  const told = Object.entries(rateHeaders).map(([name, value]) => `${name}: ${value}`);
  return [
    `rate: ${taken} uploads in ${seconds.toFixed(1)} s, ${Math.floor(perMinute)} a minute`,
    throttled === undefined
      ? 'throttle: none met, so what is sustained is not known'
      : `throttle: after ${throttled.afterUploads} uploads: ${throttled.answer}; Retry-After: ${throttled.retryAfter ?? 'not sent'}`,
    ...(refusal === undefined ? [] : [`rate: ended by a refusal: ${refusal}`]),
    ...(told.length > 0 ? [`the gateway tells: ${told.join('; ')}`] : []),
  ];
}

function saySize({ auth, taken, refused, answer, isLimit }: Findings['sizes'][number]): string {
  const most = taken === 0 ? 'none taken' : `${taken} bytes taken`;
  if (refused === undefined) return `size with ${auth}: ${most}, no limit met`;
  const why = isLimit ? 'refused' : 'not taken, but not for its size';
  return `size with ${auth}: ${most}, ${refused} ${why}: ${answer}`;
}
