/**
 * The measurements of a tenant: each answers one question that no public page answers. They send as little as they
 * can, since no program can remove what is attached.
 */
import { LIST_LIMIT } from '../../lib/ipd/client.ts';
import type { Attachment } from '../../lib/ipd/client.ts';
import { pauseAfter } from './tenant.ts';
import type { Sample, Tenant, Way } from './tenant.ts';
import { fill, Trouble } from '../texts.ts';
import type { Texts } from '../texts/en.ts';

export const PARALLEL = 5;
const POLL_EVERY_MS = 200;
const THROTTLED_PAUSE_MS = 500;
const MOST_AT_SPEED = 40;
const BIG_BYTES = 5_000_000;
const FULL_BYTES = 55_000_000;

/** What is odd about a file's name: the texts have the words. */
type Labelled = keyof Texts['ops']['labels'];

const NAMES: [Labelled, string][] = [
  ['plain', 'probe.txt'],
  ['again', 'probe.txt'],
  ['chinese', '需求说明.txt'],
  ['spaces', 'two  spaces.txt'],
  ['percent', '1+1=100%41.txt'],
  ['quotes', `double " and single '.txt`],
  ['emoji', 'smile 😀.txt'],
  ['long', `${'n'.repeat(252)}.txt`],
  ['longer', `${'n'.repeat(296)}.txt`],
  ['bare', 'probe'],
];

/** What IPD's answer to one file holds, and how long the list takes to show it; undefined when it does not. */
export async function measureAnswer(tenant: Tenant, way: Way, patienceMs: number) {
  const sample = await way.upload();
  const { size, taken, answer } = sample;
  if (!taken) throw new Trouble(({ ops }) => fill(ops.probe.firstNotTaken, { size, answer }));
  const listed = await showsUp(tenant, sample, patienceMs);
  return { idIsNamed: sample.attachmentId !== null, fields: sample.fields, listDelayMs: listed?.afterMs };
}

/** Which names IPD takes and how its list shows them; also whether it takes an empty file. */
export async function measureNames(tenant: Tenant, way: Way, patienceMs: number) {
  const sent: { label: Labelled; filename: string; sample: Sample }[] = [];
  for (const [label, filename] of NAMES)
    sent.push({ label, filename, sample: await way.upload({ filename }) });
  const empty = await way.upload({ size: 0, filename: 'empty.txt' });
  const last = sent.findLast(({ sample }) => sample.taken);
  if (last !== undefined) await showsUp(tenant, last.sample, patienceMs);
  const listed = await tenant.list();
  const named = sent.map(({ label, filename, sample }) => {
    const { taken, answer } = sample;
    const shown = listed.find((one) => isSame(one, sample))?.name;
    return { label, taken, answer, shown, isKept: taken && shown === filename };
  });
  const label: Labelled = 'empty';
  return [
    ...named,
    { label, taken: empty.taken, answer: empty.answer, shown: undefined, isKept: empty.taken },
  ];
}

/** How many files that are sent at once one work item takes. */
export async function measureParallel(tenant: Tenant) {
  const samples = await Promise.all(waysOf(tenant).map((way) => way.uploadOnce()));
  const refusal = samples.find(({ taken }) => !taken);
  return {
    sent: samples.length,
    taken: samples.filter(({ taken }) => taken).length,
    refusal: refusal?.answer,
  };
}

