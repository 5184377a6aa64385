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
const STANDARD_RATE = 60;
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

/** The settings to use, by name. What was not found out is not among them. */
export function adviseOf({ answer, rate, sizes, parallel }: Findings): Record<string, string> {
  const measured = Math.max(Math.floor(rate.perMinute * SHARE), 1);
  const takenBy = (auth: string): number => sizes.find((size) => size.auth === auth)?.taken ?? 0;
  // The product signs no body beyond what is documented, whatever the tenant takes.
  const bySignature = Math.min(takenBy('aksk'), ACCESS_KEY_BODY_LIMIT);
  const largest = Math.max(bySignature, takenBy('token'));
  return {
    ...(largest > 0 && { MAX_FILE_BYTES: String(largest) }),
    IPD_AUTH: sizes.length > 1 ? 'auto' : (sizes[0]?.auth ?? 'auto'),
    // Where no throttle was met, nothing is known of one.
    IPD_RATE: String(rate.throttled ? Math.min(measured, HIGHEST_RATE) : STANDARD_RATE),
    ...(answer.listDelayMs !== undefined && {
      IPD_COMMIT_WINDOW_SECONDS: String(windowOf(answer.listDelayMs)),
    }),
    DELIVERY_CONCURRENCY: String(Math.max(parallel.taken, LEAST_CONCURRENCY)),
  };
}

/** Lines for people: the settings that nothing follows for, and what to do about that. */
export function describeGaps({ answer }: Findings): string[] {
  if (answer.listDelayMs !== undefined) return [];
  const why = 'the list did not show the file within the patience';
  return [`IPD_COMMIT_WINDOW_SECONDS: not known, since ${why}: measure longer with --patience`];
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

function saySize({ auth, taken, refused, answer }: Findings['sizes'][number]): string {
  const limit = refused === undefined ? 'no limit met' : `${refused} refused: ${answer}`;
  return `size with ${auth}: ${taken} bytes taken, ${limit}`;
}
