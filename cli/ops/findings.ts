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
import { fill, texts } from '../texts.ts';
import type { Texts } from '../texts/en.ts';

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
    ...(names ?? []).map(sayName),
    ...(bodies ? sayBodies(bodies) : []),
    ...(parallel ? [sayParallel(parallel)] : []),
    ...(rate ? sayRate(rate) : []),
    ...(sizes ?? []).map(saySize),
    ...(fullness ? [sayFullness(fullness)] : []),
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
export function describeGaps(findings: Findings, { ops }: Texts = texts): Record<string, string> {
  const { answer, rate, sizes, parallel } = findings;
  const largest = largestOf(findings);
  const isLimited = sizes.some(
    ({ taken, refused, isLimit }) => isLimit && refused !== undefined && taken > 0,
  );
  const speed = { perMinute: Math.floor(rate.perMinute), seconds: rate.seconds.toFixed(1) };
  return {
    ...(!isLimited && {
      MAX_FILE_BYTES: largest === 0 ? ops.gaps.noFile : fill(ops.gaps.noSizeLimit, { bytes: largest }),
    }),
    ...(sizes.every(({ taken }) => taken === 0) && { IPD_AUTH: ops.gaps.noAuth }),
    ...(!rate.isSustained && {
      IPD_RATE: rate.throttled === undefined ? fill(ops.gaps.noThrottle, speed) : ops.gaps.shortThrottle,
    }),
    ...(answer.listDelayMs === undefined && { IPD_COMMIT_WINDOW_SECONDS: ops.gaps.notListed }),
    ...(parallel.taken === parallel.sent && {
      DELIVERY_CONCURRENCY: fill(ops.gaps.noParallelLimit, { sent: parallel.sent }),
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
  const shown = { fields: fields.join(texts.separators.members) || texts.ops.findings.noFields };
  return [
    // No request of the bridge carries this header.
    texts.ops.findings.projectHeader,
    fill(idIsNamed ? texts.ops.findings.idNamed : texts.ops.findings.idNotNamed, shown),
    listDelayMs === undefined
      ? texts.ops.findings.notListed
      : fill(texts.ops.findings.listed, { seconds: (listDelayMs / 1000).toFixed(1) }),
  ];
}

function sayName({ label: name, taken, answer, shown, isKept }: Findings['names'][number]): string {
  const label = texts.ops.labels[name];
  if (!taken) return fill(texts.ops.findings.nameRefused, { label, answer });
  if (isKept) return fill(texts.ops.findings.nameTaken, { label });
  return fill(texts.ops.findings.nameChanged, { label, shown: shown ?? texts.ops.findings.notShown });
}

function sayBodies({ chunked, slow }: Findings['bodies']): string[] {
  const seconds = slow.seconds.toFixed(1);
  return [
    chunked.taken
      ? texts.ops.findings.chunkedTaken
      : fill(texts.ops.findings.chunkedRefused, { answer: chunked.answer }),
    slow.taken
      ? fill(texts.ops.findings.slowTaken, { seconds })
      : fill(texts.ops.findings.slowCut, { answer: slow.answer, seconds }),
  ];
}

function sayParallel({ taken, sent, refusal }: Findings['parallel']): string {
  return refusal
    ? fill(texts.ops.findings.parallelRefused, { taken, sent, refusal })
    : fill(texts.ops.findings.parallel, { taken, sent });
}

function sayRate({ taken, seconds, perMinute, throttled, refusal, rateHeaders }: Findings['rate']): string[] {
  const stated = Object.entries(rateHeaders).map(([name, value]) => `${name}: ${value}`);
  const speed = { taken, seconds: seconds.toFixed(1), perMinute: Math.floor(perMinute) };
  return [
    fill(texts.ops.findings.rate, speed),
    throttled === undefined
      ? texts.ops.findings.noThrottle
      : fill(texts.ops.findings.throttle, {
          uploads: throttled.afterUploads,
          answer: throttled.answer,
          retryAfter: throttled.retryAfter ?? texts.ops.findings.notSent,
        }),
    ...(refusal === undefined ? [] : [fill(texts.ops.findings.rateEnded, { refusal })]),
    ...(stated.length > 0
      ? [fill(texts.ops.findings.gatewayTells, { headers: stated.join(texts.separators.clauses) })]
      : []),
  ];
}

function saySize({ auth, taken, refused, answer = '', isLimit }: Findings['sizes'][number]): string {
  const most =
    taken === 0 ? texts.ops.findings.noneTaken : fill(texts.ops.findings.bytesTaken, { bytes: taken });
  if (refused === undefined) return fill(texts.ops.findings.sizeTaken, { auth, most });
  const words = isLimit ? texts.ops.findings.sizeRefused : texts.ops.findings.sizeNotTaken;
  return fill(words, { auth, most, refused, answer });
}

function sayFullness({ files, bytes, refusal }: NonNullable<Findings['fullness']>): string {
  return refusal
    ? fill(texts.ops.findings.full, { files, bytes, refusal })
    : fill(texts.ops.findings.notFull, { files, bytes });
}