/** How fast IPD takes files, before and after a throttle. Ends after `seconds`, MOST_AT_SPEED files, or a refusal. */
export async function measureRate(tenant: Tenant, seconds: number) {
  const startedAt = performance.now();
  const elapsed = (): number => (performance.now() - startedAt) / 1000;
  let taken = 0;
  let throttle: { after: number; at: number; sample: Sample } | undefined;
  let refusal: Sample | undefined;
  let rateHeaders: Record<string, string> = {};
  const isOver = (): boolean => elapsed() >= seconds || taken >= MOST_AT_SPEED || refusal !== undefined;
  const work = async (way: Way): Promise<void> => {
    while (!isOver()) {
      const sample = await way.uploadOnce();
      rateHeaders = { ...rateHeaders, ...sample.rateHeaders };
      if (sample.taken) taken += 1;
      else if (sample.throttled) {
        throttle ??= { after: taken, at: elapsed(), sample };
        await tenant.wait(pauseAfter(sample, THROTTLED_PAUSE_MS));
      } else refusal = sample;
    }
  };
  await Promise.all(waysOf(tenant).map(work));
  const sinceThrottle = throttle && { taken: taken - throttle.after, seconds: elapsed() - throttle.at };
  const isSteady = sinceThrottle !== undefined && sinceThrottle.taken > 0 && sinceThrottle.seconds >= 1;
  return {
    taken,
    seconds: elapsed(),
    /** Measured under a throttle, and for long enough. */
    isSustained: isSteady,
    perMinute: isSteady ? (sinceThrottle.taken / sinceThrottle.seconds) * 60 : (taken / elapsed()) * 60,
    throttled: throttle && {
      afterUploads: throttle.after,
      afterSeconds: throttle.at,
      answer: throttle.sample.answer,
      retryAfter: throttle.sample.retryAfter,
    },
    refusal: refusal?.answer,
    rateHeaders,
  };
}

/** The largest size taken and the smallest refused: tries `sizes`, then halves the gap between them `refine` times. */
export async function measureSizes(way: Way, { sizes, refine }: { sizes: number[]; refine: number }) {
  let range: Range = { taken: 0, refused: undefined };
  for (const size of sizes.toSorted((a, b) => a - b)) {
    range = await narrowed(way, range, size);
    if (range.refused !== undefined) break;
  }
  for (let step = 0; step < refine; step += 1) {
    if (range.refused === undefined) break;
    range = await narrowed(way, range, Math.floor((range.taken + range.refused.size) / 2));
  }
  const { taken, refused } = range;
  const isLimit = refused?.isTooLarge ?? false;
  return { auth: way.auth, taken, refused: refused?.size, answer: refused?.answer, isLimit };
}

type Range = { taken: number; refused: Sample | undefined };

async function narrowed(way: Way, range: Range, size: number): Promise<Range> {
  const sample = await way.upload({ size });
  return sample.taken ? { ...range, taken: size } : { ...range, refused: sample };
}

/** Whether IPD takes a body without a length, and a slow one. */
export async function measureBodies(way: Way, slowSeconds: number) {
  const chunked = await way.upload({ chunked: true });
  const slow = await way.upload({ trickleSeconds: slowSeconds });
  return {
    chunked: { taken: chunked.taken, answer: chunked.answer },
    slow: { taken: slow.taken, answer: slow.answer, seconds: slow.durationMs / 1000 },
  };
}

/** Attaches until the work item takes no more. */
export async function measureFullness(tenant: Tenant, way: Way) {
  const before = await tenant.list();
  let files = before.length;
  let bytes = before.reduce((sum, { size }) => sum + (size ?? 0), 0);
  let refusal: string | undefined;
  while (refusal === undefined && files <= LIST_LIMIT) {
    const sample = await way.upload(bytes < FULL_BYTES ? { size: BIG_BYTES + files } : {});
    if (!sample.taken) refusal = sample.answer;
    else {
      files += 1;
      bytes += sample.size;
    }
  }
  return { files, bytes, refusal };
}

async function showsUp(
  tenant: Tenant,
  sample: Sample,
  patienceMs: number,
): Promise<{ afterMs: number } | undefined> {
  const since = performance.now();
  for (;;) {
    const listed = await tenant.list();
    const afterMs = Math.round(performance.now() - since);
    if (listed.some((one) => isSame(one, sample))) return { afterMs };
    if (afterMs >= patienceMs) return undefined;
    await tenant.wait(POLL_EVERY_MS);
  }
}

function isSame(listed: Attachment, { attachmentId, size }: Sample): boolean {
  return attachmentId === null ? listed.size === size : listed.id === attachmentId;
}

/** One client for each parallel file, signed if possible: with tokens, each client would call IAM. */
function waysOf(tenant: Tenant): Way[] {
  const [auth] = tenant.auths;
  return auth === undefined ? [] : Array.from({ length: PARALLEL }, () => tenant.way(auth));
}
